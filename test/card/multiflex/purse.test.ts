import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { Bench, create, GIVE_CHALLENGE, personalised, VERIFY_KEY, VERIFY_PIN } from './cards.ts'

const MAX = 0xffffff
const RECORDS = 3

/** Byte 8, and what it allows. */
const PURSES = {
  'both ways': { byte8: 'ff', update: false, increase: true, decrease: true },
  'decrement only': { byte8: 'bf', update: true, increase: false, decrease: true },
  'increment only': { byte8: '7f', update: true, increase: true, decrease: false },
  'neither way': { byte8: '3f', update: true, increase: false, decrease: false },
} as const
type PurseName = keyof typeof PURSES
const NAMES = Object.keys(PURSES) as PurseName[]

/** Purses 2031 to 2034: decreased and updated with the PIN, increased with key 1. */
const IMAGE = NAMES.reduce(
  (bench, name, index) =>
    bench.do(
      create({
        id: `203${index + 1}`,
        type: '06',
        size: 3 * RECORDS,
        access: '014044',
        byte8: PURSES[name].byte8,
        records: RECORDS,
        recordLength: 3,
      }),
      'c0a40000023f00',
      'c0a40000022000',
    ),
  new Bench(personalised()).select('2000').do(VERIFY_KEY),
).card.nvm.snapshot()

type Step =
  | { readonly kind: 'increase' | 'decrease'; readonly stamped: boolean; readonly amount: number }
  | { readonly kind: 'update'; readonly mode: number; readonly value: number }
  | { readonly kind: 'read'; readonly mode: number }
  | { readonly kind: 'pin' | 'key' | 'logout' | 'reset' }

const amount = fc.oneof(
  fc.constantFrom(0, 1, 2, MAX - 1, MAX),
  fc.nat(MAX),
  fc.nat(0x200),
  fc.integer({ min: MAX - 0x200, max: MAX }),
)
const change: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('increase', 'decrease'),
  stamped: fc.boolean(),
  amount,
})
const other: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('read' as const), mode: fc.nat(3) }),
  fc.record({ kind: fc.constantFrom('pin', 'key', 'pin', 'key', 'logout', 'reset') }),
)
const update: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('update'),
  mode: fc.constantFrom(0, 1, 3),
  value: amount,
})
const withUpdates = fc.array(fc.oneof(change, change, other, update), {
  maxLength: 40,
  size: 'max',
})
const withoutUpdates = fc.array(fc.oneof(change, change, other), { maxLength: 40, size: 'max' })

const hex6 = (value: number) => value.toString(16).padStart(6, '0')

/** A purse as the page describes it: values, the newest first, and who has shown what. */
class Model {
  readonly #may: (typeof PURSES)[PurseName]
  ring: readonly number[] = Array.from({ length: RECORDS }, () => 0)
  #pin = false
  #key = false

  constructor(name: PurseName) {
    this.#may = PURSES[name]
  }

  get value(): number {
    return this.ring[0] ?? 0
  }

  /** The status word. */
  step(step: Step): string {
    switch (step.kind) {
      case 'increase':
        return this.#change(this.#key && this.#may.increase, step.amount, step.stamped)
      case 'decrease':
        return this.#change(this.#pin && this.#may.decrease, -step.amount, step.stamped)
      case 'update':
        if (!this.#pin || !this.#may.update) return '6982'
        this.ring =
          step.mode === 3
            ? [step.value, ...this.ring.slice(0, -1)]
            : this.ring.with(step.mode === 0 ? 0 : -1, step.value)
        return '9000'
      case 'pin':
        this.#pin = true
        return '9000'
      case 'key':
        this.#key = true
        return '9000'
      case 'logout':
      case 'reset':
        this.#pin = false
        this.#key = false
        return '9000'
      case 'read':
        return '9000'
    }
  }

  #change(allowed: boolean, by: number, stamped: boolean): string {
    const value = this.value + by
    if (!allowed) return '6982'
    if (value < 0 || value > MAX) return '9850'
    this.ring = [value, ...this.ring.slice(0, -1)]
    return stamped ? '610c' : '9000'
  }
}

class Purse {
  readonly #bench = new Bench(IMAGE)
  readonly #id: string

  constructor(name: PurseName) {
    this.#id = `203${NAMES.indexOf(name) + 1}`
    this.#bench.select('2000', this.#id)
  }

  step(step: Step): string {
    return this.#send(step).slice(-4)
  }

  ring(): readonly number[] {
    const [newest, ...older] = ['04', '02', '02']
    const read = (mode: string) =>
      Number.parseInt(this.#bench.send(`c0b200${mode}03`).slice(0, 6), 16)
    this.#bench.select('2000', this.#id)
    return [read(newest ?? ''), ...older.map(read)]
  }

  #send(step: Step): string {
    const bench = this.#bench
    switch (step.kind) {
      case 'increase':
      case 'decrease': {
        if (step.stamped) bench.do(GIVE_CHALLENGE)
        const plain = step.kind === 'increase' ? '32' : '30'
        const stamped = step.kind === 'increase' ? '36' : '34'
        return bench.send(`f0${step.stamped ? stamped : plain}000003${hex6(step.amount)}`)
      }
      case 'update':
        return bench.send(`c0dc000${step.mode}03${hex6(step.value)}`)
      case 'read':
        return bench.send(`c0b2000${step.mode}03`)
      case 'pin':
        return bench.send(VERIFY_PIN)
      case 'key':
        return bench.send(VERIFY_KEY)
      case 'logout':
        return bench.send('f0220700')
      case 'reset':
        bench.reset().select('2000', this.#id)
        return '9000'
    }
  }
}

let steps = 0
afterAll(() => console.log(`purses: ${steps} steps`))

describe.each(NAMES)('a purse for %s', (name) => {
  test('does what the model does, and stays between 0 and FFFFFF', () => {
    fc.assert(
      fc.property(withUpdates, (sequence) => {
        const [model, purse] = [new Model(name), new Purse(name)]
        for (const step of sequence) {
          expect(purse.step(step)).toBe(model.step(step))
          const ring = purse.ring()
          expect(ring).toEqual(model.ring)
          expect(ring.every((value) => value >= 0 && value <= MAX)).toBe(true)
          steps++
        }
      }),
      { numRuns: 25 },
    )
  })

  test('is never turned', () => {
    const { increase, decrease } = PURSES[name]
    fc.assert(
      fc.property(withoutUpdates, (sequence) => {
        const purse = new Purse(name)
        if (PURSES[name].update) {
          purse.step({ kind: 'pin' })
          purse.step({ kind: 'update', mode: 0, value: 0x800000 })
        }
        let [value = 0] = purse.ring()
        for (const step of sequence) {
          purse.step(step)
          const [now = 0] = purse.ring()
          if (!increase) expect(now).toBeLessThanOrEqual(value)
          if (!decrease) expect(now).toBeGreaterThanOrEqual(value)
          value = now
          steps++
        }
      }),
      { numRuns: 25 },
    )
  })
})

test('without the PIN and the key nothing changes, whatever is sent', () => {
  fc.assert(
    fc.property(fc.constantFrom(...NAMES), withUpdates, (name, sequence) => {
      const purse = new Purse(name)
      const before = purse.ring()
      for (const step of sequence) {
        if (step.kind !== 'pin' && step.kind !== 'key') purse.step(step)
      }
      expect(purse.ring()).toEqual(before)
    }),
    { numRuns: 25 },
  )
})
