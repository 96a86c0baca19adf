import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Amount } from '../../../src/kernel/money.ts'
import type { Result } from '../../../src/schemes/wallet/phone-results.ts'
import { plainWire } from '../../../src/schemes/wallet/phone-wire.ts'
import { ASK_LIFE, done, lost, PhoneWorld, type Books, type Holder } from './phone-world.ts'

let world: PhoneWorld
beforeAll(async () => {
  world = await PhoneWorld.create()
})
afterAll(() => world.close())

/** Loses messages of the contacts that follow, by their place among them. */
class Loser {
  readonly #places: readonly number[]
  passed = 0
  lost = 0

  constructor(...places: readonly number[]) {
    this.#places = places
  }

  on(...holders: readonly Holder[]): void {
    for (const holder of holders) {
      holder.wire = async (message) => {
        const isLost = this.#places.includes(this.passed)
        this.passed += 1
        if (!isLost) return message.bytes
        this.lost += 1
        throw lost(message)
      }
    }
  }
}

function off(...holders: readonly Holder[]): void {
  for (const holder of holders) holder.wire = plainWire
}

/** Again until it is done, as people do: at most once more than messages are lost. */
async function until<T>(work: () => Promise<Result<T>>, tries = 3) {
  let result = await work()
  for (let again = 1; again < tries && result.status !== 'done'; again++) result = await work()
  return done(result)
}

/** A payment from card to card, every step repeated until it is done. */
async function payEachOther(payer: Holder, payee: Holder, amount: Amount): Promise<void> {
  const asked = await until(() => payee.ask(amount))
  const ask = await until(() => payee.phone().handOver('ask', asked.message))
  const paid = await until(() => payer.pay(ask.message))
  const payment = await until(() => payer.phone().handOver('paid', paid.message))
  await until(() => payee.receive(payment.message))
}

/** The same once: whoever loses a message walks away. */
async function tryToPay(payer: Holder, payee: Holder, amount: Amount): Promise<boolean> {
  const asked = await payee.ask(amount)
  if (asked.status !== 'done') return false
  const ask = await payee.phone().handOver('ask', asked.message)
  if (ask.status !== 'done') return false
  const paid = await payer.pay(ask.message)
  if (paid.status !== 'done') return false
  const payment = await payer.phone().handOver('paid', paid.message)
  if (payment.status !== 'done') return false
  return (await payee.receive(payment.message)).status === 'done'
}

interface Flow {
  readonly name: string
  /** Puts the holders where it begins. */
  readonly before: (alice: Holder, bob: Holder) => Promise<void>
  readonly run: (alice: Holder, bob: Holder) => Promise<void>
  /** What it changes of Alice’s books and of Bob’s: online, card. */
  readonly change: readonly [readonly [Amount, Amount], readonly [Amount, Amount]]
}

const FLOWS: readonly Flow[] = [
  {
    name: 'load',
    before: async () => {},
    run: async (alice) => {
      await until(() => alice.load(100n))
    },
    change: [
      [-100n, 100n],
      [0n, 0n],
    ],
  },
  {
    name: 'unload',
    before: async () => {},
    run: async (alice) => {
      await until(() => alice.unload(100n))
    },
    change: [
      [100n, -100n],
      [0n, 0n],
    ],
  },
  {
    name: 'synchronise',
    before: async (alice, bob) => payEachOther(alice, bob, 50n),
    run: async (alice) => {
      await until(() => alice.synchronise())
    },
    change: [
      [0n, 0n],
      [0n, 0n],
    ],
  },
  {
    name: 'pay from card to card',
    before: async () => {},
    run: async (alice, bob) => payEachOther(alice, bob, 50n),
    change: [
      [0n, -50n],
      [0n, 50n],
    ],
  },
  {
    name: 'refuse before the payment',
    before: async () => {},
    async run(alice, bob) {
      const asked = await until(() => bob.ask(50n))
      const ask = await until(() => bob.phone().handOver('ask', asked.message))
      const declined = await until(() => bob.refuse(asked.request.bytes))
      const no = await until(() => bob.phone().handOver('refused', declined.message))
      expect((await until(() => alice.refund(no.message))).record).toBeUndefined()
      off(alice)
      expect(await alice.pay(ask.message)).toMatchObject({ refusal: 'refused' })
    },
    change: [
      [0n, 0n],
      [0n, 0n],
    ],
  },
  {
    name: 'refuse after the payment',
    before: async () => {},
    async run(alice, bob) {
      const asked = await until(() => bob.ask(50n))
      await until(() => alice.pay(asked.message))
      const declined = await until(() => bob.refuse(asked.request.bytes))
      const no = await until(() => bob.phone().handOver('refused', declined.message))
      expect((await until(() => alice.refund(no.message))).record).toBeDefined()
    },
    change: [
      [0n, 0n],
      [0n, 0n],
    ],
  },
]

