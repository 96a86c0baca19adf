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
]

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
