import type { Bytes } from '../../kernel/bytes.ts'
import type { CardId } from '../../kernel/ids.ts'
import type { Amount, CurrencyCode } from '../../kernel/money.ts'

/** An instruction that puts money on a card. */
export interface PermitRequest {
  readonly card: CardId
  readonly number: number
  readonly kind: 'load' | 'restore'
  /** load: what is added; restore: what the card is to hold. */
  readonly amount: Amount
  readonly currency: CurrencyCode
  /** The instruction and the office’s signature, as the notary countersigns them. */
  readonly instruction: Bytes
}

/**
 * Asks whoever must permit what puts money on cards: a notary. The same instruction again gets the same
 * answer. Undefined: not permitted, or nobody answers; the instruction then waits, and is asked for
 * again, or is given up. An office without a notary has none of this.
 */
export type Permit = (request: PermitRequest) => Promise<Bytes | undefined>

export function needsPermit(kind: string): kind is PermitRequest['kind'] {
  return kind === 'load' || kind === 'restore'
}
