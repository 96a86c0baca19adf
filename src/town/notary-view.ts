import { formatAmount, type Amount, type Currency } from '../kernel/money.ts'
import type { NotaryCase } from '../notary/cases.ts'
import type { OfficeReport } from '../notary/reports.ts'
import type { AccountRow, CaseResult } from './result.ts'
import { NOTARY_NAME } from './scenario/scenario.ts'

/** How a town calls what its notary has numbers for. */
export interface NotaryNaming {
  readonly currency: Currency
  readonly office: (number: number) => string
  readonly card: (id: string) => string
}

/** What the offices have at the notary: not promised to anybody, and on their cards. */
export function notaryAccounts(
  reports: readonly OfficeReport[],
  { currency, office }: NotaryNaming,
): readonly AccountRow[] {
  return reports.flatMap(({ office: number, free, issued }) =>
    (
      [
        ['free', free],
        ['issued', issued],
      ] as const
    )
      .filter(([, balance]) => balance !== 0n)
      .map(([kind, balance]) => ({
        office: NOTARY_NAME,
        kind,
        owner: office(number),
        balance: formatAmount(balance, currency),
      })),
  )
}

export function notaryCase(found: NotaryCase, naming: NotaryNaming): CaseResult {
  const { kind, office, card, strength, amount, withdrawn } = found
  const name = card === undefined ? null : naming.card(card)
  const money = (value: Amount) => formatAmount(value, naming.currency)
  return {
    office: NOTARY_NAME,
    kind,
    card: name,
    suspects: [kind === 'card-key-extracted' && name !== null ? name : naming.office(office)],
    strength,
    amount: amount === undefined ? null : money(amount),
    state: withdrawn ? 'withdrawn' : 'open',
  }
}
