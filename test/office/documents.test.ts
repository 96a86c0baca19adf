import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toHex } from '../../src/kernel/bytes.ts'
import {
  decodeDocuments,
  NO_DOCUMENTS,
  openOfficeDocument,
  signDocumentRequest,
  type DocumentRequest,
  type DocumentVersions,
  type OfficeDocument,
} from '../../src/kernel/documents.ts'
import { tillKeyId } from '../../src/kernel/batch.ts'
import { parseCardId, type CardId } from '../../src/kernel/ids.ts'
import { openSecrets } from '../../src/kernel/enrolment.ts'
import { currency } from '../../src/kernel/money.ts'
import { generatePrivateKey } from '../../src/kernel/p256.ts'
import { decodeToken, tokenSignedBy } from '../../src/kernel/token.ts'
import {
  answerDocumentRequest,
  documentVersions,
  newerDocuments,
  secretsVersion,
} from '../../src/office/documents.ts'
import { addCard, setCardStatus } from '../../src/office/registry/cards.ts'
import { addMakerKey, revokeMakerKey } from '../../src/office/registry/keys.ts'
import { defaultPolicy, findPolicy, setPolicy } from '../../src/office/registry/policies.ts'
import { addProduct, mintTokens } from '../../src/office/registry/products.ts'
import { addTill, findTill, stopTill } from '../../src/office/registry/tills.ts'
import type { CardStatus } from '../../src/office/registry-tables.ts'
import type { TillToEquip } from '../../src/office/scheme.ts'
import { createTestOffice, type TestOffice } from '../support/office.ts'

const RENEWAL = 30 * 24 * 3600 * 1000
let town: TestOffice
const key = generatePrivateKey()
let till: number

beforeAll(async () => {
  town = await createTestOffice()
  till = await newTill('one')
  await change((trx) => addMakerKey(trx, till, key.publicKey, 0))
})
afterAll(() => town.close())

type Change = Parameters<ReturnType<TestOffice['db']['transaction']>['execute']>[0]

function change<T>(work: (trx: Parameters<Change>[0]) => Promise<T>): Promise<T> {
  return town.db.transaction().execute(work)
}

function newTill(name: string): Promise<number> {
  return change(async (trx) => {
    const { number } = await addTill(trx, { name, merchant: town.merchant, currency: 'USD' }, 0)
    await setPolicy(trx, number, defaultPolicy('USD'), 0)
    return number
  })
}

async function newCard(id: string): Promise<CardId> {
  const card = parseCardId(id)
  const uid = new Uint8Array(Buffer.from(id.slice(-8), 'hex'))
  await change((trx) =>
    addCard(
      trx,
      { id: card, scheme: 'block', uid, currency: 'USD', label: undefined, holder: undefined },
      0,
    ),
  )
  return card
}

async function held(): Promise<DocumentVersions> {
  const row = await findTill(town.db, till)
  if (!row) throw new Error('no till')
  return documentVersions(town.office, town.db, row)
}

function equipped(): TillToEquip {
  const now = town.clock.now()
  return { number: till, publicKey: key.publicKey, generation: 1, currency: currency('USD'), now }
}

/** What a till that holds these would get, by type. */
async function difference(holds: DocumentVersions): Promise<Map<string, OfficeDocument>> {
  const documents = await newerDocuments(town.office, equipped(), holds)
  const opened = documents.map((one) => openOfficeDocument(one, town.office.key.publicKey))
  return new Map(opened.map((one) => [one.type, one]))
}

