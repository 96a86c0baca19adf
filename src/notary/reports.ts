import { sql } from 'kysely'
import type { Amount, CurrencyCode } from '../kernel/money.ts'
import { FEED_PAGE_MAX, type FeedEntry } from '../kernel/notary.ts'
import type { OfficeNumber } from '../kernel/party.ts'
import type { Instant } from '../kernel/ports.ts'
import type { NotaryDb } from './database.ts'

/** What became of an office’s payments, after that number. */
export async function readFeed(
  db: NotaryDb,
  office: OfficeNumber,
  after: number,
): Promise<{ upTo: number; entries: FeedEntry[] }> {
  const { rows } = await sql<{
    number: bigint
    id: Buffer
    state: FeedEntry['state']
    evidence: Buffer
    refund: Buffer | null
  }>`
    select feed.number, payment.id, feed.state, payment.evidence,
      case feed.state when 'returned' then refund.evidence end as refund
    from feed join payment on payment.id = feed.payment
    left join refund on (refund.payer_office, refund.payer_card, refund.request)
      = (payment.payer_office, payment.payer_card, payment.request)
    where feed.office = ${office} and feed.number > ${after}
    order by feed.number limit ${FEED_PAGE_MAX}`.execute(db)
  const newest = await sql<{ feed: bigint }>`
    select feed from office where number = ${office}`.execute(db)
  const entries = rows.map(({ number, id, state, evidence, refund }) => ({
    number: Number(number),
    id: new Uint8Array(id),
    state,
    waitingFor: [],
    evidence: new Uint8Array(evidence),
    refund: refund === null ? [] : [new Uint8Array(refund)],
  }))
  return { upTo: Number(newest.rows[0]?.feed ?? 0n), entries }
}

export interface Reserve {
  readonly currency: CurrencyCode
  readonly free: Amount
  readonly issued: Amount
}

export async function accountsOf(db: NotaryDb, office: OfficeNumber): Promise<readonly Reserve[]> {
  const { rows } = await sql<Reserve>`
    select currency,
      coalesce(sum(balance) filter (where kind = 'free'), 0) as free,
      coalesce(sum(balance) filter (where kind = 'issued'), 0) as issued
    from account where office = ${office}
    group by currency order by currency`.execute(db)
  return rows
}

/** What an office has under way and has had, in one currency. */
export interface OfficeReport extends Reserve {
  readonly office: OfficeNumber
  /** Paid by its cards and settled. */
  readonly paid: Amount
  /** Paid to it and settled. */
  readonly received: Amount
  /** Paid by its cards and waiting for its reserve: money in transit. */
  readonly waiting: Amount
  /** By the notary’s clock; undefined if nothing waits. */
  readonly waitingSince: Instant | undefined
  /** Of what its cards were permitted to hold. */
  readonly permitted: Amount
}

/** What other banks’ vendors claim of a bank’s coins, by what it has said, in one currency. */
export interface CoinReport {
  readonly bank: OfficeNumber
  readonly currency: CurrencyCode
  /** Accepted, and their money has gone. */
  readonly paid: Amount
  /** Accepted, and waiting for the bank’s reserve. */
  readonly waiting: Amount
  /** By the notary’s clock, of what it has said of them; undefined if nothing waits. */
  readonly waitingSince: Instant | undefined
  /** Not accepted, so far. */
  readonly refused: Amount
}

export interface NotaryReport {
  readonly offices: readonly OfficeReport[]
  readonly coins: readonly CoinReport[]
  /** Σ of all accounts of that currency, the world’s included: always 0. */
  readonly sums: readonly { readonly currency: CurrencyCode; readonly sum: Amount }[]
  /** Accounts whose balance is not what their transfers say: always none. */
  readonly wrong: readonly string[]
}

async function readCoins(db: NotaryDb): Promise<readonly CoinReport[]> {
  const { rows } = await sql<Omit<CoinReport, 'waitingSince'> & { waiting_since: bigint | null }>`
    select bank, currency,
      coalesce(sum(value) filter (where verdict = 'accepted' and state = 'settled'), 0) as paid,
      coalesce(sum(value) filter (where state = 'waiting'), 0) as waiting,
      min(changed_at) filter (where state = 'waiting') as waiting_since,
      coalesce(sum(value) filter (where verdict <> 'accepted'), 0) as refused
    from coin group by bank, currency order by bank, currency`.execute(db)
  return rows.map(({ waiting_since, ...row }) => ({
    ...row,
    waitingSince: instantOf(waiting_since),
  }))
}

function instantOf(at: bigint | null): Instant | undefined {
  return at === null ? undefined : Number(at)
}

export async function readReport(db: NotaryDb): Promise<NotaryReport> {
  const { rows } = await sql<Omit<OfficeReport, 'waitingSince'> & { waiting_since: bigint | null }>`
    select account.office, account.currency,
      coalesce(sum(balance) filter (where kind = 'free'), 0) as free,
      coalesce(sum(balance) filter (where kind = 'issued'), 0) as issued,
      (select coalesce(sum(amount), 0) from payment
        where payer_office = account.office and payment.currency = account.currency
          and state = 'settled') as paid,
      (select coalesce(sum(amount), 0) from payment
        where payee_office = account.office and payment.currency = account.currency
          and state = 'settled') as received,
      (select coalesce(sum(amount), 0) from payment
        where payer_office = account.office and payment.currency = account.currency
          and state = 'waiting') as waiting,
      (select min(received_at) from payment
        where payer_office = account.office and payment.currency = account.currency
          and state = 'waiting') as waiting_since,
      (select coalesce(sum(amount), 0) from permit
        where permit.office = account.office and permit.currency = account.currency
          and not given_back) as permitted
    from account where account.office <> 0
    group by account.office, account.currency
    order by account.office, account.currency`.execute(db)
  const sums = await sql<{ currency: CurrencyCode; sum: bigint }>`
    select currency, sum(balance) as sum from account group by currency order by currency`.execute(
    db,
  )
  const wrong = await sql<{ name: string }>`
    select kind || ' ' || office || ' ' || currency as name
    from account left join (
      select account, sum(amount) as balance from (
        select debit as account, -amount as amount from transfer
        union all select credit, amount from transfer
      ) as leg group by account
    ) as moved on moved.account = account.id
    where account.balance <> coalesce(moved.balance, 0)
    order by 1`.execute(db)
  return {
    offices: rows.map(({ waiting_since, ...row }) => ({
      ...row,
      waitingSince: instantOf(waiting_since),
    })),
    coins: await readCoins(db),
    sums: sums.rows,
    wrong: wrong.rows.map(({ name }) => name),
  }
}
