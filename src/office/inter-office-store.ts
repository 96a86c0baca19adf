import { sql, type Kysely, type Transaction } from 'kysely'
import type { Bytes } from '../kernel/bytes.ts'
import type { CardId, Digest } from '../kernel/ids.ts'
import type { CurrencyCode } from '../kernel/money.ts'
import type { ResultOf } from '../kernel/notary.ts'
import type { Instant } from '../kernel/ports.ts'
import { packed } from './packed.ts'
import type { Tables } from './tables.ts'
import type { Vault } from './vault.ts'

/** The SQL of inter-office.ts. */

/** Something of a payment for the notary: its record, or that it was refused. */
export interface Telling {
  readonly payment: Digest
  readonly what: 'payment' | 'refund'
  readonly evidence: Bytes
}

/** Those of which the notary has said nothing since then. */
export async function untold(
  db: Kysely<Tables>,
  tellings: readonly Telling[],
  since: Instant,
): Promise<readonly Telling[]> {
  if (tellings.length === 0) return []
  const { rows } = await sql<{ payment: Digest; what: string }>`
    select encode(payment, 'hex') as payment, what from notary_told
    where payment = any(${packed(tellings).hex(({ payment }) => payment)})
      and at > ${since}::bigint`.execute(db)
  const told = new Set(rows.map(({ payment, what }) => `${payment} ${what}`))
  return tellings.filter(({ payment, what }) => !told.has(`${payment} ${what}`))
}

export async function noteTold(
  db: Kysely<Tables>,
  said: readonly (Pick<Telling, 'payment' | 'what'> & { readonly said: string })[],
  at: Instant,
): Promise<void> {
  const column = packed(said)
  await sql`
    insert into notary_told (payment, what, said, at)
    select *, ${at}::bigint from unnest(
      ${column.hex(({ payment }) => payment)},
      ${column.text(({ what }) => what)},
      ${column.text((one) => one.said)}
    )
    on conflict (payment, what) do update set said = excluded.said, at = excluded.at`.execute(db)
}

/** Where a page of a list ended, and the next one starts. */
export interface Page<T> {
  readonly items: readonly T[]
  /** Undefined behind the last one. */
  readonly next: string | undefined
}

function pageOf<R, T>(
  rows: readonly R[],
  limit: number,
  place: (row: R) => string,
  items: (row: R) => readonly T[],
): Page<T> {
  const last = rows.length < limit ? undefined : rows.at(-1)
  return { items: rows.flatMap(items), next: last && place(last) }
}

interface TellingRow {
  readonly id: Digest
  readonly received_at: bigint
  readonly evidence: Buffer
  readonly refund: Buffer | null
}

const PAYMENT_AND_REFUND = sql`
  select encode(payment.id, 'hex') as id, payment.received_at, payment.evidence,
    refund.evidence as refund
  from payment left join refund
    on (refund.payer_office, refund.payer, refund.request)
      = (payment.payer_office, payment.payer, payment.request)
    and (refund.payee_office, refund.payee_kind, refund.payee)
      = (payment.payee_office, payment.payee_kind, payment.payee)`

function behind(after: string | undefined) {
  const [at = null, id = null] = after?.split(' ') ?? []
  return sql`(${at}::bigint is null
    or (payment.received_at, payment.id) > (${at}::bigint, decode(${id}::text, 'hex')))`
}

function tellingPage(rows: readonly TellingRow[], limit: number): Page<Telling> {
  const place = ({ received_at, id }: TellingRow) => `${received_at} ${id}`
  return pageOf(rows, limit, place, ({ id, evidence, refund }): readonly Telling[] => [
    { payment: id, what: 'payment', evidence: new Uint8Array(evidence) },
    ...(refund ? [{ payment: id, what: 'refund', evidence: new Uint8Array(refund) } as const] : []),
  ])
}

/**
 * What cards of this office paid to parties of this office that are no cards, and what came back of it:
 * settled here, and to be told because it sets reserve free. Each until the notary has settled it.
 */
