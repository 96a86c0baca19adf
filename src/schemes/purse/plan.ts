import { isOwn, tokensFor } from '../../till/order-rules.ts'
import type { Desk, JournalRecord, Order, Refusal, SpendableToken } from '../../till/scheme.ts'
import type { Amount } from '../../kernel/money.ts'
import { VALUE_MAX, type PurseKind, type PurseRecord } from './message.ts'
import { balanceAfter, countersAfter, isExhausted, REVERSAL_OF } from './rules.ts'
import { intentOf, type Standing, type Tapped } from './standing.ts'
import { refused } from './statuses.ts'
import { held } from './terminal.ts'

interface Question {
  readonly tapped: Tapped
  readonly standing: Standing
  readonly order: Order
  readonly desk: Desk
}

/** What to do, once every check has passed. */
export interface Plan {
  /** Signed before, to be carried out first. */
  readonly begun: JournalRecord | undefined
  /** Our record that is taken back after that. */
  readonly undo: Draft | undefined
  /** The order’s own record, unless it is `begun`; or why there is none. */
  readonly fresh: Draft | Refusal | undefined
}

/** What a record says beyond its position. */
export interface Draft {
  readonly kind: PurseKind
  readonly orderId: string
  readonly amount: Amount
  readonly newPasscode: string | undefined
  readonly tokens: readonly SpendableToken[]
}

/** The statuses from `foreign_currency` on. */
export function checkTap(question: Question): Plan | Refusal {
  const { tapped, standing, order, desk } = question
  const { parameters } = tapped.introduction
  if (parameters.currency !== desk.currency.numeric) return refused('foreign_currency')
  if (desk.isHot(tapped.card.card)) return refused('hot_card')
  if (standing.kind === 'copied') return refused('copied_card')
  const repair = planRepair(question)
  if (standing.kind === 'begun' && isOwn(standing.record, order)) {
    return { ...repair, fresh: undefined }
  }
  const fresh = draftOrder(question, repair.standsOn)
  return 'result' in fresh && !owesMoney(standing, repair) ? fresh : { ...repair, fresh }
}

/** The card took what must be undone. That is done even if the order is refused then. */
function owesMoney(standing: Standing, { undo }: Repair): boolean {
  return standing.kind === 'begun'
    ? standing.record.kind === 'reversal'
    : standing.kind === 'unwanted' && undo !== undefined
}

/** Of a record, what the next one depends on. */
type Footing = Pick<PurseRecord, 'balance' | 'sequence' | 'loadSequence' | 'paymentSequence'>

interface Repair extends Omit<Plan, 'fresh'> {
  /** Where the card stands when all that is done. */
  readonly standsOn: Footing
}

/** How the card comes to where the order can go on top. */
function planRepair({ tapped, standing, order }: Question): Repair {
  const at = tapped.introduction.last.content
  if (standing.kind === 'begun') {
    const { record, next } = standing
    const undo = isOwn(record, order) ? undefined : undoing(record, order)
    return { begun: record, undo, standsOn: afterUndo(next.content, undo) }
  }
  // The card took a change of PIN, and the holder has just entered the new one: it stays.
  const isUnwanted = standing.kind === 'unwanted' && standing.record.kind !== 'passcode'
  const undo = isUnwanted ? undoing(standing.record, order) : undefined
  return { begun: undefined, undo, standsOn: afterUndo(at, undo) }
}

/** What takes a record back. Of a change of PIN that is a change to the PIN that was just entered. */
function undoing(record: JournalRecord, order: Order): Draft | undefined {
  const { kind } = held(intentOf(record).signed).content
  const { orderId, amount } = record
  if (kind === 'passcode') {
    return { kind, orderId, amount, newPasscode: order.passcode, tokens: [] }
  }
  const reversal = REVERSAL_OF[kind]
  return reversal && { kind: reversal, orderId, amount, newPasscode: undefined, tokens: [] }
}

function afterUndo(content: PurseRecord, undo: Draft | undefined): Footing {
  if (!undo) return content
  const balance = balanceAfter(content.balance, undo.kind, undo.amount)
  return { ...content, ...countersAfter(content, undo.kind), balance }
}

/** The statuses from `not_allowed` on. */
function draftOrder(question: Question, standsOn: Footing): Draft | Refusal {
  const { tapped, order, desk } = question
  const { balanceMax, paymentMax, pinFreeMax, expires } = tapped.introduction.parameters
  const { policy } = desk
  const freePay = order.kind === 'pay' && order.products.length === 0
  if ((order.kind === 'load' && !policy.mayLoad) || (freePay && !policy.freeAmounts)) {
    return refused('not_allowed')
  }
  const tokens = tokensFor(order, desk)
  if (!tokens) return refused('no_token')
  const amount = order.kind === 'passcode' ? 0n : order.amount
  const balance = balanceAfter(standsOn.balance, order.kind, amount)
  const limit = desk.stoppedBy(order, balance)
  if (limit !== undefined) return refused('over_limit', limit)
  if (order.kind === 'pay') {
    // What the card compares: the stamps of a till never go back, even if its clock does.
    if (desk.journal.stamp() > expires) return refused('card_expired')
    if (amount > paymentMax) return refused('payment_too_high')
  }
  const needsPin = order.kind === 'passcode' || (order.kind === 'pay' && amount > pinFreeMax)
  if (needsPin && order.passcode === '') return refused('passcode_needed')
  // One is kept free, to undo with.
  if (isExhausted(standsOn, order.kind, 1)) return refused('sequence_exhausted')
  if (balance > balanceMax || balance > VALUE_MAX) return refused('balance_too_high')
  if (balance < 0n) return refused('insufficient_funds')
  const newPasscode = order.kind === 'passcode' ? order.newPasscode : undefined
  return { kind: order.kind, orderId: order.id, amount, newPasscode, tokens }
}
