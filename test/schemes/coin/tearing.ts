import { expect, test } from 'vitest'
import { LINK_CUTS, type LinkCut } from '../../../src/card/field.ts'
import { TEARS, type Nvm, type Tear } from '../../../src/card/nvm.ts'
import { invariant } from '../../../src/kernel/errors.ts'
import type { Amount } from '../../../src/kernel/money.ts'
import { countingFuse, PowerLost } from '../../../src/till/fuse.ts'
import { recordOf } from '../../../src/schemes/coin/till/journal.ts'
import type { JournalRecord, TapResult } from '../../../src/till/scheme.ts'
import { buy, directoryOf, pay, Redemption, Till } from './till.ts'
import { Counter, paid, World, type Chip, type Customer, type Vendor } from './world.ts'

/** A card, a vendor element and a journal, each cut everywhere in one payment. */
const MEMORIES = ['card', 'card’s PUF', 'vendor element', 'vendor element’s PUF'] as const
const LINKS = ['card', 'vendor element'] as const

export type Cut =
  | { readonly kind: 'memory'; readonly which: (typeof MEMORIES)[number]; readonly at: number }
  | { readonly kind: 'link'; readonly which: (typeof LINKS)[number]; readonly at: number }
  | { readonly kind: 'journal'; readonly at: number }

const COINS = [10n, 10n, 5n, 20n]
const FLOAT = [1n, 2n, 2n, 5n]
/** Spent before. */
const SMALL = [1n, 1n, 1n, 1n]
/** Of a coin of 20, or two of 10: 7 come back. */
const AMOUNT = 13n
const ISSUED = 45n + 10n

class Scene {
  readonly customer: Customer
  readonly vendor: Vendor
  readonly till: Till

  constructor(customer: Customer, vendor: Vendor) {
    this.customer = customer.clone()
    this.vendor = vendor.clone()
    this.till = new Till(vendor.world, this.vendor)
    this.till.stock(AMOUNT)
  }

  memory(which: (typeof MEMORIES)[number]): Nvm {
    const { chip } = which.startsWith('card') ? this.customer : this.vendor
    return which.endsWith('PUF') ? chip.silicon.control : chip.nvm
  }

  link(which: (typeof LINKS)[number]): Chip {
    return which === 'card' ? this.customer.chip : this.vendor.chip
  }

  /** How many places there are to cut so far. */
  counts(): ReadonlyMap<string, number> {
    return new Map([
      ...MEMORIES.map((which) => [`memory ${which}`, this.memory(which).writes] as const),
      ...LINKS.map((which) => [`link ${which}`, this.link(which).field.traffic.apdus] as const),
    ])
  }

  async wealth(): Promise<Amount> {
    return (await this.customer.status()).total + (await this.vendor.status()).total
  }
}

export interface TearingOptions {
  /** Whether each cut is made in every way, or in one after the other. */
  readonly ways: 'each' | 'all'
}

