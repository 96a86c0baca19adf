import { expect, test } from 'vitest'
import { invariant } from '../../../src/kernel/errors.ts'
import type { Amount } from '../../../src/kernel/money.ts'
import { inProcessChannel } from '../../../src/reader/in-process.ts'
import type { Order } from '../../../src/till/scheme.ts'
import { INS, LAST } from '../../../src/schemes/coin/instructions.ts'
import { cutsOf, cutting, nameOf, placeOf, Scene, type Cut } from './cutting.ts'
import { directoryOf, pay, Redemption, Till } from './till.ts'
import { Counter, PASSCODE, World, type Customer, type Vendor } from './world.ts'

/** Something at a till that is cut, and done again until it is over. */
interface Deed {
  readonly name: string
  /** What of it is there before the cut. */
  begin(): Promise<Attempt>
  /** What it says when it is over, in the end. */
  readonly ends: readonly string[]
  readonly issued: Amount
  /** On the card, when it is over. */
  readonly left: Amount
}

interface Attempt {
  readonly scene: Scene
  readonly act: () => Promise<string>
  /** Of somebody else who was here. */
  readonly elsewhere?: () => Promise<Amount>
  readonly check?: () => Promise<void>
}

async function deeds(world: World): Promise<{
  readonly holders: readonly (Customer | Vendor)[]
  readonly deeds: Readonly<
    Record<'payment' | 'pin' | 'closing' | 'return' | 'change' | 'coins', Deed>
  >
}> {
  const customer = await world.customer({ coins: [10n, 10n, 5n, 20n] })
  const careful = await world.customer({ coins: [10n, 20n], pinFreeMax: 0n })
  const single = await world.customer({ coins: [10n] })
  const second = await world.customer({ coins: [10n] })
  const vendor = await world.vendor({ float: [1n, 2n, 2n, 5n], keepMax: 1 })
  const full = await world.vendor({ float: Array.from({ length: 12 }, () => 1n) })
  const poor = await world.vendor({ float: [5n], keepMax: 0 })

  /** A payment of 13, of which 7 come back. */
  function paying(payer: Customer, passcode: string): Attempt {
    const scene = new Scene(payer, vendor)
    const order = pay(13n, passcode)
    const act = async () => {
      const result = await scene.till.tap(scene.customer, order)
      return result.result === 'refused' ? result.status : result.result
    }
    return { scene, act }
  }

  /** A tap at which the card leaves: after it has paid, or before it has what it gets for that. */
  async function leaving(till: Till, payer: Customer, order: Order, ins: number): Promise<string> {
    const { field } = payer.chip
    field.powerOn()
    const channel = inProcessChannel(field)
    const { result } = await till.tapAt(
      {
        atr: channel.atr,
        async transmit(apdu) {
          if (apdu[1] === INS.SETTLE && ins === INS.SETTLE) return new Uint8Array()
          const answer = await channel.transmit(apdu)
          return apdu[1] === ins && apdu[2] === LAST ? new Uint8Array() : answer
        },
      },
      order,
    )
    field.powerOff()
    return result
  }

  /** Somebody has paid, nobody heard of it, and the change that was for him is another one's. */
  async function late(): Promise<Attempt> {
    const scene = new Scene(single, poor)
    const other = second.clone()
    const { till, customer: first } = scene
    const order = pay(5n)
    expect(await leaving(till, first, order, INS.PAY)).toBe('unfinished')
    expect(await till.tap(other, pay(5n))).toMatchObject({ result: 'done' })
    const act = async () => {
      const result = await till.tap(first, order)
      return result.result === 'refused' ? result.status : result.result
    }
    return { scene, act, elsewhere: async () => (await other.status()).total }
  }

  /** Comes for what is owed, and for nothing else. */
  function looking({ till, customer: own }: Scene): Attempt['act'] {
    return async () => (await till.balance(own))?.result ?? 'nothing'
  }

  return {
    holders: [customer, careful, single, second, vendor, full, poor],
    deeds: {
      payment: {
        name: 'a payment',
        begin: async () => paying(customer, ''),
        ends: ['done'],
        issued: 45n + 10n,
        left: 32n,
      },
      pin: {
        name: 'a payment with a PIN',
        async begin() {
          const attempt = paying(careful, PASSCODE)
          const { customer: payer, vendor: taker } = attempt.scene
          // However often it was cut: who knows the PIN has all of its tries.
          const check = async () => {
            expect(await new Counter(payer, taker).pay(1n, '0000')).toBe(0x63c2)
          }
          return { ...attempt, check }
        },
        ends: ['done'],
        issued: 30n + 10n,
        left: 17n,
      },
      closing: {
        name: 'the closing of a day',
        async begin() {
          const scene = new Scene(customer, full)
          const act = async () => (await scene.till.closeDay())?.result ?? 'nothing'
          const check = async () => {
            expect(await scene.vendor.status()).toMatchObject({ coins: 0, outcome: 'none' })
          }
          return { scene, act, check }
        },
        ends: ['closed'],
        issued: 45n + 12n,
        left: 45n,
      },
      change: {
        name: 'change that somebody comes for',
        async begin() {
          const { scene } = paying(customer, '')
          const { till, customer: payer } = scene
          expect(await leaving(till, payer, pay(13n), INS.SETTLE)).toBe('unfinished')
          return { scene, act: looking(scene) }
        },
        ends: ['shown'],
        issued: 45n + 10n,
        left: 32n,
      },
      coins: {
        name: 'coins that go back to somebody who comes for them',
        async begin() {
          const { scene, elsewhere } = await late()
          const { till, customer: payer } = scene
          expect(await leaving(till, payer, pay(2n), INS.SETTLE)).toBe('unfinished')
          const check = async () => {
            expect(till.records().filter(({ state }) => state === 'intended')).toEqual([])
          }
          return { scene, act: looking(scene), check, ...(elsewhere && { elsewhere }) }
        },
        ends: ['shown'],
        issued: 20n + 5n,
        left: 10n,
      },
      return: {
        name: 'coins that go back, for the change is gone',
        begin: late,
        // Once the coins are back the same order begins anew, and there is no change for it.
        ends: ['change_gone', 'cannot_pay'],
        issued: 20n + 5n,
        left: 10n,
      },
    },
  }
}

