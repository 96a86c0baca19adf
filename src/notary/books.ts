import { sql } from 'kysely'
import { invariant } from '../kernel/errors.ts'
import type { Amount, CurrencyCode } from '../kernel/money.ts'
import { NOTARY, type OfficeNumber } from '../kernel/party.ts'
import type { Instant } from '../kernel/ports.ts'
import { packed } from '../office/packed.ts'
import type { NotaryDb, NotaryTransaction } from './database.ts'

/** `free` may be put on cards, `issued` is on cards; `world` is the notary’s own, where reserves come from. */
export const ACCOUNT_KINDS = ['world', 'free', 'issued'] as const
export type AccountKind = (typeof ACCOUNT_KINDS)[number]

export interface AccountName {
  readonly kind: AccountKind
  readonly office: OfficeNumber
  readonly currency: CurrencyCode
}

export interface Transfer {
  /** Unique for ever: the same reference twice is the same transfer. */
  readonly reference: string
  readonly from: AccountName
  readonly to: AccountName
  /** Above 0. */
  readonly amount: Amount
  /** An operator’s words. */
  readonly reason?: string
}

export function world(currency: CurrencyCode): AccountName {
  return { kind: 'world', office: NOTARY, currency }
}

export function accountKey({ kind, office, currency }: AccountName): string {
  return `${kind} ${office} ${currency}`
}

/** All balances, by {@link accountKey}. */
export async function readBalances(db: NotaryDb): Promise<ReadonlyMap<string, Amount>> {
  const { rows } = await sql<AccountName & { readonly balance: bigint }>`
    select kind, office, currency, balance from account order by office, kind, currency`.execute(db)
  return new Map(rows.map((row) => [accountKey(row), row.balance]))
}

/**
 * Posts transfers, each once whatever is repeated, and opens the accounts they need. All or none: the
 * balances after all of them must not be below 0.
 *
 * @returns the references that were new.
 */
export async function post(
  trx: NotaryTransaction,
  transfers: readonly Transfer[],
  at: Instant,
): Promise<ReadonlySet<string>> {
  if (transfers.length === 0) return new Set()
  for (const { amount, reference } of transfers) {
    invariant(amount > 0n, `a transfer moves money: ${reference}`)
  }
  const names = [
    ...new Map(
      transfers.flatMap(({ from, to }) => [from, to]).map((name) => [accountKey(name), name]),
    ).values(),
  ]
  const account = packed(names)
  await sql`
    insert into account (kind, office, currency)
    select * from unnest(
      ${account.text(({ kind }) => kind)},
      ${account.int4(({ office }) => office)},
      ${account.text(({ currency }) => currency)}
    )
    on conflict (kind, office, currency) do nothing`.execute(trx)
  const column = packed(transfers)
  const { rows } = await sql<{ reference: string }>`
    with wanted as (
      select * from unnest(
        ${column.text(({ reference }) => reference)},
        ${column.text(({ from }) => from.kind)},
        ${column.int4(({ from }) => from.office)},
        ${column.text(({ to }) => to.kind)},
        ${column.int4(({ to }) => to.office)},
        ${column.text(({ from }) => from.currency)},
        ${column.int8(({ amount }) => amount)},
        ${column.text(({ reason }) => reason)}
      ) as t (reference, from_kind, from_office, to_kind, to_office, currency, amount, reason)
    ), posted as (
      insert into transfer (reference, debit, credit, amount, at, reason)
      select reference, debit.id, credit.id, amount, ${at}::bigint, reason
      from wanted
      join account debit on (debit.kind, debit.office, debit.currency)
        = (from_kind, from_office, wanted.currency)
      join account credit on (credit.kind, credit.office, credit.currency)
        = (to_kind, to_office, wanted.currency)
      on conflict (reference) do nothing
      returning reference, debit, credit, amount
    ), change as (
      select account, sum(amount)::bigint as amount from (
        select debit as account, -amount as amount from posted
        union all
        select credit, amount from posted
      ) as leg group by account
    ), changed as (
      update account set balance = account.balance + change.amount
      from change where account.id = change.account
    )
    select reference from posted`.execute(trx)
  return new Set(rows.map(({ reference }) => reference))
}
