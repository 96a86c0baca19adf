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
  /** A holder’s money at the office, which cards are loaded from. */
  'online',
  /** What the office advances where a payer’s account is not covered yet. */
  'pool',
  /** What the office has at the notary, as its own books have it. */
  'reserve',
  /** Coins that are outside: what the office owes to whoever shows them. */
  'coin-float',
] as const
export type AccountKind = (typeof ACCOUNT_KINDS)[number]
