import type { Generated } from 'kysely'
import type { Outcome } from '../kernel/batch.ts'
import type { CurrencyCode } from '../kernel/money.ts'
import type { AccountKind } from './accounts.ts'
import type { CaseKind, Strength } from './findings.ts'
import type { EntryKind } from './scheme.ts'

/** migrations/0002-ledger.sql. `bigint` columns that are money come as bigint, instants as number. */
export interface LedgerTables {
  batch: BatchRow
  rejected_item: { batch: string; index: number; reason: string }
  entry: EntryRow
  token_use: { token: Buffer; card: string; sequence: number; record: Buffer; till: number }
  account: {
    id: Generated<string>
    kind: AccountKind
    owner: string
    currency: CurrencyCode
    balance: Generated<bigint>
  }
  transfer: {
    id: Generated<string>
    reference: string
    debit: string
    credit: string
    amount: bigint
    at: number
  }
  case: CaseRow
}

export interface BatchRow {
  id: Generated<string>
  till: number
  generation: number
  number: number
  digest: Buffer
  previous: Buffer
  made_at: number
  complete_up_to: number
  received_at: number
  items: number
  bytes: Buffer
  placed: Generated<boolean>
}

export interface EntryRow {
  card: string
  sequence: number
  digest: Buffer
  kind: EntryKind
  maker: number
  generation: number
  made_at: number
  balance: bigint
  uploaded: boolean
  amount: bigint | null
  outcome: Outcome | null
  previous: Buffer | null
  previous_maker: number | null
  previous_balance: bigint | null
  previous_at: number | null
  previous_shown: boolean | null
  policy_version: number | null
  proof: Buffer | null
  batch: string | null
  index: number | null
  complete: boolean
  contested: boolean
  refuted: boolean
  taken: boolean
  settlement: 'none' | 'held' | 'settled'
  settlement_step: number
}

export interface CaseRow {
  id: Generated<string>
  kind: CaseKind
  about: string
  card: string | null
  strength: Strength
  suspects: unknown
  amount: bigint | null
  records: unknown
  opened_at: number
  changed_at: number
  withdrawn: Generated<boolean>
  resolved_at: number | null
  resolution: string | null
}
