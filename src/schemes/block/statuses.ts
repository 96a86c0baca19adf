import type { Refusal } from '../../till/scheme.ts'

/**
 * What a till says to a tap. The order is the order of the checks (Shah et al., IV C and D: previous
 * transaction, signature, passcode, funds): the first that applies is the answer. Until `done` the
 * card is as it was.
 */
export const BLOCK_STATUSES = [
  'unknown_card',
  'damaged_card',
  'bad_signature',
  'rolled_back',
  'foreign_currency',
  'hot_card',
  'copied_card',
  'passcode_paused',
  'wrong_passcode',
  'not_allowed',
  'no_token',
  'over_limit',
  'sequence_exhausted',
  'balance_too_high',
  'insufficient_funds',
  'done',
] as const
export type BlockStatus = (typeof BLOCK_STATUSES)[number]

/** For the person at the till. `over_limit` says which limit instead. */
const EXPLANATIONS: Readonly<Record<Exclude<BlockStatus, 'done'>, string>> = {
  unknown_card:
    'This is not a card of this system. Hold it still and tap again, or ask for another card.',
  damaged_card:
    'The card cannot be read. Hold it still and tap again; if that does not help, send the customer to the office, which knows the balance.',
  bad_signature:
    'The last transaction on the card is signed by nobody that this till trusts. Synchronise this till and tap again; if that does not help, send the customer to the office.',
  rolled_back:
    'An older state was put back on this card. Take no money from it, keep the goods and send the customer to the office.',
  foreign_currency: 'The card holds another currency than this till takes. Ask for another card.',
  hot_card: 'This card is blocked. Take no money from it and send the customer to the office.',
  copied_card:
    'This till has seen a later state of this card: it is a copy, or an older state was put back. Take no money from it and send the customer to the office.',
  passcode_paused:
    'Too many wrong passcodes for this card. Let the customer try again later, or at the office.',
  wrong_passcode: 'The passcode is wrong. Let the customer enter it again.',
  not_allowed:
    'This till may not do that. For adding money, send the customer to a till that may; to sell, choose products instead of typing an amount.',
  no_token:
    'This till has no right to sell these units, or they cost another amount. Synchronise it and choose the products again.',
  over_limit: 'A limit of this till stops this. Synchronise it and tap again.',
  sequence_exhausted:
    'The card has no room for another transaction. Send the customer to the office, which gives a new card for it.',
  balance_too_high: `A card of this kind cannot hold so much. Add a smaller amount.`,
  insufficient_funds:
    'There is not enough money on the card. Take a smaller amount, or let the customer add money.',
}

export function refused(
  status: Exclude<BlockStatus, 'done'>,
  explanation: string = EXPLANATIONS[status],
): Refusal {
  return { result: 'refused', status, explanation }
}
