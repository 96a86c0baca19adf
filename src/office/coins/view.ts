import { sql, type Kysely, type RawBuilder } from 'kysely'
import type { Bytes } from '../../kernel/bytes.ts'
import type { CardId, TillNumber } from '../../kernel/ids.ts'
import type { Amount, CurrencyCode } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { Office } from '../office.ts'
import type { Tables } from '../tables.ts'
import type { CoinId, ElementId, ElementRole } from './coinage.ts'
import { coinSchemeOf, placeOf, type Possessor } from './elements.ts'

export const COIN_STATES = ['outside', 'redeemed', 'contested', 'refunded'] as const
export type CoinState = (typeof COIN_STATES)[number]

/** Who has a coin, or was paid for it, as far as the office knows. `elsewhere`: none of this office’s. */
export type CoinPlace =
  | { readonly kind: 'card'; readonly card: CardId }
  | { readonly kind: 'till'; readonly till: TillNumber; readonly name: string }
  | { readonly kind: 'elsewhere' }

export interface CoinLine {
  readonly id: CoinId
  readonly value: Amount
  readonly currency: CurrencyCode
  readonly madeAt: Instant
  readonly expires: Instant
  /** Whether only the card that it was made for may spend it. */
  readonly bound: boolean
  /** How often it changed hands, by the longest chain that was shown. */
  readonly hops: number
  readonly state: CoinState
  /** Why it was given back to whoever had bought it. */
  readonly refunded: 'expired' | 'lost' | undefined
  readonly at: CoinPlace
  /** For the element that it was made for: to load it, or again. Undefined if that is another’s. */
  readonly register: Bytes | undefined
}

export const COIN_LISTS = ['made', 'held'] as const
export type CoinList = (typeof COIN_LISTS)[number]

export interface CoinQuery {
  readonly of: Possessor
  /** Coins that were made for its elements, or those that they hold as far as the office knows. */
  readonly list: CoinList
  /** Coins after this one in the list. */
  readonly after?: CoinId | undefined
  readonly limit: number
}

/** Its elements that hold coins, or held some. */
function elementsOf(of: Possessor): RawBuilder<unknown> {
  return 'card' in of
    ? sql`select id from coin_element where card = ${of.card}`
    : sql`select id from coin_element where till = ${of.till}::bigint`
}

/** Of a coin with its spend `s`: nobody has claimed it, and nobody was given it back. */
const IS_OUTSIDE = sql`(coin.refunded is null and s.coin is null)`
const STATE = sql`case
  when coin.refunded is not null then 'refunded'
  when s.coin is null then 'outside'
  when s.creditor is null then 'contested'
  else 'redeemed'
end`

interface CoinRow {
  readonly id: CoinId
  readonly value: Amount
  readonly currency: CurrencyCode
  readonly made_at: bigint
  readonly expires: bigint
  readonly bound: boolean
  readonly hops: number
  readonly state: CoinState
  readonly refunded: 'expired' | 'lost' | null
  readonly card: CardId | null
  readonly till: bigint | null
  readonly name: string | null
  readonly register: Buffer | null
}

/** Coins of a card or till, newest first. */
export async function listCoins(
  db: Kysely<Tables>,
  { of, list, after, limit }: CoinQuery,
): Promise<readonly CoinLine[]> {
  const own = elementsOf(of)
  const wanted =
    list === 'made' ? sql`coin.element in (${own})` : sql`coin.holder in (${own}) and ${IS_OUTSIDE}`
  const { rows } = await sql<CoinRow>`
    select coin.id, value, coin.currency, coin.made_at, expires, bound, hops, refunded,
      ${STATE} as state, at.card, at.till, till.name,
      case when coin.element in (${own}) then register end as register
    from coin left join coin_spend s on s.coin = coin.id
      left join coin_element at on at.id = coalesce(s.creditor, coin.holder)
      left join till on till.number = at.till
    where ${wanted} and (
      ${after ?? null}::text is null
      or (coin.made_at, coin.id) < (select made_at, id from coin where id = ${after ?? null})
    )
    order by coin.made_at desc, coin.id desc limit ${limit}`.execute(db)
  return rows.map(lineOf)
}

