import { sql, type Kysely, type Transaction } from 'kysely'
import type { CoinVerdictWord } from '../../../kernel/coin-acts.ts'
import type { Amount, CurrencyCode } from '../../../kernel/money.ts'
import { packed } from '../../packed.ts'
import type { Tables } from '../../tables.ts'
import type { CoinId, ElementId } from '../coinage.ts'
import { ownersOf } from '../elements.ts'
import { decisionOf, type Decision } from './standing.ts'

/** Coins that are thought over in one transaction. */
const AT_ONCE = 500

interface StaleRow {
  readonly coin: CoinId
  readonly step: number
  readonly verdict: CoinVerdictWord | null
  readonly was: ElementId | null
  readonly creditor: ElementId | null
  readonly made: boolean
  readonly refunded: 'expired' | 'lost' | null
  readonly paid: boolean
}

/**
 * What this bank says of coins of its own, where something has changed. What is accepted stays so in its own
 * books too: another bank has relied on it. Behind the ledger’s lock.
 *
 * @returns whether there may be more.
 */
export async function decideStale(trx: Transaction<Tables>, bank: number): Promise<boolean> {
  const { rows } = await sql<StaleRow>`
    select d.coin, d.step, d.verdict, d.creditor as was, s.creditor, coin.id is not null as made,
      coin.refunded, s.account is not null as paid
    from coin_decision d
      join coin_spend s on s.coin = d.coin
      left join coin on coin.id = d.coin
    where d.stale order by d.coin limit ${AT_ONCE}`.execute(trx)
  if (rows.length === 0) return false
  const owners = await ownersOf(
    trx,
    rows.flatMap(({ creditor }) => creditor ?? []),
  )
  const decided = rows.map((row) => {
    const made = row.made ? { refunded: row.refunded } : undefined
    const books = { made, creditor: row.creditor ?? undefined, isPaid: row.paid }
    return { row, ...decisionOf(books, bank, (element) => owners.get(element)) }
  })
  // Who comes later to a coin that was accepted has to hear it as well: that is a word of its own.
  const isNew = ({ row, verdict }: (typeof decided)[number]) =>
    row.verdict !== verdict || verdict === 'accepted' || row.step === 0
  const column = packed(decided)
  await sql`
    update coin_decision set stale = false, step = coin_decision.step + new.more,
      verdict = new.verdict, creditor = new.creditor, office = new.office
    from unnest(
      ${column.text(({ row }) => row.coin)},
      ${column.int4((one) => (isNew(one) ? 1 : 0))},
      ${column.text(({ verdict }) => verdict)},
      ${column.text(({ creditor }) => creditor)},
      ${column.int4(({ office }) => office)}
    ) as new (coin, more, verdict, creditor, office)
    where coin_decision.coin = new.coin`.execute(trx)
  const accepted = packed(decided.filter(({ verdict }) => verdict === 'accepted'))
  await sql`
    update coin_spend set decided = true
    where coin = any(${accepted.text(({ row }) => row.coin)})`.execute(trx)
  return rows.length === AT_ONCE
}

/** What the notary has not been told yet. */
export interface UntoldDecision extends Decision {
  readonly coin: CoinId
  readonly step: number
  readonly value: Amount
  readonly currency: CurrencyCode
  /** Whose vendors claim it. */
  readonly to: readonly number[]
}

export async function untoldDecisions(
  db: Kysely<Tables>,
  bank: number,
  limit: number,
): Promise<readonly UntoldDecision[]> {
  const { rows } = await sql<{
    coin: CoinId
    step: number
    verdict: CoinVerdictWord
    creditor: ElementId | null
    office: number | null
    value: Amount
    currency: CurrencyCode
    to: number[]
  }>`
    select d.coin, d.step, d.verdict, d.creditor, d.office, claimed.to,
      coalesce(coin.value, claimed.value) as value, coalesce(coin.currency, claimed.currency) as currency
    from coin_decision d
      left join coin on coin.id = d.coin
      cross join lateral (
        select array_agg(distinct e.bank) filter (where e.bank <> ${bank}) as to,
          min(c.value) as value, min(c.currency) as currency
        from coin_claim c join coin_element e on e.id = c.creditor where c.coin = d.coin
      ) as claimed
    where d.told < d.step order by d.coin limit ${limit}`.execute(db)
  return rows.map(({ creditor, office, ...row }) => ({
    ...row,
    creditor: creditor ?? undefined,
    office: office ?? undefined,
  }))
}

/** What was said meanwhile is still to be told. */
export async function noteDecisionsTold(
  db: Kysely<Tables>,
  told: readonly Pick<UntoldDecision, 'coin' | 'step'>[],
): Promise<void> {
  const column = packed(told)
  await sql`
    update coin_decision set told = greatest(coin_decision.told, said.step)
    from unnest(
      ${column.text(({ coin }) => coin)},
      ${column.int4(({ step }) => step)}
    ) as said (coin, step)
    where coin_decision.coin = said.coin`.execute(db)
}