export interface RecoveryOptions {
  readonly ways: 'each' | 'all'
  /** Of so many places one is cut. */
  readonly every: number
}

/** Cuts what a payment was not cut in yet; and a payment, and then what sets it right as well. */
export function defineRecovery({ ways, every }: RecoveryOptions): void {
  const world = new World('recovery')
  const made = deeds(world)

  for (const which of ['pin', 'closing', 'return', 'change', 'coins'] as const) {
    test(`cut everywhere: ${which}`, async () => {
      const { deeds: all, holders } = await made
      const deed = all[which]
      const context = await directoryOf(world, holders)
      const counted = new Counted()
      for (const cut of await placesOf(deed, ways, every)) {
        await settle(deed, [cut], context)
        counted.add(cut)
      }
      counted.print(deed.name)
    })
  }

  test('cut twice: a payment, and the tap after it', async () => {
    const { deeds: all, holders } = await made
    const deed = all.payment
    const context = await directoryOf(world, holders)
    const cuts = await placesOf(deed, 'each', 1)
    const counted = new Counted()
    let turn = 0
    for (const cut of cuts.filter((_, index) => index % every === 0)) {
      const seconds = ways === 'all' ? cuts : [cuts[(turn += 37) % cuts.length] ?? cut]
      for (const second of seconds) {
        await settle(deed, [cut, second], context)
        counted.add(cut)
      }
    }
    counted.print('cut twice')
  })
}

class Counted {
  readonly #cuts = new Map<string, number>()

  add(cut: Cut): void {
    this.#cuts.set(nameOf(cut), (this.#cuts.get(nameOf(cut)) ?? 0) + 1)
  }

  print(what: string): void {
    console.log(`${what}: ${[...this.#cuts].map(([name, count]) => `${name} ${count}`).join(', ')}`)
    expect(this.#cuts.size).toBeGreaterThan(1)
  }
}

async function placesOf(deed: Deed, ways: 'each' | 'all', every: number): Promise<readonly Cut[]> {
  const { scene, act } = await deed.begin()
  const whole = async () => {
    expect(deed.ends).toContain(await act())
  }
  const cuts = await cutsOf(scene, whole, ways)
  return cuts.filter((_, index) => index % every === 0)
}

/** Cut at each of the places in turn, then done until it is over: nothing is lost, nothing made. */
async function settle(
  deed: Deed,
  cuts: readonly Cut[],
  context: Awaited<ReturnType<typeof directoryOf>>,
): Promise<void> {
  const { scene, act, elsewhere, check } = await deed.begin()
  for (const cut of cuts) await cutting(scene, cut, act)
  const end = await untilOver(act, deed.ends)
  const office = new Redemption(context)
  office.take(scene.till.records())
  const { total, open } = await scene.customer.status()
  const where = cuts.map(placeOf)
  const wealth = (await scene.wealth()) + office.total + ((await elsewhere?.()) ?? 0n)
  expect({ where, end: deed.ends.includes(end), open, total, wealth, cases: office.cases }).toEqual(
    {
      where,
      end: true,
      open: [],
      total: deed.left,
      wealth: deed.issued,
      cases: [],
    },
  )
  await check?.()
  scene.till.close()
}

/** People try again until it works. */
async function untilOver(act: () => Promise<string>, ends: readonly string[]): Promise<string> {
  for (let turn = 0; turn < 4; turn++) {
    const end = await act()
    if (ends.includes(end)) return end
  }
  invariant(false, 'four times are enough')
}
