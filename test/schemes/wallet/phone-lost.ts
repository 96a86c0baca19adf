import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Amount } from '../../../src/kernel/money.ts'
import {
  agree,
  booksOf,
  Loser,
  off,
  pair,
  payEachOther,
  synchronise,
  totalOf,
  tryToPay,
  until,
} from './phone-flows.ts'
import { done, PhoneWorld, PIN, type Books, type Holder } from './phone-world.ts'

let world: PhoneWorld

interface Flow {
  readonly name: string
  /** Puts the holders where it begins. */
  readonly before: (alice: Holder, bob: Holder) => Promise<void>
  readonly run: (alice: Holder, bob: Holder) => Promise<void>
  /** Has many messages to cards: where there is little time not all of these are lost. */
  readonly isLong?: boolean
  /** What it changes of Alice’s books, and of Bob’s if he takes part: online, card. */
  readonly change: readonly (readonly [online: Amount, card: Amount])[]
}

const FLOWS: readonly Flow[] = [
  {
    name: 'load',
    isLong: true,
    before: async () => {},
    run: async (alice) => {
      await until(() => alice.load(100n))
    },
    change: [[-100n, 100n]],
  },
  {
    name: 'unload',
    isLong: true,
    before: async () => {},
    run: async (alice) => {
      await until(() => alice.unload(100n))
    },
    change: [[100n, -100n]],
  },
  {
    name: 'synchronise',
    isLong: true,
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

/** By how much both online wallet and card of each changed. */
function changeOf(before: readonly Books[], after: readonly Books[]) {
  return after.map(({ online, card }, index) => {
    const earlier = before[index]
    return earlier && [online - earlier.online, card - earlier.card]
  })
}

async function closeRequests(holder: Holder): Promise<void> {
  const open = await holder.tap((phone, channel) => phone.openRequests(channel, PIN))
  for (const { bytes } of done(open).requests) done(await holder.refuse(bytes))
}

/** @param options `step`, odd: of so many messages from and to the card, in a long flow, one is lost. */
export function defineLost(options: { readonly step: number }): void {
  beforeAll(async () => {
    world = await PhoneWorld.create()
  })
  afterAll(() => world.close())

  describe('every message of a flow, lost once', () => {
    test.each(FLOWS)('$name', async ({ before, run, change, isLong = false }) => {
      const everybody = await pair(world)
      const [alice, bob] = everybody
      const involved = change.length === 1 ? [alice] : everybody
      const step = isLong ? options.step : 1
      const rehearsal = new Loser()
      await before(alice, bob)
      rehearsal.on(alice, bob)
      await run(alice, bob)
      off(alice, bob)
      let count = 0
      for (let nth = 0; ; nth += 1) {
        if (rehearsal.legs[nth] === 'card' && nth % step !== 0) continue
        await before(alice, bob)
        const earlier = await booksOf(...involved)
        const loser = new Loser(nth)
        loser.on(alice, bob)
        await run(alice, bob)
        await synchronise(...involved)
        expect(changeOf(earlier, await agree(...involved))).toEqual(change)
        if (loser.lost === 0) break
        count += 1
      }
      console.log(`${count} of ${rehearsal.legs.length} messages lost, one by one`)
      expect(count).toBeGreaterThan(8)
    })
  })

  describe('whoever loses a message walks away', () => {
    test.each([
      ['and the payer synchronises first', true],
      ['and the payee synchronises first', false],
    ])('%s', async (_name, isPayerFirst) => {
      const [alice, bob] = await pair(world)
      let count = 0
      let stranded = 0
      for (;;) {
        const before = await booksOf(alice, bob)
        const loser = new Loser(count)
        loser.on(alice, bob)
        const isDone = await tryToPay(alice, bob, 50n)
        if (loser.lost === 0) break
        count += 1
        const hasPaid = (await alice.balance()) < (before[0]?.card ?? 0n)
        if (hasPaid && !isDone) stranded += 1
        await synchronise(...(isPayerFirst ? [alice, bob] : [bob, alice, bob]))
        const after = await agree(alice, bob)
        expect(totalOf(after)).toBe(totalOf(before))
        expect(changeOf(before, after)[1]).toEqual([0n, hasPaid ? 50n : 0n])
        // What was never paid is not asked for any more: four open requests are the most.
        await closeRequests(bob)
      }
      console.log(`${count} messages lost; ${stranded} payments came by the office`)
      expect(stranded).toBeGreaterThan(0)
    })
  })
}
