import { sql, type Kysely, type Selectable, type Transaction } from 'kysely'
import { bytesEqual, type Bytes } from '../../kernel/bytes.ts'
import { encodeCbor } from '../../kernel/cbor.ts'
import { DIGEST_SIZE, sha256 } from '../../kernel/hash.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { AuditTable } from '../registry-tables.ts'
import type { Tables } from '../tables.ts'

/** One act of a person, or of the office itself. */
export interface Act {
  /** A person's id; undefined for the office itself. */
  readonly person: string | undefined
  /** `card.issue`, `till.stop`: what was done. */
  readonly act: string
  /** `card:00…01`, `till:7`: to what. */
  readonly subject: string
  /** What else there is to know, without secrets. */
  readonly detail: Readonly<Record<string, string | number | boolean | null>>
}

export interface AuditEntry extends Act {
  /** From 1, without gaps. */
  readonly id: number
  /** By the office's clock. */
  readonly at: Instant
}

const FIRST: Bytes = new Uint8Array(DIGEST_SIZE)
const AUDIT_LOCK = 0x6b6f6e76

/**
 * Writes an act into the log, in the transaction of the act: neither is there without the other.
 * Each entry has the digest of the one before, so that whoever kept one digest can tell later
 * whether anything before it was changed.
 */
export async function recordAct(
  trx: Transaction<Tables>,
  { person, act, subject, detail }: Act,
  at: Instant,
): Promise<void> {
  // One writer at a time: the chain has no branches.
  await sql`select pg_advisory_xact_lock(${AUDIT_LOCK})`.execute(trx)
  const last = await trx
    .selectFrom('audit')
    .select(['id', 'digest'])
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  const entry = {
    id: (last?.id ?? 0n) + 1n,
    at: BigInt(at),
    person: person === undefined ? null : BigInt(person),
    act,
    subject,
    detail: JSON.stringify(detail),
    previous: Buffer.from(last?.digest ?? FIRST),
  }
  await trx
    .insertInto('audit')
    .values({ ...entry, digest: digestOf(entry) })
    .execute()
}

/** The newest acts, newest first; those before `before` if it is given. */
export async function listActs(
  db: Kysely<Tables>,
  limit: number,
  before?: number,
): Promise<readonly AuditEntry[]> {
  let query = db.selectFrom('audit').selectAll().orderBy('id', 'desc').limit(limit)
  if (before !== undefined) query = query.where('id', '<', BigInt(before))
  return (await query.execute()).map(entryOf)
}

/** The first entry that does not fit the one before or its own digest; undefined if all fit. */
export async function findTampering(db: Kysely<Tables>): Promise<number | undefined> {
  let previous: Uint8Array = FIRST
  let expected = 1n
  for (;;) {
    const rows = await db
      .selectFrom('audit')
      .selectAll()
      .where('id', '>=', expected)
      .orderBy('id')
      .limit(1000)
      .execute()
    if (rows.length === 0) return undefined
    for (const row of rows) {
      const fits =
        row.id === expected &&
        bytesEqual(row.previous, previous) &&
        bytesEqual(row.digest, digestOf(row))
      if (!fits) return Number(expected)
      previous = row.digest
      expected += 1n
    }
  }
}

/** SHA-256 of `[id, at, person, act, subject, detail, previous]` in deterministic CBOR. */
function digestOf(row: Omit<Selectable<AuditTable>, 'digest'>): Bytes {
  const { id, at, person, act, subject, detail, previous } = row
  const who = person === null ? null : Number(person)
  return sha256(
    encodeCbor([Number(id), Number(at), who, act, subject, detail, new Uint8Array(previous)]),
  )
}

function entryOf(row: Selectable<AuditTable>): AuditEntry {
  return {
    id: Number(row.id),
    at: Number(row.at),
    person: row.person === null ? undefined : String(row.person),
    act: row.act,
    subject: row.subject,
    detail: JSON.parse(row.detail) as AuditEntry['detail'],
  }
}
