import type { CoinTables } from './coins/tables.ts'
import type { LedgerTables } from './ledger-tables.ts'
import type { RegistryTables } from './registry-tables.ts'

/** Every table of an office's database, as the migrations make them. */
export interface Tables extends RegistryTables, LedgerTables, CoinTables {}
