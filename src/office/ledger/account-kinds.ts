export const ACCOUNT_KINDS = [
  /** Cash and bank money outside: what was paid in, negative. */
  'world',
  /** What a card holds, as far as the office knows. */
  'shadow',
  'merchant',
  /** Cash that a till took and owes. */
  'till-cash',
  /** Claimed by somebody, and not yet decided whose it is. */
  'suspense',
  'fees',
  'losses',
] as const
export type AccountKind = (typeof ACCOUNT_KINDS)[number]
