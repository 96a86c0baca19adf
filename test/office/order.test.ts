import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Bytes } from '../../src/kernel/bytes.ts'
import { exportProven } from '../support/case-files.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { createLedgerOffice, type LedgerOffice } from '../support/ledger-office.ts'
import type { Made, MintCard, MintTill } from '../support/mint.ts'

/**
 * The order of arrival must not matter: whatever the permutation and duplication of the same batches,
 * ledger, balances and cases end the same.
 */
let database: TestDatabase
let town: LedgerOffice

beforeAll(async () => {
  database = await createTestDatabase()
  town = await createLedgerOffice(database.db)
})
afterAll(async () => {
  await town.evidence.stop()
  await database.drop()
})

/** Random towns to try; the long campaign asks for more. */
const TOWNS = Number(process.env.KONTANT_TOWNS ?? 12)

/** One thing that happens in a random town. Numbers choose among what is there. */
const CHEATS = [
  'honest',
  'honest',
  'honest',
  'load',
  'unconfirmed-taken',
  'unconfirmed-lost',
  'clone',
  'sign-twice',
  'wrong-balance',
  'kept-back',
  'invented',
  'copied-passcode',
  'altered-previous',
] as const
const event = fc.record({
  what: fc.constantFrom(...CHEATS),
  till: fc.nat(),
  card: fc.nat(),
  amount: fc.integer({ min: 1, max: 50 }),
  endsBatch: fc.boolean(),
})
type TownEvent = typeof event extends fc.Arbitrary<infer T> ? T : never

interface Pending extends Made {
  readonly outcome?: 'unconfirmed'
}

/** Plays the events and gives the batches, in the order in which they were made. */
function play(
  events: readonly TownEvent[],
  tills: readonly MintTill[],
  cards: MintCard[],
): Bytes[] {
  const queues = new Map<MintTill, Pending[]>(tills.map((till) => [till, []]))
  const batches: Bytes[] = []
  const flush = (till: MintTill) => {
    const queue = queues.get(till) ?? []
    batches.push(town.mint.batch(till, queue.splice(0)))
  }
  for (const { what, till: t, card: c, amount: a, endsBatch } of events) {
    const till = pick(tills, t)
    const other = pick(tills, t + 1)
    const card = pick(cards, c)
    const queue = queues.get(till) ?? []
    happen(what, BigInt(a), { till, other, card, queue })
    if (endsBatch) flush(till)
  }
  for (const till of tills) flush(till)
  return batches
}

interface Scene {
  readonly till: MintTill
  readonly other: MintTill
  readonly card: MintCard
  readonly queue: Pending[]
}

function happen(what: (typeof CHEATS)[number], amount: bigint, scene: Scene): void {
  const { till, card, queue } = scene
  const { mint } = town
  const { head } = card
  switch (what) {
    case 'honest':
      queue.push(mint.make(till, card, { amount }))
      return
    case 'load':
      queue.push(mint.make(till, card, { kind: 'load', amount }))
      return
    case 'unconfirmed-taken':
      queue.push({ ...mint.make(till, card, { amount }), outcome: 'unconfirmed' })
      return
    case 'unconfirmed-lost':
      queue.push({ ...mint.make(till, card, { amount, keep: false }), outcome: 'unconfirmed' })
      return
    case 'clone':
      // The copy pays here; the card itself stays where it was.
      queue.push(mint.make(till, card, { amount, keep: false }))
      return
    case 'sign-twice':
      queue.push(mint.make(till, card, { amount, keep: false }))
      mint.make(till, card, { amount: amount + 1n, on: head })
      return
    case 'wrong-balance': {
      const { balance } = mint.open(card, head)
      queue.push(mint.make(till, card, { amount, lie: { balance: balance - amount - 1n } }))
      return
    }
    case 'kept-back':
      mint.make(till, card, { amount })
      return
    case 'invented':
      queue.push(mint.make(till, card, { amount, keep: false, passcode: '99999999' }))
      return
    case 'copied-passcode': {
      const { hmacKey, passcodeHmac } = mint.open(card, head)
      queue.push(mint.make(till, card, { amount, keep: false, lie: { hmacKey, passcodeHmac } }))
      return
    }
    case 'altered-previous': {
      const { balance, ...rest } = mint.open(card, head)
      const show = mint.seal(card, { ...rest, balance: balance + 1n }, till)
      // His own signature under another's name: he cannot make it.
      queue.push(mint.make(till, card, { amount, show, lie: { balance: balance + 1n - amount } }))
      return
    }
  }
}

