import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { mishaps, tears } from '../town/mishaps.ts'
import { play } from '../town/play.ts'

/**
 * Random towns that sell for coins and may sell nothing but what they have tokens for: cards leave, are cold,
 * and do not make the amount; tills lose power and give up; skimmers listen, repeat and spoil; batches get
 * lost, and come twice and in any order. Nobody lies, so nobody is accused, of nothing that he sold.
 */
const CARDS = ['ada', 'bert'] as const
const TILLS = ['v1', 'v2'] as const
const STEPS = 40
const RUNS = 30

const tear = tears(20)
const middleman = fc.oneof(
  fc.constantFrom<object>(
    { listen: 'tape' },
    { replay: 'tape' },
    { replay: 'tape', from: 'act' },
    { changeAnswer: '99.00' },
  ),
  fc.record({ spoil: fc.integer({ min: 1, max: 24 }) }),
)
const card = fc.constantFrom(...CARDS)
const till = fc.constantFrom(...TILLS)
const products = fc.constantFrom({ tea: 1 }, { cake: 1 }, { tea: 1, cake: 1 }, { cake: 2 })
const passcode = fc.constantFrom('none', '0000')
const trouble = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  { weight: 3, arbitrary: fc.record({ tear }) },
  { weight: 1, arbitrary: fc.record({ middleman }) },
)

const steps = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .record({ card, till, products, trouble })
      .map(({ trouble: cut, ...pay }) => [{ pay, ...cut }, { restart: pay.till }]),
  },
  {
    weight: 1,
    arbitrary: fc.record({ card, till, products, passcode }).map((pay) => [{ pay }]),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({ card, till, trouble })
      .map(({ trouble: cut, ...retap }) => [{ retap, ...cut }, { restart: retap.till }]),
  },
  { weight: 1, arbitrary: till.map((name) => [{ cashUp: name }]) },
  {
    weight: 1,
    arbitrary: card.map((name) => [
      { noise: name, bitErrorRate: 0.3 },
      { pay: { card: name, till: 'v1', products: { tea: 1 } } },
      { noise: name, bitErrorRate: 0.05 },
    ]),
  },
  ...mishaps(till),
)

function story(happens: readonly (readonly object[])[]): string {
  const all = [...TILLS, 'last']
  const coins = ['2.50', '2.50', '2.50', '1.00', '1.00', '0.50', '0.20', '0.20', '5.00', '5.00']
  const first = {
    pay: { card: 'ada', till: 'v1', products: { tea: 1 } },
    middleman: { listen: 'tape' },
  }
  // What a card has open with a till is finished there; then each pays once more.
  const settle = TILLS.flatMap((at) =>
    CARDS.flatMap((name) => [{ pay: { card: name, till: at, products: { cake: 1 } } }]),
  )
  const last = CARDS.map((name) => ({
    pay: { card: name, till: 'last', products: { water: 1 } },
  }))
  return JSON.stringify({
    currency: 'EUR',
    policy: { freeAmounts: false },
    products: { tea: { price: '2.50' }, cake: { price: '0.70' }, water: { price: '0.01' } },
    people: Object.fromEntries(CARDS.map((name) => [`holder-${name}`, { online: '50.00' }])),
    cards: Object.fromEntries(
      CARDS.map((name) => [name, { scheme: 'coin', holder: `holder-${name}` }]),
    ),
    tills: Object.fromEntries(
      all.map((name) => [
        name,
        {
          float: ['0.50', '0.20', '0.20', '0.10', '0.05', '0.01', '0.01'],
          tokens: { tea: 5, cake: 9, water: 9 },
        },
      ]),
    ),
    steps: [
      ...CARDS.map((name) => ({ buyCoins: { card: name, coins: [...coins, '0.01'] } })),
      first,
      ...happens.flat(),
      ...settle,
      ...last,
      ...all.map((name) => ({ cashUp: name })),
      { sync: 'all' },
      { upload: 'all' },
      { sync: 'all' },
    ],
    expect: { cases: 'none', conservation: true },
  })
}

/** Steps may be refused; what is expected in the end must hold. */
const EXPECTED = /^(no case|accounts that add up)/

test('no accident accuses a vendor of what he sold for coins, or makes or loses money', async () => {
  const counted = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: STEPS, maxLength: STEPS }), async (happens) => {
      const result = await play(story(happens))
      for (const { verb, result: ended } of result.steps) {
        if (verb === 'pay') counted.set(ended, (counted.get(ended) ?? 0) + 1)
      }
      expect(result.failures.filter(({ expected }) => EXPECTED.test(expected))).toEqual([])
    }),
    { numRuns: RUNS, endOnFailure: true },
  )
  console.log('payments:', Object.fromEntries(counted))
})
