import { sql, type Kysely, type Transaction } from 'kysely'
import type { Bytes } from '../../../kernel/bytes.ts'
import type { Digest } from '../../../kernel/ids.ts'
import type { Instant } from '../../../kernel/ports.ts'
import type { ItemPlace } from '../../ledger/sorting.ts'
import { packed } from '../../packed.ts'
import type { Tables } from '../../tables.ts'
import type { Confirmation, ElementId } from '../coinage.ts'
import { OFFLINE_MAX } from '../grace.ts'

/** The SQL of exchange.ts. */

/** How far this office is with its notary. */
export interface ExchangeState {
  /** Number of the newest news that is done. */
  readonly heard: number
  /** Whether the notary knows that this office is a bank. */
  readonly told: boolean
  /** Of this bank’s words, the newest that the notary has; 0: none. */
  readonly said: number
  /** What vendors here took until then, by their clocks, is shown to whoever has a part in it. */
  readonly shownUpTo: Instant
}

export async function exchangeState(db: Kysely<Tables>): Promise<ExchangeState> {
  const { rows } = await sql<{ heard: bigint; told: boolean; said: bigint; shown_up_to: bigint }>`
    select heard, told, said, shown_up_to from coin_exchange`.execute(db)
  const [row] = rows
  return {
    heard: Number(row?.heard ?? 0n),
    told: row?.told ?? false,
    said: Number(row?.said ?? 0n),
    shownUpTo: Number(row?.shown_up_to ?? 0n),
  }
}

export async function noteBankTold(db: Kysely<Tables>): Promise<void> {
  await sql`
    insert into coin_exchange (told) values (true)
    on conflict (one) do update set told = true`.execute(db)
}

/** Never backwards: another process of this office may have been faster. */
export async function advanceHeard(trx: Transaction<Tables>, to: number): Promise<void> {
  await sql`
    insert into coin_exchange (heard) values (${to})
    on conflict (one) do update
      set heard = greatest(coin_exchange.heard, excluded.heard)`.execute(trx)
}

/**
 * The news was heard to its end and is in the ledger: with it all that other banks have shown.
 *
 * @param at when this was asked for.
 */
export async function noteHeardAll(
  db: Kysely<Tables>,
  others: readonly { readonly bank: number; readonly shownUpTo: Instant }[],
  at: Instant,
): Promise<void> {
  const column = packed(others)
  await sql`
    update coin_bank set shown_up_to = greatest(coin_bank.shown_up_to, other.shown_up_to)
    from unnest(
      ${column.int4(({ bank }) => bank)},
      ${column.int8(({ shownUpTo }) => shownUpTo)}
    ) as other (number, shown_up_to)
    where coin_bank.number = other.number`.execute(db)
  await sql`
    insert into coin_exchange (heard_at) values (${at}::bigint)
    on conflict (one) do update
      set heard_at = greatest(coin_exchange.heard_at, excluded.heard_at)`.execute(db)
}

/** The notary has this bank’s word of that number, or a later one. */
export async function noteSaid(
  db: Kysely<Tables>,
  { said, shownUpTo }: Pick<ExchangeState, 'said' | 'shownUpTo'>,
): Promise<void> {
  await sql`
    insert into coin_exchange (said, shown_up_to) values (${said}, ${shownUpTo}::bigint)
    on conflict (one) do update set
      said = greatest(coin_exchange.said, excluded.said),
      shown_up_to = greatest(coin_exchange.shown_up_to, excluded.shown_up_to)`.execute(db)
}

/** The notary has forgotten: everything is told again, and its news heard from the start. */
export async function forgetTold(trx: Transaction<Tables>): Promise<void> {
  await sql`update coin_exchange set heard = 0, told = false, stops_told = 0`.execute(trx)
  await sql`update coin_element set told = false where told`.execute(trx)
  await sql`update coin_part set told = false where told`.execute(trx)
  await sql`update coin_decision set told = 0 where told > 0`.execute(trx)
}

/** Elements of this office that the notary does not know. */
export async function untoldElements(
  db: Kysely<Tables>,
  limit: number,
): Promise<readonly { readonly id: ElementId; readonly certificate: Bytes }[]> {
  const { rows } = await sql<{ id: ElementId; certificate: Buffer }>`
    select id, certificate from coin_element
    where not told and num_nonnulls(card, till) = 1 order by id limit ${limit}`.execute(db)
  return rows.map(({ id, certificate }) => ({ id, certificate: new Uint8Array(certificate) }))
}

