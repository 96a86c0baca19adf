import { sql, type Kysely, type Transaction } from 'kysely'
import {
  decodeBatch,
  signAcknowledgement,
  verifyBatch,
  type ReceivedBatch,
} from '../../kernel/batch.ts'
import type { Bytes } from '../../kernel/bytes.ts'
import { FormatError, invariant } from '../../kernel/errors.ts'
import type { TillNumber } from '../../kernel/ids.ts'
import type { PrivateKey, PublicKey } from '../../kernel/p256.ts'
import type { Clock } from '../../kernel/ports.ts'
import type { OfficeNumber } from '../../kernel/party.ts'
import { packed } from '../packed.ts'
import type { CardId } from '../../kernel/ids.ts'
import { sha256 } from '../../kernel/hash.ts'
import type { Tables } from '../tables.ts'

/** What intake can say to a batch, in the order of the checks. */
export const INTAKE_STATUSES = [
  'malformed',
  'unknown_key',
  'revoked_key',
  'bad_signature',
  'stored',
] as const
type IntakeStatus = (typeof INTAKE_STATUSES)[number]

export type IntakeResult =
  | { readonly status: 'malformed'; readonly error: FormatError }
  | { readonly status: Exclude<IntakeStatus, 'malformed' | 'stored'> }
  /** Now or before: sending a batch twice is harmless. */
  | { readonly status: 'stored'; readonly acknowledgement: Bytes }

export interface IntakeOffice {
  readonly db: Kysely<Tables>
  readonly clock: Clock
  readonly key: PrivateKey
  readonly keyId: string
  /** A till's key for its batches; undefined if it never had that one. */
  tillKey(till: TillNumber, generation: number): Promise<TillKey | undefined>
  /** The newest version of each document that the office has for a till. */
  documentVersions(till: TillNumber): Promise<Readonly<Record<string, number>>>
  /** Called with batches that have been stored: they, and others perhaps, are to be placed. */
  onStored(batches: readonly ReceivedBatch[]): void
}

export interface TillKey {
  readonly publicKey: PublicKey
  readonly revoked: boolean
}

/**
 * Takes batches in: whole and signed or not at all, raw and for good, before anything else is decided
 * about them. Batches that arrive while others are being written are written together.
 */
export class Intake {
  readonly #office: IntakeOffice
  #waiting: Waiting[] = []
  #writing = false

  constructor(office: IntakeOffice) {
    this.#office = office
  }

  async receive(bytes: Uint8Array): Promise<IntakeResult> {
    let received: ReceivedBatch
    try {
      received = decodeBatch(bytes)
    } catch (error) {
      if (error instanceof FormatError) return { status: 'malformed', error }
      throw error
    }
    const { till, generation } = received.batch
    const key = await this.#office.tillKey(till, generation)
    if (!key) return { status: 'unknown_key' }
    if (key.revoked) return { status: 'revoked_key' }
    if (!verifyBatch(received, key.publicKey)) return { status: 'bad_signature' }
    const durableUpTo = await this.#store({ received, bytes })
    return { status: 'stored', acknowledgement: await this.#acknowledge(received, durableUpTo) }
  }

  /** @returns up to which number the till's batches are stored without a gap. */
  #store(batch: StoredBatch): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...batch, resolve, reject })
      if (!this.#writing) void this.#writeAll()
    })
  }

  async #writeAll(): Promise<void> {
    this.#writing = true
    while (this.#waiting.length > 0) {
      const group = this.#waiting
      this.#waiting = []
      try {
        const at = this.#office.clock.now()
        const durable = await this.#office.db
          .transaction()
          .execute((trx) => storeBatches(trx, group, at))
        for (const { received, resolve } of group) {
          const upTo = durable.get(received.batch.till)
          invariant(upTo !== undefined, 'a stored batch has progress')
          resolve(upTo)
        }
        this.#office.onStored(group.map(({ received }) => received))
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    this.#writing = false
  }

  async #acknowledge({ batch, digest }: ReceivedBatch, durableUpTo: number): Promise<Bytes> {
    const { clock, key, keyId } = this.#office
    return signAcknowledgement(key, keyId, {
      type: 'acknowledgement',
      version: 1,
      till: batch.till,
      number: batch.number,
      digest,
      durableUpTo,
      officeTime: clock.now(),
      documents: await this.#office.documentVersions(batch.till),
    })
  }
}

