import type { CurrencyCode } from '../../../src/kernel/money.ts'
import type { CardPolicy } from '../../shared/api.ts'
import { limitField } from '../../shared/field.ts'

/** Sets the rules of all cards; those of one are set at the card’s own. */
export const ALL_CARDS = 'api/wallet-policy'

/** The largest that a card’s policy can say: as good as no limit. */
const NO_LIMIT = '4294967295'

/** Amounts that a wallet’s policy limits, in the order in which people ask for them. */
export const AMOUNT_RULES = [
  ['balanceMax', 'Most that a card may hold'],
  ['paymentMax', 'One payment'],
  ['pinFreeMax', 'Payments without the PIN'],
  ['amountMax', 'Amount without the office'],
] as const

export const COUNT_RULES = [
  ['paymentsMax', 'Payments without the office', 16],
  ['daysMax', 'Days without the office', 0xffff],
  ['hops', 'Payments that a payment brings along', 4],
] as const

export const RECEIVED_MONEY = ['after synchronisation', 'at once'] as const

export type AmountRule = (typeof AMOUNT_RULES)[number][0]
export type CountRule = (typeof COUNT_RULES)[number][0]

/** Minor units; undefined for no limit. */
export function amountRule({ policy }: CardPolicy, rule: AmountRule): string | undefined {
  const value = String(policy[rule])
  return value === NO_LIMIT ? undefined : value
}

export function countRule({ policy }: CardPolicy, rule: CountRule): number {
  return Number(policy[rule])
}

export function receivedMoney({ policy }: CardPolicy): string {
  return String(policy['receivedMoney'])
}

/** As typed, for the office; nothing typed is no limit. @throws {Refused} naming the field. */
export function typedRule(text: string, currency: CurrencyCode, rule: AmountRule): string {
  return limitField(text, currency, rule) ?? NO_LIMIT
}
