import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { CoinOffice, type OfficeCustomer, type Shop } from '../support/coin-office.ts'
import { closeTills, pay } from '../schemes/coin/till.ts'

let town: CoinOffice
beforeAll(async () => {
  town = await CoinOffice.create()
})
afterEach(() => town.checkBooks())
afterAll(async () => {
  closeTills()
  await town.office.close()
})

async function sale(customer: OfficeCustomer, shop: Shop, amount: bigint) {
  expect(await shop.tap(customer, pay(amount))).toMatchObject({ result: 'done' })
}

describe('coins from an online wallet to a merchant', () => {
  test('bought, paid, handed in: each account moves once, however often it is said', async () => {
    const [customer, shop] = [await town.customer(100n, [10n, 20n, 5n]), await town.shop()]
    expect(await town.balance('online', customer.person)).toBe(65n)
    expect((await customer.status()).total).toBe(35n)
    await sale(customer, shop, 15n)
    for (let again = 0; again < 3; again++) await shop.report()
    const kept = (await shop.vendor.status()).total
    expect(await town.balance('merchant', shop.merchant)).toBe(15n - kept)
    await shop.closeDay()
    await shop.report()
    expect(await town.balance('merchant', shop.merchant)).toBe(15n)
    expect(await town.balance('coin-float', '')).toBe(20n)
    expect(await town.cases()).toEqual([])
  })
})