/** What a card hands in through somebody’s phone. */
export interface CardUpload {
  readonly card: CardId
  readonly items: number
  /** As received: a synchronisation. */
  readonly bytes: Uint8Array
}

/** Stores it raw and for good, once. @returns its id among the uploads. */
export async function storeCardUpload(
  db: Kysely<Tables>,
  { card, items, bytes }: CardUpload,
  at: number,
): Promise<bigint> {
  const digest = sha256(bytes)
  await sql`
    insert into batch (card, digest, received_at, items, bytes)
    values (${card}, ${digest}, ${at}::bigint, ${items}, ${bytes})
    on conflict (card, digest) where card is not null do nothing`.execute(db)
  const { rows } = await sql<{ id: bigint }>`
    select id from batch where card = ${card} and digest = ${digest}`.execute(db)
  const [row] = rows
  invariant(row, 'what was stored is there')
  return row.id
}

/** What another bank has shown, as it is stored. */
export interface BankUpload {
  readonly office: OfficeNumber
  readonly items: number
  /** A synchronisation of nobody’s card. */
  readonly bytes: Uint8Array
}

/** Stores it raw and for good, once, whoever shows it. */
export async function storeBankUploads(
  trx: Transaction<Tables>,
  uploads: readonly BankUpload[],
  at: number,
): Promise<void> {
  const column = packed(uploads)
  await sql`
    insert into batch (office, digest, received_at, items, bytes)
    select office, digest, ${at}::bigint, items, bytes from unnest(
      ${column.int4(({ office }) => office)},
      ${column.bytea(({ bytes }) => sha256(bytes))},
      ${column.int4(({ items }) => items)},
      ${column.bytea(({ bytes }) => bytes)}
    ) as new (office, digest, items, bytes)
    on conflict (digest) where office is not null do nothing`.execute(trx)
}

interface StoredBatch {
  readonly received: ReceivedBatch
  readonly bytes: Uint8Array
}

interface Waiting extends StoredBatch {
  readonly resolve: (durableUpTo: number) => void
  readonly reject: (error: unknown) => void
}

async function storeBatches(
  trx: Transaction<Tables>,
  batches: readonly StoredBatch[],
  at: number,
): Promise<ReadonlyMap<TillNumber, number>> {
  // In one order always, so that two offices on one database never wait for each other.
  const tills = [...new Set(batches.map(({ received }) => received.batch.till))].toSorted(
    (one, other) => one - other,
  )
  // As they came: what cards paid at several tills is then placed near each other.
  const column = packed(batches)
  await sql`
    insert into till_intake (till) select * from unnest(${tills}::bigint[])
    on conflict (till) do nothing`.execute(trx)
  await sql`
    select from till_intake where till = any(${tills}::bigint[]) order by till for update`.execute(
    trx,
  )
  await sql`
    insert into batch (
      till, generation, number, digest, previous, made_at, complete_up_to, received_at, items, bytes
    )
    select
      till, generation, number, digest, previous, made_at, complete_up_to, ${at}::bigint, items, bytes
    from unnest(
      ${column.int8(({ received }) => received.batch.till)},
      ${column.int4(({ received }) => received.batch.generation)},
      ${column.int8(({ received }) => received.batch.number)},
      ${column.bytea(({ received }) => received.digest)},
      ${column.bytea(({ received }) => received.batch.previous)},
      ${column.int8(({ received }) => received.batch.madeAt)},
      ${column.int8(({ received }) => received.batch.completeUpTo)},
      ${column.int4(({ received }) => received.batch.items.length)},
      ${column.bytea(({ bytes }) => bytes)}
    ) as new (till, generation, number, digest, previous, made_at, complete_up_to, items, bytes)
    on conflict (till, number, digest) do nothing`.execute(trx)
  const { rows } = await sql<{ till: string; durable_up_to: string }>`
    with recursive step (till, number) as (
      select till, durable_up_to from till_intake where till = any(${tills}::bigint[])
      union all
      select step.till, step.number + 1 from step
      where exists (
        select from batch where batch.till = step.till and batch.number = step.number + 1
      )
    ), reached as (select till, max(number) as number from step group by till)
    update till_intake set durable_up_to = reached.number
    from reached where till_intake.till = reached.till
    returning till_intake.till::text, till_intake.durable_up_to::text`.execute(trx)
  return new Map(rows.map((row) => [Number(row.till), Number(row.durable_up_to)]))
}
