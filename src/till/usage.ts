import type { Amount } from '../kernel/money.ts'
import { listRecordsAfter, listVoidAfter } from './journal.ts'
import type { Usage } from './limits.ts'
import type { JournalRecord } from './scheme.ts'
import type { Store } from './store.ts'

/**
 * Counts the payments that the office has not acknowledged. Remembers what it counted: a tap must not
 * open a day's sales. What was decided void is rare, and subtracted afresh each time.
 *
 * @param upToRecord the highest record that the office holds for good.
 */
export type UsageMeter = (upToRecord: number) => Omit<Usage, 'age'>

export function usageMeter(store: Store): UsageMeter {
  let from = -1
  let last = -1
  let counted: Sum = NOTHING

  return (upToRecord) => {
    if (from !== upToRecord) {
      from = upToRecord
      last = upToRecord
      counted = NOTHING
    }
    const fresh = listRecordsAfter(store, last)
    last = fresh.at(-1)?.id ?? last
    counted = add(counted, sumOf(fresh))
    const gone = sumOf(listVoidAfter(store, from))
    return { payments: counted.payments - gone.payments, amount: counted.amount - gone.amount }
  }
}

interface Sum {
  readonly payments: number
  readonly amount: Amount
}

const NOTHING: Sum = { payments: 0, amount: 0n }

function sumOf(records: readonly JournalRecord[]): Sum {
  return records
    .filter(({ kind }) => kind === 'pay')
    .reduce((sum, record) => add(sum, { payments: 1, amount: record.amount }), NOTHING)
}

function add(a: Sum, b: Sum): Sum {
  return { payments: a.payments + b.payments, amount: a.amount + b.amount }
}
