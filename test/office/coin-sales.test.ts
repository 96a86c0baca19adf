import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { decodeBatch } from '../../src/kernel/batch.ts'
import type { Bytes } from '../../src/kernel/bytes.ts'
import { generatePrivateKey } from '../../src/kernel/p256.ts'
import { decodeToken, signToken } from '../../src/kernel/token.ts'
import { decodeCaseFile, signCaseFile } from '../../src/office/case-file/document.ts'
import { verifyCaseFile } from '../../src/office/case-file/verify.ts'
import { setPolicy } from '../../src/office/registry/policies.ts'
import { addProduct, mintTokens, tokensSince } from '../../src/office/registry/products.ts'
import { tillRecord, type TillRecord } from '../../src/schemes/coin/message.ts'
import { officeSchemes } from '../../src/schemes/office.ts'
import { closeTills, POLICY } from '../schemes/coin/till.ts'
import { exportProven } from '../support/case-files.ts'
import { CoinOffice, type OfficeCustomer, type Shop, type Shown } from '../support/coin-office.ts'

const PRICE = 5n

let town: CoinOffice
let customer: OfficeCustomer
let shop: Shop
let neighbour: Shop
beforeAll(async () => {
  town = await CoinOffice.create('sales')
  customer = await town.customer(500n)
  ;[shop, neighbour] = [await town.shop(), await town.shop()]
  await sellOnly(shop)
})
beforeEach(() => sql`truncate "case"`.execute(town.office.db))
afterAll(async () => {
  closeTills()
  await town.office.close()
})

/** A policy without free amounts. */
async function sellOnly(of: Shop): Promise<void> {
  const policy = { ...POLICY, freeAmounts: false }
  of.policyVersion = await town.office.db
    .transaction()
    .execute((trx) => setPolicy(trx, of.number, policy, town.office.clock.now()))
}

async function tokensOf(of: Shop, count = 1, price = PRICE): Promise<readonly Bytes[]> {
  const { db, office, clock } = town.office
  const at = clock.now()
  return db.transaction().execute(async (trx) => {
    const name = `product ${town.world.random.bytes(6).join(' ')}`
    const product = await addProduct(
      trx,
      { merchant: of.merchant, name, price, currency: 'EUR' },
      at,
    )
    const order = { product, till: of.number, count }
    return mintTokens(trx, order, office.key, town.world.random, at)
  })
}

/** What a till has to show of one payment: its vendor takes the till’s word into his own hands. */
async function sold(change: Partial<TillRecord>, amount = PRICE): Promise<Shown> {
  await customer.buyCoins([amount])
  return soldNow(change, amount)
}

async function soldNow(change: Partial<TillRecord>, amount = PRICE): Promise<Shown> {
  const known = shop.records().length
  await shop.sell(customer, amount)
  const [record] = shop.records().slice(known)
  if (!record) throw new Error('it was journalled')
  const told = { ...tillRecord.decode(record.evidence), ...change }
  return { state: record.state, evidence: tillRecord.encode(told) }
}

const found = async () =>
  (await town.cases()).map(({ kind, strength, against }) => [kind, strength, ...against].join(' '))

async function unused(token: Bytes, of = shop): Promise<boolean> {
  const left = await tokensSince(town.office.db, of.number, 0)
  return left.some((one) => String(one) === String(token))
}

interface Row {
  readonly name: string
  /** Kind, strength and what is at stake, of a case against the till. */
  readonly expected: readonly string[]
  readonly told: () => Promise<Partial<TillRecord>>
  readonly amount?: bigint
}

const rows: readonly Row[] = [
  { name: 'its price', expected: [], told: async () => ({ tokens: await tokensOf(shop) }) },
  {
    name: 'the prices of two units',
    expected: [],
    amount: 2n * PRICE,
    told: async () => ({ tokens: await tokensOf(shop, 2) }),
  },
  {
    name: 'more than its price',
    expected: ['overspend proven 1'],
    amount: PRICE + 1n,
    told: async () => ({ tokens: await tokensOf(shop) }),
  },
  {
    name: 'less than its price',
    expected: ['overspend proven 1'],
    amount: PRICE - 1n,
    told: async () => ({ tokens: await tokensOf(shop) }),
  },
  {
    name: 'another till’s token',
    expected: ['foreign-token proven 5'],
    told: async () => ({ tokens: await tokensOf(neighbour) }),
  },
  {
    name: 'a token that the office never signed',
    expected: ['unknown-token proven 5'],
    told: async () => {
      const [token] = await tokensOf(shop)
      const nonce = new Uint8Array(8)
      return token
        ? { tokens: [signToken(generatePrivateKey(), { ...decodeToken(token), nonce })] }
        : {}
    },
  },
  {
    name: 'what is no token',
    expected: ['unknown-token proven null'],
    told: async () => ({
      tokens: (await tokensOf(shop)).map((token) => new Uint8Array(token.length)),
    }),
  },
  {
    name: 'no token',
    expected: ['unauthorised-amount proven 5'],
    told: () => Promise.resolve({}),
  },
  {
    name: 'no token, under a policy that lets him',
    expected: [],
    told: () => Promise.resolve({ policyVersion: 1 }),
  },
  {
    name: 'no token, where the till knows only what came of it',
    expected: ['unauthorised-amount suspected 5'],
    told: () => Promise.resolve({ presentation: new Uint8Array() }),
  },
  {
    name: 'a token for another sale than his element’s',
    expected: [],
    told: async () => ({ tokens: await tokensOf(neighbour), request: new Uint8Array(32) }),
  },
]

