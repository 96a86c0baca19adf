import type { Refusal } from '../../till/scheme.ts'

/**
 * What a till says to a tap. The order is the order of the checks: the first that applies is the
 * answer. Until `done` the card is as it was, but for the tries of its PIN.
 */
export const PURSE_STATUSES = [
  'unknown_card',
  'module_missing',
  'module_refused',
  'passcode_blocked',
  'wrong_passcode',
  'damaged_card',
  'counterfeit_card',
  'bad_signature',
  'foreign_currency',
  'hot_card',
  'copied_card',
  'not_allowed',
  'no_token',
  'over_limit',
  'card_expired',
  'payment_too_high',
  'passcode_needed',
  'sequence_exhausted',
  'balance_too_high',
  'insufficient_funds',
  'done',
] as const
export type PurseStatus = (typeof PURSE_STATUSES)[number]

/** For the person at the till. `over_limit` says which limit instead. */
const EXPLANATIONS: Readonly<Record<Exclude<PurseStatus, 'done'>, string>> = {
  unknown_card:
    'This is not a card of this system. Hold it still and tap again, or ask for another card.',
  module_missing:
    'The security module of this till is missing. Put it into its slot, then tap again.',
  module_refused:
    'The security module of this till is not one for this till, or not for this kind of transaction. Ask the office for the right one.',
  passcode_blocked:
    'The PIN of this card is blocked. Let the customer unblock it with the unblocking code, or at the office.',
  wrong_passcode: 'The PIN is wrong. Let the customer enter it again.',
  damaged_card:
    'The card cannot be read. Hold it still and tap again; if that does not help, send the customer to the office, which knows the balance.',
  counterfeit_card:
    'This card does not prove that it is genuine. Take no money from it and keep the goods.',
  bad_signature:
    'The last payment on this card was not signed by a till that this one knows. Synchronise this till; if that does not help, send the customer to the office.',
  foreign_currency: 'The card holds another currency than this till takes. Ask for another card.',
  hot_card: 'This card is blocked. Take no money from it and send the customer to the office.',
  copied_card:
    'This till has seen a later state of this card: it is a copy, or an older state was put back. Take no money from it and send the customer to the office.',
  not_allowed:
    'This till may not do that. For adding money, send the customer to a till that may; to sell, choose products instead of typing an amount.',
  no_token:
    'This till has no right to sell these units, or they cost another amount. Synchronise it and choose the products again.',
  over_limit: 'A limit of this till stops this. Synchronise it and tap again.',
  card_expired:
    'The card is no longer valid. Send the customer to the office, which gives a new one.',
  payment_too_high: 'The card does not allow so much in one payment. Take a smaller amount.',
  passcode_needed: 'This needs the PIN. Let the customer enter it, then tap again.',
  sequence_exhausted:
    'The card has no room for another transaction. Send the customer to the office, which gives a new card for it.',
  balance_too_high: 'The card may not hold so much. Add a smaller amount.',
  insufficient_funds:
    'There is not enough money on the card. Take a smaller amount, or let the customer add money.',
}

export function refused(
  status: Exclude<PurseStatus, 'done'>,
  explanation: string = EXPLANATIONS[status],
): Refusal {
  return { result: 'refused', status, explanation }
}
