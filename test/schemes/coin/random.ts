import { expect, test } from 'vitest'
import type { Amount } from '../../../src/kernel/money.ts'
import { World, type Customer, type Vendor } from './world.ts'
import { Chance } from '../../fuzz/chance.ts'
import { HOPS_MAX } from '../../../src/schemes/coin/message.ts'
import { directoryOf, pay, Redemption, Till } from './till.ts'

const times = (count: number, value: Amount) => Array.from({ length: count }, () => value)
/** Small coins: nobody's registers are full, and vendors can change what there is. */
const COINS = [...times(4, 10n), ...times(8, 5n), ...times(12, 2n), ...times(14, 1n)]
const FLOAT = [...times(3, 10n), ...times(6, 5n), ...times(14, 2n), ...times(14, 1n)]

export interface Campaign {
  readonly customers: number
  readonly vendors: number
  readonly rounds: number
  readonly payments: number
  readonly seed: number
}

/** Nobody synchronises until the end: what is there in coins stays what it was. */
export function defineCampaign({ customers, vendors, rounds, payments, seed }: Campaign): void {
  test(`${payments} payments between ${customers} customers and ${vendors} vendors, offline`, async () => {
    const world = new World(`campaign ${seed}`)
    const chance = new Chance(seed)
    const people: Customer[] = []
    const tills: Till[] = []
    let issued = 0n
    const buy = (values: readonly Amount[]) => {
      issued += values.reduce((sum, value) => sum + value, 0n)
      return values
    }
    for (let index = 0; index < customers; index++) {
      const coins = buy(COINS)
      people.push(await world.customer({ bank: 1 + (index % 2), coins }))
    }
    for (let index = 0; index < vendors; index++) {
      const float = buy(FLOAT)
      const bank = 1 + (index % 2)
      const options = { bank, till: 7 + index, float, otherBanks: [3 - bank], keepMax: 14 }
      tills.push(new Till(world, await world.vendor(options)))
    }
    const seen = { paid: 0, change: 0, cannot: 0, hops: 0 }
    const balances = new Map<Customer, Amount>()
    for (const customer of people) balances.set(customer, (await customer.status()).total)
    const earned = new Map<Vendor, Amount>()
    for (let round = 0; round < rounds; round++) {
      for (let n = 0; n < payments / rounds; n++) {
        const customer = chance.one(people)
        const till = chance.one(tills)
        const order = pay(BigInt(1 + chance.below(4)))
        const before = balances.get(customer) ?? 0n
        const result = await till.tap(customer, order)
        if (result.result === 'done') {
          seen.paid++
          expect(result.view.balance).toBe(before - order.amount)
          balances.set(customer, result.view.balance)
          earned.set(till.vendor, (earned.get(till.vendor) ?? 0n) + order.amount)
        } else {
          expect(result).toMatchObject({ status: 'cannot_pay' })
          seen.cannot++
        }
      }
    }
    const office = new Redemption(
      await directoryOf(world, [...people, ...tills.map(({ vendor }) => vendor)]),
    )
    let onCards = 0n
    for (const customer of people) {
      const { total } = await customer.status()
      expect(total).toBe(balances.get(customer))
      onCards += total
    }
    for (const till of tills) {
      expect(await till.closeDay()).toMatchObject({ result: 'closed' })
      expect((await till.vendor.status()).coins).toBe(0)
    }
    for (const till of tills) office.take(till.records())
    for (const { claims, steps } of office.entries) {
      for (const { chain } of claims) seen.hops = Math.max(seen.hops, chain.length)
      if (steps.some(({ kind }) => kind === 'change')) seen.change++
    }
    console.log(seen)
    expect(office.cases).toEqual([])
    expect(office.total + onCards).toBe(issued)
    expect(new Set(office.credits.map(({ coin }) => coin)).size).toBe(office.credits.length)
    for (const { vendor } of tills) {
      const float = FLOAT.reduce((sum, value) => sum + value, 0n)
      expect(office.creditOf(vendor)).toBe(float + (earned.get(vendor) ?? 0n))
    }
    // What cannot be paid in the end is what nobody has the change for any more.
    expect(seen.paid).toBeGreaterThan(payments * 0.6)
    expect(seen.change).toBeGreaterThan(payments / 20)
    expect(seen.hops).toBeGreaterThanOrEqual(HOPS_MAX - 1)
    for (const till of tills) till.close()
  })
}