test.each(rows)('a till that takes coins for $name: $expected', async (row) => {
  await shop.report([await sold(await row.told(), row.amount)])
  const { rows: cases } = await sql<{ kind: string; strength: string; amount: bigint | null }>`
    select kind, strength, amount, suspects from "case" order by kind`.execute(town.office.db)
  expect(cases.map(({ kind, strength, amount }) => `${kind} ${strength} ${amount}`)).toEqual(
    row.expected,
  )
  expect((await town.cases()).flatMap(({ against }) => against)).toEqual(
    row.expected.map(() => shop.number),
  )
  for (const { check } of await exportProven(town.office.office)) {
    expect([check.result, check.file?.currency]).toEqual(['proven', 'EUR'])
  }
})

test('one unit sold twice is proven against its vendor, however often and by whom it is told', async () => {
  const [token = new Uint8Array()] = await tokensOf(shop)
  const [first, second] = [await sold({ tokens: [token] }), await sold({ tokens: [token] })]
  expect(await unused(token)).toBe(true)
  await neighbour.report([first])
  expect(await unused(token), 'what another till hands in is not its maker’s word').toBe(true)
  await shop.report([first])
  await shop.report([first])
  expect(await unused(token)).toBe(false)
  expect(await found()).toEqual([])
  await shop.report([second])
  expect(await found()).toEqual([`token-double-spent proven ${shop.number}`])

  // Anybody can check it: both batches as the till has signed them, and that both were paid.
  const [proven] = await exportProven(town.office.office)
  expect(proven?.check.result).toBe('proven')
  expect(proven?.check.file).toMatchObject({
    finding: { amount: PRICE, suspects: [{ kind: 'till', till: shop.number }] },
    coins: { opened: [{}, {}] },
  })
  const { file } = decodeCaseFile(proven?.file ?? new Uint8Array())
  const { key, keyId } = town.office.office
  const without = (change: object) =>
    verifyCaseFile(signCaseFile(key, keyId, { ...file, ...change }), key.publicKey, officeSchemes)
  const { coins } = file
  expect(coins).toBeDefined()
  expect(without({}).result).toBe('proven')
  expect(without({ batches: file.batches.slice(0, -1) }).result).toBe('does_not_follow')
  expect(without({ batches: file.batches.slice(-1) }).result).toBe('does_not_follow')
  expect(without({ coins: coins && { ...coins, opened: coins.opened.slice(1) } }).result).toBe(
    'does_not_follow',
  )
  expect(file.batches.map((batch) => decodeBatch(batch).batch.till)).toEqual(
    file.batches.map(() => shop.number),
  )
})

test('a sale for coins whose givers become known later is judged then', async () => {
  const giver = await town.shop([PRICE])
  await customer.buyCoins([2n * PRICE])
  await giver.sell(customer, PRICE)
  const record = await soldNow({ tokens: await tokensOf(neighbour) })
  const { db, evidence } = town.office
  const { element } = giver.vendor
  const known = await db
    .selectFrom('coin_element')
    .select('certificate')
    .where('id', '=', element)
    .executeTakeFirstOrThrow()
  const certify = (certificate: Uint8Array) =>
    db.updateTable('coin_element').set({ certificate }).where('id', '=', element).execute()
  await certify(new Uint8Array())
  await shop.report([record])
  const waiting = await sql<{ batch: bigint; index: number }>`
    select batch, index from rejected_item where reason = 'unknown_element'`.execute(db)
  expect([waiting.rows.length, await found()]).toEqual([1, []])
  await certify(known.certificate)
  await evidence.readAgain(waiting.rows)
  expect(await found()).toEqual([`foreign-token proven ${shop.number}`])
})
