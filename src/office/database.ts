import { Kysely, PostgresDialect, sql } from 'kysely'
import { Pool, types, type CustomTypesConfig, type PoolClient } from 'pg'
import { InvariantError } from '../kernel/errors.ts'
import { DatabaseError, startEmbedded, type ServerSettings } from './embedded.ts'
import { migrate, type Migration } from './migrate.ts'
import type { Tables } from './tables.ts'

export { DatabaseError } from './embedded.ts'

/** PostgreSQL always: a server that is there already, or one of our own with its data in a directory. */
export type DatabaseSource =
  { readonly url: string } | { readonly directory: string; readonly settings?: ServerSettings }

export interface OpenDatabase<T = Tables> {
  readonly db: Kysely<T>
  /** With the password in it: secret. */
  readonly url: string
  /** Where our own server keeps its cluster; undefined for a server that was there already. */
  readonly cluster: string | undefined
  /** Waits for queries that run, then ends the connections and a server of our own. */
  close(): Promise<void>
}

const OLDEST_SERVER = 150_000

/**
 * Connects, brings the tables up to this program's version and hands the database over.
 *
 * @param migrations of another house than an office, a notary's.
 * @throws {DatabaseError} if there is no server, it is too old, or its tables are not ours.
 */
export async function openDatabase<T = Tables>(
  source: DatabaseSource,
  migrations?: readonly Migration[],
): Promise<OpenDatabase<T>> {
  const server =
    'url' in source
      ? { url: source.url, cluster: undefined, stop: () => Promise.resolve() }
      : await startEmbedded(source.directory, source.settings)
  const { db, close: disconnect } = connectPool<T>(server.url)
  const close = async () => {
    await disconnect()
    await server.stop()
  }
  try {
    await checkServer(db, source)
    await migrate(db, migrations)
  } catch (error) {
    await close()
    throw error
  }
  return { db, url: server.url, cluster: server.cluster, close }
}

/** Connections to a database whose tables are as this program wants them. */
export function connect<T = Tables>(url: string, connectionsMax?: number): Kysely<T> {
  return connectPool<T>(url, connectionsMax).db
}

interface Connected<T> {
  readonly db: Kysely<T>
  /** Waits for queries that run; when it resolves, the server knows that nobody is connected any more. */
  readonly close: () => Promise<void>
}

function connectPool<T>(url: string, connectionsMax = 20): Connected<T> {
  const pool = new Pool({
    connectionString: url,
    max: connectionsMax,
    types: TYPES,
    application_name: 'kontant',
  })
  // The pool drops a broken idle connection by itself; the next query says what is wrong, if it still is.
  pool.on('error', (error) => process.emitWarning(error))
  const db = new Kysely<T>({ dialect: new PostgresDialect({ pool }) })
  const over = untilOver(pool)
  return {
    db,
    async close() {
      await db.destroy()
      await over()
    },
  }
}

/**
 * A pool’s own end only tells its connections to end: a server that is stopped then breaks those that are
 * still saying goodbye.
 */
function untilOver(pool: Pool): () => Promise<void> {
  const open = new Map<PoolClient, PromiseWithResolvers<void>>()
  pool.on('connect', (client) => open.set(client, Promise.withResolvers()))
  pool.on('remove', (client) => {
    open.get(client)?.resolve()
    open.delete(client)
  })
  return async () => {
    await Promise.all([...open.values()].map(({ promise }) => promise))
  }
}

async function checkServer<T>(db: Kysely<T>, source: DatabaseSource): Promise<void> {
  const { rows } = await sql<{ number: string; name: string }>`
    select current_setting('server_version_num') as number,
           current_setting('server_version') as name`
    .execute(db)
    .catch((error: unknown) => {
      const where = 'url' in source ? 'the server that DATABASE_URL names' : source.directory
      throw new DatabaseError(`The database does not answer (${where}): ${String(error)}`)
    })
  const [version] = rows
  if (Number(version?.number) >= OLDEST_SERVER) return
  throw new DatabaseError(`PostgreSQL ${version?.name} is too old: Kontant needs 15 or newer`)
}

type TypeId = Parameters<CustomTypesConfig['getTypeParser']>[0]

const OID = { int8: 20, int8Array: 1016, numeric: 1700 } as const

/**
 * Every 8-byte integer comes as bigint, whether money, instant or number, and so does a sum of them:
 * by its type alone none of them can be told from the others, and money must never pass through a
 * floating-point number. Instants and numbers become `number` where rows become values.
 */
const TYPES: CustomTypesConfig = {
  getTypeParser(oid: TypeId, format?: 'text' | 'binary') {
    if (format === 'binary') throw new InvariantError('rows are asked for as text')
    const number: number = oid
    if (number === OID.int8 || number === OID.numeric) return (text: string) => BigInt(text)
    if (number === OID.int8Array) return parseBigints
    return types.getTypeParser(oid, 'text')
  },
}

function parseBigints(text: string): readonly (bigint | null)[] {
  const inner = text.slice(1, -1)
  if (inner === '') return []
  return inner.split(',').map((item) => (item === 'NULL' ? null : BigInt(item)))
}
