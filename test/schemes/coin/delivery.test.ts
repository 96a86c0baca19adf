import { afterAll, expect, test } from 'vitest'
import { LINK_CUTS } from '../../../src/card/field.ts'
import { invariant } from '../../../src/kernel/errors.ts'
import { coinTill } from '../../../src/schemes/coin/till.ts'
import type { JournalRecord, TapResult } from '../../../src/till/scheme.ts'
import { closeTills, pay, Till } from './till.ts'
import { World, type Chip } from './world.ts'

const world = new World('delivery')
afterAll(closeTills)

/** What is done of a payment, and gives the card what it is owed. */
function settle(till: Till, record: JournalRecord, { chip }: { chip: Chip }) {
  return till.vendor.chip.tapped((slot) =>
    chip.tapped(async (channel) => coinTill.settle?.(channel, record, till.desk(slot))),
  )
}

function recordIn(result: TapResult | { result: 'torn' }): JournalRecord {
  invariant(result.result === 'unfinished' && result.record, 'it is begun')
  return result.record
}

/** Places from the end at which the card may leave: its settlement, the end of that, and the status after it. */
const LATE = [2, 1, 0] as const

test('change reaches the card that paid, once, and nobody else', async () => {
  const customer = await world.customer({ coins: [20n] })
  const vendor = await world.vendor({ float: [5n, 2n, 2n, 1n], keepMax: 4 })
  const stranger = await world.customer({ coins: [1n] })
  const scene = () => [customer.clone(), new Till(world, vendor.clone())] as const
  const [copy, rehearsal] = scene()
  const { traffic } = copy.chip.field
  await rehearsal.tap(copy, pay(13n))
  const apdus = copy.chip.field.traffic.apdus - traffic.apdus
  for (const [turn, late] of LATE.entries()) {
    const [own, till] = scene()
    own.chip.field.arm({ atApdu: apdus - late, cut: LINK_CUTS[turn] ?? 'before' })
    const record = recordIn(await till.tap(own, pay(13n)))
    expect(record).toMatchObject({ kind: 'pay', state: 'confirmed' })

    expect(await settle(till, record, stranger)).toBeUndefined()
    expect((await stranger.status()).total).toBe(1n)
    own.chip.field.arm({ atApdu: 3, cut: 'before' })
    expect(await settle(till, record, own)).toMatchObject({ result: 'unfinished' })
    const done = { result: 'done', handedOver: { given: 20n, change: 7n }, view: { balance: 7n } }
    if (turn === 0) {
      // Whoever comes for it alone is told what it was, once.
      expect(await till.balance(own)).toMatchObject({ given: 7n, view: { balance: 7n } })
      expect(await till.balance(own)).not.toHaveProperty('given')
    }
    for (let again = 0; again < 2; again++) {
      expect(await settle(till, record, own)).toMatchObject(done)
    }

    // What was given, the till keeps no longer than its vendor element does.
    expect(await till.tap(own, pay(2n))).toMatchObject({ result: 'done', view: { balance: 5n } })
    const later = await settle(till, record, own)
    expect(later).toMatchObject({ result: 'done', view: { balance: 5n } })
    expect(later).not.toHaveProperty('handedOver')
  }
})

test('a till tells what change is left, and warns when it runs low', async () => {
  const vendor = await world.vendor({ float: [5n, 2n, 2n, 1n, 1n, 1n, 1n, 1n], keepMax: 4 })
  const till = new Till(world, vendor)
  const float = () => vendor.chip.tapped(async (slot) => coinTill.float?.(till.desk(slot)))
  expect(await float()).toEqual({
    result: 'float',
    total: 14n,
    coins: [
      { value: 5n, count: 1 },
      { value: 2n, count: 2 },
      { value: 1n, count: 5 },
    ],
    warning: undefined,
  })
  const customer = await world.customer({ coins: [20n] })
  expect(await till.tap(customer, pay(14n))).toMatchObject({ result: 'done' })
  expect(await float()).toMatchObject({ warning: expect.stringContaining('Only 7 coins') })
  await till.closeDay()
  expect(await float()).toMatchObject({
    total: 0n,
    coins: [],
    warning: expect.stringContaining('no change left'),
  })
  expect(await coinTill.float?.(till.desk(undefined))).toMatchObject({ status: 'module_missing' })
})