describe('differences', () => {
  test('nothing newer, nothing sent', async () => {
    expect(await newerDocuments(town.office, equipped(), await held())).toEqual([])
  })

  test('keys: only what is new or newly revoked since then', async () => {
    const before = await held()
    const [a, b] = [generatePrivateKey(), generatePrivateKey()]
    await change((trx) => addMakerKey(trx, 70, a.publicKey, 0))
    const between = await held()
    await change((trx) => addMakerKey(trx, 71, b.publicKey, 0))
    await change((trx) => revokeMakerKey(trx, 70, 1, 5000))
    const keysOf = async (holds: DocumentVersions) => {
      const document = (await difference(holds)).get('keys')
      if (document?.type !== 'keys') throw new Error('no keys')
      expect(document).toMatchObject({ till: 0, since: holds.keys, version: between.keys + 2 })
      return document.keys.map(({ maker, generation, revokedFrom }) => [
        maker,
        generation,
        revokedFrom,
      ])
    }
    expect(await keysOf(before)).toEqual([
      [71, 1, null],
      [70, 1, 5000],
    ])
    expect(await keysOf(between)).toEqual([
      [71, 1, null],
      [70, 1, 5000],
    ])
    const makers = (await keysOf(NO_DOCUMENTS)).map(([maker]) => maker)
    expect(new Set(makers)).toEqual(new Set([0, till, 70, 71]))
  })

  test.each<readonly [string, number, number]>([
    ['earlier: stricter', 4000, 4000],
    ['later: stays as strict as it was', 6000, 4000],
  ])('a revocation %s', async (_what, from, result) => {
    await change((trx) => revokeMakerKey(trx, 70, 1, from))
    const row = await town.db
      .selectFrom('maker_key')
      .select('revoked_from')
      .where('maker', '=', 70n)
      .executeTakeFirst()
    expect(row?.revoked_from).toBe(BigInt(result))
  })

  test('policy: whole, its own version, and every old one is kept', async () => {
    const before = await held()
    const policy = { ...defaultPolicy('USD'), mayLoad: true, paymentMax: 5000n }
    await change((trx) => setPolicy(trx, till, policy, 0))
    const documents = await difference(before)
    expect([...documents.keys()]).toEqual(['policy'])
    expect(documents.get('policy')).toMatchObject({
      till,
      since: 0,
      version: before.policy + 1,
      policy,
    })
    expect(await findPolicy(town.db, till, before.policy)).toEqual(defaultPolicy('USD'))
    expect(await findPolicy(town.db, till, before.policy + 2)).toBeUndefined()
  })

  test.each<readonly [string, readonly CardStatus[], 'add' | 'remove' | 'neither']>([
    ['frozen', ['frozen'], 'add'],
    ['frozen, then hot', ['frozen', 'hot'], 'add'],
    ['retired', ['retired'], 'add'],
    ['frozen and released', ['frozen', 'active'], 'remove'],
    ['frozen, released, frozen', ['frozen', 'active', 'frozen'], 'add'],
  ])('hot list: a card %s', async (what, statuses, expected) => {
    const name = Buffer.from(what.padEnd(8, '.')).toString('hex')
    const card = await newCard(name.slice(0, 10) + name.slice(-6))
    const before = await held()
    for (const status of statuses) {
      expect(await change((trx) => setCardStatus(trx, card, status, 'test', 0))).toBe('changed')
    }
    const document = (await difference(before)).get('hot')
    if (document?.type !== 'hot') throw new Error('no hot list')
    const { add, remove } = document
    expect({ add: add.map(toHex), remove: remove.map(toHex) }).toEqual({
      add: expected === 'add' ? [card] : [],
      remove: expected === 'remove' ? [card] : [],
    })
    const whole = (await difference(NO_DOCUMENTS)).get('hot')
    if (whole?.type !== 'hot') throw new Error('no hot list')
    expect(whole.add.map(toHex).includes(card)).toBe(expected === 'add')
    expect(whole.remove).toEqual([])
  })

  test('secrets: sealed to the till’s key, again every thirty days', async () => {
    const before = await held()
    const documents = await difference({ ...before, secrets: 0 })
    expect([...documents.keys()]).toEqual(['secrets'])
    const document = documents.get('secrets')
    if (document?.type !== 'secrets') throw new Error('no secrets')
    expect(document).toMatchObject({ till, since: 0, generation: 1, version: before.secrets })
    const recipient = { till, generation: 1, key }
    const secrets = openSecrets(document.secrets, recipient)
    expect(secrets.get('block')).toEqual(town.office.secretsOf('block'))
    const stranger = { ...recipient, key: generatePrivateKey() }
    expect(() => openSecrets(document.secrets, stranger)).toThrow('sealed')

    const start = town.clock.now()
    const due = start - (start % RENEWAL) + RENEWAL
    town.clock.instant = due - 1
    expect(await held()).toEqual(before)
    town.clock.instant = due
    expect(await held()).toEqual({ ...before, secrets: due })
    town.clock.instant = start
    const changed = { ...town.office, secretsSince: due + 5 }
    expect(secretsVersion(changed)).toBe(due + 5)
  })

  test('tokens: what is new and unused, for that till alone', async () => {
    const product = await addProduct(
      town.db,
      { merchant: town.merchant, name: 'Tea', price: 150n, currency: 'USD' },
      0,
    )
    const other = await newTill('two')
    const mint = (to: number, count: number) =>
      change((trx) => {
        const order = { product, till: to, count }
        return mintTokens(trx, order, town.office.key, town.office.random, 9)
      })
    const before = await held()
    const [first] = await mint(till, 2)
    await mint(other, 5)
    const between = await held()
    expect(between.tokens).toBe(before.tokens + 1)
    const [third] = await mint(till, 1)
    if (!first || !third) throw new Error('no tokens')
    const tokensOf = async (holds: DocumentVersions) => {
      const document = (await difference(holds)).get('tokens')
      if (document?.type !== 'tokens') throw new Error('no tokens')
      expect(document.products).toEqual([{ id: product.id, name: 'Tea', price: 150n }])
      return document.tokens
    }
    expect(await tokensOf(before)).toHaveLength(3)
    expect(await tokensOf(between)).toEqual([third])
    expect(decodeToken(third)).toMatchObject({ till, product: product.id, price: 150n })
    expect(tokenSignedBy(town.office.key.publicKey, third)).toBe(true)
  })
})

describe('a request', () => {
  const request = (change_: Partial<DocumentRequest> = {}): DocumentRequest => ({
    type: 'document-request',
    version: 1,
    till,
    generation: 1,
    madeAt: 0,
    holds: NO_DOCUMENTS,
    ...change_,
  })
  const sign = (one: DocumentRequest, by = key, keyId = tillKeyId(one.till, one.generation)) =>
    signDocumentRequest(by, keyId, one)

  test('gets keys first', async () => {
    const answer = decodeDocuments(await answerDocumentRequest(town.office, sign(request())))
    const [first] = answer
    if (!first) throw new Error('no documents')
    expect(openOfficeDocument(first, town.office.key.publicKey).type).toBe('keys')
    expect(answer).toHaveLength(5)
  })

  test.each([
    ['of another till', () => sign(request({ till: 99 })), 'unknown_till'],
    ['by a key that it never had', () => sign(request({ generation: 2 })), 'unknown_till'],
    [
      'that names another key than it says',
      () => sign(request(), key, tillKeyId(till, 2)),
      'unknown_till',
    ],
    ['signed by somebody else', () => sign(request(), generatePrivateKey()), 'bad_signature'],
  ])('%s is refused', async (_what, bytes, refusal) => {
    await expect(answerDocumentRequest(town.office, bytes())).rejects.toMatchObject({ refusal })
  })

  test('of a stopped till is refused', async () => {
    await stopTill(town.db, till, 'stolen', 0)
    const asked = answerDocumentRequest(town.office, sign(request()))
    await expect(asked).rejects.toMatchObject({ refusal: 'till_stopped' })
  })
})