export async function ownTellings(
  db: Kysely<Tables>,
  limit: number,
  after: string | undefined,
): Promise<Page<Telling>> {
  const { rows } = await sql<TellingRow>`
    ${PAYMENT_AND_REFUND} and payment.state = 'returned'
    where not payment.at_notary and payment.payee_kind <> 'card'
      and payment.state in ('settled', 'returned')
      and not exists (
        select from notary_told told where told.payment = payment.id
          and told.what = case payment.state when 'returned' then 'refund' else 'payment' end
          and told.said in ('settled', 'returned')
      )
      and ${behind(after)}
    order by payment.received_at, payment.id limit ${limit}`.execute(db)
  return tellingPage(rows, limit)
}

/** Everything that the notary has been told ever: for one that has forgotten. */
export async function allTellings(
  db: Kysely<Tables>,
  limit: number,
  after: string | undefined,
): Promise<Page<Telling>> {
  const { rows } = await sql<TellingRow>`
    ${PAYMENT_AND_REFUND}
    where (payment.at_notary or payment.payee_kind <> 'card') and ${behind(after)}
    order by payment.received_at, payment.id limit ${limit}`.execute(db)
  return tellingPage(rows, limit)
}

/** Loads that the notary has permitted, and that their cards have, or may have. */
export async function permittedLoads(
  db: Kysely<Tables>,
  limit: number,
  after: string | undefined,
): Promise<Page<Bytes>> {
  const [card = '', number = '0'] = after?.split(' ') ?? []
  const { rows } = await sql<{ card: CardId; number: bigint; bytes: Buffer }>`
    select card, number, bytes from instruction
    where permit is not null and state <> 'void' and kind = 'load'
      and (card, number) > (${card}, ${number}::bigint)
    order by card, number limit ${limit}`.execute(db)
  return pageOf(
    rows,
    limit,
    (row) => `${row.card} ${row.number}`,
    ({ bytes }) => [new Uint8Array(bytes)],
  )
}

/** A permit that is no longer of use: the card has given its number away. */
export interface ReturnedPermit {
  readonly card: CardId
  readonly number: number
  readonly void: Bytes
  readonly statement: Bytes
  readonly publicKey: Bytes
}

export async function returnedPermits(
  db: Kysely<Tables>,
  limit: number,
  after: string | undefined,
): Promise<Page<ReturnedPermit>> {
  const [from = '', behindNumber = '0'] = after?.split(' ') ?? []
  const { rows } = await sql<{
    card: CardId
    number: bigint
    void_bytes: Buffer
    statement: Buffer
    uid: Buffer
  }>`
    select instruction.card, instruction.number, void_bytes, statement, card.uid
    from instruction join card on card.id = instruction.card
    where instruction.state = 'void' and instruction.kind in ('load', 'restore')
      and not exists (
        select from notary_given_back done
        where done.card = instruction.card and done.number = instruction.number
      )
      and (instruction.card, instruction.number) > (${from}, ${behindNumber}::bigint)
    order by instruction.card, instruction.number limit ${limit}`.execute(db)
  return pageOf(
    rows,
    limit,
    (row) => `${row.card} ${row.number}`,
    ({ card, number, void_bytes, statement, uid }) => [
      {
        card,
        number: Number(number),
        void: new Uint8Array(void_bytes),
        statement: new Uint8Array(statement),
        publicKey: new Uint8Array(uid),
      },
    ],
  )
}

export async function noteGivenBack(
  db: Kysely<Tables>,
  { card, number }: ReturnedPermit,
  said: string,
  at: Instant,
): Promise<void> {
  await sql`
    insert into notary_given_back (card, number, said, at)
    values (${card}, ${number}, ${said}, ${at}::bigint) on conflict do nothing`.execute(db)
}

/** What a card said of itself last, and its public key. */
export async function cardNow(
  db: Kysely<Tables>,
  card: CardId,
): Promise<{ readonly statement: Bytes; readonly publicKey: Bytes } | undefined> {
  const { rows } = await sql<{ bytes: Buffer; uid: Buffer }>`
    select card_statement.bytes, card.uid from card_statement
    join card on card.id = card_statement.card where card.id = ${card}`.execute(db)
  const [row] = rows
  return row && { statement: new Uint8Array(row.bytes), publicKey: new Uint8Array(row.uid) }
}

