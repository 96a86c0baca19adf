import { expect, test } from 'vitest'
import { invariant } from '../../../src/kernel/errors.ts'
import { recordOf } from '../../../src/schemes/coin/till/journal.ts'
import type { Amount } from '../../../src/kernel/money.ts'
import type { JournalRecord } from '../../../src/till/scheme.ts'
import { cutsOf, cutting, LINKS, MEMORIES, nameOf, placeOf, Scene } from './cutting.ts'
import { buy, directoryOf, pay, Redemption } from './till.ts'
import { Counter, paid, World, type Customer, type Vendor } from './world.ts'

const COINS = [10n, 10n, 5n, 20n]
const FLOAT = [1n, 2n, 2n, 5n]
/** Spent before. */
const SMALL = [1n, 1n, 1n, 1n]
/** Of a coin of 20, or two of 10: 7 come back. */
const AMOUNT = 13n
const ISSUED = 45n + 10n

function sceneOf(customer: Customer, vendor: Vendor): Scene {
  const scene = new Scene(customer, vendor)
  scene.till.stock(AMOUNT)
  return scene
}

export interface TearingOptions {
  /** Whether each cut is made in every way, with each that may follow; or once, with all that in turn. */
  readonly ways: 'each' | 'all'
}

/** Cuts one payment with change at every write and every message, and taps again, or gives it up. */
export function defineTearing({ ways }: TearingOptions): void {
  for (const [index, afterwards] of (['the same order', 'another order'] as const).entries()) {
    test(`a payment cut everywhere, then ${afterwards}`, async () => {
      const world = new World('tears')
      const customer = await world.customer({ coins: COINS })
      const vendor = await world.vendor({ float: FLOAT, keepMax: 1 })
      // Slots and outbox are not as the factory made them.
      await customer.buy(SMALL)
      for (const value of SMALL) paid(await new Counter(customer, vendor).pay(value))
      const context = await directoryOf(world, [customer, vendor])
      const counted = new Map<string, number>()
      let looked = 0
      const dry = sceneOf(customer, vendor)
      const tap = async () => {
        expect(await dry.till.tap(dry.customer, buy(AMOUNT))).toMatchObject({ result: 'done' })
      }
      const cuts = await cutsOf(dry, tap, ways)
      const chosen = ways === 'all' ? cuts : cuts.filter((_, at) => at % 2 === index)

      for (const cut of chosen) {
        const scene = sceneOf(customer, vendor)
        const order = buy(AMOUNT)
        const { till } = scene
        const torn = await cutting(scene, cut, () => till.tap(scene.customer, order))
        const isTaken =
          (await scene.vendor.status()).outcome === 'waiting' ||
          till.records().some(({ kind, state }) => kind === 'pay' && state === 'confirmed')
        const isGivenUp = afterwards === 'another order' && torn?.result !== 'done'
        if (isGivenUp) till.giveUp(order)
        // Some come back for their change alone.
        const comesForChange = (looked += 1) % 2 === 0
        if (comesForChange) await lookAt(scene, isTaken ? 45n - AMOUNT : undefined)
        const next = afterwards === 'the same order' ? order : pay(2n)
        const { result, note } = await finish(scene, next)
        const status = await scene.customer.status()
        const office = new Redemption(context)
        office.take(till.records())
        // An order that was given up when the vendor element had taken it stands, and the till says so.
        const stands = afterwards === 'the same order' || isTaken || !isGivenUp
        expect({
          where: placeOf(cut),
          result,
          open: status.open,
          spent: 45n - status.total,
          wealth: (await scene.wealth()) + office.total,
          cases: office.cases,
          units: till.units,
          told: till.records().filter(tellsUnit).length,
          note,
        }).toEqual({
          where: placeOf(cut),
          result: 'done',
          open: [],
          spent: (stands ? AMOUNT : 0n) + (next === order ? 0n : 2n),
          // Every coin is in one place: on the card, in the vendor element, or paid out.
          wealth: ISSUED,
          cases: [],
          // A unit is sold with what was paid, and not lost with what was not.
          units: stands ? 0 : 1,
          told: stands ? 1 : 0,
          note: isGivenUp && isTaken ? 'given' : 'none',
        })
        counted.set(nameOf(cut), (counted.get(nameOf(cut)) ?? 0) + 1)
        till.close()
      }
      console.log([...counted].map(([what, count]) => `${what}: ${count} cuts`).join('\n'))
      expect(counted.size).toBe(MEMORIES.length + LINKS.length + 1)
    })
  }
}

/**
 * Shows the card, which gets what it is owed, and nothing that it has not paid for.
 *
 * @param left on it then, of a payment that is decided.
 */
async function lookAt({ till, customer }: Scene, left: Amount | undefined): Promise<void> {
  const before = (await customer.status()).total
  expect(await till.balance(customer)).toMatchObject({ result: 'shown' })
  const { total, open } = await customer.status()
  if (left === undefined) expect(total).toBe(before)
  else expect({ total, open }).toEqual({ total: left, open: [] })
}

/** Whether it tells the office that it has sold the unit. */
function tellsUnit(record: JournalRecord): boolean {
  const { tokens, outcome } = recordOf(record)
  return tokens.length > 0 && outcome.length > 0
}

/** People tap again until it works. */
async function finish({ till, customer }: Scene, order: ReturnType<typeof pay>) {
  for (let tap = 0; tap < 3; tap++) {
    const result = await till.tap(customer, order)
    if (result.result === 'done') {
      return { result: 'done', note: result.note === undefined ? 'none' : 'given' }
    }
    if (result.result === 'refused') return { result: result.status, note: 'none' }
  }
  invariant(false, 'three taps are enough')
}
