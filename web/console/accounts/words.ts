import type { AccountKind } from '../../../src/office/ledger/account-kinds.ts'

export interface AccountWords {
  readonly title: string
  readonly meaning: string
}

export const ACCOUNT_WORDS: Readonly<Record<AccountKind, AccountWords>> = {
  world: { title: 'World', meaning: 'paid in from outside, so negative' },
  shadow: { title: 'Cards', meaning: 'what each card holds, as far as the office knows' },
  merchant: { title: 'Merchants', meaning: 'settled, and owed to them' },
  'till-cash': {
    title: 'Cash at tills',
    meaning: 'taken for top-ups and owed by the till, so negative',
  },
  suspense: { title: 'Suspense', meaning: 'claimed, and not yet decided whose it is' },
  fees: { title: 'Fees', meaning: 'earned by the office' },
  losses: { title: 'Losses', meaning: 'borne by the office' },
  online: { title: 'Online wallets', meaning: 'held for people, and not on a card' },
  pool: {
    title: 'Liquidity pool',
    meaning: 'advanced to cards until their money comes, so negative',
  },
  'coin-float': { title: 'Coins', meaning: 'sold as coins, and not brought back yet' },
  reserve: { title: 'Reserve', meaning: 'what the office has at the notary, so negative' },
}
