import { sql, type Kysely } from 'kysely'
import type { Instant } from '../../kernel/ports.ts'
import type { Tables } from '../tables.ts'

/** Wrong passwords within {@link FAILURE_WINDOW_MS} before nobody may try any more. */
export const FAILURES_MAX = { login: 10, address: 50 } as const
export const FAILURE_WINDOW_MS = 15 * 60 * 1000

/** What is tried and from where; both are counted, since either can be many. */
export interface LoginSource {
  readonly login: string
  readonly address: string
}

/** In the database, so that it counts over all processes of an office and outlives a restart. */
export async function tooManyFailures(
  db: Kysely<Tables>,
  source: LoginSource,
  at: Instant,
): Promise<boolean> {
  const keys = keysOf(source)
  const rows = await db
    .selectFrom('login_failure')
    .selectAll()
    .where('source', 'in', [keys.login, keys.address])
    .where('since', '>', BigInt(at - FAILURE_WINDOW_MS))
    .execute()
  return rows.some(
    ({ source: key, count }) =>
      count >= (key === keys.login ? FAILURES_MAX.login : FAILURES_MAX.address),
  )
}

export async function countFailure(
  db: Kysely<Tables>,
  source: LoginSource,
  at: Instant,
): Promise<void> {
  const oldest = at - FAILURE_WINDOW_MS
  await sql`delete from login_failure where since <= ${oldest}::bigint`.execute(db)
  await sql`
    insert into login_failure as known (source, count, since)
    select source, 1, ${at}::bigint from unnest(${Object.values(keysOf(source))}::text[]) as new (source)
    order by source
    on conflict (source) do update set count = known.count + 1`.execute(db)
}

/** A right password clears the login; the address may be trying others. */
export async function clearFailures(db: Kysely<Tables>, source: LoginSource): Promise<void> {
  await db.deleteFrom('login_failure').where('source', '=', keysOf(source).login).execute()
}

function keysOf({ login, address }: LoginSource) {
  return { login: `login ${login}`, address: `address ${address}` }
}
