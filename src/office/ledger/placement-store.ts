import { sql, type Transaction } from 'kysely'
import type { Outcome } from '../../kernel/batch.ts'
import type { CardId, Digest } from '../../kernel/ids.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { ChainRecord, Decision, Settlement, Source } from './chain.ts'
import { packed } from '../packed.ts'
import type { EntryKind, VerifiedEntry } from '../scheme.ts'
import type { Tables } from '../tables.ts'

/** The SQL of placement.ts: sets of rows in, sets of rows out, one statement each. */

/** A verified entry on its way into its card's chain. */
export interface Upload {
  readonly entry: VerifiedEntry
  readonly outcome: Outcome
  /** Undefined for what the office made itself. */
  readonly source: Source | undefined
  /** Handed in by somebody else than the till it names: of that till's doings it says nothing. */
  readonly isHearsay?: true
}

interface RecordRow {
  card: CardId
  sequence: number
  digest: Digest
  kind: EntryKind
  maker: string
  generation: number
  made_at: string
  balance: string
  uploaded: boolean
  amount: string | null
  outcome: Outcome | null
  previous: Digest | null
  previous_maker: string | null
  previous_balance: string | null
  previous_at: string | null
  previous_shown: boolean | null
  batch: bigint | null
  index: number | null
  complete: boolean
  contested: boolean
  refuted: boolean
  taken: boolean
  decision: Decision | null
  settlement: Settlement
  settlement_step: number
}

const RECORD_COLUMNS = sql`
  e.card, e.sequence, encode(e.digest, 'hex') as digest, e.kind, e.maker::text, e.generation,
  e.made_at::text, e.balance::text, e.uploaded, e.amount::text, e.outcome,
  encode(e.previous, 'hex') as previous, e.previous_maker::text, e.previous_balance::text,
  e.previous_at::text, e.previous_shown, e.batch, e.index, e.complete, e.contested, e.refuted, e.taken,
  e.decision, e.settlement, e.settlement_step`

/** A chain ends before it: the largest `integer` of PostgreSQL. */
export const LAST_POSITION = 0x7fff_ffff

/** Positions of a card without a gap, both ends in it. */
export interface Span {
  readonly card: CardId
  readonly from: number
  readonly to: number
}

/** All records in the given spans: a range scan each. */
export async function loadSpans(
  trx: Transaction<Tables>,
  spans: readonly Span[],
): Promise<ChainRecord[]> {
  if (spans.length === 0) return []
  const column = packed(spans)
  const { rows } = await sql<RecordRow>`
    select ${RECORD_COLUMNS}
    from unnest(
      ${column.text(({ card }) => card)},
      ${column.int4(({ from }) => from)},
      ${column.int4(({ to }) => to)}
    ) as span (card, first, last)
    join entry e on e.card = span.card and e.sequence between span.first and span.last
  `.execute(trx)
  return rows.map(recordOf)
}

function recordOf(row: RecordRow): ChainRecord {
  return {
    card: row.card,
    sequence: row.sequence,
    digest: row.digest,
    kind: row.kind,
    maker: Number(row.maker),
    generation: row.generation,
    madeAt: Number(row.made_at),
    balance: BigInt(row.balance),
    uploaded: row.uploaded,
    amount: BigInt(row.amount ?? 0),
    outcome: row.outcome ?? 'unconfirmed',
    previous: row.previous ?? undefined,
    previousMaker: row.previous_maker === null ? undefined : Number(row.previous_maker),
    previousBalance: row.previous_balance === null ? undefined : BigInt(row.previous_balance),
    previousAt: row.previous_at === null ? undefined : Number(row.previous_at),
    previousShown: row.previous_shown ?? false,
    source:
      row.batch === null || row.index === null ? undefined : { batch: row.batch, index: row.index },
    taken: row.taken,
    refuted: row.refuted,
    decision: row.decision ?? undefined,
    complete: row.complete,
    contested: row.contested,
    settlement: row.settlement,
    step: row.settlement_step,
  }
}

/** Inserts records that are not there: the caller holds the ledger's lock and has looked. */
export async function insertRecords(
  trx: Transaction<Tables>,
  records: readonly ChainRecord[],
  receivedAt: Instant,
): Promise<void> {
  if (records.length === 0) return
  await sql`
    insert into entry (
      card, sequence, digest, kind, maker, generation, made_at, balance, received_at,
      ${HANDED_IN}, ${FLAGS}
    )
    select
      card, sequence, digest, kind, maker, generation, made_at, balance, ${receivedAt}::bigint,
      ${HANDED_IN}, ${FLAGS}
    from ${rowsOf(records)}`.execute(trx)
}

/** Gives records that were only shown until now what their upload tells. */
export async function handInRecords(
  trx: Transaction<Tables>,
  records: readonly ChainRecord[],
): Promise<void> {
  if (records.length === 0) return
  await sql`
    update entry set
      uploaded = new.uploaded, amount = new.amount, outcome = new.outcome, previous = new.previous,
      previous_maker = new.previous_maker, previous_balance = new.previous_balance,
      previous_at = new.previous_at, previous_shown = new.previous_shown, batch = new.batch,
      index = new.index, complete = new.complete, contested = new.contested, refuted = new.refuted,
      taken = new.taken, settlement = new.settlement, settlement_step = new.settlement_step
    from ${rowsOf(records)}
    where entry.card = new.card and entry.sequence = new.sequence
      and entry.digest = new.digest`.execute(trx)
}

