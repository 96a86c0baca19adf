import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Digest } from '../../src/kernel/ids.ts'
import type { CoinStep } from '../../src/office/coins/coinage.ts'
import { clonesAmong, settleCoin, type ShownClaim } from '../../src/office/coins/rules.ts'

/** `a1>v` is what a signed with number 1 for v; `!` a surrender, `~` change. */
function step(text: string): CoinStep {
  const [, giver = '', number = '', kind = '', taker = ''] =
    /^(\w)(\d)([>~!])(\w?)$/.exec(text) ?? []
  const kinds = { '>': 'pay', '~': 'change', '!': 'surrender' } as const
  const sequence = Number(number)
  return {
    kind: kinds[kind as keyof typeof kinds],
    giver,
    taker,
    sequence,
    digest: text as Digest,
  }
}

function claim(evidence: string, creditor: string, chain: string): ShownClaim {
  return {
    coin: 'coin',
    bank: 1,
    currency: 978,
    value: 10n,
    expires: 0,
    creditor,
    chain: chain.split(' ').map(step),
    evidence: evidence as Digest,
  }
}

const ROWS: readonly (readonly [
  string,
  readonly ShownClaim[],
  string | undefined,
  readonly string[],
])[] = [
  ['one claim', [claim('1', 'v', 'a1>v')], 'v', []],
  [
    'one payment as two',
    [claim('1', 'v', 'a1>v'), claim('2', 'v', 'a1>v')],
    'v',
    ['coin-redeemed-twice v'],
  ],
  [
    'paid and surrendered',
    [claim('1', 'v', 'a1>v'), claim('2', 'v', 'a1>v v5!')],
    'v',
    ['coin-redeemed-twice v'],
  ],
  [
    'one element, two vendors',
    [claim('1', 'v', 'a1>v'), claim('2', 'w', 'a2>w')],
    undefined,
    ['coin-spent-twice a'],
  ],
  [
    // Two transfers with one number are a case by themselves.
    'a clone, two vendors',
    [claim('1', 'v', 'a1>v'), claim('2', 'w', 'a1>w')],
    undefined,
    [],
  ],
  [
    'claimed, and given as change',
    [claim('1', 'v', 'a1>v'), claim('2', 'w', 'a1>v v5~b b1>w')],
    'w',
    ['coin-spent-twice v'],
  ],
  [
    'surrendered, and given as change',
    [claim('1', 'v', 'a1>v v4!'), claim('2', 'w', 'a1>v v5~b b1>w')],
    'w',
    ['coin-spent-twice v'],
  ],
  [
    'given back, and given again',
    [claim('1', 'w', 'a1>v v5~b b1>w'), claim('2', 'x', 'a1>v v5~b b2>x')],
    undefined,
    ['coin-spent-twice b'],
  ],
  [
    'three, of whom one is to blame',
    [claim('1', 'v', 'a1>v'), claim('2', 'w', 'a1>v v5~b b1>w'), claim('3', 'v', 'a1>v')],
    'w',
    ['coin-redeemed-twice v', 'coin-spent-twice v'],
  ],
  [
    'forks of a fork',
    [claim('1', 'v', 'a1>v'), claim('2', 'w', 'a2>b b1>w'), claim('3', 'x', 'a2>b b2>x')],
    undefined,
    ['coin-spent-twice a', 'coin-spent-twice b'],
  ],
  [
    'forks of which only one vendor is not to blame himself',
    [claim('1', 'v', 'a1>v'), claim('2', 'v', 'a1>v v5!'), claim('3', 'w', 'a2>w')],
    'w',
    ['coin-redeemed-twice v', 'coin-spent-twice a'],
  ],
  [
    // Its bank, or whoever has its key, has made it twice.
    'one coin for two elements',
    [claim('1', 'v', 'a1>v'), claim('2', 'w', 'b1>w')],
    undefined,
    [],
  ],
]

/**
 * Any history of a coin as a tree: who had it gave it on, some of them several times and some with one number,
 * and vendors claim what they had, some of them more than once, or surrender it.
 */