function pick<T>(from: readonly T[], number: number): T {
  const picked = from[number % from.length]
  if (picked === undefined) throw new Error('nothing to pick from')
  return picked
}

/** Everything that must not depend on the order; names and instants of the office left out. */
async function outcome(cards: readonly MintCard[]) {
  const ledgers = await Promise.all(cards.map((card) => town.ledger(card)))
  const cases = await town.cases()
  return {
    ledgers,
    balances: await town.balances(),
    cases: cases
      .map(({ kind, card, strength, suspects, amount, records }) =>
        JSON.stringify({ kind, card, strength, suspects, amount: String(amount), records }),
      )
      .toSorted(),
  }
}

describe('the order of arrival', () => {
  it(
    'changes nothing, nor does repetition, in random towns with cheats',
    { timeout: 120_000 },
    async () => {
      let towns = 0
      let deliveries = 0
      let exported = 0
      await fc.assert(
        fc.asyncProperty(
          fc.array(event, { minLength: 2, maxLength: 14 }),
          fc.infiniteStream(fc.nat()),
          async (events, numbers) => {
            await town.clear()
            const tills = await Promise.all([0, 1, 2].map(() => town.addTill()))
            const cards = await Promise.all([0, 1].map(() => town.addCard()))
            const batches = play(events, tills, cards)
            await town.send(...batches)
            const expected = await outcome(cards)
            expect(sumOf(expected.balances)).toBe(0n)
            for (let repetition = 0; repetition < 3; repetition += 1) {
              await town.forget()
              const order = shuffled([...batches, ...batches.slice(0, 2)], numbers)
              await deliver(order, numbers)
              expect(await outcome(cards)).toEqual(expected)
              deliveries += order.length
            }
            // Whatever came first: each case follows from the evidence in its file.
            for (const { found, check } of await exportProven(town.office)) {
              expect(`${found.kind} ${check.result}`).toBe(`${found.kind} proven`)
              exported += 1
            }
            towns += 1
          },
        ),
        { numRuns: TOWNS },
      )
      console.log(
        `order of arrival: ${towns} random towns, ${deliveries} batches delivered in other orders, ${exported} cases verified as files`,
      )
    },
  )
})

/** Some one by one, some at once: groups then fall differently. */
async function deliver(batches: readonly Bytes[], numbers: Iterator<number>): Promise<void> {
  const rest = [...batches]
  while (rest.length > 0) {
    const together = rest.splice(0, 1 + (next(numbers) % 4))
    const results = await Promise.all(together.map((batch) => town.evidence.receive(batch)))
    expect(results.every(({ status }) => status === 'stored')).toBe(true)
    if (next(numbers) % 2 === 0) await town.evidence.settled()
  }
  await town.evidence.settled()
}

function shuffled<T>(items: readonly T[], numbers: Iterator<number>): T[] {
  const order = [...items]
  for (let index = order.length - 1; index > 0; index -= 1) {
    const other = next(numbers) % (index + 1)
    const [a, b] = [order[index], order[other]]
    if (a !== undefined && b !== undefined) [order[index], order[other]] = [b, a]
  }
  return order
}

function next(numbers: Iterator<number>): number {
  const { value } = numbers.next()
  return typeof value === 'number' ? value : 0
}

function sumOf(balances: Readonly<Record<string, string>>): bigint {
  return Object.values(balances).reduce((total, balance) => total + BigInt(balance), 0n)
}
