import type { FormatError } from '../kernel/errors.ts'
import type { JournalConflict } from './journal.ts'
import type { Refusal } from './scheme.ts'

/**
 * What the engine itself says no to, before any scheme and before any card changes. The order is the
 * order of the checks; a scheme's own statuses come after `scheme_not_enrolled` and before the journal's.
 */
export const TILL_REFUSALS = [
  'not_enrolled',
  'no_policy',
  'order_given_up',
  'order_changed',
  'unknown_payment',
  'no_refunds',
  'unknown_card',
  'scheme_not_enrolled',
  'no_module',
  'bad_order',
  'already_refunded',
  'sequence_signed',
  'order_at_another_record',
  'stamp_used',
  'token_spent',
] as const
export type TillRefusal = (typeof TILL_REFUSALS)[number]

const EXPLANATIONS: Readonly<Record<TillRefusal, string>> = {
  not_enrolled: 'This till is not enrolled yet. Enter the code that the office gave for it.',
  no_policy: 'This till has no limits from its office yet. Connect it and synchronise.',
  order_given_up: 'This order was given up. Start a new one.',
  order_changed: 'This order was already begun with other contents. Start a new one.',
  unknown_payment: 'This till took no such payment, or does not know yet whether it did.',
  no_refunds:
    'A till cannot pay back to a card of this kind. Pay the customer back in another way.',
  unknown_card: 'This is not a card that this till knows.',
  scheme_not_enrolled: 'This till may not take this kind of card. Ask the office to enrol it anew.',
  no_module: 'No card of this till needs a security module: there is no day to close in one.',
  bad_order: 'No card could carry out this order. Correct it and tap again.',
  already_refunded: 'This payment was paid back before.',
  sequence_signed:
    'This till has already signed another transaction at this place of the card. The card is an old copy: keep it, and call the office.',
  order_at_another_record:
    'This order was begun with another card. Tap that card to finish it, or give the order up.',
  stamp_used: 'Another tap came in between. Tap again.',
  token_spent: 'A unit of this order has been sold in the meantime. Tap again.',
} satisfies Record<TillRefusal | JournalConflict, string>

export function refusal(status: TillRefusal): Refusal {
  return { result: 'refused', status, explanation: EXPLANATIONS[status] }
}

/** Names the field that no card of the scheme could take. */
export function badOrder({ message }: FormatError): Refusal {
  return { ...refusal('bad_order'), explanation: `${EXPLANATIONS.bad_order} (${message})` }
}
