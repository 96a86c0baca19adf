import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { sql, type Kysely } from 'kysely'
import { toHex, utf8 } from '../kernel/bytes.ts'
import { sha256 } from '../kernel/hash.ts'
import { DatabaseError } from './embedded.ts'

export interface Migration {
  readonly number: number
  readonly name: string
  readonly text: string
  /** SHA-256 of the text, in hexadecimal. */
  readonly digest: string
}

interface Applied {
  readonly number: number
  readonly name: string
  readonly digest: string
}

const DIRECTORY = fileURLToPath(new URL('migrations/', import.meta.url))
/** Two offices that start at once wait for each other here. */
const MIGRATION_LOCK = 0x6b6f6e75

/** Reads `0001-registry.sql` and those after it. Their numbers have no gaps. */
export async function readMigrations(directory = DIRECTORY): Promise<readonly Migration[]> {
  const files = (await readdir(directory)).filter((file) => file.endsWith('.sql')).toSorted()
  return Promise.all(
    files.map(async (file, index) => {
      const match = /^(\d{4})-([a-z0-9-]+)\.sql$/.exec(file)
      if (!match || Number(match[1]) !== index + 1) {
        throw new DatabaseError(`expected migration ${index + 1}, found ${file}`)
      }
      const text = await readFile(`${directory}/${file}`, 'utf8')
      return { number: index + 1, name: match[2] ?? '', text, digest: toHex(sha256(utf8(text))) }
    }),
  )
}

/**
 * Applies what is missing, in order, each in a transaction of its own.
 *
 * @throws {DatabaseError} if the database has a migration that this program does not have, or has
 *   otherwise: then nothing is changed.
 */
export async function migrate<T>(
  db: Kysely<T>,
  migrations?: readonly Migration[],
): Promise<readonly Migration[]> {
  const wanted = migrations ?? (await readMigrations())
  return db.connection().execute(async (connection) => {
    await sql`select pg_advisory_lock(${sql.lit(MIGRATION_LOCK)})`.execute(connection)
    try {
      return await applyMissing(connection, wanted)
    } finally {
      await sql`select pg_advisory_unlock(${sql.lit(MIGRATION_LOCK)})`.execute(connection)
    }
  })
}

async function applyMissing<T>(
  db: Kysely<T>,
  wanted: readonly Migration[],
): Promise<readonly Migration[]> {
  await sql`
    create table if not exists migration (
      number integer primary key,
      name text not null,
      digest text not null,
      applied_at timestamptz not null default now()
    )`.execute(db)
  const { rows } = await sql<Applied>`
    select number, name, digest from migration order by number`.execute(db)
  checkApplied(rows, wanted)
  const missing = wanted.slice(rows.length)
  for (const { number, name, text, digest } of missing) {
    await db.transaction().execute(async (trx) => {
      await sql.raw(text).execute(trx)
      await sql`
        insert into migration (number, name, digest)
        values (${number}, ${name}, ${digest})`.execute(trx)
    })
  }
  return missing
}

function checkApplied(applied: readonly Applied[], wanted: readonly Migration[]): void {
  const [unknown] = applied.slice(wanted.length)
  if (unknown) {
    throw new DatabaseError(
      `The database is newer than this program: it has migration ${unknown.number} ` +
        `(${unknown.name}), this program knows ${wanted.length}. Start the newer program.`,
    )
  }
  for (const [index, { number, name, digest }] of applied.entries()) {
    if (wanted[index]?.digest === digest) continue
    throw new DatabaseError(
      `Migration ${number} (${name}) was applied to this database with other text than this ` +
        'program has. A migration that was applied never changes: add a new one.',
    )
  }
}
