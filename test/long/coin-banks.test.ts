import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Amount } from '../../src/kernel/money.ts'
import { fromHex } from '../../src/kernel/bytes.ts'
import { cardIdOf } from '../../src/kernel/ids.ts'
import { exchangeState } from '../../src/office/coins/banks/exchange-store.ts'
import { hotChangesSince, setCardStatus } from '../../src/office/registry/cards.ts'
import { Rewind } from '../../src/town/rewind.ts'
import { defineSchedules, openMarket, type Market } from '../office/coin-schedules.ts'
import { pay } from '../schemes/coin/till.ts'
import { CoinBanks } from '../support/coin-banks.ts'
import type { OfficeCustomer, Shop } from '../support/coin-office.ts'

async function payAndReport(customer: OfficeCustomer, shop: Shop, amount: Amount): Promise<void> {
  await shop.sell(customer, amount)
  await shop.surrender()
}

// One group after the other: to one element only so many coins can be sold.
describe.each(['first', 'second', 'third', 'fourth'])('three banks, the %s time', () => {
  let market: Market
  beforeAll(async () => {
    market = await openMarket(await CoinBanks.create(3, 2000n), 100_000n)
  })
  afterAll(() => market.group.close())

  defineSchedules(15, 6, () => market)
})

describe('a notary that was put back to older books', () => {
  let group: CoinBanks
  let older: Rewind
  let ada: OfficeCustomer
  let shop: Shop
  beforeAll(async () => {
    group = await CoinBanks.create(2, 1000n)
    const [north, south] = group.all
    if (!north || !south) throw new Error('there are two')
    ada = await north.coins.customer(100n, [10n, 10n, 10n])
    shop = await south.coins.shop()
    await group.exchangeAll()
    older = await Rewind.keep(group.world.url)
  })
  afterAll(async () => {
    await older.end()
    await group.close()
  })
  const earned = async () => group.all[1]?.coins.balance('merchant', shop.merchant)

  test('is shown again what nobody else has heard', async () => {
    await payAndReport(ada, shop, 10n)
    await group.all[1]?.exchange()
    await older.restore()
    await group.exchangeAll()
    expect(await earned()).toBe(10n)
    await group.checkSettled()
    expect(await group.free()).toEqual([990n, 1010n])
  })

  test('does again what it had done, and the banks do nothing twice', async () => {
    await payAndReport(ada, shop, 10n)
    await group.exchangeAll()
    for (const _ of [1, 2]) {
      await older.restore()
      expect(await group.free()).toEqual([1000n, 1000n])
      await group.exchangeAll()
      expect(await group.free()).toEqual([980n, 1020n])
    }
    expect(await earned()).toBe(20n)
    await group.checkSettled()
  })

  test('is noticed by an office that was put back before it, too', async () => {
    const [, south] = group.all
    if (!south) throw new Error('there are two')
    const { db } = south.coins.office
    const { said } = await exchangeState(db)
    await sql`update coin_exchange set said = 0`.execute(db)
    await payAndReport(ada, shop, 10n)
    await south.exchange()
    expect((await exchangeState(db)).said).toBeGreaterThan(said)
    await older.restore()
    await group.exchangeAll()
    expect(await earned()).toBe(30n)
    await group.checkSettled()
  })
})

describe('a bank that joins when others have made elements', () => {
  let group: CoinBanks
  beforeAll(async () => {
    group = await CoinBanks.create(2, 1000n)
  })
  afterAll(() => group.close())

  test('is paid by all, and its coins are taken by elements that know it, or from its own customers', async () => {
    const [north] = group.all
    if (!north) throw new Error('there are two')
    const ada = await north.coins.customer(100n, [10n])
    const old = await north.coins.shop()
    const lost = await north.coins.customer(0n)
    await north.coins.office.db
      .transaction()
      .execute((trx) => setCardStatus(trx, cardIdOf(fromHex(lost.card)), 'hot', 'lost', 0))
    await group.exchangeAll()
    const late = await group.join(1000n)
    await group.exchangeAll()
    expect(await hotChangesSince(late.coins.office.db, 0)).toEqual({ add: [lost.card], remove: [] })
    const eve = await late.coins.customer(100n, [10n])
    const shops = [await late.coins.shop([5n]), await north.coins.shop()] as const
    await payAndReport(ada, shops[0], 5n)
    // Her change is of a bank that this element has never heard of, and her own does not vouch for.
    expect(await old.tap(ada, pay(5n))).toMatchObject({ result: 'refused', status: 'cannot_pay' })
    await payAndReport(ada, shops[1], 5n)
    await payAndReport(eve, old, 10n)
    await group.exchangeAll()
    expect(await late.coins.balance('merchant', shops[0].merchant)).toBe(5n)
    expect(await north.coins.balance('merchant', shops[1].merchant)).toBe(5n)
    expect(await north.coins.balance('merchant', old.merchant)).toBe(10n)
    await group.checkSettled()
    expect(await group.free()).toEqual([1005n, 1000n, 995n])
  })
})
