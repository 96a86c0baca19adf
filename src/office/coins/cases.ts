import type { CaseKind } from '../ledger/findings.ts'
import { COIN_FINDINGS } from './coinage.ts'
import { COIN_CASES } from './rules.ts'

const KINDS: ReadonlySet<CaseKind> = new Set<CaseKind>([
  ...COIN_FINDINGS,
  ...COIN_CASES,
  'unissued-coin',
])

/** Whether a case is about coins: then it is about no record of a card’s chain. */
export function isOfCoins(kind: CaseKind): boolean {
  return KINDS.has(kind)
}
