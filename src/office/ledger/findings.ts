import type { CardId, Digest, TillNumber } from '../../kernel/ids.ts'
import type { Amount } from '../../kernel/money.ts'

/**
 * What can be wrong: first what one record shows by itself, then what two show,
 * then what a till's history shows. docs/threats.md lists them in the same order.
 */
export const CASE_KINDS = [
  'wrong-arithmetic',
  'wrong-sequence',
  'previous-balance-altered',
  'passcode-not-entered',
  'counterfeit-stamp',
  'overspend',
  'unknown-token',
  'foreign-token',
  'token-double-spent',
  'unauthorised-load',
  'unauthorised-amount',
  'load-beyond-cash',
  'forged-coin',
  'forged-hop',
  'broken-chain',
  'wrong-change',
  'unissued-coin',
  'equivocation',
  'fork',
  'card-key-extracted',
  'cloned-element',
  'coin-spent-twice',
  'coin-redeemed-twice',
  'withheld-transaction',
  'missing-transaction',
  'rewritten-journal',
  'batch-gap',
] as const
export type CaseKind = (typeof CASE_KINDS)[number]

/**
 * `proven`: anyone can check it with the certificates alone, and nobody else could have made the
 * evidence. `suspected`: a rule fired.
 */
export type Strength = 'proven' | 'suspected'

export type Suspect =
  | { readonly kind: 'card'; readonly card: CardId }
  | { readonly kind: 'till'; readonly till: TillNumber }

export interface Finding {
  readonly kind: CaseKind
  readonly strength: Strength
  readonly suspects: readonly Suspect[]
  readonly card: CardId | undefined
  /** What it is about, as a stable key: finding it twice opens one case. */
  readonly about: string
  /** At stake, minor units; undefined while it cannot be told. */
  readonly amount: Amount | undefined
  /** The records that show it. */
  readonly records: readonly Digest[]
}
