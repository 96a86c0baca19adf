import { expect, test } from 'vitest'
import { sum, type Amount } from '../../../src/kernel/money.ts'
import { World, type Customer, type Vendor } from './world.ts'
import { Chance } from '../../fuzz/chance.ts'
import { HOPS_MAX } from '../../../src/schemes/coin/message.ts'
import { directoryOf, pay, Redemption, Till } from './till.ts'

const times = (count: number, value: Amount) => Array.from({ length: count }, () => value)
/** Nobody’s registers are full, and vendors can change what there is. */
const COINS = [
  ...times(13, 20n),
  ...times(12, 10n),
  ...times(8, 5n),
  ...times(3, 2n),
  ...times(3, 1n),
]
const FLOAT = [...times(6, 10n), ...times(12, 5n), ...times(10, 2n), ...times(10, 1n)]
/** Most prices are round: of an odd one somebody has to have the change. */
const PRICES = [1n, 2n, 5n, 5n, 5n, 5n, 7n, 10n, 10n, 10n, 10n, 20n] as const

export interface Campaign {
  readonly customers: number
  readonly vendors: number
  readonly rounds: number
  /** That are made: what cannot be paid comes on top. */
  readonly payments: number
  readonly seed: number
}

/** Customers and tills, none of which knows anything of the others. */
class Market {
  readonly people: Customer[] = []
  readonly tills: Till[] = []
  readonly earned = new Map<Vendor, Amount>()
  readonly #balances = new Map<Customer, Amount>()

  async open(world: World, { customers, vendors }: Campaign): Promise<void> {
    for (let index = 0; index < customers; index++) {
      const customer = await world.customer({ bank: 1 + (index % 2), coins: COINS })
      this.people.push(customer)
      this.#balances.set(customer, sum(COINS))
    }
    for (let index = 0; index < vendors; index++) {
      const bank = 1 + (index % 2)
      const options = { bank, till: 7 + index, float: FLOAT, otherBanks: [3 - bank], keepMax: 14 }
      const vendor = await world.vendor(options)
      this.tills.push(new Till(world, vendor))
      this.earned.set(vendor, sum(FLOAT))
    }
  }

  /** Pays, or says why not; what a card has left is what it had less that. */
  async pay(customer: Customer, till: Till, amount: Amount) {
    const result = await till.tap(customer, pay(amount))
    if (result.result === 'refused') {
      expect(result.status).toBe('cannot_pay')
      return result
    }
    if (result.result !== 'done') throw new Error(`nothing stays open: ${result.result}`)
    const left = (this.#balances.get(customer) ?? 0n) - amount
    expect(result.view.balance).toBe(left)
    this.#balances.set(customer, left)
    this.earned.set(till.vendor, (this.earned.get(till.vendor) ?? 0n) + amount)
    return result
  }

  /** Ten coins at a time, which is what one payment moves. How many payments it took. */
  async spendRest(customer: Customer, till: Till): Promise<number> {
    let payments = 0
    for (;;) {
      const left = this.#balances.get(customer) ?? 0n
      if (left === 0n) return payments
      payments++
      const all = await this.pay(customer, till, left)
      if (all.result === 'done') continue
      const [less = 0n] = all.otherAmounts ?? []
      expect(await this.pay(customer, till, less)).toMatchObject({ result: 'done' })
    }
  }
}

/** Nobody synchronises until the end: what is there in coins stays what it was. */
export function defineCampaign(campaign: Campaign): void {
  const { customers, vendors, rounds, payments, seed } = campaign
  test(`${payments} payments between ${customers} customers and ${vendors} vendors, offline`, async () => {
    const world = new World(`campaign ${seed}`)
    const chance = new Chance(seed)
    const market = new Market()
    await market.open(world, campaign)
    const { people, tills } = market
    const seen = { paid: 0, change: 0, refused: 0, last: 0, hops: 0 }
    const holders = [...people, ...tills.map(({ vendor }) => vendor)]
    for (let round = 1; round <= rounds; round++) {
      while (seen.paid < (payments / rounds) * round) {
        const amount = chance.one(PRICES)
        const result = await market.pay(chance.one(people), chance.one(tills), amount)
        if (result.result === 'refused') seen.refused++
        else seen.paid++
        if (result.result === 'done' && result.handedOver?.change) seen.change++
        expect(seen.refused, 'most of what is tried is paid').toBeLessThan(payments)
      }
    }
    for (const customer of people) {
      seen.last += await market.spendRest(customer, chance.one(tills))
      expect(await customer.status()).toMatchObject({ total: 0n, coins: 0, open: [] })
    }
    const office = new Redemption(await directoryOf(world, holders))
    for (const till of tills) {
      expect(await till.closeDay()).toMatchObject({ result: 'closed' })
      expect((await till.vendor.status()).coins).toBe(0)
      office.take(till.records())
      till.close()
    }
    const chains = office.entries.flatMap(({ claims }) => claims.map(({ chain }) => chain.length))
    seen.hops = Math.max(...chains)
    console.log(seen)
    expect(office.cases).toEqual([])
    // Each coin that a bank made is claimed, and each is paid once.
    const made = people.length * COINS.length + tills.length * FLOAT.length
    expect(office.credits).toHaveLength(made)
    expect(new Set(office.credits.map(({ coin }) => coin)).size).toBe(made)
    for (const { vendor } of tills) expect(office.creditOf(vendor)).toBe(market.earned.get(vendor))
    expect(office.total).toBe(
      BigInt(people.length) * sum(COINS) + BigInt(tills.length) * sum(FLOAT),
    )
    expect(seen.paid).toBe(payments)
    expect(seen.change).toBeGreaterThan(payments / 20)
    expect(seen.hops).toBeGreaterThanOrEqual(HOPS_MAX - 1)
  })
}
