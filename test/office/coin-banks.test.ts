import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { fromHex } from '../../src/kernel/bytes.ts'
import { cardIdOf } from '../../src/kernel/ids.ts'
import type { Amount } from '../../src/kernel/money.ts'
import { abroad } from '../../src/office/coins/banks/abroad.ts'
import { exchangeState } from '../../src/office/coins/banks/exchange-store.ts'
import { takeStops } from '../../src/office/coins/banks/stops.ts'
import { GRACE, OFFLINE_MAX, SILENT_MAX } from '../../src/office/coins/grace.ts'
import { COIN_LIFE } from '../../src/office/coins/sale.ts'
import { hotChangesSince, setCardStatus } from '../../src/office/registry/cards.ts'
import { defineSchedules } from './coin-schedules.ts'
import { CoinBanks, type TestBank } from '../support/coin-banks.ts'
import type { OfficeCustomer, Shop } from '../support/coin-office.ts'

let group: CoinBanks
let banks: readonly [TestBank, TestBank]
let customers: readonly [OfficeCustomer, OfficeCustomer]
let shops: readonly [Shop, Shop]

beforeAll(async () => {
  group = await CoinBanks.create(2, 1000n)
  const [one, two] = group.all
  if (!one || !two) throw new Error('there are two')
  banks = [one, two]
  customers = [await one.coins.customer(1000n), await two.coins.customer(1000n)]
  shops = [await one.coins.shop([]), await two.coins.shop([])]
})
afterAll(() => group.close())
beforeEach(() => {
  for (const bank of banks) bank.cut = undefined
})

const exchangeAll = () => group.exchangeAll()
const free = () => group.free()

/** Which cards the bank’s tills are not to take. */
const hot = async ({ coins }: TestBank) => (await hotChangesSince(coins.office.db, 0)).add

/** Pays at a till, which hands it in to its own bank at once. */
async function payAndReport(customer: OfficeCustomer, shop: Shop, amount: Amount): Promise<void> {
  await shop.sell(customer, amount)
  await shop.surrender()
}

test('coins of each are accepted and settled by the other’s vendors', async () => {
  const [one, two] = banks
  const [ada, bert] = customers
  await ada.buyCoins([10n, 20n, 5n])
  await bert.buyCoins([10n, 50n])
  await shops[1].sell(ada, 15n)
  await shops[0].sell(bert, 50n)
  for (const shop of shops) await shop.surrender()
  // What the vendor kept and surrendered names an element of the other bank, which nobody here knows yet.
  const { db } = one.coins.office
  const waiting = await sql<{ reason: string }>`select reason from rejected_item`.execute(db)
  expect(waiting.rows).toContainEqual({ reason: 'unknown_element' })
  await two.exchange()
  await one.exchange()
  expect(
    (await sql`select from rejected_item where reason = 'unknown_element'`.execute(db)).rows,
  ).toEqual([])
  // Nothing is paid for coins of another bank before it has said anything.
  expect(await one.coins.balance('merchant', shops[0].merchant)).toBe(0n)
  const takings = `/api/tills/${shops[0].number}/takings`
  const fifty = { count: 1, amount: '50' }
  expect(await one.coins.done('GET', '/api/coins')).toMatchObject({
    others: [{ bank: 2, currency: 'EUR', state: 'awaited', ...fifty }],
  })
  expect(await one.coins.done('GET', takings)).toMatchObject({ awaited: fifty, paid: { count: 0 } })
  await exchangeAll()
  expect(await one.coins.balance('merchant', shops[0].merchant)).toBe(50n)
  expect(await two.coins.balance('merchant', shops[1].merchant)).toBe(15n)
  expect(await one.coins.done('GET', '/api/coins')).toMatchObject({
    others: [{ bank: 2, currency: 'EUR', state: 'paid', ...fifty }],
  })
  expect(await one.coins.done('GET', takings)).toMatchObject({ paid: fifty, awaited: { count: 0 } })
  await group.checkSettled()
  expect(await free()).toEqual([1035n, 965n])
  for (const { coins } of banks) expect(await coins.cases()).toEqual([])
})

test('a coin spent at both banks: paid once, and the case is against the card', async () => {
  const [one, two] = banks
  const [ada] = customers
  await ada.buyCoins([100n])
  const clone = ada.clone()
  await payAndReport(ada, shops[1], 100n)
  await exchangeAll()
  expect(await two.coins.balance('merchant', shops[1].merchant)).toBe(115n)
  // Its own bank hears of the second one later: what it has paid the other bank stays paid.
  await payAndReport(clone, shops[0], 100n)
  await exchangeAll()
  expect(await one.coins.balance('merchant', shops[0].merchant)).toBe(50n)
  expect(await two.coins.balance('merchant', shops[1].merchant)).toBe(115n)
  await group.checkSettled()
  const against = (await one.coins.cases()).map(({ strength, against: who }) => [strength, ...who])
  expect(against).toEqual([['proven', ada.card]])
  // It is frozen, for the tills of both.
  expect(await hot(two)).toEqual([ada.card])
})

