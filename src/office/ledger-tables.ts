import type { ColumnType, Generated } from 'kysely'
import type { Outcome } from '../kernel/batch.ts'
import type { CurrencyCode } from '../kernel/money.ts'
import type { AccountKind } from './ledger/account-kinds.ts'
import type { Bytea, GeneratedInt8, Int8, Json, NullableBytea, NullableInt8 } from './columns.ts'
import type { CaseKind, Strength } from './ledger/findings.ts'
import type { EntryKind } from './scheme.ts'

/** migrations/0002-ledger.sql. `bigint` columns come as bigint, all of them: see columns.ts. */
export interface LedgerTables {
  batch: BatchRow
  rejected_item: { batch: Int8; index: number; reason: string }
  till_intake: { till: Int8; durable_up_to: Int8 }
  till_placement: { till: Int8; placed_up_to: Int8; complete_up_to: Int8 }
  late_check: {
    till: Int8
    number: Int8
    card: string
    sequence: number
    digest: Bytea
    made_at: Int8
  }
  entry: EntryRow
  token_use: {
    token: Bytea
    card: string | null
    sequence: number | null
    record: Bytea
    till: Int8
  }
  account: {
    id: GeneratedInt8
    kind: AccountKind
    owner: string
    currency: CurrencyCode
    balance: ColumnType<bigint, bigint | undefined, bigint>
  }
  transfer: {
    id: GeneratedInt8
    reference: string
    debit: Int8
    credit: Int8
    amount: Int8
    at: Int8
  }
  case: CaseRow
}

export interface BatchRow {
  id: GeneratedInt8
  /** Null where `card` is not: then so are those up to `complete_up_to`. */
  till: NullableInt8
  generation: number | null
  number: NullableInt8
  digest: Bytea
  previous: NullableBytea
  made_at: NullableInt8
  complete_up_to: NullableInt8
  card: string | null
  received_at: Int8
  items: number
  bytes: Bytea
  placed: Generated<boolean>
}

export interface EntryRow {
  card: string
  sequence: number
  digest: Bytea
  kind: EntryKind
  maker: Int8
  generation: number
  made_at: Int8
  balance: Int8
  uploaded: boolean
  amount: NullableInt8
  outcome: Outcome | null
  previous: NullableBytea
  previous_maker: NullableInt8
  previous_balance: NullableInt8
  previous_at: NullableInt8
  previous_shown: boolean | null
  received_at: Int8
  batch: NullableInt8
  index: number | null
  complete: boolean
  contested: boolean
  refuted: boolean
  decision: 'accepted' | 'refused' | null
  taken: boolean
  settlement: 'none' | 'held' | 'settled'
  settlement_step: number
}

export interface CaseRow {
  id: GeneratedInt8
  kind: CaseKind
  about: string
  card: string | null
  strength: Strength
  suspects: Json<unknown>
  amount: NullableInt8
  records: Json<unknown>
  opened_at: Int8
  changed_at: Int8
  withdrawn: Generated<boolean>
  resolved_at: NullableInt8
  resolution: ColumnType<string | null, string | null | undefined, string | null>
}
