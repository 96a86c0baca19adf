import { sql, type Kysely, type Transaction } from 'kysely'
import { toHex } from '../../../kernel/bytes.ts'
import { bankOfCoin, type CoinNews, type CoinVerdictWord } from '../../../kernel/coin-acts.ts'
import type { CurrencyCode } from '../../../kernel/money.ts'
import type { Instant } from '../../../kernel/ports.ts'
import { post, type AccountName, type Transfer } from '../../ledger/accounts.ts'
import { packed } from '../../packed.ts'
import type { Tables } from '../../tables.ts'
import { bankAccount, creditOf, ownersOf } from '../elements.ts'
import type { Heap } from '../view.ts'

export type CoinWord = Extract<CoinNews, { readonly kind: 'coin' }>

/**
 * What banks have said of their coins, and that the money of those that they accepted has gone from them to
 * whom it is owed. Behind the ledger’s lock; the same again changes nothing.
 *
 * @param bank this office’s.
 */
export async function takeWords(
  trx: Transaction<Tables>,
  words: readonly CoinWord[],
  bank: number,
  at: Instant,
): Promise<void> {
  if (words.length === 0) return
  await noteWords(
    trx,
    words.filter(({ coin }) => bankOfCoin(coin) !== bank),
  )
  const owed = words.flatMap((word) =>
    word.creditor[0] ? [{ word, creditor: word.creditor[0] }] : [],
  )
  const owners = await ownersOf(
    trx,
    owed.map(({ creditor }) => toHex(creditor.element)),
  )
  const transfers = owed.flatMap(({ word, creditor }): readonly Transfer[] => {
    const { coin, currency, value: amount } = word
    const from = bankOfCoin(coin)
    // What it has at the notary, as its own books have it.
    const reserve: AccountName = { kind: 'reserve', owner: '', currency }
    const shared = { reference: `coin:${toHex(coin)}:reserve`, amount, at }
    if (from === bank) {
      return [{ ...shared, debit: bankAccount(creditor.office, currency), credit: reserve }]
    }
    if (creditor.office !== bank) return []
    const owner = owners.get(toHex(creditor.element))
    // Its bank says so of an element that nobody has here: somebody has to look.
    const credit = owner ? creditOf(owner, currency) : suspense(currency)
    return [{ ...shared, debit: reserve, credit }]
  })
  await post(trx, transfers)
}

function suspense(currency: CurrencyCode): AccountName {
  return { kind: 'suspense', owner: '', currency }
}

async function noteWords(trx: Transaction<Tables>, words: readonly CoinWord[]): Promise<void> {
  // Of several about one coin the newest.
  const newest = [
    ...new Map(words.toSorted((a, b) => a.step - b.step).map((word) => [toHex(word.coin), word])),
  ].map(([, word]) => word)
  const column = packed(newest)
  await sql`
    insert into coin_abroad (coin, bank, currency, value, step, verdict, creditor, office)
    select * from unnest(
      ${column.text(({ coin }) => toHex(coin))},
      ${column.int4(({ coin }) => bankOfCoin(coin))},
      ${column.text(({ currency }) => currency)},
      ${column.int8(({ value }) => value)},
      ${column.int4(({ step }) => step)},
      ${column.text(({ verdict }) => verdict)},
      ${column.text(({ creditor: [owed] }) => owed && toHex(owed.element))},
      ${column.int4(({ creditor: [owed] }) => owed?.office)}
    )
    on conflict (coin) do update set
      step = excluded.step, verdict = excluded.verdict,
      creditor = excluded.creditor, office = excluded.office
    where coin_abroad.step < excluded.step`.execute(trx)
}

/** What became of coins of another bank that vendors here claim. */
export const ABROAD_STATES = [
  /** Its bank has not said anything yet. */
  'awaited',
  'contested',
  'unissued',
  'expired',
  /** It is owed to a vendor of another bank. */
  'owed elsewhere',
  'paid',
] as const
export type AbroadState = (typeof ABROAD_STATES)[number]

export interface AbroadLine extends Heap {
  readonly bank: number
  readonly currency: CurrencyCode
  readonly state: AbroadState
}

/**
 * All coins of other banks that vendors here claim, summed up.
 *
 * @param bank this office’s.
 */
export async function abroad(db: Kysely<Tables>, bank: number): Promise<readonly AbroadLine[]> {
  const { rows } = await sql<
    Omit<AbroadLine, 'state'> & { verdict: CoinVerdictWord | null; ours: boolean }
  >`
    select bank, currency, verdict, coalesce(office = ${bank}, false) as ours,
      count(*)::integer as count, sum(value)::bigint as amount
    from coin_abroad group by 1, 2, 3, 4 order by 1, 2, 3, 4`.execute(db)
  return rows.map(({ verdict, ours, ...row }) => ({ ...row, state: stateOf(verdict, ours) }))
}

function stateOf(verdict: CoinVerdictWord | null, ours: boolean): AbroadState {
  if (verdict === null) return 'awaited'
  if (verdict === 'accepted') return ours ? 'paid' : 'owed elsewhere'
  return verdict
}
