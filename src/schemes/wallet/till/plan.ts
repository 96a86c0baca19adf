import { cardIdOf } from '../../../kernel/ids.ts'
import { tokensFor } from '../../../till/order-rules.ts'
import type { Desk, JournalRecord, Refusal, SpendableToken } from '../../../till/scheme.ts'
import { digestOf } from '../../../kernel/ids.ts'
import type { CardState } from '../message.ts'
import type { Papers } from './papers.ts'
import { refused } from './statuses.ts'
import type { PayOrder } from './records.ts'

/** The statuses from `foreign_currency` to `copied_card`, of a genuine card. */
export function refusalOfCard(state: CardState, papers: Papers, desk: Desk): Refusal | undefined {
  const { party } = papers
  if (state.currency !== desk.currency.numeric) return refused('foreign_currency')
  const isForeign = state.office !== party.office
  if (isForeign && desk.policy.foreignCards === false) return refused('foreign_card')
  if (desk.isHot(cardIdOf(state.card))) return refused('hot_card')
  return isCopy(state, desk) ? refused('copied_card') : undefined
}

/** Whether this till has seen the card later than it stands now, or otherwise. */
function isCopy(state: CardState, { journal }: Desk): boolean {
  const seen = paymentOf(journal.latest(cardIdOf(state.card)), journal)
  if (seen?.state !== 'confirmed' || seen.sequence < state.sequence) return false
  return seen.sequence > state.sequence || seen.digest !== digestOf(state.last)
}

function paymentOf(
  latest: JournalRecord | undefined,
  journal: Desk['journal'],
): JournalRecord | undefined {
  return latest?.refuses === undefined ? latest : journal.record(latest.refuses)
}

/** The statuses from `not_allowed` to `received_not_spendable`; else the tokens to spend. */
export function checkPayment(
  state: CardState,
  order: PayOrder,
  desk: Desk,
): readonly SpendableToken[] | Refusal {
  const { amount, passcode } = order
  if (order.products.length === 0 && !desk.policy.freeAmounts) return refused('not_allowed')
  const tokens = tokensFor(order, desk)
  if (!tokens) return refused('no_token')
  const limit = desk.stoppedBy(order, state.balance - amount)
  if (limit !== undefined) return refused('over_limit', limit)
  const needsPin = amount > state.pinFreeMax
  if (state.pinTries === 0 && (needsPin || passcode !== '')) return refused('passcode_blocked')
  if (needsPin && passcode === '') return refused('passcode_needed')
  if (state.paymentsLeft === 0) return refused('too_many_payments')
  if (amount > state.balance) return refused('insufficient_funds')
  return amount > state.spendable ? refused('received_not_spendable') : tokens
}
