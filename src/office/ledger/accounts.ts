import { sql, type Transaction } from 'kysely'
import { invariant } from '../../kernel/errors.ts'
import type { Amount, CurrencyCode } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { AccountKind } from './account-kinds.ts'
import { packed } from '../packed.ts'
import type { Tables } from '../tables.ts'

export interface AccountName {
  readonly kind: AccountKind
  /** A card id, a till number, a merchant id; empty for the office's own. */
  readonly owner: string
  readonly currency: CurrencyCode
  /** If it is opened now: it is never to be below 0. */
  readonly isCovered?: true
}

/** An account, locked until its transaction ends. */
export interface LockedAccount extends AccountName {
  readonly id: bigint
  /** Whether it must never be below 0. */
  readonly covered: boolean
  readonly balance: Amount
  /** What the pool has advanced to it. */
  readonly owed: Amount
}

export interface Transfer {
  /** Unique for ever: the same reference twice is the same transfer. */
  readonly reference: string
  readonly debit: AccountName
  readonly credit: AccountName
  /** Minor units, above 0. */
  readonly amount: Amount
  /** By the office's clock. */
  readonly at: Instant
}

/**
 * Posts transfers, each once whatever is repeated, and opens the accounts they need.
 * Changes many rows that must agree, so it asks for a transaction.
 */
export async function post(
  trx: Transaction<Tables>,
  transfers: readonly Transfer[],
): Promise<void> {
  if (transfers.length === 0) return
  for (const { amount, reference } of transfers) {
    invariant(amount > 0n, `a transfer moves money: ${reference}`)
  }
  const names = new Map<string, AccountName>()
  const named = (name: AccountName) => {
    const key = accountKey(name)
    names.set(key, name)
    return key
  }
  const legs = transfers.map((transfer) => {
    return { transfer, debit: named(transfer.debit), credit: named(transfer.credit) }
  })
  const accounts = await openNamed(trx, names)
  const id = (key: string) => {
    const found = accounts.get(key)
    invariant(found, `account ${key} was opened`)
    return found.id
  }
  const column = packed(legs)
  // One statement: the balances move by exactly the transfers that were new.
  await sql`
    with posted as (
      insert into transfer (reference, debit, credit, amount, at)
      select * from unnest(
        ${column.text(({ transfer }) => transfer.reference)},
        ${column.int8(({ debit }) => id(debit))},
        ${column.int8(({ credit }) => id(credit))},
        ${column.int8(({ transfer }) => transfer.amount)},
        ${column.int8(({ transfer }) => transfer.at)}
      )
      on conflict (reference) do nothing
      returning debit, credit, amount
    ), change as (
      select account, sum(amount)::bigint as amount from (
        select debit as account, -amount as amount from posted
        union all
        select credit, amount from posted
      ) as leg group by account
    )
    update account set balance = account.balance + change.amount
    from change where account.id = change.account`.execute(trx)
}

/** Opens accounts that are not there yet, and locks them all, by {@link accountKey}. */
export async function openAccounts(
  trx: Transaction<Tables>,
  names: readonly AccountName[],
): Promise<ReadonlyMap<string, LockedAccount>> {
  return openNamed(trx, new Map(names.map((name) => [accountKey(name), name])))
}

/** @param names each by its key. */
async function openNamed(
  trx: Transaction<Tables>,
  names: ReadonlyMap<string, AccountName>,
): Promise<ReadonlyMap<string, LockedAccount>> {
  // In one order always, so that two transactions never wait for each other.
  const distinct = [...names].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, name]) => name)
  const found = await lockAccounts(trx, distinct)
  const missing = distinct.filter((name) => !found.has(accountKey(name)))
  if (missing.length === 0) return found
  await sql`
    insert into account (kind, owner, currency, covered)
    select kind, owner, currency, covered from ${namesAsRows(missing)}
    on conflict (kind, owner, currency) do nothing`.execute(trx)
  return new Map([...found, ...(await lockAccounts(trx, missing))])
}

async function lockAccounts(
  trx: Transaction<Tables>,
  names: readonly AccountName[],
): Promise<ReadonlyMap<string, LockedAccount>> {
  const { rows } = await sql<LockedAccount>`
    select account.id, account.kind, account.owner, account.currency, account.covered,
      account.balance, account.owed
    from account join ${namesAsRows(names)} using (kind, owner, currency)
    order by account.id for update of account`.execute(trx)
  return new Map(rows.map((row) => [accountKey(row), row]))
}

function namesAsRows(names: readonly AccountName[]) {
  const column = packed(names)
  return sql`unnest(
    ${column.text(({ kind }) => kind)},
    ${column.text(({ owner }) => owner)},
    ${column.text(({ currency }) => currency)},
    ${column.bool(({ isCovered }) => isCovered === true)}
  ) as wanted (kind, owner, currency, covered)`
}

export function accountKey({ kind, owner, currency }: AccountName): string {
  return `${kind} ${owner} ${currency}`
}
