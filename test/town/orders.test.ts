import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PlayResult } from '../../src/town/result.ts'
import { permutations } from '../../src/town/steps/deliveries.ts'
import { failuresOf, play } from './play.ts'

/** What a cheat at one of the payments, but for the last, is proven as. */
const CHEATS = {
  alterPreviousBalance: {
    words: { alterPreviousBalance: '-1.50' },
    kind: 'previous-balance-altered',
  },
  alterOwnBalance: { words: { alterOwnBalance: '-0.25' }, kind: 'wrong-arithmetic' },
  signTwice: { words: { signTwice: '-2.00' }, kind: 'equivocation' },
  withhold: { words: { withhold: true }, kind: 'withheld-transaction' },
  deny: { words: { deny: true }, kind: 'withheld-transaction' },
  none: { words: undefined, kind: undefined },
} as const
type CheatName = keyof typeof CHEATS

/** Random towns to try; the long campaign asks for more. */
const TOWNS = Number(process.env.KONTANT_TOWNS ?? 2)

const TILLS = ['v1', 'v2', 'v3'] as const
const PAYMENTS = 10

interface TenPayments {
  readonly cheat: CheatName
  /** Which payment it is at, from 0. */
  readonly position: number
  /** Where the card pays. */
  readonly tills: readonly (typeof TILLS)[number][]
  /** After which payment sticks are collected for the first time. */
  readonly cut: number
}

const tenPayments: fc.Arbitrary<TenPayments> = fc.record(
  {
    cheat: fc.constantFrom(...(Object.keys(CHEATS) as CheatName[])),
    position: fc.nat({ max: PAYMENTS - 2 }),
    tills: fc.array(fc.constantFrom(...TILLS), { minLength: PAYMENTS, maxLength: PAYMENTS }),
    cut: fc.nat({ max: PAYMENTS - 1 }),
  },
  { noNullPrototype: true },
)

/** At most five batches: three tills, and one of them hands in twice. */
function story({ cheat, position, tills, cut }: TenPayments, uploads: readonly object[]): string {
  const payments = tills.map((till, index) => {
    const { words } = CHEATS[cheat]
    const cheating = index === position && words !== undefined ? { cheat: words } : {}
    return { pay: { card: 'ada', till, amount: `${index + 1}.00` }, ...cheating }
  })
  const collect = { collect: 'v1' }
  const steps = [...payments.slice(0, cut), collect, ...payments.slice(cut), { collect: 'all' }]
  return JSON.stringify({
    currency: 'EUR',
    cards: { ada: { balance: '100.00' } },
    tills: Object.fromEntries(TILLS.map((till) => [till, {}])),
    steps: [...steps, ...uploads],
  })
}

/**
 * Whoever alters a block of his own can sign that too: there are then two with his signature. And a
 * till that has handed in nothing since a payment can still hand it in: it has not withheld it yet.
 */
function provenKind(town: TenPayments) {
  const { cheat, position, tills } = town
  const isOwn = position > 0 && tills[position - 1] === tills[position]
  if (cheat === 'alterPreviousBalance' && isOwn) return 'equivocation'
  const { kind } = CHEATS[cheat]
  return kind === 'withheld-transaction' && !handsInSince(town) ? undefined : kind
}

/** Whether the cheat's till hands in a batch after the cheat: only with another payment in it. */
function handsInSince({ position, tills, cut }: TenPayments): boolean {
  const till = tills[position]
  const collectedBefore = till === 'v1' && position >= cut ? cut : 0
  return tills.some(
    (other, index) => other === till && index !== position && index >= collectedBefore,
  )
}

function ends({ ledgers, accounts, cases }: PlayResult) {
  return { ledgers, accounts, cases }
}

describe('ten payments of one card with one cheat', () => {
  test('end the same in every order, and only the cheat is proven guilty', async () => {
    await fc.assert(
      fc.asyncProperty(tenPayments, async (town) => {
        const result = await play(story(town, [{ upload: 'all', order: 'every' }]))
        expect(failuresOf(result)).toBe('')
        const proven = result.cases.filter(({ strength }) => strength === 'proven')
        const kind = provenKind(town)
        expect(proven.map((found) => [found.kind, found.suspects])).toEqual(
          kind === undefined ? [] : [[kind, [town.tills[town.position]]]],
        )
      }),
      { numRuns: TOWNS },
    )
  })

  test('duplicated batches, lost acknowledgements and repeated uploads change nothing', async () => {
    const repeats = [
      { upload: 'all', order: 'shuffled', times: 3 },
      { sync: 'all', lose: 'acknowledgement' },
      { sync: 'all' },
      { sync: 'all' },
    ].map((step) => ('lose' in step ? { ...step, expect: 'unreachable' } : step))
    await fc.assert(
      fc.asyncProperty(tenPayments, async (town) => {
        const once = await play(story(town, [{ upload: 'all' }]))
        const often = await play(story(town, [{ upload: 'all' }, ...repeats]))
        expect(often.failures.filter(({ found }) => found !== 'acknowledged')).toEqual([])
        expect(ends(often)).toEqual(ends(once))
      }),
      { numRuns: TOWNS },
    )
  })
})

test('a copied purse card, with a payment of which its till heard nothing, ends the same', async () => {
  const result = await play(`currency: EUR
policy: { mayLoad: true }
cards: { ada: { scheme: purse, balance: 60.00 }, bert: { balance: 20.00 } }
tills: { v1: {}, v2: {}, v3: {}, v4: {} }
steps:
  - { pay: { card: ada, till: v1, amount: 1.00 }, tear: { apdu: 3, mode: answer-lost } }
  - { clone: ada, as: copy }
  - { pay: { card: ada, till: v2, amount: 20.00 } }
  - { pay: { card: bert, till: v2, amount: 2.00 } }
  - { pay: { card: copy, till: v3, amount: 15.00 } }
  - { load: { card: copy, till: v4, amount: 4.00 } }
  - { pay: { card: bert, till: v4, amount: 3.00 } }
  - { collect: all }
  - { upload: all, order: every }
expect:
  cases: [{ kind: fork, card: ada, suspects: [ada], strength: proven }]
  only: true
  accounts: { merchant: { v1: 1.00, v2: 2.00, v4: 3.00 }, suspense: 39.00 }
`)
  expect(failuresOf(result)).toBe('')
})

test('every different order is tried, and none twice', () => {
  const orders = (items: readonly number[]) =>
    [...permutations(items)].map((order) => order.join(''))
  expect(orders([1, 2, 3])).toEqual(['123', '132', '213', '231', '312', '321'])
  expect(orders([1, 1, 2])).toEqual(['112', '121', '211'])
  expect(new Set(orders([1, 2, 3, 4, 5])).size).toBe(120)
})