function lineOf({ made_at, expires, refunded, register, card, till, name, ...row }: CoinRow) {
  return {
    ...row,
    madeAt: Number(made_at),
    expires: Number(expires),
    refunded: refunded ?? undefined,
    register: register === null ? undefined : new Uint8Array(register),
    at: placeOfCoin(card, till, name),
  }
}

function placeOfCoin(card: CardId | null, till: bigint | null, name: string | null): CoinPlace {
  if (card !== null) return { kind: 'card', card }
  if (till !== null) return { kind: 'till', till: Number(till), name: name ?? '' }
  return { kind: 'elsewhere' }
}

export interface ElementLine {
  readonly id: ElementId
  readonly role: ElementRole
  readonly bank: number
  readonly certificate: Bytes
  /** The last day of its certificate, its midnight (UTC). */
  readonly goodUntil: Instant
  readonly madeAt: Instant
  /** Coins that it was sold, and how many more it can be sold; undefined if it holds none. */
  readonly coins: { readonly sold: number; readonly left: number } | undefined
}

/** The elements of a card or till, newest first. */
export async function listElements(
  office: Pick<Office, 'db' | 'vault' | 'schemes'>,
  of: Possessor,
): Promise<readonly ElementLine[]> {
  const coinage = coinSchemeOf(office)?.coinage
  if (!coinage) return []
  const rows = await office.db
    .selectFrom('coin_element')
    .selectAll()
    .where((eb) => ('card' in of ? eb('card', '=', of.card) : eb('till', '=', BigInt(of.till))))
    .orderBy('made_at', 'desc')
    .orderBy('role')
    .execute()
  return rows.map(({ id, role, bank, certificate, sealed, sold, made_at }) => {
    const bytes = new Uint8Array(certificate)
    const known = sealed === null ? undefined : office.vault.open(placeOf(id), sealed)
    return {
      id,
      role,
      bank,
      certificate: bytes,
      goodUntil: coinage.goodUntil(bytes),
      madeAt: Number(made_at),
      coins: known && { sold, left: coinage.left(known, sold) },
    }
  })
}

/** What cards hold in coins that can still be spent, as far as the office knows. @param at now. */
export async function coinHoldings(
  db: Kysely<Tables>,
  cards: readonly CardId[],
  at: Instant,
): Promise<ReadonlyMap<CardId, Amount>> {
  if (cards.length === 0) return new Map()
  const { rows } = await sql<{ card: CardId; amount: bigint }>`
    select e.card, sum(value)::bigint as amount
    from coin join coin_element e on e.id = coin.holder
      left join coin_spend s on s.coin = coin.id
    where e.card = any(${[...cards]}::text[]) and ${IS_OUTSIDE} and expires >= ${at}::bigint
    group by e.card`.execute(db)
  return new Map(rows.map(({ card, amount }) => [card, amount]))
}

/** So many coins, worth so much together. */
export interface Heap {
  readonly count: number
  readonly amount: Amount
}

export interface Denomination {
  readonly value: Amount
  readonly count: number
}

/** What the office knows of a till’s coins. */
export interface Takings {
  /** Its float as it was bought, ever. */
  readonly bought: Heap
  /** What its vendor elements hold now: float, and what they kept as change. Largest first. */
  readonly float: readonly Denomination[]
  /** Claimed by it, and paid to its merchant. */
  readonly paid: Heap
  /** Claimed by others as well: in suspense. */
  readonly contested: Heap
  /** Claimed, and paid to somebody else or to nobody. */
  readonly refused: Heap
  /** Of other banks, which have not paid for them yet. */
  readonly awaited: Heap
  /** What its merchant has at the office, over all tills. */
  readonly merchant: Amount
}

