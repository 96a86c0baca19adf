import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sum, type Amount } from '../../../src/kernel/money.ts'
import { FLOAT_MAX, REGISTERS } from '../../../src/schemes/coin/message.ts'
import {
  selectCoins,
  selectExact,
  type Choice,
  type Impossible,
  type Stock,
} from '../../../src/schemes/coin/element/coin-selector.ts'
import { Chance } from '../../fuzz/chance.ts'

const LIMITS = { paidMax: 10, changeMax: 10 }
const stocks = (countMax: number) =>
  fc
    .uniqueArray(fc.constantFrom(1n, 2n, 3n, 5n, 7n, 10n, 20n), { maxLength: 4 })
    .chain((values) =>
      fc.tuple(
        ...values.map((value) =>
          fc.integer({ min: 1, max: countMax }).map((count) => ({ value, count })),
        ),
      ),
    )

/** Every way to take coins, by counting. */
function ways(all: readonly Stock[], max: number): { sum: Amount; coins: number }[] {
  return all.reduce<{ sum: Amount; coins: number }[]>(
    (found, { value, count }) =>
      found.flatMap((way) =>
        Array.from({ length: count + 1 }, (_, taken) => ({
          sum: way.sum + value * BigInt(taken),
          coins: way.coins + taken,
        })).filter(({ coins }) => coins <= max),
      ),
    [{ sum: 0n, coins: 0 }],
  )
}

function moved(choice: Choice, float: readonly Stock[]): number {
  return choice.paid.length + (selectExact(float, choice.change, LIMITS.changeMax)?.length ?? NaN)
}

