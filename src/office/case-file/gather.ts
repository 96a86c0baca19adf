import { sql, type Kysely } from 'kysely'
import type { BatchItem } from '../../kernel/batch.ts'
import type { Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import { digestOf, OFFICE, type CardId, type Digest, type TillNumber } from '../../kernel/ids.ts'
import type { CoinEntry } from '../coins/coinage.ts'
import type { Finding } from '../ledger/findings.ts'
import { contentOf } from '../ledger/stored-uploads.ts'
import type { Sale, TokenFacts } from '../ledger/tracing.ts'
import { packed } from '../packed.ts'
import type { OfficeScheme } from '../scheme.ts'
import type { Tables } from '../tables.ts'
import { soldIn, uploadsOf, type HandedIn, type Read } from './replay.ts'

/** The SQL of case files: which stored batches a finding may follow from. */

export interface RecordName {
  readonly card: CardId
  readonly digest: Digest
}

/** What was handed in at once, as it was received. */
export interface Stored extends HandedIn {
  readonly id: bigint
  readonly bytes: Bytes
}

/** The records that a finding names, with their cards: a token may have been used with several. */
export async function namedRecords(
  db: Kysely<Tables>,
  { kind, card, about, records }: Finding,
): Promise<readonly RecordName[]> {
  if (kind !== 'token-double-spent') {
    return card === undefined ? [] : records.map((digest) => ({ card, digest }))
  }
  const [token = '', till = ''] = about.split(':')
  const { rows } = await sql<RecordName>`
    select card, encode(record, 'hex') as digest from token_use
    where token = decode(${token}, 'hex') and till = ${till}::bigint and card is not null
    order by record`.execute(db)
  return rows
}

/** The batches that show what a finding is about, and what it was found in. */
export async function batchesOf(
  db: Kysely<Tables>,
  finding: Finding,
  named: readonly RecordName[],
): Promise<readonly bigint[]> {
  const { kind, card } = finding
  if (kind === 'load-beyond-cash') return numberedBatches(db, finding, 0)
  if (kind === 'rewritten-journal' && card === undefined) return numberedBatches(db, finding, 1)
  const shown = await showing(db, named)
  return kind === 'withheld-transaction' ? [...shown, ...(await dueBatches(db, named))] : shown
}

/** Where tills have told what they sold for coins, unless somebody else was the first to show it. */
export async function batchesOfSales(
  db: Kysely<Tables>,
  sales: readonly CoinEntry[],
  schemes: readonly OfficeScheme[],
): Promise<readonly bigint[]> {
  const { rows } = await sql<{ id: bigint }>`
    select distinct batch as id from coin_evidence
    where digest = any(${packed(sales).hex(({ digest }) => digest)})`.execute(db)
  const stored = await loadStored(
    db,
    rows.map(({ id }) => id),
  )
  return stored.filter((one) => soldIn([one], schemes, sales).length > 0).map(({ id }) => id)
}

/** Every batch of their tills that tells of these sales: one may be told twice, and otherwise. */
export async function batchesTelling(
  db: Kysely<Tables>,
  sales: readonly CoinEntry[],
  schemes: readonly OfficeScheme[],
): Promise<readonly bigint[]> {
  const tills = new Set(sales.flatMap(({ paid }) => paid?.till ?? []))
  const found: bigint[] = []
  for (const till of tills) {
    for await (const one of allBatches(db, till)) {
      if (soldIn([one], schemes, sales).length > 0) found.push(one.id)
    }
  }
  return found
}

/** Those with the number that a finding is about, `till:number`, and with `before` numbers before it. */
async function numberedBatches(
  db: Kysely<Tables>,
  { about }: Finding,
  before: number,
): Promise<readonly bigint[]> {
  const [till, number] = about.split(':')
  const { rows } = await sql<{ id: bigint }>`
    select id from batch
    where till = ${till}::bigint
      and number between ${number}::bigint - ${before}::integer and ${number}::bigint
    order by number, id`.execute(db)
  return rows.map(({ id }) => id)
}

/** A batch for each record: its maker's own, or if he has not handed it in, one that shows it. */
async function showing(
  db: Kysely<Tables>,
  records: readonly RecordName[],
): Promise<readonly bigint[]> {
  const column = packed(records)
  const { rows } = await sql<{ id: bigint }>`
    select distinct coalesce(e.batch, shown.batch) as id
    from unnest(
      ${column.text(({ card }) => card)},
      ${column.hex(({ digest }) => digest)}
    ) as record (card, digest)
    join entry e on e.card = record.card and e.digest = record.digest
    left join lateral (
      select batch from entry by
      where by.card = e.card and by.previous = e.digest and by.previous_shown and not e.uploaded
      order by by.batch limit 1
    ) as shown on true
    where coalesce(e.batch, shown.batch) is not null
    order by id`.execute(db)
  return rows.map(({ id }) => id)
}

/** The batch of its maker that must have a record, and the one before: what that reaches to. */
async function dueBatches(
  db: Kysely<Tables>,
  [record]: readonly RecordName[],
): Promise<readonly bigint[]> {
  if (!record) return []
  const { rows } = await sql<{ id: bigint }>`
    with record as (
      select maker, made_at from entry
      where card = ${record.card} and digest = decode(${record.digest}, 'hex')
    ), due as (
      select batch.till, min(batch.number) as number from batch, record
      where batch.till = record.maker and batch.complete_up_to >= record.made_at
      group by batch.till
    )
    select distinct on (batch.number) batch.id from batch, due, record
    where batch.till = due.till
      and (
        (batch.number = due.number and batch.complete_up_to >= record.made_at)
        or (batch.number = due.number - 1 and batch.complete_up_to < record.made_at)
      )
    order by batch.number, batch.id`.execute(db)
  return rows.map(({ id }) => id)
}

/** What stands before these records, beside them, and on them: what they are compared with. */
export async function batchesBesides(
  db: Kysely<Tables>,
  records: readonly RecordName[],
): Promise<readonly bigint[]> {
  const column = packed(records)
  const { rows } = await sql<RecordName>`
    select distinct near.card, encode(near.digest, 'hex') as digest
    from unnest(
      ${column.text(({ card }) => card)},
      ${column.hex(({ digest }) => digest)}
    ) as record (card, digest)
    join entry e on e.card = record.card and e.digest = record.digest
    join entry near on near.card = e.card and (
      near.sequence between e.sequence - 1 and e.sequence or near.previous = e.digest
    )`.execute(db)
  return showing(db, rows)
}

const PAGE = 50

/**
 * Every batch of their makers that has one of these records: a till may tell the same one again, and
 * otherwise. Reads all that the makers ever sent, and verifies what may be of the records' cards.
 */
export async function batchesRetelling(
  db: Kysely<Tables>,
  read: readonly Read[],
  records: readonly RecordName[],
  schemes: readonly OfficeScheme[],
  hasRecord: (item: BatchItem) => boolean,
): Promise<readonly bigint[]> {
  const own = uploadsOf(read, schemes).filter(({ entry }) =>
    records.some(({ digest }) => digest === entry.digest),
  )
  const makers = [...new Set(own.map(({ entry }) => entry.maker))].filter((one) => one !== OFFICE)
  const routes = new Set(
    own.flatMap(({ source }) => {
      const item = source && read[Number(source.batch)]?.items[source.index]
      return item ? routeOf(item, schemes) : []
    }),
  )
  const found: bigint[] = []
  for (const maker of makers) {
    for await (const { id, items } of allBatches(db, maker)) {
      const mayHave = items.filter((item) => routes.has(routeOf(item, schemes)))
      if (mayHave.some(hasRecord)) found.push(id)
    }
  }
  return found
}

function routeOf({ scheme: name, evidence }: BatchItem, schemes: readonly OfficeScheme[]): string {
  const scheme = schemes.find((one) => one.name === name)
  return scheme ? `${name} ${scheme.route(evidence)}` : name
}

async function* allBatches(db: Kysely<Tables>, till: TillNumber): AsyncGenerator<Stored> {
  for (let after = 0n; ;) {
    const { rows } = await sql<StoredRow>`
      select id, digest, bytes from batch where till = ${till}::bigint and id > ${after}::bigint
      order by id limit ${PAGE}`.execute(db)
    yield* rows.map(storedOf)
    const last = rows.at(-1)
    if (!last) return
    after = last.id
  }
}

/** What the office issued of the tokens that these sales used. */
export async function loadIssued(
  db: Kysely<Tables>,
  sales: readonly Pick<Sale, 'tokens'>[],
): Promise<ReadonlyMap<string, TokenFacts['issued']>> {
  const used = new Set(sales.flatMap(({ tokens }) => tokens.map(({ digest }) => digest)))
  const { rows } = await sql<{ digest: Digest; price: bigint; till: bigint }>`
    select encode(digest, 'hex') as digest, price, till from token
    where digest = any(${packed([...used]).hex((digest) => digest)})`.execute(db)
  return new Map(rows.map(({ digest, price, till }) => [digest, { price, till: Number(till) }]))
}

/** In the order in which they came. */
export async function loadStored(
  db: Kysely<Tables>,
  ids: readonly bigint[],
): Promise<readonly Stored[]> {
  const { rows } = await sql<StoredRow>`
    select id, digest, bytes from batch where id = any(${packed(ids).int8((id) => id)}) order by id`.execute(
    db,
  )
  invariant(rows.length === new Set(ids).size, 'what an entry names as its batch is stored')
  return rows.map(storedOf)
}

interface StoredRow {
  readonly id: bigint
  readonly digest: Buffer
  readonly bytes: Buffer
}

function storedOf(row: StoredRow): Stored {
  const { id, digest, bytes } = row
  return { id, bytes: new Uint8Array(bytes), digest: digestOf(digest), ...contentOf(row) }
}
