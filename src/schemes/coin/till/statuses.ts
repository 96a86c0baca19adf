import { formatAmount, type Amount, type Currency } from '../../../kernel/money.ts'
import type { Refusal } from '../../../till/scheme.ts'
import { VALUE_MAX } from '../message.ts'

/**
 * What a till says to a tap. The order is the order of the checks: the first that applies is the answer.
 * Until `done` the card is as it was, but for the tries of its PIN.
 */
export const COIN_STATUSES = [
  'unknown_card',
  'module_missing',
  'module_refused',
  'damaged_card',
  'not_allowed',
  'foreign_currency',
  'hot_card',
  'no_token',
  'over_limit',
  'counterfeit_card',
  'passcode_blocked',
  'wrong_passcode',
  'till_unconfirmed',
  'passcode_needed',
  'payments_open',
  'cannot_pay',
  'tap_again',
  'change_gone',
  'done',
] as const
export type CoinStatus = (typeof COIN_STATUSES)[number]

/** For the person at the till. `over_limit` and `cannot_pay` say which limit, and by how much, instead. */
const EXPLANATIONS: Readonly<Record<Exclude<CoinStatus, 'done'>, string>> = {
  unknown_card:
    'This is not a card of this system. Hold it still and tap again, or ask for another card.',
  module_missing:
    'The vendor element of this till is missing. Put it into its slot, then tap again.',
  module_refused:
    'The vendor element of this till is not one for this till. Ask the bank for the right one.',
  damaged_card:
    'The card cannot be read. Hold it still and tap again; if that does not help, send the customer to the bank, which knows what coins it has sold.',
  not_allowed:
    'This till may not do that with a card of coins. Coins are bought from a bank; to sell, choose products instead of typing an amount.',
  foreign_currency: 'The card holds another currency than this till takes. Ask for another card.',
  hot_card: 'This card is blocked. Take no money from it and send the customer to the bank.',
  no_token:
    'This till has no right to sell these units, or they cost another amount. Synchronise it and choose the products again.',
  over_limit: 'A limit of this till stops this. Synchronise it and tap again.',
  counterfeit_card:
    'No bank stands behind this card, or its coins are not genuine. Take no money from it and keep the goods.',
  passcode_blocked:
    'The PIN of this card is blocked. Let the customer unblock it with the unblocking code, or at the bank.',
  wrong_passcode: 'The PIN is wrong. Let the customer enter it again.',
  till_unconfirmed:
    'The card does not know the bank of this till, or its certificate is no longer good. Ask the bank for a new vendor element.',
  passcode_needed: 'This needs the PIN. Let the customer enter it, then tap again.',
  payments_open:
    'Several payments of this card were interrupted and are not finished. Let the customer tap it again where that happened, or go to the bank.',
  cannot_pay: 'The coins on the card, and the change of this till, do not make this amount.',
  tap_again: 'The card did not answer in time. Tap again.',
  change_gone:
    'The change for this payment has gone to somebody else in the meantime, so the coins went back to the card. Start the payment again.',
}

export function refused(
  status: Exclude<CoinStatus, 'done'>,
  explanation: string = EXPLANATIONS[status],
): Refusal {
  return { result: 'refused', status, explanation }
}

/** More than a request can ask for. */
export function tooMuch(currency: Currency): Refusal {
  const most = `${formatAmount(VALUE_MAX, currency)} ${currency.code}`
  return refused('over_limit', `One payment in coins is at most ${most}. Split the purchase.`)
}

/** What a card says that it cannot pay exactly: the nearest amounts that it could. */
export interface NoWay {
  readonly amount: Amount
  readonly shortBy: Amount
  /** 0: it can pay no more than that. */
  readonly overBy: Amount
}

/** Says what does not work out, by how much, and what would. */
export function cannotPay({ amount, shortBy, overBy }: NoWay, currency: Currency): Refusal {
  const say = (value: Amount) => `${formatAmount(value, currency)} ${currency.code}`
  const less = amount - shortBy
  const ways = [
    ...(less > 0n ? [`${say(less)}, ${say(shortBy)} less`] : []),
    ...(overBy > 0n ? [`${say(amount + overBy)}, ${say(overBy)} more`] : []),
  ]
  const why = `The coins on the card, and the change of this till, do not make ${say(amount)}.`
  const advice =
    ways.length === 0
      ? 'They make no amount near it: ask for another card.'
      : `They make ${ways.join('; or ')}.`
  const others = [...(less > 0n ? [less] : []), ...(overBy > 0n ? [amount + overBy] : [])]
  return { ...refused('cannot_pay', `${why} ${advice}`), otherAmounts: others }
}
