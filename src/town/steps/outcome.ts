import type { Amount } from '../../kernel/money.ts'
import type { Miss } from '../expectations.ts'
import type { CarriedBatch } from '../party.ts'
import { money as moneyText } from '../report.ts'
import type { CashUpRow, ResultWord } from '../result.ts'
import type { Town } from '../town.ts'

/** How a step ended. */
export interface Outcome {
  readonly result: ResultWord
  readonly status?: string
  /** For people: who did what. */
  readonly text: string
  /** Of a step `cashUp`. */
  readonly cashUp?: CashUpRow
  /** Of a step `expect`, or of orders of upload that do not agree. */
  readonly misses?: readonly Miss[]
}

/** What a step may use beside the town. */
export interface Stage {
  readonly town: Town
  /** Of the step, for the names of orders and of expectations. */
  readonly index: number
  /** Prints for people. */
  readonly print: (text: string) => void
  /** Hands batches in at a copy of the office, once for each order, and says where they disagree. */
  readonly tryOrders: (
    orders: Iterable<readonly CarriedBatch[]>,
    given: readonly CarriedBatch[],
  ) => Promise<readonly Miss[]>
}

export function done(text: string): Outcome {
  return { result: 'done', text }
}

export function refused(status: string, text: string): Outcome {
  return { result: 'refused', status, text }
}

/** An amount as people say it. */
export function money({ currency }: Pick<Town, 'currency'>, amount: Amount): string {
  return moneyText(amount, currency)
}