/** Cuts one payment with change at every write and every message, and taps again, or gives it up. */
export function defineTearing({ ways }: TearingOptions): void {
  for (const afterwards of ['the same order', 'another order'] as const) {
    test(`a payment cut everywhere, then ${afterwards}`, async () => {
      const world = new World('tears')
      const customer = await world.customer({ coins: COINS })
      const vendor = await world.vendor({ float: FLOAT, keepMax: 1 })
      // Slots and outbox are not as the factory made them.
      await customer.buy(SMALL)
      for (const value of SMALL) paid(await new Counter(customer, vendor).pay(value))
      const context = await directoryOf(world, [customer, vendor])
      const counted = new Map<string, number>()
      let turn = 0

      for (const cut of await cutsOf(customer, vendor)) {
        const tears = cut.kind === 'memory' ? TEARS : cut.kind === 'link' ? LINK_CUTS : ['']
        const chosen = ways === 'all' ? tears : [tears[turn++ % tears.length] ?? '']
        for (const tear of chosen) {
          const scene = new Scene(customer, vendor)
          const where = `${cut.kind} ${'which' in cut ? cut.which : ''} ${cut.at} ${tear}`
          const order = buy(AMOUNT)
          const { till } = scene
          arm(scene, cut, tear)
          const torn = await tapTorn(scene, order)
          disarm(scene)
          const isTaken =
            (await scene.vendor.status()).outcome === 'waiting' ||
            till.records().some(({ kind, state }) => kind === 'pay' && state === 'confirmed')
          const isGivenUp = afterwards === 'another order' && torn?.result !== 'done'
          if (isGivenUp) till.giveUp(order)
          const next = afterwards === 'the same order' ? order : pay(2n)
          const { result, note } = await finish(scene, next)
          const status = await scene.customer.status()
          const office = new Redemption(context)
          office.take(till.records())
          // An order that was given up when the vendor element had taken it stands, and the till says so.
          const stands = afterwards === 'the same order' || isTaken || !isGivenUp
          expect({
            where,
            result,
            open: status.open,
            spent: 45n - status.total,
            wealth: (await scene.wealth()) + office.total,
            cases: office.cases,
            units: till.units,
            told: till.records().filter(tellsUnit).length,
            note,
          }).toEqual({
            where,
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
          const name = `${cut.kind} ${'which' in cut ? cut.which : ''}`.trim()
          counted.set(name, (counted.get(name) ?? 0) + 1)
          till.close()
        }
      }
      console.log([...counted].map(([what, count]) => `${what}: ${count} cuts`).join('\n'))
      expect(counted.size).toBe(MEMORIES.length + LINKS.length + 1)
    })
  }
}

async function cutsOf(customer: Customer, vendor: Vendor): Promise<readonly Cut[]> {
  const scene = new Scene(customer, vendor)
  const before = scene.counts()
  const fuse = countingFuse()
  scene.till.restart(fuse.fuse)
  expect(await scene.till.tap(scene.customer, buy(AMOUNT))).toMatchObject({ result: 'done' })
  const after = scene.counts()
  scene.till.close()
  const points = (name: string) =>
    Array.from({ length: (after.get(name) ?? 0) - (before.get(name) ?? 0) }, (_, n) => n + 1)
  return [
    ...MEMORIES.flatMap((which) =>
      points(`memory ${which}`).map((at) => ({ kind: 'memory', which, at }) as const),
    ),
    ...LINKS.flatMap((which) =>
      points(`link ${which}`).map((at) => ({ kind: 'link', which, at }) as const),
    ),
    ...fuse.passed.map((_, index) => ({ kind: 'journal', at: index + 1 }) as const),
  ]
}

function arm(scene: Scene, cut: Cut, tear: string): void {
  if (cut.kind === 'memory') scene.memory(cut.which).arm({ atWrite: cut.at, tear: tear as Tear })
  else if (cut.kind === 'link') {
    scene.link(cut.which).field.arm({ atApdu: cut.at, cut: tear as LinkCut })
  } else scene.till.restart(countingFuse(cut.at).fuse)
}

function disarm(scene: Scene): void {
  for (const which of MEMORIES) scene.memory(which).arm(undefined)
  for (const which of LINKS) scene.link(which).field.arm(undefined)
}

/** Whether it tells the office that it has sold the unit. */
function tellsUnit(record: JournalRecord): boolean {
  const { tokens, outcome } = recordOf(record)
  return tokens.length > 0 && outcome.length > 0
}

/** A till whose power went is switched on again. */
async function tapTorn(
  { till, customer }: Scene,
  order: ReturnType<typeof pay>,
): Promise<TapResult | { result: 'torn' } | undefined> {
  try {
    return await till.tap(customer, order)
  } catch (error) {
    if (!(error instanceof PowerLost)) throw error
    till.restart()
    return undefined
  }
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
