import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { mishaps, tears } from './mishaps.ts'
import { play } from './play.ts'

/**
 * Random towns in which everything goes wrong that can and nobody lies: cards leave at any moment,
 * tills lose power, networks swallow requests and answers, sticks arrive late, twice and in any order.
 * In the end every card pays once more at a till without accidents, and everything is handed in.
 * Customers with purse cards have laptops, and that changes nothing.
 */
const SCHEMES = { ada: 'purse', bert: 'block', cleo: 'purse' } as const
const CARDS = ['ada', 'bert', 'cleo'] as const
const TILLS = ['v1', 'v2', 'v3'] as const
const STEPS = 30

const tear = tears(70)
const middleman = fc.constantFrom<object>(
  { listen: 'tape' },
  { replay: 'tape' },
  { replay: 'tape', from: 'act' },
  { say9000: true },
  { say9000: true, from: 'act' },
  { changeCommand: '0.01' },
  { changeCommand: '30.00' },
  { changeAnswer: '99.00' },
)
const card = fc.constantFrom(...CARDS)
const till = fc.constantFrom(...TILLS)
const amount = fc.integer({ min: 1, max: 900 }).map((cents) => (cents / 100).toFixed(2))
const torn = fc.record({ tear }, { requiredKeys: [] })

/** Steps that belong together: a till without power is started again before it is asked for anything. */
const steps = fc.oneof(
  { weight: 4, arbitrary: tap('pay') },
  { weight: 2, arbitrary: tap('load') },
  {
    weight: 2,
    arbitrary: fc
      .record({ card, till, cut: torn })
      .map(({ cut, ...retap }) => [{ retap, ...cut }, { restart: retap.till }]),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ card, till, new: fc.constantFrom('1111', '2222', '33333333') })
      .map((passcode) => [{ passcode }]),
  },
  ...mishaps(till),
)

function tap(verb: 'pay' | 'load') {
  const trouble = fc.oneof(
    { weight: 3, arbitrary: torn },
    { weight: 1, arbitrary: fc.record({ middleman }) },
  )
  return fc.record({ card, till, amount, trouble }).map(({ trouble: cut, ...words }) => {
    const happens = 'middleman' in cut && SCHEMES[words.card] === 'block' ? {} : cut
    return [{ [verb]: words, ...happens }, { restart: words.till }]
  })
}

function story(happens: readonly (readonly object[])[]): string {
  const pin = (name: (typeof CARDS)[number]) => SCHEMES[name] === 'purse' && { passcode: 'none' }
  const first = { pay: { card: 'ada', till: 'v1', amount: '1.00' }, middleman: { listen: 'tape' } }
  const pays = (name: (typeof CARDS)[number], at: string) => ({
    pay: { card: name, till: at, amount: '0.01', ...pin(name) },
  })
  const last = CARDS.map((name) => pays(name, 'last'))
  return JSON.stringify({
    currency: 'EUR',
    policy: { mayLoad: true, passcodeTries: 100 },
    cards: Object.fromEntries(
      CARDS.map((name) => [name, { scheme: SCHEMES[name], balance: '50.00' }]),
    ),
    tills: Object.fromEntries([...TILLS, 'last'].map((name) => [name, {}])),
    steps: [first, ...happens.flat(), ...last, { sync: 'all' }, { upload: 'all' }, { sync: 'all' }],
    expect: { cases: 'none', conservation: true },
  })
}

/** Steps may be refused; what is expected in the end must hold. */
const EXPECTED = /^(no case|accounts that add up|.* as its shadow account says|0\.01)/

test('no accident accuses anybody, or makes or loses money', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: STEPS, maxLength: STEPS }), async (happens) => {
      const result = await play(story(happens))
      expect(result.failures.filter(({ expected }) => EXPECTED.test(expected))).toEqual([])
      const closing = result.steps.filter(
        ({ verb, text }) => verb === 'pay' && text.includes(' at last'),
      )
      expect(closing.filter(({ result: ended }) => ended !== 'done')).toEqual([])
      expect(closing.length).toBe(CARDS.length)
    }),
    { numRuns: 6, endOnFailure: true },
  )
})

test.each(['given', 'reversed'])(
  'a payment reported twice, as unfinished and as done, accuses nobody in the order %s',
  async (order) => {
    const result = await play(
      JSON.stringify({
        currency: 'EUR',
        cards: { ada: { balance: '50.00' } },
        tills: { v1: {}, last: {} },
        steps: [
          {
            pay: { card: 'ada', till: 'v1', amount: '7.00' },
            tear: { cardWrite: 2 },
            expect: 'unfinished',
          },
          { collect: 'v1' },
          { retap: { card: 'ada', till: 'v1' } },
          { collect: 'v1' },
          { upload: 'all', order },
          { pay: { card: 'ada', till: 'last', amount: '0.01' } },
          { sync: 'all' },
        ],
        expect: { cases: 'none', conservation: true },
      }),
    )
    expect(result.failures).toEqual([])
  },
)
