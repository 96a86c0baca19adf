import type { Kysely } from 'kysely'
import type { Instant } from '../../kernel/ports.ts'
import type { Tables } from '../tables.ts'

export interface Merchant {
  /** Decimal digits: the owner of its account. */
  readonly id: string
  readonly name: string
  /** By the office's clock. */
  readonly madeAt: Instant
}

/** @throws a unique violation if another has that name. */
export async function addMerchant(
  db: Kysely<Tables>,
  name: string,
  at: Instant,
): Promise<Merchant> {
  const row = await db
    .insertInto('merchant')
    .values({ name, made_at: at })
    .returningAll()
    .executeTakeFirstOrThrow()
  return merchantOf(row)
}

export async function findMerchant(db: Kysely<Tables>, id: string): Promise<Merchant | undefined> {
  const row = await db
    .selectFrom('merchant')
    .selectAll()
    .where('id', '=', BigInt(id))
    .executeTakeFirst()
  return row && merchantOf(row)
}

export async function listMerchants(db: Kysely<Tables>): Promise<readonly Merchant[]> {
  const rows = await db.selectFrom('merchant').selectAll().orderBy('id').execute()
  return rows.map(merchantOf)
}

function merchantOf(row: { id: bigint; name: string; made_at: bigint }): Merchant {
  return { id: String(row.id), name: row.name, madeAt: Number(row.made_at) }
}
