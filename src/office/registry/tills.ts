import type { Kysely, Selectable, Transaction } from 'kysely'
import { toHex } from '../../kernel/bytes.ts'
import type { TillNumber } from '../../kernel/ids.ts'
import type { CurrencyCode } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { TillTable } from '../registry-tables.ts'
import type { Tables } from '../tables.ts'

/** In the order in which a till passes through them. */
export const TILL_STATES = ['created', 'enrolled', 'stopped'] as const
export type TillState = (typeof TILL_STATES)[number]

export interface Till {
  readonly number: TillNumber
  readonly name: string
  readonly merchant: string
  readonly currency: CurrencyCode
  readonly state: TillState
  readonly stopReason: string | undefined
  /** By the office's clock. */
  readonly madeAt: Instant
  readonly enrolledAt: Instant | undefined
  readonly stoppedAt: Instant | undefined
  /** Until when an enrolment code can be used; undefined if none waits to be. */
  readonly codeExpiresAt: Instant | undefined
  /** SHA-256 of the program it runs, in hexadecimal, as it last said. */
  readonly software: string | undefined
  readonly policyVersion: number
  readonly tokensVersion: number
}

export interface NewTill {
  readonly name: string
  readonly merchant: string
  readonly currency: CurrencyCode
}

export async function addTill(
  trx: Transaction<Tables>,
  { name, merchant, currency }: NewTill,
  at: Instant,
): Promise<Till> {
  const row = await trx
    .insertInto('till')
    .values({ name, merchant: BigInt(merchant), currency, made_at: at })
    .returningAll()
    .executeTakeFirstOrThrow()
  return tillOf(row)
}

export async function findTill(db: Kysely<Tables>, number: TillNumber): Promise<Till | undefined> {
  const row = await db
    .selectFrom('till')
    .selectAll()
    .where('number', '=', BigInt(number))
    .executeTakeFirst()
  return row && tillOf(row)
}

/** All tills, or one merchant's, by number. */
export async function listTills(db: Kysely<Tables>, merchant?: string): Promise<readonly Till[]> {
  const rows = await db
    .selectFrom('till')
    .selectAll()
    .$if(merchant !== undefined, (query) => query.where('merchant', '=', BigInt(merchant ?? 0)))
    .orderBy('number')
    .execute()
  return rows.map(tillOf)
}

/** The row, for as long as the transaction lasts, or undefined if there is no such till. */
export async function lockTill(
  trx: Transaction<Tables>,
  number: TillNumber,
): Promise<Selectable<TillTable> | undefined> {
  return trx
    .selectFrom('till')
    .selectAll()
    .where('number', '=', BigInt(number))
    .forUpdate()
    .executeTakeFirst()
}

/** @returns whether there was such a till. A stopped one stays stopped as it was. */
export async function stopTill(
  db: Kysely<Tables>,
  number: TillNumber,
  reason: string,
  at: Instant,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('till')
    .set((eb) => ({
      stopped_at: eb.fn.coalesce('stopped_at', eb.val(BigInt(at))),
      stop_reason: eb.fn.coalesce('stop_reason', eb.val(reason)),
      sealed_code: null,
      code_expires_at: null,
      code_used_by: null,
    }))
    .where('number', '=', BigInt(number))
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** What a till said of itself in its newest batch. */
export async function noteSoftware(
  db: Kysely<Tables>,
  number: TillNumber,
  software: Uint8Array,
): Promise<void> {
  await db
    .updateTable('till')
    .set({ software })
    .where('number', '=', BigInt(number))
    .where((eb) => eb('software', 'is distinct from', Buffer.from(software)))
    .execute()
}

export function tillOf(row: Selectable<TillTable>): Till {
  const instant = (value: bigint | null) => (value === null ? undefined : Number(value))
  return {
    number: Number(row.number),
    name: row.name,
    merchant: String(row.merchant),
    currency: row.currency,
    state: row.stopped_at !== null ? 'stopped' : row.enrolled_at !== null ? 'enrolled' : 'created',
    stopReason: row.stop_reason ?? undefined,
    madeAt: Number(row.made_at),
    enrolledAt: instant(row.enrolled_at),
    stoppedAt: instant(row.stopped_at),
    codeExpiresAt: row.code_used_by === null ? instant(row.code_expires_at) : undefined,
    software: row.software === null ? undefined : toHex(row.software),
    policyVersion: Number(row.policy_version),
    tokensVersion: Number(row.tokens_version),
  }
}