test('a bank’s word about its cards counts for the tills of all, the newest, and about no other’s cards', async () => {
  const [one, two] = banks
  const [ada, bert] = customers
  const stop = async (card: string, from: number, number: number, state: 'stopped' | 'free') => {
    const news = { kind: 'card', from, element: fromHex(card), number, state } as const
    await two.coins.office.db.transaction().execute((trx) => takeStops(trx, [news], 0))
    return hot(two)
  }
  expect(await stop(ada.card, 1, 1000, 'free')).toEqual([])
  expect(await stop(ada.card, 1, 999, 'stopped')).toEqual([])
  expect(await stop(ada.card, 3, 1001, 'stopped')).toEqual([])
  expect(await stop(bert.card, 1, 1001, 'stopped')).toEqual([])
  expect(await stop(ada.card, 1, 1001, 'stopped')).toEqual([ada.card])
  expect(await hot(one)).toEqual([ada.card])
})

test('a coin that vendors of both banks claim is its bank’s to say, and then theirs for good', async () => {
  const [one, two] = banks
  const eve = await one.coins.customer(10n, [10n])
  const clone = eve.clone()
  await payAndReport(eve, shops[0], 10n)
  await payAndReport(clone, shops[1], 10n)
  const before = await two.coins.balance('merchant', shops[1].merchant)
  await exchangeAll()
  expect(await one.coins.balance('suspense', '')).toBe(10n)
  expect(await two.coins.done('GET', '/api/coins')).toMatchObject({
    others: expect.arrayContaining([
      { bank: 1, currency: 'EUR', state: 'contested', count: 1, amount: '10' },
    ]) as unknown,
  })
  const { rows } = await sql<{ coin: string }>`
    select coin from coin_spend where creditor is null`.execute(one.coins.office.db)
  const award = async ({ coins }: TestBank, to: object) => {
    const url = `/api/coins/${rows[0]?.coin}/award`
    const { status, json } = await coins.office.call('operator', 'POST', url, {
      ...to,
      reason: 'seen',
    })
    return [status, json]
  }
  const says = (message: string) => [
    409,
    { error: { message: expect.stringContaining(message) as string } },
  ]
  const vendor = { vendor: shops[1].vendor.element }
  expect(await award(two, vendor)).toMatchObject(says('Ask bank 1'))
  expect(await award(one, { vendor: eve.card })).toMatchObject(says('does not claim'))
  for (const wrong of [{}, { ...vendor, till: shops[0].number }]) {
    expect(await award(one, wrong)).toMatchObject([400, { error: { field: 'body' } }])
  }
  expect(await award(one, vendor)).toEqual([200, {}])
  await exchangeAll()
  expect(await two.coins.balance('merchant', shops[1].merchant)).toBe(before + 10n)
  expect(await one.coins.balance('suspense', '')).toBe(0n)
  expect(await award(one, { till: shops[0].number })).toMatchObject(says('is bank 2’s'))
  expect(await award(one, vendor)).toEqual([200, {}])
  await exchangeAll()
  await group.checkSettled()
})

test('whichever message or answer is lost: everything is done once', async () => {
  const [one, two] = banks
  const [, bert] = customers
  let cuts = 0
  const before = await free()
  for (const bank of [one, two]) {
    for (let at = 1; at <= 7; at++) {
      for (const what of ['request', 'answer'] as const) {
        bank.cut = { at, what }
        if (!(await bank.exchange())) cuts += 1
        bank.cut = undefined
      }
    }
  }
  expect(cuts).toBe(12)
  expect(await free()).toEqual(before)
  await bert.buyCoins([10n])
  await payAndReport(bert, shops[0], 10n)
  for (let round = 0; round < 6; round++) {
    for (const bank of [one, two]) {
      bank.cut = { at: round + 2, what: round % 2 === 0 ? 'answer' : 'request' }
      await bank.exchange()
      bank.cut = undefined
    }
  }
  await exchangeAll()
  await group.checkSettled()
  expect(await free()).toEqual([(before[0] ?? 0n) + 10n, (before[1] ?? 0n) - 10n])
})

