import { describe, expect, test } from 'vitest'
import { utf8, type Bytes } from '../../src/kernel/bytes.ts'
import {
  officeKeyId,
  signOfficeDocument,
  type DocumentKind,
  type OfficeDocument,
} from '../../src/kernel/documents.ts'
import { sealSecrets } from '../../src/kernel/enrolment.ts'
import { cardIdBytes } from '../../src/kernel/ids.ts'
import { generatePrivateKey } from '../../src/kernel/p256.ts'
import { DOCUMENT_OUTCOMES, type DocumentOutcome } from '../../src/till/documents.ts'
import { countingFuse, PowerLost } from '../../src/till/fuse.ts'
import {
  cardNumber,
  clockAt,
  enrolledTill,
  envelope,
  freshFile,
  policyDocument,
  randomFrom,
  SmallOffice,
  START,
  tillAt,
  tokenBytes,
  tokensDocument,
} from './support.ts'

const A = generatePrivateKey().publicKey
const B = generatePrivateKey().publicKey

function keysDocument(
  version: number,
  keys: readonly { maker: number; publicKey: Bytes; revokedFrom: number | null }[],
) {
  const entries = keys.map((key) => ({ ...key, generation: 1 }))
  return { ...envelope(version, version - 1), type: 'keys' as const, keys: entries }
}

function hotDocument(version: number, add: readonly number[], remove: readonly number[] = []) {
  const ids = (numbers: readonly number[]) =>
    numbers.map((number) => cardIdBytes(cardNumber(number)))
  return {
    ...envelope(version, version - 1),
    type: 'hot' as const,
    add: ids(add),
    remove: ids(remove),
  }
}

describe('a document', () => {
  const shown = new Set<DocumentOutcome>()
  const ok = keysDocument(3, [{ maker: 9, publicKey: A.bytes, revokedFrom: null }])
  const off = (change: Partial<typeof ok>): OfficeDocument => ({ ...ok, ...change })
  const tokens = (bytes: Bytes): OfficeDocument => ({
    ...tokensDocument(2),
    tokens: [tokenBytes(1), bytes],
  })

  /** The till is number 7 and holds version 2 of the keys, with key A for maker 8. */
  const rows: readonly (readonly [DocumentOutcome, string, OfficeDocument])[] = [
    ['for_another_till', 'of another till', off({ till: 8 })],
    ['for_another_till', 'of another till, old', off({ till: 8, version: 1, since: 0 })],
    ['older', 'the version that is held', off({ version: 2, since: 1 })],
    ['older', 'an older version', off({ version: 1, since: 0 })],
    ['older', 'an older version from the future', off({ version: 2, since: 9 })],
    ['gap', 'a difference from a later version', off({ version: 5, since: 3 })],
    ['unusable', 'another key for a maker', off({ keys: keyOfMaker(8, B.bytes) })],
    ['unusable', 'no point on the curve', off({ keys: keyOfMaker(9, new Uint8Array(64)) })],
    ['unusable', 'a policy in another currency', policyDocument({ currency: 'EUR' })],
    ['unusable', 'a token of another till', tokens(tokenBytes(2, 250n, 3, 8))],
    ['unusable', 'a token in another currency', tokens(tokenBytes(2, 250n, 3, 7, 'EUR'))],
    ['unusable', 'a token cut short', tokens(tokenBytes(2).slice(1))],
    ['unusable', 'a token that nobody signed', tokens(changed(tokenBytes(2)))],
    ['applied', 'the next version', ok],
    ['applied', 'the whole list', off({ since: 0 })],
    ['applied', 'for every till', off({ till: 0 })],
    ['applied', 'a later version of the same difference', off({ version: 9, since: 1 })],
  ]

  test.each(rows)('is %s: %s', async (expected, _name, document) => {
    shown.add(expected)
    const { till, office } = await tillWithKeys()
    const before = till.documents?.versions()
    const result = till.applyDocument(office.sign(document))
    expect(result).toMatchObject({
      outcome: expected,
      kind: document.type,
      version: document.version,
    })
    expect(result.problem !== undefined).toBe(expected === 'unusable')
    const after = expected === 'applied' ? { ...before, keys: document.version } : before
    expect(till.documents?.versions()).toEqual(after)
    expect(till.documents?.products()).toEqual([])
  })

  test('of another office, or none, is unreadable', async () => {
    shown.add('unreadable')
    const { till } = await tillWithKeys()
    const foreign = signOfficeDocument(generatePrivateKey(), officeKeyId(1), ok)
    expect(till.applyDocument(foreign)).toMatchObject({
      outcome: 'unreadable',
      problem: 'document.signature: not signed by this office',
    })
    expect(till.applyDocument(utf8('no'))).toMatchObject({ outcome: 'unreadable' })
  })

  test('and every outcome was shown', () => {
    expect([...shown].toSorted()).toEqual(DOCUMENT_OUTCOMES.toSorted())
  })
})

function keyOfMaker(maker: number, publicKey: Bytes) {
  return [{ maker, generation: 1, publicKey, revokedFrom: null }]
}

function changed(bytes: Bytes): Bytes {
  return bytes.map((byte, index) => (index === bytes.length - 1 ? byte ^ 1 : byte))
}

async function tillWithKeys() {
  const office = new SmallOffice(clockAt())
  const path = freshFile()
  const till = await enrolledTill(office, { path })
  const entry = { maker: 8, publicKey: A.bytes, revokedFrom: null }
  till.applyDocument(office.sign(keysDocument(1, [entry])))
  till.applyDocument(office.sign(keysDocument(2, [])))
  return { till, office, path }
}

