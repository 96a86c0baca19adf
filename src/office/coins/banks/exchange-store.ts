import { sql, type Kysely, type Transaction } from 'kysely'
import type { Bytes } from '../../../kernel/bytes.ts'
import type { Digest } from '../../../kernel/ids.ts'
import type { Instant } from '../../../kernel/ports.ts'
import type { ItemPlace } from '../../ledger/sorting.ts'
import { packed } from '../../packed.ts'
import type { Tables } from '../../tables.ts'
import type { Confirmation, ElementId } from '../coinage.ts'

/** The SQL of exchange.ts. */

/** How far this office is with its notary. */
export interface ExchangeState {
  /** Number of the newest news that is done. */
  readonly heard: number
  /** Whether the notary knows that this office is a bank. */
  readonly told: boolean
}

export async function exchangeState(db: Kysely<Tables>): Promise<ExchangeState> {
  const { rows } = await sql<{ heard: bigint; told: boolean }>`
    select heard, told from coin_exchange`.execute(db)
  const [row] = rows
  return { heard: Number(row?.heard ?? 0n), told: row?.told ?? false }
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

/** The news was heard to its end, as it was then. @param at when this was asked for. */
export async function noteHeardAll(db: Kysely<Tables>, at: Instant): Promise<void> {
  await sql`
    insert into coin_exchange (heard_at) values (${at}::bigint)
    on conflict (one) do update
      set heard_at = greatest(coin_exchange.heard_at, excluded.heard_at)`.execute(db)
}

/** The notary has forgotten: everything is told again, and its news heard from the start. */
export async function forgetTold(trx: Transaction<Tables>): Promise<void> {
  await sql`update coin_exchange set heard = 0, told = false`.execute(trx)
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
