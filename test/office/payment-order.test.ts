import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Bytes } from '../../src/kernel/bytes.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import type { Made, Request, Signer, WalletCard } from '../support/wallet-mint.ts'
import { createWalletOffice, type WalletOffice, type WalletTill } from '../support/wallet-office.ts'

/**
 * The order of arrival must not matter, nor from which side what came, nor how often: ledger, balances
 * and cases end the same. With a pool that is large enough not even what never came matters to that.
 */
let database: TestDatabase
let town: WalletOffice

beforeAll(async () => {
  database = await createTestDatabase()
  town = await createWalletOffice(database.db)
})
afterAll(async () => {
  await town.service.stop()
  await database.drop()
})

/** Random towns to try, of each kind; the long campaign asks for more. */
const TOWNS = Number(process.env.KONTANT_TOWNS ?? 3)
const POOL = { policy: 'pool', poolMax: 1_000_000n } as const

const event = fc.record({
  what: fc.constantFrom(
    'person',
    'person',
    'person',
    'not received',
    'till',
    'till',
    'expected',
    'refused',
    'refused by till',
    'load',
    'unload',
  ),
  payer: fc.nat(),
  payee: fc.nat(),
  share: fc.integer({ min: 1, max: 100 }),
  by: fc.nat(),
})
type TownEvent = typeof event extends fc.Arbitrary<infer T> ? T : never

interface Scene {
  readonly cards: readonly WalletCard[]
  readonly tills: readonly WalletTill[]
}

/** Evidence, and who may hand it in. */
interface Item {
  readonly bytes: Bytes
  readonly by: readonly (WalletCard | WalletTill)[]
}

function isTill(signer: Signer): signer is WalletTill {
  return signer.party.kind === 'till'
}

/** What honest cards and tills do; money comes and goes as the cards can bear it. */
async function happen(
  { what, payer: p, payee: q, share }: TownEvent,
  scene: Scene,
): Promise<Item[]> {
  const { mint } = town
  const payer = pick(scene.cards, p)
  const payee = pick(
    scene.cards.filter((card) => card !== payer),
    q,
  )
  const till = pick(scene.tills, q)
  if (what === 'load')
    return [{ bytes: (await town.load(payer, BigInt(share))).evidence, by: [payer] }]
  const amount = (payer.balance * BigInt(share)) / 100n
  if (amount === 0n) return []
  const asked = (signer: Signer): Request => mint.request(signer, amount, payer.id)
  const at = (made: Made, other: WalletCard | WalletTill): Item => ({
    bytes: made.evidence,
    by: [payer, other],
  })
  switch (what) {
    case 'person': {
      const paid = mint.pay(payer, asked(payee))
      return [at(paid, payee), at(mint.receive(payee, paid), payee)]
    }
    case 'not received':
      return [at(mint.pay(payer, asked(payee)), payee)]
    case 'till':
      return [at(mint.pay(payer, asked(till)), till)]
    case 'expected': {
      const paid = mint.pay(payer, asked(till))
      return [{ bytes: mint.expected(paid), by: [till] }, at(paid, till)]
    }
    case 'refused':
    case 'refused by till': {
      const request = asked(what === 'refused' ? payee : till)
      const paid = mint.pay(payer, request)
      const refused = mint.refuse(request.payee, request)
      const other = what === 'refused' ? payee : till
      const beside = { bytes: mint.refused(paid, refused), by: [payer, other] }
      return [at(paid, other), beside, at(mint.refund(payer, refused, paid), other)]
    }
    case 'unload': {
      const paid = mint.pay(payer, asked(mint.office()))
      return [{ bytes: paid.evidence, by: [payer] }]
    }
  }
}

/** Hands items in, a few at a time, each by one who may. */
async function deliver(items: readonly Item[], numbers: Iterator<number>): Promise<void> {
  const rest = [...items]
  while (rest.length > 0) {
    const some = rest.splice(0, 1 + (next(numbers) % 6))
    const byWhom = Map.groupBy(some, ({ by }) => pick(by, next(numbers)))
    for (const [signer, own] of byWhom) {
      const bytes = own.map((item) => item.bytes)
      if (isTill(signer)) await town.report(signer, ...bytes)
      else await town.sync(signer, ...bytes)
    }
    await town.check()
  }
}

async function outcome({ cards }: Scene) {
  const cases = await town.cases()
  return {
    ledgers: await Promise.all(cards.map((card) => town.ledger(card))),
    balances: await town.balances(),
    payments: await town.payments(),
    cases: cases.map(({ kind, card, suspects, records }) => ({ kind, card, suspects, records })),
  }
}

async function newTown(events: readonly TownEvent[]): Promise<{ scene: Scene; items: Item[] }> {
  await town.forget()
  const cards = await Promise.all([300n, 100n, 0n, 0n].map((balance) => town.addCard(balance)))
  const tills = await Promise.all([town.addTill(), town.addTill()])
  const scene = { cards, tills }
  const items: Item[] = []
  for (const each of events) items.push(...(await happen(each, scene)))
  return { scene, items }
}

const events = fc.array(event, { minLength: 6, maxLength: 16 })

test.for([{ policy: 'hold', poolMax: 0n } as const, POOL])(
  'of all evidence does not matter under $policy',
  { timeout: 120_000 },
  async (liquidity) => {
    let uploads = 0
    await fc.assert(
      fc.asyncProperty(events, fc.infiniteStream(fc.nat()), async (happened, numbers) => {
        const { scene, items } = await newTown(happened)
        await town.setLiquidity(liquidity)
        await deliver(items, numbers)
        const expected = await outcome(scene)
        expect(expected.cases).toEqual([])
        expect(expected.payments.filter((line) => line.includes('pending'))).toEqual([])
        expect(expected.balances).not.toHaveProperty('pool ')
        for (const card of scene.cards) {
          expect(await town.shadow(card)).toBeGreaterThanOrEqual(card.balance)
        }
        for (let repetition = 0; repetition < 2; repetition += 1) {
          await town.forget()
          const order = shuffled([...items, ...items.slice(0, 3)], numbers)
          await deliver(order, numbers)
          expect(await outcome(scene)).toEqual(expected)
          uploads += order.length
        }
        expect(await town.rejected()).toEqual([])
      }),
      { numRuns: TOWNS },
    )
    console.log(`payments under ${liquidity.policy}: ${uploads} items handed in in other orders`)
  },
)

test(
  'of some of it does not matter if the pool is large enough',
  { timeout: 120_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(events, fc.infiniteStream(fc.nat()), async (happened, numbers) => {
        const { scene, items } = await newTown(happened)
        await town.setLiquidity(POOL)
        const some = items.filter(() => next(numbers) % 3 > 0)
        await deliver(some, numbers)
        const expected = await outcome(scene)
        expect(expected.cases).toEqual([])
        await town.forget()
        await deliver(shuffled([...some, ...some.slice(0, 3)], numbers), numbers)
        expect(await outcome(scene)).toEqual(expected)
      }),
      { numRuns: TOWNS },
    )
  },
)

function next(numbers: Iterator<number>): number {
  return numbers.next().value ?? 0
}

function pick<T>(from: readonly T[], number: number): T {
  const picked = from[number % from.length]
  if (picked === undefined) throw new Error('nothing to pick from')
  return picked
}

function shuffled<T>(items: readonly T[], numbers: Iterator<number>): T[] {
  return items
    .map((item) => ({ item, key: next(numbers) }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item)
}
