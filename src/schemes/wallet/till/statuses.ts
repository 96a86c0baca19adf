import type { Refusal } from '../../../till/scheme.ts'
import type { WalletRefusal } from '../terminal.ts'

/**
 * What a till says to a tap. The order is the order of the checks: the first that applies is the
 * answer. First what the till finds itself, from `clock_behind` on what the card says. Until `done` the
 * card is as it was, but for the tries of its PIN. After a wrong PIN the same request waits for another.
 */
export const WALLET_STATUSES = [
  'unknown_card',
  'no_certificate',
  'damaged_card',
  'counterfeit_card',
  'card_expired',
  'foreign_currency',
  'foreign_card',
  'hot_card',
  'copied_card',
  'other_card',
  'older_key',
  'not_allowed',
  'no_token',
  'over_limit',
  'passcode_blocked',
  'passcode_needed',
  'too_many_payments',
  'insufficient_funds',
  'received_not_spendable',
  'clock_behind',
  'wrong_passcode',
  'payment_too_high',
  'too_much_paid',
  'too_long_offline',
  'sequence_exhausted',
  'card_refused',
  'done',
] as const
export type WalletStatus = (typeof WALLET_STATUSES)[number]

const SYNCHRONISE =
  'Let the customer synchronise the card with a phone, or at a bank, then tap again.'

/** For the person at the till. `over_limit` says which limit instead. */
const EXPLANATIONS: Readonly<Record<Exclude<WalletStatus, 'done'>, string>> = {
  unknown_card:
    'This is not a card of this system. Hold it still and tap again, or ask for another card.',
  no_certificate:
    'This till’s certificate has ended, or it has none: cards do not pay it. Connect the till and synchronise it; if that does not help, call the office.',
  damaged_card:
    'The card cannot be read. Hold it still and tap again; if that does not help, send the customer to the office, which knows the balance.',
  counterfeit_card:
    'This card does not prove that it is genuine. Take no money from it and keep the goods.',
  card_expired:
    'The card is no longer valid. Send the customer to the office, which gives a new one.',
  foreign_currency: 'The card holds another currency than this till takes. Ask for another card.',
  foreign_card: 'This till takes no cards of other offices. Ask for another card.',
  hot_card: 'This card is blocked. Take no money from it and send the customer to the office.',
  copied_card:
    'This till has seen a later state of this card: it is a copy, or an older state was put back. Take no money from it and send the customer to the office.',
  other_card: 'Another card paid this. Only that one can be paid back: ask for it.',
  older_key:
    'This till has got a new key since it took this payment. Ask the office to pay it back.',
  not_allowed: 'This till may not take amounts that are typed. Choose products instead.',
  no_token:
    'This till has no right to sell these units, or they cost another amount. Synchronise it and choose the products again.',
  over_limit: 'A limit of this till stops this. Synchronise it and tap again.',
  passcode_blocked:
    'The PIN of this card is blocked. Let the customer unblock it with the unblocking code, or at the office. Smaller amounts need no PIN.',
  passcode_needed: 'This needs the PIN. Let the customer enter it, then tap again.',
  too_many_payments: `The card has made as many payments as it may until it is synchronised. ${SYNCHRONISE}`,
  insufficient_funds:
    'There is not enough money on the card. Take a smaller amount, or let the customer load the card.',
  received_not_spendable: `Part of the money on the card came from other cards, and cannot be spent before the card is synchronised. ${SYNCHRONISE}`,
  clock_behind:
    'The clock of this till is behind: the card takes its request for an old one, or its certificate for one that has ended. Set the clock right, synchronise the till, then tap again.',
  wrong_passcode: 'The PIN is wrong. Let the customer enter it again.',
  payment_too_high: 'The card does not allow so much in one payment. Take a smaller amount.',
  too_much_paid: `The card has paid as much as it may until it is synchronised. ${SYNCHRONISE} Or take a smaller amount.`,
  too_long_offline: `The card has not been synchronised for longer than it may. ${SYNCHRONISE}`,
  sequence_exhausted:
    'The card has no number left for another transaction. Send the customer to the office, which gives a new card for it.',
  card_refused:
    'The card does not pay, and says nothing that helps. Tap again; if that does not help, ask for another card.',
}

export function refused(
  status: Exclude<WalletStatus, 'done'>,
  explanation: string = EXPLANATIONS[status],
): Refusal {
  return { result: 'refused', status, explanation }
}

/** Instead of a load: a card takes money from its office only. */
export const NO_LOADS =
  'A wallet card is loaded by its own office: by phone, or at the bank. This till cannot add money to it.'

const STATUS_OF: Readonly<Partial<Record<WalletRefusal, Exclude<WalletStatus, 'done'>>>> = {
  foreign_currency: 'foreign_currency',
  expired: 'clock_behind',
  blocked: 'passcode_blocked',
  pin_needed: 'passcode_needed',
  wrong_pin: 'wrong_passcode',
  payment_too_high: 'payment_too_high',
  too_many_payments: 'too_many_payments',
  too_much_paid: 'too_much_paid',
  too_long_offline: 'too_long_offline',
  log_full: 'too_many_payments',
  insufficient_funds: 'insufficient_funds',
  received_not_spendable: 'received_not_spendable',
  sequence_exhausted: 'sequence_exhausted',
}

/** What the card says, as the till says it. */
export function refusedByCard(refusal: WalletRefusal, triesLeft?: number): Refusal {
  const status = STATUS_OF[refusal] ?? 'card_refused'
  if (status !== 'wrong_passcode' || triesLeft === undefined) return refused(status)
  if (triesLeft === 0) return refused(status, `The PIN is wrong, and is blocked now.`)
  const tries = triesLeft === 1 ? '1 try is' : `${triesLeft} tries are`
  return refused(status, `${EXPLANATIONS.wrong_passcode} ${tries} left.`)
}
