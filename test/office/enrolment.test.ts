import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { toHex, type Bytes } from '../../src/kernel/bytes.ts'
import {
  enrolmentRequest,
  formatEnrolmentCode,
  openEnrolment,
  parseEnrolmentCode,
  type EnrolmentCode,
} from '../../src/kernel/enrolment.ts'
import { openOfficeDocument } from '../../src/kernel/documents.ts'
import { generatePrivateKey, type PrivateKey } from '../../src/kernel/p256.ts'
import {
  CODE_LIFETIME_MS,
  ENROLMENT_STATUSES,
  enrolTill,
  giveCode,
  type EnrolmentStatus,
} from '../../src/office/enrolment.ts'
import { tillPapers } from '../../src/schemes/wallet/office/authority.ts'
import { isCertifiedBy, readCertificate } from '../../src/schemes/wallet/certificates.ts'
import { listMakerKeys } from '../../src/office/registry/keys.ts'
import { defaultPolicy, setPolicy } from '../../src/office/registry/policies.ts'
import { addTill, stopTill } from '../../src/office/registry/tills.ts'
import { createTestOffice, type TestOffice } from '../support/office.ts'

let town: TestOffice
let tills = 0

beforeAll(async () => {
  town = await createTestOffice()
})
afterAll(() => town.close())

async function newTill(): Promise<number> {
  tills += 1
  const { number } = await town.db.transaction().execute(async (trx) => {
    const till = await addTill(
      trx,
      { name: `till ${tills}`, merchant: town.merchant, currency: 'USD' },
      town.clock.now(),
    )
    await setPolicy(trx, till.number, defaultPolicy('USD'), town.clock.now())
    return till
  })
  return number
}

async function newCode(till: number): Promise<EnrolmentCode> {
  const { code } = await town.db.transaction().execute((trx) => giveCode(town.office, trx, till))
  return parseEnrolmentCode(code)
}

async function enrol(code: EnrolmentCode, key: PrivateKey): Promise<EnrolmentStatus> {
  const { status } = await enrolTill(town.office, enrolmentRequest(code, key.publicKey))
  return status
}

async function answerTo(code: EnrolmentCode, key: PrivateKey): Promise<Bytes> {
  const result = await enrolTill(town.office, enrolmentRequest(code, key.publicKey))
  if (result.status !== 'enrolled') throw new Error(result.status)
  return result.answer
}

describe('a code', () => {
  const code = { till: 7, secret: 'K3QX90TB5RZM' }

  test.each([
    '7-K3QX-90TB-5RZM',
    '7-k3qx-90tb-5rzm',
    ' 7 K3QX 90TB 5RZM ',
    '7-K3QX-9OTB-5RZM',
    '7-K3QX90TB5RZM',
  ])('is read as people type it: %s', (text) => {
    expect(parseEnrolmentCode(text)).toEqual(code)
    expect(formatEnrolmentCode(code)).toBe('7-K3QX-90TB-5RZM')
  })

  test.each([
    ['', 'expected a code such as'],
    ['K3QX-90TB-5RZM', 'expected a code such as'],
    ['7-K3QX-90TB-5RZ', 'expected a code such as'],
    ['7-K3QX-90TB-5RZMM', 'expected a code such as'],
    ['0-K3QX-90TB-5RZM', 'expected a code such as'],
    ['4294967296-K3QX-90TB-5RZM', 'expected a code such as'],
    ['7-K3QX-90TB-5RZU', 'a letter that no code has'],
    ['7-K3QX-90TB-5RZ!', 'expected a code such as'],
  ])('is refused: "%s"', (text, message) => {
    expect(() => parseEnrolmentCode(text)).toThrow(message)
  })
})