describe('the coin selector', () => {
  test.each([
    [
      'the exact sum',
      [
        [10n, 1],
        [5n, 1],
      ],
      [],
      15n,
      [10n, 5n],
      0n,
    ],
    [
      'the exact sum with fewer coins',
      [
        [10n, 1],
        [5n, 2],
        [1n, 9],
      ],
      [],
      10n,
      [10n],
      0n,
    ],
    [
      'change, if that moves fewer',
      [
        [10n, 1],
        [1n, 9],
      ],
      [[1n, 1]],
      9n,
      [10n],
      1n,
    ],
    [
      'no change, if it moves as many',
      [
        [10n, 1],
        [1n, 2],
      ],
      [[8n, 1]],
      2n,
      [1n, 1n],
      0n,
    ],
    [
      'change, if it has to be',
      [[10n, 1]],
      [
        [2n, 1],
        [1n, 1],
      ],
      7n,
      [10n],
      3n,
    ],
    ['two large ones', [[10n, 2]], [[5n, 1]], 15n, [10n, 10n], 5n],
  ] as const)('takes %s', (_, own, float, amount, paid, change) => {
    const stock = (rows: readonly (readonly [Amount, number])[]) =>
      rows.map(([value, count]) => ({ value, count }))
    expect(selectCoins(stock(own), stock(float), amount, LIMITS)).toEqual({ paid, change })
  })

  test.each([
    ['too little', [{ value: 5n, count: 1 }], [], 8n, { shortBy: 3n, overBy: 0n }],
    ['nothing', [], [], 8n, { shortBy: 8n, overBy: 0n }],
    ['too large', [{ value: 10n, count: 1 }], [], 8n, { shortBy: 8n, overBy: 2n }],
    [
      'not enough change',
      [{ value: 10n, count: 1 }],
      [{ value: 5n, count: 1 }],
      8n,
      { shortBy: 3n, overBy: 2n },
    ],
  ] as const)('says by how much it cannot: %s', (_, own, float, amount, expected) => {
    expect(selectCoins(own, float, amount, LIMITS)).toEqual(expected)
  })

  test('of all ways it finds the best, and says what is nearest if there is none', () => {
    const seen = { found: 0, impossible: 0, change: 0 }
    fc.assert(
      fc.property(stocks(4), stocks(3), fc.bigInt(1n, 60n), (own, float, amount) => {
        const paid = ways(own, LIMITS.paidMax)
        const given = ways(float, LIMITS.changeMax)
        const exact = paid.flatMap((mine) =>
          given
            .filter((back) => mine.sum - back.sum === amount)
            .map((back) => mine.coins + back.coins),
        )
        const chosen = selectCoins(own, float, amount, LIMITS)
        if (exact.length === 0) {
          seen.impossible++
          const { shortBy, overBy } = chosen as Impossible
          const possible = paid.flatMap((mine) => given.map((back) => mine.sum - back.sum))
          const below = possible.filter((value) => value <= amount && value >= 0n)
          const above = possible.filter((value) => value > amount)
          expect(amount - shortBy).toBe(below.reduce((a, b) => (a > b ? a : b), 0n))
          const [first] = above
          expect(overBy).toBe(
            first === undefined ? 0n : above.reduce((a, b) => (a < b ? a : b), first) - amount,
          )
          return
        }
        seen.found++
        const choice = chosen as Choice
        if (choice.change > 0n) seen.change++
        expect(sum(choice.paid) - choice.change).toBe(amount)
        expect(moved(choice, float)).toBe(Math.min(...exact))
        for (const { value, count } of own) {
          expect(choice.paid.filter((coin) => coin === value).length).toBeLessThanOrEqual(count)
        }
      }),
      { numRuns: 400 },
    )
    console.log(seen)
    expect(seen.found).toBeGreaterThan(100)
    expect(seen.impossible).toBeGreaterThan(40)
    expect(seen.change).toBeGreaterThan(30)
  })

  test('answers, whatever denominations there are', () => {
    const chance = new Chance(3)
    const odd = (length: number, count: number) =>
      Array.from({ length }, () => ({ value: BigInt(1 + chance.below(2 ** 31)), count }))
    const [own, float] = [odd(REGISTERS, 1), odd(FLOAT_MAX, 1)]
    const [largest, next] = own.map(({ value }) => value).toSorted((a, b) => (a > b ? -1 : 1))
    expect(largest && next).toBeDefined()
    const amount = (largest ?? 0n) + (next ?? 0n)
    const found = selectCoins(own, float, amount, LIMITS)
    if (!('paid' in found)) throw new Error('two coins are that much')
    expect(sum(found.paid) - found.change).toBe(amount)
    const none = selectCoins(own, float, 1_000_000_007n, LIMITS) as Impossible
    expect(none.shortBy).toBeGreaterThan(0n)
    expect(none.overBy).toBeGreaterThan(0n)
  })

  test('finds every amount that coins make as there are some', () => {
    const series = [2000n, 1000n, 500n, 200n, 100n, 50n, 20n, 10n, 5n, 2n, 1n]
    const own = series.map((value) => ({ value, count: 3 }))
    for (let amount = 1n; amount <= 2000n; amount += 7n) {
      const found = selectCoins(own, [], amount, LIMITS)
      expect('paid' in found && sum(found.paid), `${amount}`).toBe(amount)
    }
  })

  test('moves no more coins than a transfer can', () => {
    const own = [{ value: 1n, count: 40 }]
    expect(selectCoins(own, [], 10n, LIMITS)).toMatchObject({ change: 0n })
    expect(selectCoins(own, [], 11n, LIMITS)).toEqual({ shortBy: 1n, overBy: 0n })
    const large = [{ value: 20n, count: 1 }]
    const small = [{ value: 1n, count: 40 }]
    expect(selectCoins(large, small, 10n, LIMITS)).toMatchObject({ change: 10n })
    expect(selectCoins(large, small, 9n, LIMITS)).toMatchObject({ overBy: 1n })
    expect(selectCoins(large, small, 10n, { ...LIMITS, changeMax: 9 })).toMatchObject({
      overBy: 1n,
    })
  })
})