/** Up to where the feed is done. */
export async function fedUpTo(db: Kysely<Tables>): Promise<number> {
  const { rows } = await sql<{ fed: bigint }>`select fed from notary_seat`.execute(db)
  return Number(rows[0]?.fed ?? 0n)
}

/** Never backwards: another process of this office may have been faster. */
export async function advanceFeed(trx: Transaction<Tables>, to: number): Promise<void> {
  await sql`
    insert into notary_seat (fed) values (${to})
    on conflict (one) do update set fed = greatest(notary_seat.fed, excluded.fed)`.execute(trx)
}

/** The notary has begun anew: its feed is read from the start. What was done is not done again. */
export async function restartFeed(db: Kysely<Tables>): Promise<void> {
  await sql`update notary_seat set fed = 0`.execute(db)
}

export interface Unread {
  readonly number: number
  readonly entry: Bytes
}

export async function keepUnread(
  trx: Transaction<Tables>,
  unread: readonly Unread[],
  at: Instant,
): Promise<void> {
  for (const { number, entry } of unread) {
    await sql`
      insert into notary_unread (number, entry, received_at)
      values (${number}, ${entry}, ${at}::bigint) on conflict do nothing`.execute(trx)
  }
}

export async function listUnread(db: Kysely<Tables>): Promise<readonly Unread[]> {
  const { rows } = await sql<{ number: bigint; entry: Buffer }>`
    select number, entry from notary_unread order by number`.execute(db)
  return rows.map(({ number, entry }) => ({
    number: Number(number),
    entry: new Uint8Array(entry),
  }))
}

export async function forgetUnread(
  trx: Transaction<Tables>,
  numbers: readonly number[],
): Promise<void> {
  const column = packed(numbers).int8((number) => number)
  await sql`delete from notary_unread where number = any(${column})`.execute(trx)
}

export async function noteAccounts(
  db: Kysely<Tables>,
  accounts: ResultOf<'accounts'>['accounts'],
  at: Instant,
): Promise<void> {
  for (const { currency, free, issued } of accounts) {
    await sql`
      insert into notary_account (currency, free, issued, at)
      values (${currency}, ${free}, ${issued}, ${at}::bigint)
      on conflict (currency) do update
        set free = excluded.free, issued = excluded.issued, at = excluded.at`.execute(db)
  }
}

/** The office’s accounts at the notary, as it said last. */
export async function readAccounts(db: Kysely<Tables>) {
  const { rows } = await sql<{
    currency: CurrencyCode
    free: bigint
    issued: bigint
    at: bigint
  }>`select currency, free, issued, at from notary_account order by currency`.execute(db)
  return rows
}

export async function cardIsHere(db: Kysely<Tables>, card: CardId): Promise<boolean> {
  const { rows } = await sql`select from card where id = ${card}`.execute(db)
  return rows.length > 0
}

/** Where the notary is; undefined for an office without. */
export async function readNotaryUrl(db: Kysely<Tables>): Promise<string | undefined> {
  const { rows } = await sql<{ url: string | null }>`select url from notary_seat`.execute(db)
  return rows[0]?.url ?? undefined
}

export async function writeNotaryUrl(db: Kysely<Tables>, url: string): Promise<void> {
  await sql`
    insert into notary_seat (url) values (${url})
    on conflict (one) do update set url = excluded.url`.execute(db)
}

const NEXT_KEY_PLACE = 'notary_seat next_key'

/** PKCS #8 of the key that waits for its certificate. Secret. */
export async function readNextKey(db: Kysely<Tables>, vault: Vault): Promise<Bytes | undefined> {
  const { rows } = await sql<{ next_key: Buffer | null }>`
    select next_key from notary_seat`.execute(db)
  const sealed = rows[0]?.next_key
  return sealed ? vault.open(NEXT_KEY_PLACE, sealed) : undefined
}

export async function writeNextKey(
  db: Kysely<Tables>,
  vault: Vault,
  pkcs8: Bytes | undefined,
): Promise<void> {
  const sealed = pkcs8 ? vault.seal(NEXT_KEY_PLACE, pkcs8) : null
  await sql`
    insert into notary_seat (next_key) values (${sealed})
    on conflict (one) do update set next_key = excluded.next_key`.execute(db)
}