export async function noteElementsTold(
  db: Kysely<Tables>,
  elements: readonly ElementId[],
): Promise<void> {
  await sql`
    update coin_element set told = true
    where id = any(${packed(elements).text((id) => id)})`.execute(db)
}

/** Banks and their elements that others have told of. What was known before stays. */
export async function addForeign(
  trx: Transaction<Tables>,
  { banks, elements }: Confirmation,
  own: number,
  at: Instant,
): Promise<void> {
  const others = packed(banks.filter(({ number }) => number !== own))
  await sql`
    insert into coin_bank (number, certificate, known_since)
    select number, certificate, ${at}::bigint from unnest(
      ${others.int4(({ number }) => number)},
      ${others.bytea(({ certificate }) => certificate)}
    ) as t (number, certificate) order by number
    on conflict do nothing`.execute(trx)
  const theirs = packed(elements.filter(({ bank }) => bank !== own))
  await sql`
    insert into coin_element (id, role, bank, certificate, sold, made_at)
    select id, role, bank, certificate, 0, ${at}::bigint from unnest(
      ${theirs.text(({ id }) => id)},
      ${theirs.text(({ role }) => role)},
      ${theirs.int4(({ bank }) => bank)},
      ${theirs.bytea(({ certificate }) => certificate)}
    ) as t (id, role, bank, certificate) order by id
    on conflict do nothing`.execute(trx)
}

/** Evidence for a bank that has a part in it, and has not got it. */
export interface UntoldPart {
  readonly evidence: Digest
  readonly bank: number
  readonly place: ItemPlace
}

export async function untoldParts(
  db: Kysely<Tables>,
  limit: number,
): Promise<readonly UntoldPart[]> {
  const { rows } = await sql<{ evidence: Digest; bank: number; batch: bigint; index: number }>`
    select encode(p.evidence, 'hex') as evidence, p.bank, e.batch, e.index
    from coin_part p join coin_evidence e on e.digest = p.evidence
      join coin_bank on coin_bank.number = p.bank
    where not p.told order by p.evidence, p.bank limit ${limit}`.execute(db)
  return rows.map(({ evidence, bank, ...place }) => ({ evidence, bank, place }))
}

export async function notePartsTold(
  db: Kysely<Tables>,
  parts: readonly Pick<UntoldPart, 'evidence' | 'bank'>[],
): Promise<void> {
  const column = packed(parts)
  await sql`
    update coin_part set told = true where (evidence, bank) in (
      select * from unnest(
        ${column.hex(({ evidence }) => evidence)},
        ${column.int4(({ bank }) => bank)}
      )
    )`.execute(db)
}

/**
 * Up to when everything that tills with a vendor element took is in the ledger: nothing that any of them
 * has yet to hand in is older. Undefined while something waits to be read: it could be of any day.
 *
 * @param at now. A till that has been silent since {@link OFFLINE_MAX} before has nothing to show.
 */
export async function takenUpTo(db: Kysely<Tables>, at: Instant): Promise<Instant | undefined> {
  const since = at - OFFLINE_MAX
  const { rows } = await sql<{ up_to: bigint; waiting: boolean }>`
    select
      coalesce(min(greatest(placed.complete_up_to, ${since}::bigint)), ${at}::bigint) as up_to,
      exists (
        select from rejected_item r join batch on batch.id = r.batch
        where r.reason in ('unknown_vendor', 'unknown_element') and batch.office is null
          and batch.received_at > ${since}::bigint
      ) as waiting
    from coin_element e left join till_placement placed on placed.till = e.till
    where e.till is not null`.execute(db)
  const [row] = rows
  return row && !row.waiting ? Number(row.up_to) : undefined
}

/** Evidence that named somebody unknown, behind that place. */
export async function rejectedForNow(
  db: Kysely<Tables>,
  after: ItemPlace,
  limit: number,
): Promise<readonly ItemPlace[]> {
  const { rows } = await sql<ItemPlace>`
    select batch, index from rejected_item
    where reason in ('unknown_vendor', 'unknown_element')
      and (batch, index) > (${after.batch}, ${after.index})
    order by batch, index limit ${limit}`.execute(db)
  return rows
}