/** What its upload tells of a record. */
const HANDED_IN = sql`uploaded, amount, outcome, previous, previous_maker, previous_balance,
  previous_at, previous_shown, batch, index`
const FLAGS = sql`complete, contested, refuted, taken, settlement, settlement_step`

function rowsOf(records: readonly ChainRecord[]) {
  const column = packed(records)
  return sql`unnest(
    ${column.text(({ card }) => card)},
    ${column.int4(({ sequence }) => sequence)},
    ${column.hex(({ digest }) => digest)},
    ${column.text(({ kind }) => kind)},
    ${column.int8(({ maker }) => maker)},
    ${column.int4(({ generation }) => generation)},
    ${column.int8(({ madeAt }) => madeAt)},
    ${column.int8(({ balance }) => balance)},
    ${column.bool(({ uploaded }) => uploaded)},
    ${column.int8(({ uploaded, amount }) => (uploaded ? amount : undefined))},
    ${column.text(({ uploaded, outcome }) => (uploaded ? outcome : undefined))},
    ${column.hex(({ previous }) => previous)},
    ${column.int8(({ previousMaker }) => previousMaker)},
    ${column.int8(({ previousBalance }) => previousBalance)},
    ${column.int8(({ previousAt }) => previousAt)},
    ${column.bool(({ uploaded, previousShown }) => (uploaded ? previousShown : undefined))},
    ${column.int8(({ source }) => source?.batch)},
    ${column.int4(({ source }) => source?.index)},
    ${column.bool(({ complete }) => complete)},
    ${column.bool(({ contested }) => contested)},
    ${column.bool(({ refuted }) => refuted)},
    ${column.bool(({ taken }) => taken)},
    ${column.text(({ settlement }) => settlement)},
    ${column.int4(({ step }) => step)}
  ) as new (
    card, sequence, digest, kind, maker, generation, made_at, balance, ${HANDED_IN}, ${FLAGS}
  )`
}

/** Writes what evaluation has changed of records that were there. */
export async function updateRecords(
  trx: Transaction<Tables>,
  records: readonly ChainRecord[],
): Promise<void> {
  if (records.length === 0) return
  const column = packed(records)
  await sql`
    update entry set
      outcome = new.outcome, complete = new.complete, contested = new.contested,
      refuted = new.refuted, taken = new.taken, decision = new.decision, settlement = new.settlement,
      settlement_step = new.settlement_step
    from unnest(
      ${column.text(({ card }) => card)},
      ${column.int4(({ sequence }) => sequence)},
      ${column.hex(({ digest }) => digest)},
      ${column.text(({ uploaded, outcome }) => (uploaded ? outcome : undefined))},
      ${column.bool(({ complete }) => complete)},
      ${column.bool(({ contested }) => contested)},
      ${column.bool(({ refuted }) => refuted)},
      ${column.bool(({ taken }) => taken)},
      ${column.text(({ decision }) => decision)},
      ${column.text(({ settlement }) => settlement)},
      ${column.int4(({ step }) => step)}
    ) as new (
      card, sequence, digest, outcome, complete, contested, refuted, taken, decision, settlement,
      settlement_step
    )
    where entry.card = new.card and entry.sequence = new.sequence
      and entry.digest = new.digest`.execute(trx)
}

export interface TokenUse {
  readonly token: Digest
  /** Undefined where payments are no records of cards, as is the next. */
  readonly card: CardId | undefined
  readonly sequence: number | undefined
  readonly record: Digest
  readonly till: number
}

export async function insertTokenUses(
  trx: Transaction<Tables>,
  uses: readonly TokenUse[],
): Promise<void> {
  if (uses.length === 0) return
  const column = packed(uses)
  await sql`
    insert into token_use (token, card, sequence, record, till)
    select * from unnest(
      ${column.hex(({ token }) => token)},
      ${column.text(({ card }) => card)},
      ${column.int4(({ sequence }) => sequence)},
      ${column.hex(({ record }) => record)},
      ${column.int8(({ till }) => till)}
    )
    on conflict (token, record) do nothing`.execute(trx)
}

export interface TokenRow {
  readonly token: Digest
  /** Null if the office never issued it. */
  readonly price: string | null
  readonly issuedTo: string | null
  readonly card: CardId | null
  readonly sequence: number | null
  readonly record: Digest
  readonly till: string
}

/** Every use of these tokens, each with what the office issued. */
export async function loadTokenUses(
  trx: Transaction<Tables>,
  tokens: readonly Digest[],
): Promise<readonly TokenRow[]> {
  if (tokens.length === 0) return []
  const { rows } = await sql<TokenRow>`
    select encode(u.token, 'hex') as token, t.price::text as price, t.till::text as "issuedTo",
      u.card, u.sequence, encode(u.record, 'hex') as record, u.till::text as till
    from unnest(${packed(tokens).hex((token) => token)}) as wanted (token)
    join token_use u on u.token = wanted.token
    left join token t on t.digest = u.token`.execute(trx)
  return rows
}
