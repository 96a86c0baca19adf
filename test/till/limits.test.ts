import { describe, expect, test } from 'vitest'
import type { Policy } from '../../src/kernel/documents.ts'
import { explainLimit, findLimit, LIMITS, type Limit, type Usage } from '../../src/till/limits.ts'
import type { Order } from '../../src/till/scheme.ts'
import { POLICY } from './support.ts'
import { load, pay } from './toy.ts'

const DAY = 86_400_000
const NOTHING: Usage = { payments: 0, amount: 0n, age: 0 }
const BUSY: Usage = { payments: 10, amount: 9_000n, age: DAY }
const sale: Order = { ...pay('x', 1000n), products: [{ product: 1, quantity: 1 }] }
const newPasscode: Order = { kind: 'passcode', id: 'x', passcode: '1', newPasscode: '2' }

/** Each row is off by one thing from a row that passes, and further down the list of limits. */
type Row = readonly [Limit | undefined, Partial<Policy>, Order, Situation?]
interface Situation {
  readonly usage?: Usage
  readonly balanceAfter?: bigint
}
const rows: readonly Row[] = [
  ['loads_not_allowed', { mayLoad: false }, load('x')],
  [undefined, { mayLoad: true }, load('x')],
  [undefined, { mayLoad: false }, pay('x')],
  ['loads_not_allowed', { mayLoad: false, offlineAgeMax: 0 }, load('x'), { usage: BUSY }],
  ['free_amounts_not_allowed', { freeAmounts: false }, pay('x')],
  [undefined, { freeAmounts: false }, sale],
  [undefined, { freeAmounts: false }, load('x')],
  ['free_amounts_not_allowed', { freeAmounts: false, paymentMax: 1n }, pay('x')],
  ['payment_too_high', { paymentMax: 999n }, sale],
  [undefined, { paymentMax: 1000n }, sale],
  [undefined, { paymentMax: 1n }, load('x')],
  ['payment_too_high', { paymentMax: 999n, offlineAgeMax: 0 }, sale, { usage: BUSY }],
  ['balance_too_high', { balanceMax: 5_000n }, load('x'), { balanceAfter: 5_001n }],
  [undefined, { balanceMax: 5_000n }, load('x'), { balanceAfter: 5_000n }],
  [undefined, { balanceMax: 5_000n }, sale, { balanceAfter: 5_001n }],
  [
    'balance_too_high',
    { balanceMax: 1n, offlineAgeMax: 0 },
    load('x'),
    { balanceAfter: 2n, usage: BUSY },
  ],
  ['too_long_offline', { offlineAgeMax: DAY - 1 }, sale, { usage: BUSY }],
  [undefined, { offlineAgeMax: DAY }, sale, { usage: BUSY }],
  ['too_long_offline', { offlineAgeMax: DAY - 1 }, load('x'), { usage: BUSY }],
  ['too_long_offline', { offlineAgeMax: DAY - 1 }, newPasscode, { usage: BUSY }],
  [
    'too_long_offline',
    { offlineAgeMax: 0, offlinePaymentsMax: 0, offlineAmountMax: 0n },
    sale,
    { usage: BUSY },
  ],
  ['too_many_payments_offline', { offlinePaymentsMax: 10 }, sale, { usage: BUSY }],
  [undefined, { offlinePaymentsMax: 11 }, sale, { usage: BUSY }],
  [undefined, { offlinePaymentsMax: 0 }, load('x'), { usage: BUSY }],
  [
    'too_many_payments_offline',
    { offlinePaymentsMax: 10, offlineAmountMax: 0n },
    sale,
    { usage: BUSY },
  ],
  ['too_much_offline', { offlineAmountMax: 9_999n }, sale, { usage: BUSY }],
  [undefined, { offlineAmountMax: 10_000n }, sale, { usage: BUSY }],
  [undefined, { offlineAmountMax: 0n }, load('x'), { usage: BUSY }],
  [undefined, {}, sale, { usage: BUSY }],
]

describe('a policy', () => {
  test.each(
    rows.map(([expected, change, order, situation = {}]) => ({
      expected,
      change,
      order,
      situation,
    })),
  )('$expected: $change', ({ expected, change, order, situation }) => {
    const { usage = NOTHING, balanceAfter = 0n } = situation
    expect(findLimit({ policy: { ...POLICY, ...change }, order, balanceAfter, usage })).toBe(
      expected,
    )
  })

  test('has a row for every limit', () => {
    const shown = new Set(rows.flatMap(([limit]) => limit ?? []))
    expect([...shown]).toEqual(LIMITS)
  })
})

test('every limit is explained with its number and what to do', () => {
  const policy: Policy = {
    ...POLICY,
    paymentMax: 1000n,
    balanceMax: 5000n,
    offlinePaymentsMax: 10,
    offlineAmountMax: 123_456n,
    offlineAgeMax: 2 * DAY,
  }
  expect(LIMITS.map((limit) => explainLimit(limit, policy))).toEqual([
    'This till may not add money to cards. Send the customer to a till that does.',
    'This till sells products only. Choose products instead of typing an amount.',
    'One payment may be at most 10.00 USD. Take a smaller amount, or another way to pay.',
    'A card may hold at most 50.00 USD. Add a smaller amount.',
    'This till has not reached its office for more than 2 days. Connect it and synchronise, then tap again.',
    'This till may take 10 payments between two synchronisations. Connect it and synchronise, then tap again.',
    'This till may take 1234.56 USD between two synchronisations. Connect it and synchronise, then tap again.',
  ])
})
