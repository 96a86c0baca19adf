import { sql, type Kysely } from 'kysely'
import type { CardId, TillNumber } from '../kernel/ids.ts'
import type { Amount, CurrencyCode } from '../kernel/money.ts'
import type { Instant } from '../kernel/ports.ts'
import type { AccountKind } from './ledger/account-kinds.ts'
import type { Tables } from './tables.ts'

export interface AccountRef {
  readonly id: string
  readonly kind: AccountKind
  readonly owner: string
  /** How people call the owner: a card's label, a till's, a merchant's or a person's name. */
  readonly name: string | undefined
}

export interface Account extends AccountRef {
  readonly currency: CurrencyCode
  readonly balance: Amount
  /** What the pool has advanced to it and not got back. */
  readonly owed: Amount
}

export interface AccountFilter {
  readonly kind?: AccountKind | undefined
  /** Accounts after this one, by id. */
  readonly after?: string | undefined
  readonly limit: number
}

/** What people call the owner of `account`. */
const OWNER_NAME = sql`case account.kind
  when 'shadow' then (select label from card where card.id = account.owner)
  when 'merchant' then (select name from merchant where merchant.id::text = account.owner)
  when 'till-cash' then (select name from till where till.number::text = account.owner)
  when 'online' then (select name from person where person.id::text = account.owner)
end`

interface AccountRow {
  readonly id: bigint
  readonly kind: AccountKind
  readonly owner: string
  readonly name: string | null
  readonly currency: CurrencyCode
  readonly balance: bigint
  readonly owed: bigint
}

/** Accounts by id. */
export async function listAccounts(
  db: Kysely<Tables>,
  { kind, after, limit }: AccountFilter,
): Promise<readonly Account[]> {
  const { rows } = await sql<AccountRow>`
    select id, kind, owner, currency, balance, owed, ${OWNER_NAME} as name from account
    where (${kind ?? null}::text is null or kind = ${kind ?? null})
      and id > ${after ?? '0'}::bigint
    order by account.id limit ${limit}`.execute(db)
  return rows.map(accountOf)
}

export async function findAccount(db: Kysely<Tables>, id: string): Promise<Account | undefined> {
  const { rows } = await sql<AccountRow>`
    select id, kind, owner, currency, balance, owed, ${OWNER_NAME} as name from account
    where id = ${id}::bigint`.execute(db)
  return rows[0] && accountOf(rows[0])
}

function accountOf(row: AccountRow): Account {
  return { ...row, id: String(row.id), name: row.name ?? undefined }
}

export interface BookedTransfer {
  readonly id: string
  readonly reference: string
  readonly debit: AccountRef
  readonly credit: AccountRef
  readonly amount: Amount
  /** By the office's clock. */
  readonly at: Instant
}

/** An account's transfers, newest first; those before `before` if it is given. */
export async function listTransfers(
  db: Kysely<Tables>,
  account: string,
  limit: number,
  before?: string,
): Promise<readonly BookedTransfer[]> {
  const { rows } = await sql<{
    id: bigint
    reference: string
    debit: bigint
    credit: bigint
    amount: bigint
    at: bigint
  }>`
    select * from transfer
    where (debit = ${account}::bigint or credit = ${account}::bigint)
      and (${before ?? null}::bigint is null or id < ${before ?? null}::bigint)
    order by id desc limit ${limit}`.execute(db)
  const ids = [...new Set(rows.flatMap(({ debit, credit }) => [debit, credit]))]
  const { rows: accounts } = await sql<AccountRow>`
    select id, kind, owner, currency, balance, owed, ${OWNER_NAME} as name from account
    where id = any(${ids.map(String)}::bigint[])`.execute(db)
  const byId = new Map(accounts.map((row) => [row.id, accountOf(row)]))
  return rows.flatMap((row) => {
    const [debit, credit] = [byId.get(row.debit), byId.get(row.credit)]
    if (!debit || !credit) return []
    const { reference, amount } = row
    return { id: String(row.id), reference, debit, credit, amount, at: Number(row.at) }
  })
}

/** The balances of these cards' shadow accounts; 0 for a card that never held anything. */
export async function shadowBalances(
  db: Kysely<Tables>,
  cards: readonly CardId[],
): Promise<ReadonlyMap<CardId, Amount>> {
  const { rows } = await sql<{ owner: CardId; balance: bigint }>`
    select owner, balance from account
    where kind = 'shadow' and owner = any(${[...cards]}::text[])`.execute(db)
  return new Map(rows.map(({ owner, balance }) => [owner, balance]))
}

/** The sum of all accounts, a currency: 0, or the books are wrong. */
export async function bookSums(
  db: Kysely<Tables>,
): Promise<readonly { readonly currency: CurrencyCode; readonly sum: Amount }[]> {
  const { rows } = await sql<{ currency: CurrencyCode; sum: bigint }>`
    select currency, sum(balance) as sum from account group by currency order by currency`.execute(
    db,
  )
  return rows
}

export interface TillContact {
  /** By the office's clock. */
  readonly lastContactAt: Instant | undefined
  readonly lastBatch: number
  /** Records that others showed and this till has not handed in. */
  readonly missing: number
}

/** What the office last heard of its tills; a till that never sent a batch is not in it. */
export async function tillContacts(
  db: Kysely<Tables>,
): Promise<ReadonlyMap<TillNumber, TillContact>> {
  const { rows } = await sql<{
    number: bigint
    last_contact_at: bigint | null
    last_batch: bigint | null
    missing: bigint
  }>`
    select till.number, last.received_at as last_contact_at, last.number as last_batch,
      (select count(*) from entry where maker = till.number and not uploaded) as missing
    from till left join lateral (
      select received_at, batch.number from batch
      where batch.till = till.number order by batch.number desc limit 1
    ) as last on true`.execute(db)
  return new Map(
    rows.map((row) => [
      Number(row.number),
      {
        lastContactAt: row.last_contact_at === null ? undefined : Number(row.last_contact_at),
        lastBatch: Number(row.last_batch ?? 0n),
        missing: Number(row.missing),
      },
    ]),
  )
}
