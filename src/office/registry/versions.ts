import type { Transaction } from 'kysely'
import { invariant } from '../../kernel/errors.ts'
import type { Tables } from '../tables.ts'

/**
 * The next version of a document that all tills share. Whoever else makes one waits until this
 * transaction has ended: versions become visible in their order, and without gaps.
 */
export async function nextVersion(trx: Transaction<Tables>, kind: 'keys' | 'hot'): Promise<bigint> {
  const row = await trx
    .updateTable('document_version')
    .set((eb) => ({ version: eb('version', '+', 1n) }))
    .where('kind', '=', kind)
    .returning('version')
    .executeTakeFirst()
  invariant(row, `the migration laid the version of ${kind}`)
  return row.version
}
