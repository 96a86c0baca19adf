import { sql, type Transaction } from 'kysely'
import type { Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import { sha256 } from '../../kernel/hash.ts'
import { digestOf, type CardId } from '../../kernel/ids.ts'
import type { Instant } from '../../kernel/ports.ts'
import {
  encodeSynchronisation,
  itemsOf,
  type Synchronisation,
} from '../../kernel/synchronisation.ts'
import { OfficeError } from '../errors.ts'
import type { EvidenceService } from '../ledger/evidence.ts'
import { storeCardUpload } from '../ledger/intake.ts'
import type { Office } from '../office.ts'
import { packed } from '../packed.ts'
import { lockCard } from '../registry/cards.ts'
import type { VerifiedEntry } from '../scheme.ts'
import type { Tables } from '../tables.ts'

const DAY = 24 * 3600 * 1000
/** What an item takes beside its own bytes, at most: its rows. */
const ITEM_OVERHEAD = 256

/**
 * Stores for good what a card hands in and has not handed in before, and waits until all of it is in the
 * ledger. Whoever has one statement of a card can hand in anything in its name, any number of times, so
 * what is stored for a card is limited to {@link Office.handInMax} a day. Beyond that its records come in
 * all the same, for nobody else can make those: everything is verified first, and only what the ledger
 * lacks is stored.
 *
 * @throws {OfficeError} `too_much`, and nothing is stored: beyond the limit, and no card has signed it.
 */
export async function handInNew(
  office: Office,
  evidence: EvidenceService,
  received: Synchronisation,
): Promise<void> {
  const { db, clock } = office
  const at = clock.now()
  const stored = await db
    .transaction()
    .execute((trx) => storeWithin(office.handInMax, trx, received, at))
  if (stored.status === 'stored') {
    if (stored.upload !== undefined) await evidence.handedIn(stored.upload)
    return
  }
  const records = await readRecords(evidence, received)
  if (!records) throw tooMuch(stored.until - at)
  const upload = await db.transaction().execute((trx) => storeLacking(trx, received, records, at))
  if (upload !== undefined) await evidence.handedIn(upload)
}

function tooMuch(wait: number): OfficeError {
  const minutes = Math.ceil(wait / 60_000)
  const when = minutes < 90 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`
  return new OfficeError(
    'too_much',
    `Too much was handed in for this card, and not all of this is signed by a card. Nothing is lost, the card keeps it: synchronise again in ${when}.`,
    undefined,
    wait,
  )
}

/** Until what was handed in a moment before is in the ledger, in ms. */
const IN_TURN = 5000

function inTurn(): OfficeError {
  return new OfficeError(
    'too_much',
    'Something else of this card is being taken in. Nothing is lost, the card keeps it: synchronise again in a moment.',
    undefined,
    IN_TURN,
  )
}

type StoredWithin =
  /** @property upload the newest that has something of it; undefined for no items. */
  | { readonly status: 'stored'; readonly upload: bigint | undefined }
  /** @property until when there will be room. */
  | { readonly status: 'full'; readonly until: Instant }

async function storeWithin(
  limit: number,
  trx: Transaction<Tables>,
  received: Synchronisation,
  at: Instant,
): Promise<StoredWithin> {
  // One after the other: many at once would not see each other.
  await lockCard(trx, received.card)
  const { items, newest } = await newItems(trx, received)
  if (items.length === 0) return { status: 'stored', upload: newest }
  const upload = { ...received, items }
  const until = await roomFrom(trx, received.card, limit - weightOf(upload), at)
  if (until !== undefined) return { status: 'full', until }
  return { status: 'stored', upload: await store(trx, upload, at) }
}

/**
 * Undefined if the ledger has all of it.
 *
 * @throws {OfficeError} `too_much` while something else of that card is stored and not in the ledger: it could be this.
 */
async function storeLacking(
  trx: Transaction<Tables>,
  received: Synchronisation,
  records: readonly ShownRecord[],
  at: Instant,
): Promise<bigint | undefined> {
  await lockCard(trx, received.card)
  const { rows } = await sql`
    select from batch where card = ${received.card} and not placed`.execute(trx)
  if (rows.length > 0) throw inTurn()
  const items = await lackingOf(trx, records)
  return items.length === 0 ? undefined : store(trx, { ...received, items }, at)
}

async function store(
  trx: Transaction<Tables>,
  upload: Synchronisation,
  at: Instant,
): Promise<bigint> {
  const { card, items } = upload
  const bytes = encodeSynchronisation(upload)
  const id = await storeCardUpload(trx, { card, items: items.length, bytes }, at)
  const column = packed(items.map((item, index) => ({ index, digest: sha256(item) })))
  await sql`
    insert into card_item (card, digest, batch, index)
    select ${card}, digest, ${id}::bigint, index from unnest(
      ${column.bytea(({ digest }) => digest)},
      ${column.int4(({ index }) => index)}
    ) as new (digest, index)
    on conflict (card, digest) do update set batch = excluded.batch, index = excluded.index`.execute(
    trx,
  )
  return id
}

/**
 * Those that this card has not handed in before, each once; what was rejected then is new again, for what it
 * is checked with may have come since.
 */
async function newItems(
  trx: Transaction<Tables>,
  { card, items }: Synchronisation,
): Promise<{ readonly items: readonly Bytes[]; readonly newest: bigint | undefined }> {
  const byDigest = new Map(items.map((item) => [digestOf(sha256(item)), item]))
  const { rows } = await sql<{ digest: string; batch: bigint }>`
    select encode(digest, 'hex') as digest, batch from card_item
    where card = ${card} and digest = any(${packed([...byDigest.keys()]).hex((digest) => digest)})
      and not exists (
        select from rejected_item r where (r.batch, r.index) = (card_item.batch, card_item.index)
      )`.execute(trx)
  const known = new Set(rows.map(({ digest }) => digest))
  return {
    items: [...byDigest].filter(([digest]) => !known.has(digest)).map(([, item]) => item),
    newest: rows.map(({ batch }) => batch).reduce(later, undefined),
  }
}

function later(a: bigint | undefined, b: bigint): bigint {
  return a === undefined || b > a ? b : a
}

function weightOf(upload: Synchronisation): number {
  return encodeSynchronisation(upload).length + upload.items.length * ITEM_OVERHEAD
}

/** From when no more than `most` is stored within a day; undefined: it is so now. */
async function roomFrom(
  trx: Transaction<Tables>,
  card: CardId,
  most: number,
  at: Instant,
): Promise<Instant | undefined> {
  const { rows } = await sql<{ received_at: bigint }>`
    select received_at from (
      select received_at, sum(octet_length(bytes) + items * ${sql.lit(ITEM_OVERHEAD)})
        over (order by received_at desc, id desc) as since
      from batch where card = ${card} and received_at > ${at - DAY}::bigint
    ) as lately where since > ${most}::bigint
    order by received_at desc limit 1`.execute(trx)
  const [row] = rows
  return row && Number(row.received_at) + DAY
}

/** An item that is a record, with what it shows. */
interface ShownRecord {
  readonly item: Bytes
  readonly entry: VerifiedEntry
}

/**
 * Undefined if something of it is no record that a card has signed. Of each record one: a signature can be
 * changed into another one of the same, and what stands beside it is nobody’s.
 */
async function readRecords(
  evidence: EvidenceService,
  received: Synchronisation,
): Promise<readonly ShownRecord[] | undefined> {
  const shown = new Map<string, ShownRecord>()
  for (const [index, verdict] of (await evidence.verify(itemsOf(received))).entries()) {
    const item = received.items[index]
    invariant(item, 'one verdict an item')
    if (!verdict.ok || !verdict.entry.isAttested) return undefined
    const { entry } = verdict
    shown.set(`${entry.digest} ${entry.refundOf?.request}`, { item, entry })
  }
  return [...shown.values()]
}

/** The items of those that the ledger lacks. */
async function lackingOf(
  trx: Transaction<Tables>,
  records: readonly ShownRecord[],
): Promise<readonly Bytes[]> {
  const column = packed(records.map(({ entry }, index) => ({ entry, index })))
  const { rows } = await sql<{ index: number }>`
    select index from unnest(
      ${column.int4(({ index }) => index)},
      ${column.text(({ entry }) => entry.card)},
      ${column.int4(({ entry }) => entry.sequence)},
      ${column.hex(({ entry }) => entry.digest)},
      ${column.bool(({ entry }) => entry.isForeign ?? false)},
      ${column.int4(({ entry }) => entry.refundOf?.payer.office)},
      ${column.hex(({ entry }) => entry.refundOf?.request)}
    ) as shown (index, card, sequence, digest, is_foreign, payer_office, refused)
    where case when is_foreign then not exists (select from payment where id = shown.digest)
      else not exists (
        select from entry e
        where (e.card, e.sequence, e.digest) = (shown.card, shown.sequence, shown.digest) and e.uploaded
      ) end
      or (refused is not null and not exists (
        select from refund r
        where (r.payer, r.request, r.payer_office) = (shown.card, shown.refused, shown.payer_office)
      ))
    order by index`.execute(trx)
  return rows.flatMap(({ index }) => records[index]?.item ?? [])
}
