import type { ColumnType, Generated } from 'kysely'
import type { DocumentKind } from '../kernel/documents.ts'
import type { CurrencyCode } from '../kernel/money.ts'
import type { Bytea, GeneratedInt8, Int8, Json, NullableBytea, NullableInt8 } from './columns.ts'
import type { Role } from './roles.ts'

/** migrations/0001-registry.sql. */
export interface RegistryTables {
  document_version: { kind: Extract<DocumentKind, 'keys' | 'hot'>; version: Int8 }
  office_setting: { name: string; value: string }
  office_key: { generation: number; sealed_private_key: Bytea; made_at: Int8 }
  scheme_secret: { scheme: string; sealed: Bytea; made_at: Int8 }
  merchant: { id: GeneratedInt8; name: string; made_at: Int8 }
  till: TillTable
  maker_key: MakerKeyTable
  policy: { till: Int8; version: Int8; policy: Json<unknown>; made_at: Int8 }
  product: ProductTable
  token: TokenTable
  person: PersonTable
  session: { token_hash: Bytea; person: Int8; made_at: Int8; expires_at: Int8 }
  login_failure: { source: string; count: number; since: Int8 }
  card: CardTable
  card_secret: { card: string; source: string; sealed: Bytea; learnt_at: Int8 }
  hot_change: { version: Int8; card: string; hot: boolean; at: Int8 }
  idempotent_answer: {
    person: Int8
    key: string
    request: Bytea
    sealed_answer: NullableBytea
    at: Int8
  }
  audit: AuditTable
}

export interface TillTable {
  number: GeneratedInt8
  name: string
  merchant: Int8
  currency: CurrencyCode
  made_at: Int8
  sealed_code: NullableBytea
  code_expires_at: NullableInt8
  code_used_by: ColumnType<number | null, number | null | undefined, number | null>
  enrolled_at: NullableInt8
  stopped_at: NullableInt8
  stop_reason: ColumnType<string | null, string | null | undefined, string | null>
  software: NullableBytea
  policy_version: ColumnType<bigint, never, bigint | number>
  tokens_version: ColumnType<bigint, never, bigint | number>
}

export interface MakerKeyTable {
  maker: Int8
  generation: number
  public_key: Bytea
  made_at: Int8
  revoked_from: NullableInt8
  version: Int8
}

export interface ProductTable {
  id: GeneratedInt8
  merchant: Int8
  name: string
  price: Int8
  currency: CurrencyCode
  withdrawn_at: NullableInt8
  made_at: Int8
}

export interface TokenTable {
  digest: Bytea
  bytes: Bytea
  product: Int8
  price: Int8
  currency: CurrencyCode
  till: Int8
  made_at: Int8
  version: Int8
}

export interface PersonTable {
  id: GeneratedInt8
  login: string
  name: string
  password: ColumnType<string | null, string | null | undefined, string | null>
  role: Role
  merchant: NullableInt8
  made_at: Int8
  disabled_at: NullableInt8
}

/** In the order of `card.status` in the migration. `hot` and `retired` are for good. */
export const CARD_STATUSES = ['active', 'frozen', 'hot', 'retired'] as const
export type CardStatus = (typeof CARD_STATUSES)[number]

export interface CardTable {
  id: string
  scheme: string
  uid: Bytea
  currency: CurrencyCode
  label: string | null
  holder: NullableInt8
  status: Generated<CardStatus>
  status_reason: Generated<string>
  issued_at: Int8
  successor: ColumnType<string | null, string | null | undefined, string | null>
}

export interface AuditTable {
  id: Int8
  at: Int8
  person: NullableInt8
  act: string
  subject: string
  detail: string
  previous: Bytea
  digest: Bytea
}
