import type { LedgerLineJson } from '../answers.ts'
import type { LedgerLine } from '../ledger/view.ts'

export function lineToJson(line: LedgerLine): LedgerLineJson {
  const { amount, outcome, previous } = line
  return {
    ...line,
    balance: String(line.balance),
    amount: amount === undefined ? null : String(amount),
    outcome: outcome ?? null,
    decision: line.decision ?? null,
    payment: line.payment ?? null,
    previous: previous ? { ...previous, balance: String(previous.balance) } : null,
  }
}
