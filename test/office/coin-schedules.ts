import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sum, type Amount } from '../../src/kernel/money.ts'
import { pay } from '../schemes/coin/till.ts'
import type { CoinBanks } from '../support/coin-banks.ts'
import type { OfficeCustomer, Shop } from '../support/coin-office.ts'

/** Customers and shops of each bank of a group, the shops with change. */
export interface Market {
  readonly group: CoinBanks
  readonly customers: readonly OfficeCustomer[]
  /** In the order of the banks. */
  readonly shops: readonly Shop[]
}

/** What may happen while payments are on their way: each names somebody by a number. */
const event = fc.oneof(
  { weight: 4, arbitrary: fc.record({ hand: fc.nat(99) }) },
  { weight: 3, arbitrary: fc.record({ exchange: fc.nat(99) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      exchange: fc.nat(99),
      cut: fc.record({
        at: fc.integer({ min: 1, max: 9 }),
        what: fc.constantFrom('request', 'answer'),
      }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ restart: fc.nat(99) }) },
)
const payment = fc.record({
  customer: fc.nat(99),
  shop: fc.nat(99),
  amount: fc.bigInt({ min: 1n, max: 9n }),
})

/**
 * Whatever is handed in twice or late, lost on its way, and whoever is started anew in between: every vendor
 * has what his customers paid, and no bank owes another anything.
 */
export function defineSchedules(runs: number, payments: number, marketOf: () => Market): void {
  test('any order and repetition of batches and news comes to the same accounts', async () => {
    const { group, customers, shops } = marketOf()
    const nth = <T>(items: readonly T[], index: number): T => {
      const item = items[index % items.length]
      if (item === undefined) throw new Error('there is one')
      return item
    }
    const earned = () =>
      Promise.all(
        shops.map(({ merchant }, index) =>
          nth(group.all, index).coins.balance('merchant', merchant),
        ),
      )
    /** What is outside and not on these customers’ cards: it moves nowhere. */
    const elsewhere = async () => {
      const floats = group.all.map(({ coins }) => coins.balance('coin-float', ''))
      const held = customers.map(async (customer) => (await customer.status()).total)
      return sum(await Promise.all(floats)) - sum(await Promise.all(held))
    }
    const accusations = () =>
      Promise.all(group.all.map(async ({ coins }) => (await coins.books()).cases))
    const known = await accusations()
    let done = 0
    let foreign = 0
    const schedule = fc.tuple(
      fc.array(payment, { minLength: payments, maxLength: payments }),
      fc.array(event, { minLength: 8, maxLength: 25 }),
    )
    await fc.assert(
      fc.asyncProperty(schedule, async ([wanted, events]) => {
        const before = await elsewhere()
        for (const customer of customers) {
          if ((await customer.status()).total < 30n) await customer.buyCoins([10n, 5n, 2n, 2n, 1n])
        }
        for (const shop of shops) await shop.buyFloat([5n, 2n, 2n, 1n, 1n])
        const expected = [...(await earned())].map((amount) => amount + 11n)
        const batches = new Map(shops.map((shop) => [shop, [shop.batch()]]))
        for (const [index, { customer, amount, ...at }] of wanted.entries()) {
          // The first one at least is between banks.
          const shop = index === 0 ? customer + 1 : at.shop
          const [payer, payee] = [customer % customers.length, shop % shops.length]
          const { result } = await nth(shops, shop).tap(nth(customers, customer), pay(amount))
          if (result !== 'done') continue
          expected[payee] = (expected[payee] ?? 0n) + amount
          done += 1
          if (payer !== payee) foreign += 1
          batches.get(nth(shops, shop))?.push(nth(shops, shop).batch())
        }
        for (const shop of shops) {
          await shop.closeDay()
          batches.get(shop)?.push(shop.batch())
        }
        const all = shops.flatMap((shop, index) =>
          (batches.get(shop) ?? []).map((bytes) => ({ bank: nth(group.all, index), bytes })),
        )
        for (const one of events) {
          if ('hand' in one) {
            const { bank, bytes } = nth(all, one.hand)
            await bank.coins.upload(bytes)
          } else if ('restart' in one) {
            nth(group.all, one.restart).restart()
          } else {
            const bank = nth(group.all, one.exchange)
            bank.cut = 'cut' in one ? one.cut : undefined
            await bank.exchange()
            bank.cut = undefined
          }
        }
        for (const { bank, bytes } of all.toReversed()) await bank.coins.upload(bytes)
        await group.exchangeAll()
        expect(await earned()).toEqual(expected)
        await group.checkSettled()
        expect(await elsewhere()).toBe(before)
        expect(await accusations()).toEqual(known)
      }),
      { numRuns: runs, endOnFailure: true },
    )
    expect(foreign).toBeGreaterThan(0)
    console.log(`coins: ${done} payments in ${runs} schedules, ${foreign} at another bank’s vendor`)
  })
}

/** One customer and one shop of each bank. */
export async function openMarket(group: CoinBanks, money: Amount): Promise<Market> {
  const customers: OfficeCustomer[] = []
  const shops: Shop[] = []
  for (const { coins } of group.all) {
    customers.push(await coins.customer(money))
    shops.push(await coins.shop())
  }
  return { group, customers, shops }
}
