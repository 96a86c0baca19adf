import { sql, type Transaction } from 'kysely'
import type { Tables } from '../tables.ts'

/** One writer at a time, over all processes of an office: a number of our own. */
const LEDGER_LOCK = 7_331_001

/**
 * Waits until no other transaction changes the ledger. To be taken before any row of it is touched, so
 * that two never wait for each other.
 */
export async function lockLedger(trx: Transaction<Tables>): Promise<void> {
  await sql`select pg_advisory_xact_lock(${LEDGER_LOCK})`.execute(trx)
}