const histories = fc
  .array(
    fc.record({
      /** To which of those that had it so far it goes on from. */
      from: fc.nat(),
      taker: fc.constantFrom('a', 'b', 'c', 'v', 'w', 'x'),
      number: fc.integer({ min: 1, max: 3 }),
      claims: fc.integer({ min: 0, max: 2 }),
      surrenders: fc.boolean(),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((moves) => {
    const paths: (readonly CoinStep[])[] = [[]]
    const claims: ShownClaim[] = []
    const add = (creditor: string, chain: readonly CoinStep[]) =>
      claims.push({ ...claim(String(claims.length), creditor, 'a1>v'), chain })
    for (const [index, { from, taker, number, claims: count, surrenders }] of moves.entries()) {
      const path = paths[from % paths.length] ?? []
      const move = {
        giver: path.at(-1)?.taker ?? 'o',
        taker,
        sequence: number,
        kind: 'pay',
      } as const
      const next = [...path, { ...move, digest: `${index}` as Digest }]
      paths.push(next)
      for (let n = 0; n < count; n++) add(taker, next)
      if (!surrenders) continue
      const last = { giver: taker, taker: '', sequence: 9, kind: 'surrender' } as const
      add(taker, [...next, { ...last, digest: `${index}!` as Digest }])
    }
    return claims
  })

/** What the tree says, without looking at pairs of claims. */
function modelOf(claims: readonly ShownClaim[]) {
  const children = new Map<string, Map<string, CoinStep>>()
  const claimed = new Map<string, ShownClaim[]>()
  const key = (chain: readonly CoinStep[]) => chain.map((one) => one.digest).join(' ')
  for (const one of claims) {
    const { chain } = one
    claimed.set(key(chain), [...(claimed.get(key(chain)) ?? []), one])
    for (const [at, move] of chain.entries()) {
      const before = key(chain.slice(0, at))
      children.set(before, (children.get(before) ?? new Map()).set(move.digest, move))
    }
  }
  const guilty = new Set<string>()
  for (const [place, moves] of children) {
    const [first, second] = [...moves.values()]
    if (first && second) guilty.add(first.giver)
    // Who claims it has not given it on, nor surrendered it.
    if (first && claimed.has(place)) guilty.add(first.giver)
  }
  for (const [{ creditor } = { creditor: '' }, again] of claimed.values()) {
    if (again) guilty.add(creditor)
  }
  const creditors = [...new Set(claims.map(({ creditor }) => creditor))]
  const honest = creditors.filter((creditor) => !guilty.has(creditor))
  const creditor =
    creditors.length === 1 ? creditors[0] : honest.length === 1 ? honest[0] : undefined
  return { creditor, guilty, creditors }
}

test('any claims, in any order: the same, and what the whole history says', () => {
  const seen = { paid: 0, waiting: 0, cases: 0 }
  fc.assert(
    fc.property(
      histories.chain((claims) =>
        fc.tuple(fc.constant(claims), fc.shuffledSubarray(claims, { minLength: claims.length })),
      ),
      ([claims, shuffled]) => {
        fc.pre(claims.length > 0)
        const expected = modelOf(claims)
        const texts = ({ cases }: ReturnType<typeof settleCoin>) =>
          cases.map(({ kind, suspect, shown }) => `${kind} ${suspect} ${shown.join()}`).toSorted()
        const [one, other] = [settleCoin(claims), settleCoin(shuffled)]
        expect(one.creditor).toBe(expected.creditor)
        expect(other.creditor).toBe(expected.creditor)
        expect(texts(other)).toEqual(texts(one))
        for (const { suspect } of one.cases) expect(expected.guilty).toContain(suspect)
        // Nobody is accused who has given it, and claimed it, once.
        if (expected.guilty.size === 0) expect(one.cases).toEqual([])
        if (one.creditor === undefined) seen.waiting++
        else seen.paid++
        if (one.cases.length > 0) seen.cases++
      },
    ),
    { numRuns: 2000 },
  )
  console.log(seen)
  expect(Math.min(seen.paid, seen.waiting, seen.cases)).toBeGreaterThan(100)
})

describe('who is owed a coin', () => {
  test.each(ROWS)('%s', (_name, claims, creditor, cases) => {
    for (const order of [
      claims,
      claims.toReversed(),
      [...claims.slice(1), ...claims.slice(0, 1)],
    ]) {
      const settled = settleCoin(order)
      expect(settled.creditor).toBe(creditor)
      expect(settled.cases.map(({ kind, suspect }) => `${kind} ${suspect}`).toSorted()).toEqual(
        cases,
      )
    }
  })
})

describe('which elements there are two of', () => {
  test.each([
    ['one transfer, shown twice', 'a1>v a1>v', []],
    ['one number each of two elements', 'a1>v b1>v', []],
    ['two numbers of one element', 'a1>v a2>w', []],
    ['two transfers with one number', 'a1>v a1>w a2>v', ['a 1: a1>v a1>w']],
    ['three, shown in another order', 'b3~c a1>w b3!x b3>v', ['b 3: b3!x b3>v b3~c']],
  ])('%s', (_name, steps, expected) => {
    const found = clonesAmong(steps.split(' ').map(step))
    const told = found.map(
      ({ giver, sequence, digests }) => `${giver} ${sequence}: ${digests.join(' ')}`,
    )
    expect(told).toEqual(expected)
  })
})
