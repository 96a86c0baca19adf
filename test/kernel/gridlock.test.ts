import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { resolveGridlock, type Move } from '../../src/kernel/gridlock.ts'

interface Named extends Move {
  readonly name: string
}

/** `A>B 80` is called that. */
function moves(...texts: readonly string[]): readonly Named[] {
  return texts.map((name) => {
    const [, from = '', to = '', amount = ''] = /^(\w+)>(\w+) (\d+)$/.exec(name) ?? []
    return { name, from, to, amount: BigInt(amount) }
  })
}

function made(balances: Readonly<Record<string, number>>, ...texts: readonly string[]) {
  const given = new Map(Object.entries(balances).map(([name, has]) => [name, BigInt(has)]))
  return resolveGridlock(given, moves(...texts)).map(({ name }) => name)
}

describe('what can be settled at once', () => {
  test.each<
    readonly [string, Readonly<Record<string, number>>, readonly string[], readonly string[]]
  >([
    ['what is there', { A: 80 }, ['A>B 80'], ['A>B 80']],
    ['not one more', { A: 79 }, ['A>B 80'], []],
    ['one after the other', { A: 80 }, ['A>B 80', 'B>C 80'], ['A>B 80', 'B>C 80']],
    ['the second first', { A: 80 }, ['B>C 80', 'A>B 80'], ['B>C 80', 'A>B 80']],
    ['a circle without money', {}, ['A>B 80', 'B>C 80', 'C>A 80'], ['A>B 80', 'B>C 80', 'C>A 80']],
    ['a circle that lacks one', { A: 0 }, ['A>B 80', 'B>C 80', 'C>A 79'], []],
    [
      // The card of A that paid first received later what another of A’s spent: all of it fits together.
      'what none of them could alone',
      { A: 50 },
      ['A>B 80', 'B>A 60'],
      ['A>B 80', 'B>A 60'],
    ],
    ['not what is unbacked, but those beside it', { A: 50 }, ['A>B 900', 'A>C 50'], ['A>C 50']],
    ['the older of two that do not both fit', { A: 50 }, ['A>B 50', 'A>C 50'], ['A>B 50']],
    [
      'not what leans on the unbacked',
      { A: 0, C: 10 },
      ['A>B 900', 'B>C 900', 'C>B 10'],
      ['C>B 10'],
    ],
    ['to itself', { A: 5 }, ['A>A 5'], ['A>A 5']],
    ['nothing', {}, [], []],
  ])('%s', (_, balances, texts, expected) => {
    expect(made(balances, ...texts)).toEqual(expected)
  })

  const account = fc.constantFrom('A', 'B', 'C', 'D')
  const money = fc.record({ from: account, to: account, amount: fc.bigInt(1n, 50n) })
  const start = fc.dictionary(account, fc.bigInt(0n, 60n))

  test('never leaves an account below 0, and nothing that would still fit', () => {
    fc.assert(
      fc.property(start, fc.array(money, { maxLength: 20 }), (balances, wanted) => {
        const given = new Map(Object.entries(balances))
        const settled = new Set(resolveGridlock(given, wanted))
        const after = new Map(given)
        for (const { from, to, amount } of settled) {
          after.set(from, (after.get(from) ?? 0n) - amount)
          after.set(to, (after.get(to) ?? 0n) + amount)
        }
        for (const balance of after.values()) expect(balance >= 0n).toBe(true)
        for (const move of wanted) {
          if (!settled.has(move)) expect((after.get(move.from) ?? 0n) < move.amount).toBe(true)
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('is everything in the end, in whatever order honest payments come', () => {
    // Honest: made one after the other, each from what was there. They come shuffled, in groups.
    const day = fc.array(money, { maxLength: 25 })
    fc.assert(
      fc.property(start, day, fc.infiniteStream(fc.nat()), (balances, wanted, chance) => {
        const now = new Map(Object.entries(balances))
        const honest = wanted.filter(({ from, to, amount }) => {
          if ((now.get(from) ?? 0n) < amount) return false
          now.set(from, (now.get(from) ?? 0n) - amount)
          now.set(to, (now.get(to) ?? 0n) + amount)
          return true
        })
        const draw = () => Number(chance.next().value)
        const order = honest
          .map((move) => ({ move, place: draw() }))
          .toSorted((a, b) => a.place - b.place)
        const kept = new Map(Object.entries(balances))
        let waiting: Move[] = []
        while (order.length > 0) {
          waiting.push(...order.splice(0, 1 + (draw() % 3)).map(({ move }) => move))
          const settled = new Set(resolveGridlock(kept, waiting))
          for (const { from, to, amount } of settled) {
            kept.set(from, (kept.get(from) ?? 0n) - amount)
            kept.set(to, (kept.get(to) ?? 0n) + amount)
          }
          waiting = waiting.filter((move) => !settled.has(move))
        }
        expect(waiting).toEqual([])
        for (const [name, balance] of now) expect(kept.get(name) ?? 0n).toBe(balance)
      }),
      { numRuns: 2000 },
    )
  })
})