/** Cards and books agree, and nothing was made or lost on the way. */
async function agree(alice: Holder, bob: Holder): Promise<readonly [Books, Books]> {
  const [a, b] = await world.books(alice, bob)
  if (!a || !b) throw new Error('two people have two books')
  expect([a.shadow, b.shadow]).toEqual([a.card, b.card])
  return [a, b]
}

async function synchronise(...holders: readonly Holder[]): Promise<void> {
  off(...holders)
  world.office.clock.pass(2 * ASK_LIFE)
  for (const holder of holders) done(await holder.synchronise())
}

function totalOf(books: readonly Books[]): Amount {
  return books.reduce((total, { online, card }) => total + online + card, 0n)
}

async function pair(): Promise<readonly [Holder, Holder]> {
  const [alice, bob] = [await world.person(), await world.person()]
  done(await alice.load(200_00n))
  return [alice, bob]
}

describe('every message of a flow, lost once', () => {
  test.each(FLOWS)('$name', async ({ before, run, change }) => {
    const [alice, bob] = await pair()
    let count = 0
    for (;;) {
      await synchronise(alice, bob)
      await before(alice, bob)
      const [a, b] = (await world.books(alice, bob)) as [Books, Books]
      const loser = new Loser(count)
      loser.on(alice, bob)
      await run(alice, bob)
      if (loser.lost === 0) break
      count += 1
      await synchronise(alice, bob)
      const after = await agree(alice, bob)
      const [[aOnline, aCard], [bOnline, bCard]] = change
      expect([count, ...after.map(({ online, card }) => [online, card])]).toEqual([
        count,
        [a.online + aOnline, a.card + aCard],
        [b.online + bOnline, b.card + bCard],
      ])
    }
    console.log(`${count} messages lost, one by one`)
    expect(count).toBeGreaterThan(8)
  })
})

describe('whoever loses a message walks away', () => {
  test.each([
    ['and the payer synchronises first', true],
    ['and the payee synchronises first', false],
  ])('%s', async (_name, isPayerFirst) => {
    const [alice, bob] = await pair()
    let count = 0
    let stranded = 0
    for (;;) {
      await synchronise(alice, bob)
      const before = await agree(alice, bob)
      const loser = new Loser(count)
      loser.on(alice, bob)
      const isDone = await tryToPay(alice, bob, 50n)
      if (loser.lost === 0) break
      count += 1
      const hasPaid = (await alice.balance()) < before[0].card
      if (hasPaid && !isDone) stranded += 1
      await synchronise(...(isPayerFirst ? [alice, bob] : [bob, alice, bob]))
      const after = await agree(alice, bob)
      expect(totalOf(after)).toBe(totalOf(before))
      expect(after[1].card - before[1].card).toBe(hasPaid ? 50n : 0n)
      // What was never paid is not asked for any more: four open requests are the most.
      await closeRequests(bob)
    }
    console.log(`${count} messages lost; ${stranded} payments came by the offices`)
    expect(stranded).toBeGreaterThan(0)
  })
})

async function closeRequests(holder: Holder): Promise<void> {
  const { requests } = done(
    await holder.tap((phone, channel) => phone.openRequests(channel, '4821')),
  )
  for (const { bytes } of requests) done(await holder.refuse(bytes))
}

describe('every pair of messages of a payment from card to card', () => {
  test('lost', async () => {
    const [alice, bob] = await pair()
    let pairs = 0
    const tryPair = async (first: number, second: number): Promise<boolean> => {
      if (pairs % 4 === 0) {
        await synchronise(alice, bob)
        await agree(alice, bob)
      }
      const [a, b] = [await alice.balance(), await bob.balance()]
      const loser = new Loser(first, second)
      loser.on(alice, bob)
      await payEachOther(alice, bob, 1n)
      off(alice, bob)
      expect([await alice.balance(), await bob.balance()]).toEqual([a - 1n, b + 1n])
      if (loser.lost === 2) pairs += 1
      return loser.lost === 2
    }
    for (let first = 0; ; first++) {
      let second = first + 1
      while (await tryPair(first, second)) second += 1
      if (second === first + 1) break
    }
    await synchronise(alice, bob)
    await agree(alice, bob)
    console.log(`${pairs} pairs of messages lost`)
    expect(pairs).toBeGreaterThan(100)
  })
})