/** What a till’s vendor elements bought, hold and took. */
export async function takingsOf(
  db: Kysely<Tables>,
  till: TillNumber,
  { merchant, currency, bank }: TakingsContext,
): Promise<Takings> {
  const own = elementsOf({ till })
  const { rows: bought } = await sql<Heap>`
    select count(*)::integer as count, coalesce(sum(value), 0)::bigint as amount
    from coin where element in (${own})`.execute(db)
  const { rows: float } = await sql<Denomination>`
    select value, count(*)::integer as count
    from coin left join coin_spend s on s.coin = coin.id
    where holder in (${own}) and ${IS_OUTSIDE}
    group by value order by value desc`.execute(db)
  const { rows: claims } = await sql<Heap & { outcome: keyof typeof NO_CLAIMS }>`
    select outcome, count(*)::integer as count, sum(value)::bigint as amount from (
      select distinct on (claim.coin) claim.value,
        case
          when claim.bank = ${bank} and s.creditor is null then 'contested'
          when claim.bank = ${bank} and s.creditor in (${own}) and s.account is not null then 'paid'
          when claim.bank = ${bank} then 'refused'
          when a.verdict is null then 'awaited'
          when a.verdict = 'contested' then 'contested'
          when a.verdict = 'accepted' and a.creditor in (${own}) then 'paid'
          else 'refused'
        end as outcome
      from coin_claim claim left join coin_spend s on s.coin = claim.coin
        left join coin_abroad a on a.coin = claim.coin
      where claim.creditor in (${own}) order by claim.coin
    ) as claimed group by outcome`.execute(db)
  const { rows: accounts } = await sql<{ balance: bigint }>`
    select balance from account
    where kind = 'merchant' and owner = ${merchant} and currency = ${currency}`.execute(db)
  const heaps = Object.fromEntries(claims.map(({ outcome, ...heap }) => [outcome, heap]))
  return {
    bought: bought[0] ?? NONE,
    float,
    ...NO_CLAIMS,
    ...heaps,
    merchant: accounts[0]?.balance ?? 0n,
  }
}

export interface TakingsContext {
  readonly merchant: string
  readonly currency: CurrencyCode
  /** This office’s. */
  readonly bank: number
}

const NONE: Heap = { count: 0, amount: 0n }
const NO_CLAIMS = { paid: NONE, contested: NONE, refused: NONE, awaited: NONE }

/** What became of all coins of one currency. */
export interface CoinSums {
  readonly currency: CurrencyCode
  readonly outside: Heap
  /** Outside, and no vendor takes them any more. */
  readonly expired: Heap
  readonly contested: Heap
  readonly redeemed: Heap
  readonly refundedExpired: Heap
  readonly refundedLost: Heap
  /** Outside and not expired, largest first. */
  readonly denominations: readonly Denomination[]
}

/** What became of this bank’s coins, by currency. @param at now. */
export async function coinSums(db: Kysely<Tables>, at: Instant): Promise<readonly CoinSums[]> {
  const { rows } = await sql<{
    currency: CurrencyCode
    value: bigint
    fate: Exclude<keyof CoinSums, 'currency' | 'denominations'>
    count: number
  }>`
    select coin.currency, value, count(*)::integer as count,
      case
        when refunded = 'expired' then 'refundedExpired'
        when refunded = 'lost' then 'refundedLost'
        when s.coin is null and expires < ${at}::bigint then 'expired'
        when s.coin is null then 'outside'
        when s.creditor is null then 'contested'
        else 'redeemed'
      end as fate
    from coin left join coin_spend s on s.coin = coin.id
    group by 1, 2, 4 order by 1, 2 desc`.execute(db)
  const byCurrency = Map.groupBy(rows, ({ currency }) => currency)
  return [...byCurrency].map(([currency, own]) => {
    const heapOf = (fate: (typeof own)[number]['fate']): Heap =>
      own
        .filter((row) => row.fate === fate)
        .reduce(
          (heap, { count, value }) => ({
            count: heap.count + count,
            amount: heap.amount + value * BigInt(count),
          }),
          NONE,
        )
    return {
      currency,
      outside: heapOf('outside'),
      expired: heapOf('expired'),
      contested: heapOf('contested'),
      redeemed: heapOf('redeemed'),
      refundedExpired: heapOf('refundedExpired'),
      refundedLost: heapOf('refundedLost'),
      denominations: own
        .filter(({ fate }) => fate === 'outside')
        .map(({ value, count }) => ({ value, count })),
    }
  })
}