describe('what a till holds', () => {
  test('a key is good up to the instant from which it is revoked', async () => {
    const { till, office } = await tillWithKeys()
    const keyAt = (at: number, maker = 8, generation = 1) =>
      till.documents?.keyOf(maker, generation, at)?.bytes
    expect(keyAt(START + 999)).toEqual(A.bytes)
    expect(keyAt(START, 8, 2)).toBeUndefined()
    expect(keyAt(START, 9)).toBeUndefined()
    const revoked = { maker: 8, publicKey: A.bytes, revokedFrom: START }
    till.applyDocument(office.sign(keysDocument(3, [revoked])))
    expect(keyAt(START)).toEqual(A.bytes)
    expect(keyAt(START + 1)).toBeUndefined()
  })

  test('its own key and the office’s are known without a directory, and can be revoked', async () => {
    const { till, office } = await tillWithKeys()
    const own = till.status.identity?.key.publicKey.bytes ?? new Uint8Array()
    const keyAt = (maker: number) => till.documents?.keyOf(maker, 1, START + 1)?.bytes
    expect(keyAt(0)).toEqual(office.key.publicKey.bytes)
    expect(keyAt(7)).toEqual(own)
    const revoked = { maker: 7, publicKey: own, revokedFrom: START }
    till.applyDocument(office.sign(keysDocument(3, [revoked])))
    expect(keyAt(7)).toBeUndefined()
  })

  test('cards become hot and cold again', async () => {
    const { till, office } = await tillWithKeys()
    const hot = () => [1, 2, 3].filter((number) => till.documents?.isHot(cardNumber(number)))
    till.applyDocument(office.sign(hotDocument(1, [1, 2])))
    expect(hot()).toEqual([1, 2])
    till.applyDocument(office.sign(hotDocument(2, [3, 3], [1, 9])))
    expect(hot()).toEqual([2, 3])
  })

  test('secrets in the place of those from the enrolment, for good', async () => {
    const path = freshFile()
    const office = new SmallOffice(clockAt())
    const till = await enrolledTill(office, { path })
    const [tillKey] = office.tillKeys
    if (!tillKey) throw new Error('no till')
    expect(till.documents?.secrets().get('toy')).toEqual(utf8('secret of the toy scheme'))
    const renewed = new Map([
      ['toy', utf8('renewed')],
      ['new', utf8('of a scheme that came later')],
    ])
    const document = (change: object, key = tillKey, generation = 1) => {
      const recipient = { till: 7, generation, tillKey: key }
      const secrets = sealSecrets(renewed, recipient, randomFrom('secrets'))
      return { ...envelope(5), type: 'secrets' as const, generation: 1, secrets, ...change }
    }
    const rows = [
      [document({ generation: 2 }, tillKey, 2), 'document.generation'],
      [document({}, tillKey, 2), 'sealed'],
      [document({}, generatePrivateKey().publicKey), 'sealed'],
    ] as const
    for (const [row, problem] of rows) {
      expect(till.applyDocument(office.sign(row))).toMatchObject({
        outcome: 'unusable',
        problem: expect.stringContaining(problem),
      })
    }
    expect(till.documents?.secrets().size).toBe(1)
    expect(till.applyDocument(office.sign(document({})))).toMatchObject({ outcome: 'applied' })
    expect(till.applyDocument(office.sign(document({ version: 4 })))).toMatchObject({
      outcome: 'older',
    })
    expect(till.documents?.secrets()).toEqual(renewed)
    till.close()
    const again = tillAt(office, { path })
    expect(again.documents?.secrets()).toEqual(renewed)
    expect(again.documents?.versions().secrets).toBe(5)
    await again.enrol(office.code)
    expect(again.documents?.secrets().get('toy')).toEqual(utf8('secret of the toy scheme'))
  })

  test('products with new prices, and tokens on top of those in stock', async () => {
    const { till, office } = await tillWithKeys()
    till.applyDocument(office.sign(tokensDocument(3)))
    expect(till.documents?.products()).toEqual([{ id: 3, name: 'Coffee', price: 250n, stock: 3 }])
    till.applyDocument(office.sign(tokensDocument(5, 300n, 2))) // nonces 0 to 4, at another price
    expect(till.documents?.products()).toEqual([{ id: 3, name: 'Coffee', price: 300n, stock: 8 }])
  })

  test('stays, whenever the power goes', async () => {
    const office = new SmallOffice(clockAt())
    const documents: readonly OfficeDocument[] = [
      keysDocument(1, [{ maker: 8, publicKey: A.bytes, revokedFrom: null }]),
      policyDocument({ paymentMax: 5n }),
      hotDocument(1, [1]),
      tokensDocument(2),
    ]
    const counter = countingFuse()
    for (let point = 1; point <= 2 * documents.length; point += 1) {
      const path = freshFile()
      const first = await enrolledTill(office, { path, fuse: counter.fuse })
      counter.arm(point)
      expect(() => documents.map((document) => first.applyDocument(office.sign(document)))).toThrow(
        PowerLost,
      )
      const till = tillAt(office, { path })
      const whole = Math.floor(point / 2)
      const kinds: readonly DocumentKind[] = ['keys', 'policy', 'hot', 'tokens']
      const held = kinds.filter((kind) => till.documents?.versions()[kind] === 1)
      expect(held).toEqual(kinds.slice(0, whole))
      expect(till.documents?.keyOf(8, 1, START) !== undefined).toBe(whole >= 1)
      expect(till.documents?.policy()?.paymentMax).toBe(whole >= 2 ? 5n : undefined)
      expect(till.documents?.isHot(cardNumber(1))).toBe(whole >= 3)
      expect(till.documents?.products().length).toBe(whole >= 4 ? 1 : 0)
      till.close()
    }
  })
})
