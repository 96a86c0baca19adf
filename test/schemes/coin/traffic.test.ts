import { afterAll, describe, expect, test } from 'vitest'
import { coinTill } from '../../../src/schemes/coin/till.ts'
import { closeTills, pay, Till } from './till.ts'
import { World } from './world.ts'

const world = new World('traffic')
afterAll(closeTills)
const shop = await world.vendor()
const changing = await world.vendor({ float: [1n, 2n, 2n, 5n] })
const tens = (count: number) => Array.from({ length: count }, () => 10n)

/** APDUs, bytes to the card and from it: as in docs/benchmarks.md, where `npm run bench` has the times too. */
const ROWS = [
  { name: '1 coin', coins: tens(1), amount: 10n, vendor: shop, expected: [12, 855, 1405] },
  { name: '5 coins', coins: tens(5), amount: 50n, vendor: shop, expected: [13, 860, 1891] },
  { name: '10 coins', coins: tens(10), amount: 100n, vendor: shop, expected: [16, 875, 2502] },
  { name: '2 back', coins: tens(1), amount: 7n, vendor: changing, expected: [13, 1117, 1422] },
] as const

describe('a payment at the card', () => {
  test.for(ROWS)('$name', async ({ coins, amount, vendor, expected }) => {
    const customer = await world.customer({ coins })
    const { field } = customer.chip
    const before = field.traffic
    expect(await new Till(world, vendor.clone()).tap(customer, pay(amount))).toMatchObject({
      result: 'done',
    })
    const after = field.traffic
    expect([
      after.apdus - before.apdus,
      after.bytesToCard - before.bytesToCard,
      after.bytesFromCard - before.bytesFromCard,
    ]).toEqual(expected)
  })

  test('costs what the till says beforehand', () => {
    const [apdus, bytesOut, bytesIn] = ROWS[0].expected
    expect(coinTill.cost(pay(10n))).toEqual({ apdus, bytesOut, bytesIn })
  })
})
