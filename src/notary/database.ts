import { fileURLToPath } from 'node:url'
import { sql, type Kysely, type Transaction } from 'kysely'
import { openDatabase, type DatabaseSource, type OpenDatabase } from '../office/database.ts'
import { readMigrations } from '../office/migrate.ts'

/** Rows are written and read in SQL with their own shapes; nothing here needs a table's type. */
export interface NotaryTables {}
export type NotaryDb = Kysely<NotaryTables>
export type NotaryTransaction = Transaction<NotaryTables>

const MIGRATIONS = fileURLToPath(new URL('migrations/', import.meta.url))

/** @throws {DatabaseError} as {@link openDatabase} does. */
export async function openNotaryDatabase(
  source: DatabaseSource,
): Promise<OpenDatabase<NotaryTables>> {
  return openDatabase<NotaryTables>(source, await readMigrations(MIGRATIONS))
}

/**
 * One change of the books after the other: what is settled depends on all accounts together. Batches
 * make up for it: hundreds of payments are one change.
 */
export async function changeBooks<T>(
  db: NotaryDb,
  work: (trx: NotaryTransaction) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async (trx) => {
    await sql`select pg_advisory_xact_lock(${sql.lit(BOOKS_LOCK)})`.execute(trx)
    return work(trx)
  })
}

const BOOKS_LOCK = 0x6b6f6e6e