describe('coins are given back when no other bank can claim them any more', () => {
  const DAY = 24 * 3600 * 1000
  const online = async ({ coins }: TestBank, { person }: OfficeCustomer) =>
    coins.balance('online', person)
  const earned = async ({ coins }: TestBank, { merchant }: Shop) =>
    coins.balance('merchant', merchant)

  async function sweep({ coins }: TestBank): Promise<void> {
    await coins.office.evidence.sweep()
    await coins.checkBooks()
  }

  test('expired: a claim that the other bank brings late is waited for, and paid', async () => {
    const [one, two] = banks
    const ada = await one.coins.customer(40n)
    await ada.buyCoins([40n])
    const bert = await two.coins.customer(30n)
    await bert.buyCoins([30n])
    await payAndReport(ada, shops[1], 40n)
    const before = [await online(one, ada), await online(two, bert), await earned(two, shops[1])]
    await group.pass(COIN_LIFE + GRACE + DAY)
    // Of bank 2 nothing was heard since they expired, by bank 1: its vendors may have them.
    await one.exchange()
    await sweep(one)
    expect(await online(one, ada)).toBe(before[0])
    // Bank 1 has said everything, and bank 2 has not listened.
    await sweep(two)
    expect(await online(two, bert)).toBe(before[1])
    // It is shown now, and was not heard by bank 1.
    await two.exchange()
    await sweep(one)
    expect(await online(one, ada)).toBe(before[0])
    await exchangeAll()
    await sweep(one)
    await sweep(two)
    expect(await online(one, ada)).toBe(before[0])
    expect(await earned(two, shops[1])).toBe((before[2] ?? 0n) + 40n)
    // Nobody claims these, and everybody was heard.
    expect(await online(two, bert)).toBe((before[1] ?? 0n) + 30n)
    await group.checkSettled()
  })

  test('expired, and silent for longer than a bank may be: who bought it has it, and nobody else', async () => {
    const [one, two] = banks
    const ada = await one.coins.customer(20n)
    await ada.buyCoins([20n])
    await payAndReport(ada, shops[1], 20n)
    const before = [await online(one, ada), await earned(two, shops[1])]
    await group.pass(COIN_LIFE + SILENT_MAX)
    await one.exchange()
    await sweep(one)
    expect(await online(one, ada)).toBe(before[0])
    await group.pass(1000)
    await sweep(one)
    expect(await online(one, ada)).toBe((before[0] ?? 0n) + 20n)
    await exchangeAll()
    expect(await earned(two, shops[1])).toBe(before[1])
    const lines = await abroad(two.coins.office.db, 2)
    expect(lines).toContainEqual({
      bank: 1,
      currency: 'EUR',
      state: 'expired',
      count: 1,
      amount: 20n,
    })
    await group.checkSettled()
  })

  test('what names somebody unknown keeps a bank from saying that it has shown all, for 30 days', async () => {
    const [one, two] = banks
    const { db } = two.coins.office
    await exchangeAll()
    await group.pass(DAY)
    // Bank 1 has not made his element known.
    const ivan = await one.coins.customer(10n, [10n])
    await payAndReport(ivan, shops[1], 10n)
    const { shownUpTo: before } = await exchangeState(db)
    await two.exchange()
    expect((await exchangeState(db)).shownUpTo).toBe(before)
    await group.pass(OFFLINE_MAX + DAY)
    await two.exchange()
    expect((await exchangeState(db)).shownUpTo).toBe(group.world.clock.now() - OFFLINE_MAX)
    await exchangeAll()
    await group.checkSettled()
  })

  test('of a lost card: other banks are waited for as tills are, and who is later still is paid', async () => {
    const [one, two] = banks
    const [eve, dan] = [
      await one.coins.customer(30n, [20n, 10n]),
      await one.coins.customer(7n, [5n, 2n]),
    ]
    const refund = async ({ card }: OfficeCustomer) => {
      const url = `/api/cards/${card}/coins/refund`
      const { status, json } = await one.coins.office.call('operator', 'POST', url, {
        reason: 'lost',
      })
      return [status, json]
    }
    await payAndReport(eve, shops[1], 10n)
    const before = await earned(two, shops[1])
    await group.pass(DAY)
    for (const { card } of [eve, dan]) {
      await one.coins.office.db
        .transaction()
        .execute((trx) =>
          setCardStatus(trx, cardIdOf(fromHex(card)), 'hot', 'lost', group.world.clock.now()),
        )
    }
    await group.pass(DAY)
    await shops[0].report()
    await one.exchange()
    await two.exchange()
    expect(await hot(two)).toEqual(expect.arrayContaining([eve.card, dan.card]))
    const refused = {
      message: expect.stringContaining('Bank 2 may still hold a payment') as string,
    }
    expect(await refund(eve)).toMatchObject([409, { error: refused }])
    // It has shown everything that it has: its till may have something that is older than the loss.
    await exchangeAll()
    expect(await refund(eve)).toMatchObject([409, { error: refused }])
    await shops[1].report()
    await exchangeAll()
    expect(await refund(eve)).toEqual([200, { refunded: '20' }])
    expect(await earned(two, shops[1])).toBe(before + 10n)
    // A till there took one of a card that was lost before, and says so when nobody waits any more.
    await shops[1].sell(dan, 2n)
    expect(await refund(dan)).toEqual([200, { refunded: '7' }])
    await shops[1].surrender()
    await exchangeAll()
    expect(await earned(two, shops[1])).toBe(before + 12n)
    expect(await one.coins.balance('losses', '')).toBe(-2n)
    await group.checkSettled()
  })
})

describe('two banks', () => {
  const newcomers: OfficeCustomer[] = []
  beforeAll(async () => {
    for (const { coins } of banks) newcomers.push(await coins.customer(100n))
  })
  defineSchedules(1, 5, () => ({ group, customers: newcomers, shops }))
})
