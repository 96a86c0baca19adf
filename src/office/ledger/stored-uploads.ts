import { sql, type Kysely } from 'kysely'
import { decodeBatch, type Batch, type BatchItem, type ReceivedBatch } from '../../kernel/batch.ts'
import { invariant } from '../../kernel/errors.ts'
import { digestOf, type Digest } from '../../kernel/ids.ts'
import { decodeSynchronisation, itemsOf } from '../../kernel/synchronisation.ts'
import { packed } from '../packed.ts'
import type { Tables } from '../tables.ts'

/** What was handed in: by a till as a batch, by a card through somebody’s phone, or by another bank. */
export interface Content {
  readonly items: readonly BatchItem[]
  /** Undefined: a card’s, or a bank’s. */
  readonly batch: Batch | undefined
}

export interface StoredUpload extends Content {
  readonly id: bigint
  readonly digest: Digest
}

/** Evidence kept in memory from its arrival until it is placed, in bytes; the rest is read again. */
const AT_HAND_MAX = 64 * 1024 * 1024

/** The uploads that are stored and not in the ledger yet. */
export class StoredUploads {
  readonly #db: Kysely<Tables>
  /** By digest. Only a cache: the database has them all. */
  readonly #atHand = new Map<Digest, Batch>()
  #bytesAtHand = 0

  constructor(db: Kysely<Tables>) {
    this.#db = db
  }

  /** @param batches that have just been stored: it saves reading them. */
  remember(batches: readonly ReceivedBatch[]): void {
    for (const { batch, digest } of batches) {
      if (this.#bytesAtHand >= AT_HAND_MAX) return
      const name = digestOf(digest)
      if (this.#atHand.has(name)) continue
      this.#atHand.set(name, batch)
      this.#bytesAtHand += evidenceIn(batch)
    }
  }

  /** The oldest behind that one, with as many items as asked for, or a few more. */
  async take(after: bigint, items: number): Promise<readonly StoredUpload[]> {
    const { rows } = await sql<StoredName>`
      select id, encode(digest, 'hex') as digest from (
        select id, digest, sum(items) over (order by id) - items as before
        from (
          select id, digest, items from batch
          where not placed and id > ${after}::bigint order by id limit 500
        ) as waiting
      ) as numbered
      where before < ${items} order by numbered.id`.execute(this.#db)
    const missing = rows.filter(({ digest }) => !this.#atHand.has(digest)).map(({ id }) => id)
    const read = missing.length > 0 ? await loadContents(this.#db, missing) : new Map()
    return rows.map(({ id, digest }) => {
      const content: Content | undefined = this.#fromHand(digest) ?? read.get(id)
      invariant(content, `batch ${id} was stored`)
      return { id, digest, ...content }
    })
  }

  #fromHand(digest: Digest): Content | undefined {
    const batch = this.#atHand.get(digest)
    if (!batch) return undefined
    this.#atHand.delete(digest)
    this.#bytesAtHand -= evidenceIn(batch)
    return { items: batch.items, batch }
  }
}

interface StoredName {
  readonly id: bigint
  readonly digest: Digest
}

function evidenceIn({ items }: Batch): number {
  return items.reduce((total, { evidence }) => total + evidence.length, 0)
}

export async function loadContents(
  db: Kysely<Tables>,
  ids: readonly bigint[],
): Promise<ReadonlyMap<bigint, Content>> {
  const { rows } = await sql<StoredRow & { readonly id: bigint }>`
    select id, bytes from batch where id = any(${packed(ids).int8((id) => id)})`.execute(db)
  return new Map(rows.map(({ id, ...row }) => [id, contentOf(row)]))
}

interface StoredRow {
  readonly bytes: Uint8Array
}

/** What a row of the table `batch` holds, from its raw bytes: a till’s alone are signed, which no map is. */
export function contentOf({ bytes }: StoredRow): Content {
  const raw = new Uint8Array(bytes)
  if (isCborMap(raw)) return { items: itemsOf(decodeSynchronisation(raw)), batch: undefined }
  const { batch } = decodeBatch(raw)
  return { items: batch.items, batch }
}

function isCborMap([first = 0]: Uint8Array): boolean {
  return first >> 5 === CBOR_MAP
}

/** The major type (RFC 8949, 3.1). */
const CBOR_MAP = 5
