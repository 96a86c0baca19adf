import {
  constant,
  list,
  message,
  octets,
  varOctets,
  type ValueOf,
} from '../../../kernel/message.ts'
import type { Introduced } from '../terminal.ts'
import {
  CARRIED_BLOCK_MAX,
  CARRIED_BLOCKS,
  CERTIFICATE_SIZE_MAX,
  SIGNED_RECORD_SIZE,
  SIGNED_REFUSAL_SIZE,
  SIGNED_REQUEST_SIZE,
} from '../message.ts'

/**
 * What passes between two phones of people who pay each other. Nothing in it is secret, and all of it
 * is signed by a card: the phones need not trust each other, nor their holders them.
 */
const certificates = {
  certificate: varOctets({ max: CERTIFICATE_SIZE_MAX }, 'of the card that signed it'),
  office: varOctets({ max: CERTIFICATE_SIZE_MAX }, 'of that card’s office'),
}

/** The payee’s phone to the payer’s: please pay. */
export const askMessage = message('askMessage', {
  version: constant(0x11),
  request: octets(SIGNED_REQUEST_SIZE, 'request ‖ signature'),
  ...certificates,
})
export type AskMessage = ValueOf<typeof askMessage>

/** The payer’s phone to the payee’s: paid. */
export const paidMessage = message('paidMessage', {
  version: constant(0x12),
  record: octets(SIGNED_RECORD_SIZE, 'record ‖ signature'),
  ...certificates,
  /** What shows that the payer had the money, if its office tells its cards to bring that along. */
  carried: list(varOctets({ max: CARRIED_BLOCK_MAX }, 'evidence'), { max: CARRIED_BLOCKS }),
})
export type PaidMessage = ValueOf<typeof paidMessage>

/** The payee’s phone to the payer’s: I will not have it. */
export const refusedMessage = message('refusedMessage', {
  version: constant(0x13),
  refusal: octets(SIGNED_REFUSAL_SIZE, 'refusal ‖ signature'),
  ...certificates,
})
export type RefusedMessage = ValueOf<typeof refusedMessage>

export const PHONE_LAYOUTS = { askMessage, paidMessage, refusedMessage } as const

export function introducedBy({
  certificate,
  office,
}: Pick<AskMessage, 'certificate' | 'office'>): Introduced {
  return [certificate, office]
}
