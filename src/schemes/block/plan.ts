import type { Amount } from '../../kernel/money.ts'
import { isOwn, tokensFor } from '../../till/order-rules.ts'
import type {
  Desk,
  JournalRecord,
  Order,
  RecordKind,
  Refusal,
  SpendableToken,
} from '../../till/scheme.ts'
import { BALANCE_MAX, passcodeFits, SEQUENCE_MAX } from './message.ts'
import type { Position, Tapped } from './reading.ts'
import { type Signed, type Standing } from './standing.ts'
import { refused } from './statuses.ts'

interface Question {
  readonly tapped: Tapped
  readonly standing: Standing
  readonly order: Order
  readonly desk: Desk
}

/** What to do, once every check has passed. */
export interface Plan {
  /** To be committed first. */
  readonly begun: { readonly record: JournalRecord; readonly next: Signed } | undefined
  /** Our record that is undone after that. */
  readonly undo: JournalRecord | undefined
  /** The card took it, and it stays; the journal does not say so yet. */
  readonly keep: JournalRecord | undefined
  /** The order's own record, unless it is `begun`; or why there is none. */
  readonly fresh: Draft | Refusal | undefined
}

/** What a record says beyond its position. */
export interface Draft {
  readonly kind: Exclude<RecordKind, 'refund'>
  readonly orderId: string
  readonly amount: Amount
  readonly balanceAfter: Amount
  readonly passcode: string
  readonly tokens: readonly SpendableToken[]
}

/** The statuses from `foreign_currency` on. */
export function checkTap(question: Question): Plan | Refusal {
  const { tapped, standing, order, desk } = question
  const { card, currency } = tapped.at.block
  if (currency !== desk.currency.numeric) return refused('foreign_currency')
  if (desk.isHot(card)) return refused('hot_card')
  if (standing.kind === 'copied') return refused('copied_card')
  if (desk.passcodes.isPaused(card)) return refused('passcode_paused')
  const repair = planRepair(question)
  if (!repair) {
    desk.passcodes.wrong(card)
    return refused('wrong_passcode')
  }
  desk.passcodes.right(card)
  if (standing.kind === 'begun' && isOwn(standing.record, order)) {
    return { ...repair, fresh: undefined }
  }
  const fresh = draftOrder(order, desk, repair)
  return 'result' in fresh && !owesMoney(standing, repair) ? fresh : { ...repair, fresh }
}

/** The card took what must be undone. That is done even if the order is refused then. */
function owesMoney(standing: Standing, { undo }: Repair): boolean {
  return standing.kind === 'begun'
    ? standing.record.kind === 'reversal'
    : standing.kind === 'unwanted' && undo !== undefined
}

interface Repair extends Omit<Plan, 'fresh'> {
  /** Where the card stands when all that is done. */
  readonly balance: Amount
  readonly sequence: number
}

/**
 * How the card comes to where the order can go on top; undefined if the passcode is wrong. It must be
 * the passcode that the card has then: a record that brings another one in is a change of passcode.
 */
function planRepair({ tapped: { at }, standing, order }: Question): Repair | undefined {
  if (standing.kind === 'begun') return planBegun(standing, at, order)
  if (standing.kind === 'unwanted') return planUnwanted(standing, at, order)
  return passcodeFits(order.passcode, at.block) ? { ...NO_REPAIR, ...holding(at) } : undefined
}

const NO_REPAIR = { begun: undefined, undo: undefined, keep: undefined }

function holding({ block }: Signed): Pick<Repair, 'balance' | 'sequence'> {
  return { balance: block.balance, sequence: block.sequence }
}

function planBegun(
  begun: Standing & { readonly kind: 'begun' },
  at: Position,
  order: Order,
): Repair | undefined {
  const { record, next } = begun
  const fits = ({ block }: Signed) => passcodeFits(order.passcode, block)
  const forward = { ...NO_REPAIR, begun, ...holding(next) }
  if (isOwn(record, order)) return fits(at) ? forward : undefined
  // Undoing a change of passcode brings the old one back; who knows the new one takes it as done.
  if (record.kind === 'reversal') return fits(next) ? forward : undefined
  if (fits(at)) {
    const { balance, sequence } = at.block
    return { ...forward, undo: record, balance, sequence: sequence + 2 }
  }
  return fits(next) ? forward : undefined
}

function planUnwanted(
  { record, before }: Standing & { readonly kind: 'unwanted' },
  at: Position,
  order: Order,
): Repair | undefined {
  const fits = ({ block }: Signed) => passcodeFits(order.passcode, block)
  const changed = record.kind === 'passcode'
  if (changed && fits(at)) return { ...NO_REPAIR, keep: record, ...holding(at) }
  if (!fits(changed ? before : at)) return undefined
  const { balance } = before.block
  return { ...NO_REPAIR, undo: record, balance, sequence: at.block.sequence + 1 }
}

/** The statuses from `not_allowed` on. */
function draftOrder(
  order: Order,
  desk: Desk,
  { balance, sequence }: Pick<Repair, 'balance' | 'sequence'>,
): Draft | Refusal {
  const { policy } = desk
  const freePay = order.kind === 'pay' && order.products.length === 0
  if ((order.kind === 'load' && !policy.mayLoad) || (freePay && !policy.freeAmounts)) {
    return refused('not_allowed')
  }
  const tokens = tokensFor(order, desk)
  if (!tokens) return refused('no_token')
  const amount = order.kind === 'passcode' ? 0n : order.amount
  const balanceAfter = balance + (order.kind === 'pay' ? -amount : amount)
  const limit = desk.stoppedBy(order, balanceAfter)
  if (limit !== undefined) return refused('over_limit', limit)
  // One is kept free, to undo with.
  if (sequence + 2 > SEQUENCE_MAX) return refused('sequence_exhausted')
  if (balanceAfter > BALANCE_MAX) return refused('balance_too_high')
  if (balanceAfter < 0n) return refused('insufficient_funds')
  const passcode = order.kind === 'passcode' ? order.newPasscode : order.passcode
  return { kind: order.kind, orderId: order.id, amount, balanceAfter, passcode, tokens }
}
