import type { Policy } from '../kernel/documents.ts'
import { currency, formatAmount, type Amount } from '../kernel/money.ts'
import type { Order } from './scheme.ts'

/** What the till did since the office last acknowledged it: the risk that the policy bounds. */
export interface Usage {
  readonly payments: number
  readonly amount: Amount
  /** Milliseconds by the till's clock. */
  readonly age: number
}

/** What would stop an order. The order is the order of the checks: the first that applies is the answer. */
export const LIMITS = [
  'loads_not_allowed',
  'free_amounts_not_allowed',
  'payment_too_high',
  'balance_too_high',
  'too_long_offline',
  'too_many_payments_offline',
  'too_much_offline',
] as const
export type Limit = (typeof LIMITS)[number]

export interface LimitQuestion {
  readonly policy: Policy
  readonly order: Order
  /** On the card, if the order were carried out. */
  readonly balanceAfter: Amount
  readonly usage: Usage
}

type Check = (question: LimitQuestion) => boolean

const CHECKS: Readonly<Record<Limit, Check>> = {
  loads_not_allowed: ({ policy, order }) => order.kind === 'load' && !policy.mayLoad,
  free_amounts_not_allowed: ({ policy, order }) =>
    order.kind === 'pay' && order.products.length === 0 && !policy.freeAmounts,
  payment_too_high: ({ policy, order }) =>
    order.kind === 'pay' && exceeds(order.amount, policy.paymentMax),
  // A card that holds more than it should may still pay: that mends it.
  balance_too_high: ({ policy, order, balanceAfter }) =>
    order.kind === 'load' && balanceAfter > policy.balanceMax,
  too_long_offline: ({ policy, usage }) => exceeds(usage.age, policy.offlineAgeMax),
  too_many_payments_offline: ({ policy, order, usage }) =>
    order.kind === 'pay' && exceeds(usage.payments + 1, policy.offlinePaymentsMax),
  too_much_offline: ({ policy, order, usage }) =>
    order.kind === 'pay' && exceeds(usage.amount + order.amount, policy.offlineAmountMax),
}

/** Which limit would stop the order, or undefined. */
export function findLimit(question: LimitQuestion): Limit | undefined {
  return LIMITS.find((limit) => CHECKS[limit](question))
}

function exceeds<N extends number | bigint>(value: N, max: N | null): boolean {
  return max !== null && value > max
}

const EXPLANATIONS: Readonly<Record<Limit, (policy: Policy) => string>> = {
  loads_not_allowed: () =>
    'This till may not add money to cards. Send the customer to a till that does.',
  free_amounts_not_allowed: () =>
    'This till sells products only. Choose products instead of typing an amount.',
  payment_too_high: (policy) =>
    `One payment may be at most ${money(policy.paymentMax, policy)}. Take a smaller amount, or another way to pay.`,
  balance_too_high: (policy) =>
    `A card may hold at most ${money(policy.balanceMax, policy)}. Add a smaller amount.`,
  too_long_offline: (policy) =>
    `This till has not reached its office for more than ${duration(policy.offlineAgeMax)}. ${RECONNECT}`,
  too_many_payments_offline: (policy) =>
    `This till may take ${policy.offlinePaymentsMax} payments between two synchronisations. ${RECONNECT}`,
  too_much_offline: (policy) =>
    `This till may take ${money(policy.offlineAmountMax, policy)} between two synchronisations. ${RECONNECT}`,
}
const RECONNECT = 'Connect it and synchronise, then tap again.'

/** For the person at the till: which limit, and what to do. */
export function explainLimit(limit: Limit, policy: Policy): string {
  return EXPLANATIONS[limit](policy)
}

function money(amount: Amount | null, policy: Policy): string {
  return `${formatAmount(amount ?? 0n, currency(policy.currency))} ${policy.currency}`
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const

function duration(age: number | null): string {
  const milliseconds = age ?? 0
  const [unit, size] = UNITS.find(([, unitSize]) => milliseconds >= unitSize) ?? ['second', 1000]
  const count = Math.floor(milliseconds / size)
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