describe('enrolment', () => {
  let till: number
  let code: EnrolmentCode
  let key: PrivateKey
  const seen = new Set<EnrolmentStatus>()

  beforeEach(async () => {
    till = await newTill()
    code = await newCode(till)
    key = generatePrivateKey()
  })

  test.each<readonly [string, EnrolmentStatus, () => Promise<EnrolmentStatus>]>([
    ['a till that is not there', 'unknown_till', () => enrol({ ...code, till: 4_000_000 }, key)],
    [
      'a till that was stopped',
      'till_stopped',
      async () => {
        await stopTill(town.db, till, 'sold', town.clock.now())
        return enrol(code, key)
      },
    ],
    [
      'a till that has no code',
      'no_code',
      async () => {
        const row = { sealed_code: null, code_expires_at: null }
        await town.db.updateTable('till').set(row).where('number', '=', BigInt(till)).execute()
        return enrol(code, key)
      },
    ],
    [
      'a code with one symbol wrong',
      'wrong_proof',
      () => {
        const last = code.secret.endsWith('0') ? '1' : '0'
        return enrol({ till, secret: code.secret.slice(0, -1) + last }, key)
      },
    ],
    [
      'another till’s code',
      'wrong_proof',
      async () => {
        const other = await newCode(await newTill())
        return enrol({ ...other, till }, key)
      },
    ],
    [
      'an older code',
      'wrong_proof',
      async () => {
        await newCode(till)
        return enrol(code, key)
      },
    ],
    [
      'a proof of another key',
      'wrong_proof',
      async () => {
        const { proof } = enrolmentRequest(code, generatePrivateKey().publicKey)
        const request = { ...enrolmentRequest(code, key.publicKey), proof }
        return (await enrolTill(town.office, request)).status
      },
    ],
    [
      'a code a day old',
      'code_expired',
      async () => {
        town.clock.pass(CODE_LIFETIME_MS)
        return enrol(code, key)
      },
    ],
    [
      'a code that another key used',
      'code_used',
      async () => {
        await enrol(code, generatePrivateKey())
        return enrol(code, key)
      },
    ],
    [
      'a key that this till had before',
      'key_known',
      async () => {
        await enrol(code, key)
        return enrol(await newCode(till), key)
      },
    ],
    [
      'a key that another till has',
      'key_known',
      async () => {
        await enrol(await newCode(await newTill()), key)
        return enrol(code, key)
      },
    ],
    [
      'a code one millisecond before its end',
      'enrolled',
      () => {
        town.clock.pass(CODE_LIFETIME_MS - 1)
        return enrol(code, key)
      },
    ],
    [
      'the same request again',
      'enrolled',
      async () => {
        await enrol(code, key)
        return enrol(code, key)
      },
    ],
  ])('with %s: %s', async (_what, expected, act) => {
    const status = await act()
    expect(status).toBe(expected)
    seen.add(status)
  })

  test('shows every status', () => {
    expect([...seen].toSorted()).toEqual([...ENROLMENT_STATUSES].toSorted())
  })

  test('gives the till what it needs, and nobody else', async () => {
    const answer = await answerTo(code, key)
    const enrolment = openEnrolment(answer, code, key)
    expect(enrolment).toMatchObject({
      till,
      generation: 1,
      currency: 'USD',
      officeGeneration: 1,
      officeTime: town.clock.now(),
    })
    expect(enrolment.officeKey.bytes).toEqual(town.office.key.publicKey.bytes)
    const secrets = town.office.secretsOf('block')
    expect(enrolment.secrets.get('block')).toEqual(secrets)
    // A till of the scheme purse has its keys in a module.
    expect(enrolment.secrets.get('purse')).toEqual(new Uint8Array())
    const papers = tillPapers.decode(enrolment.secrets.get('wallet') ?? new Uint8Array())
    const own = readCertificate(papers.own)
    expect(own).toMatchObject({ role: 'till', party: { kind: 'till', till }, generation: 1 })
    expect(own.certificate.publicKey.bytes).toEqual(key.publicKey.bytes)
    expect(isCertifiedBy(own, readCertificate(papers.office))).toBe(true)
    expect((own.certificate.to - own.certificate.from) / 86_400_000).toBe(60)
    expect(new Set(enrolment.secrets.keys())).toEqual(new Set(town.office.schemes.keys()))
    const documents = enrolment.documents.map((one) => openOfficeDocument(one, enrolment.officeKey))
    expect(documents.map(({ type }) => type)).toEqual(
      documents.some(({ type }) => type === 'hot')
        ? ['keys', 'secrets', 'policy', 'hot']
        : ['keys', 'secrets', 'policy'],
    )
    expect(toHex(answer)).not.toContain(toHex(secrets))
    const wrongCode = { till, secret: '0'.repeat(12) }
    expect(() => openEnrolment(answer, wrongCode, key)).toThrow('enrolment.proof')
    expect(() => openEnrolment(answer, code, generatePrivateKey())).toThrow('enrolment.proof')
  })

  test('an answer with one byte changed is none', async () => {
    const answer = await answerTo(code, key)
    for (let index = 0; index < answer.length; index += 7) {
      const changed = new Uint8Array(answer)
      changed[index] = (changed[index] ?? 0) ^ 1
      expect(() => openEnrolment(changed, code, key), `byte ${index}`).toThrow(/enrolment|sealed/)
    }
  })

  test('one code used by two at once: one of them wins', async () => {
    const keys = Array.from({ length: 8 }, () => generatePrivateKey())
    const statuses = await Promise.all(keys.map((one) => enrol(code, one)))
    expect(statuses.toSorted()).toEqual([...Array<string>(7).fill('code_used'), 'enrolled'])
    expect(await listMakerKeys(town.db, till)).toHaveLength(1)
  })

  test('one request sent twice at once: one key, two answers', async () => {
    const answers = await Promise.all([answerTo(code, key), answerTo(code, key)])
    expect(answers.map((answer) => openEnrolment(answer, code, key).generation)).toEqual([1, 1])
    expect(await listMakerKeys(town.db, till)).toHaveLength(1)
  })

  test('a new code gives the till a second key and keeps the first', async () => {
    await enrol(code, key)
    const [second, next] = [await newCode(till), generatePrivateKey()]
    const { generation } = openEnrolment(await answerTo(second, next), second, next)
    expect(generation).toBe(2)
    expect(await listMakerKeys(town.db, till)).toHaveLength(2)
  })
})
