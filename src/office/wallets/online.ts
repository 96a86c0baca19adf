import { sql, type Kysely, type Transaction } from 'kysely'
import { toHex } from '../../kernel/bytes.ts'
import type { Amount, CurrencyCode } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { AccountKind } from '../ledger/account-kinds.ts'
import { post, type AccountName } from '../ledger/accounts.ts'
import type { Office } from '../office.ts'
import type { Tables } from '../tables.ts'

/** A person’s money at the office, a wallet a currency. Never below 0: the database sees to it. */
export function onlineWallet(person: string, currency: CurrencyCode): AccountName {
  return { kind: 'online', owner: person, currency }
}

export interface OnlineBalance {
  readonly currency: CurrencyCode
  readonly balance: Amount
}

export async function onlineBalances(
  db: Kysely<Tables>,
  person: string,
): Promise<readonly OnlineBalance[]> {
  const { rows } = await sql<OnlineBalance>`
    select currency, balance from account where kind = 'online' and owner = ${person}
    order by currency`.execute(db)
  return rows
}

export interface OnlineAct {
  readonly person: string
  readonly currency: CurrencyCode
  /** Minor units, above 0. */
  readonly amount: Amount
}

/** Cash or bank money comes in. @returns the transfer’s reference. */
export async function deposit(
  { random, clock }: Office,
  trx: Transaction<Tables>,
  { person, currency, amount }: OnlineAct,
): Promise<string> {
  const reference = `deposit:${toHex(random.bytes(16))}`
  const debit: AccountName = { kind: 'world', owner: '', currency }
  const credit = onlineWallet(person, currency)
  await post(trx, [{ reference, debit, credit, amount, at: clock.now() }])
  return reference
}

/** Money is paid out. @throws a check violation if there is less. */
export async function withdraw(
  { random, clock }: Office,
  trx: Transaction<Tables>,
  { person, currency, amount }: OnlineAct,
): Promise<string> {
  const reference = `withdrawal:${toHex(random.bytes(16))}`
  const debit = onlineWallet(person, currency)
  const credit: AccountName = { kind: 'world', owner: '', currency }
  await post(trx, [{ reference, debit, credit, amount, at: clock.now() }])
  return reference
}

/** From one holder to another. @throws a check violation if there is less. */
export async function transferOnline(
  { random, clock }: Office,
  trx: Transaction<Tables>,
  { person, currency, amount, to }: OnlineAct & { readonly to: string },
): Promise<string> {
  const reference = `transfer:${toHex(random.bytes(16))}`
  const [debit, credit] = [onlineWallet(person, currency), onlineWallet(to, currency)]
  await post(trx, [{ reference, debit, credit, amount, at: clock.now() }])
  return reference
}

export const ONLINE_KINDS = [
  'deposit',
  'withdrawal',
  'transfer',
  'load',
  'unload',
  'returned',
  'coins',
  'coins-back',
  'other',
] as const

export interface OnlineLine {
  /** Of the transfer; later ones have a higher one. */
  readonly id: string
  readonly kind: (typeof ONLINE_KINDS)[number]
  /** Above 0 if it came in, below 0 if it went out. */
  readonly amount: Amount
  /** In the wallet afterwards. */
  readonly balance: Amount
  readonly other: Pick<AccountName, 'kind' | 'owner'>
  /** By the office’s clock. */
  readonly at: Instant
}

export interface StatementPage {
  readonly person: string
  readonly currency: CurrencyCode
  /** Lines before this one. */
  readonly before: string | undefined
  readonly limit: number
}

/** What came in and went out, newest first, each with the balance afterwards. */
export async function onlineStatement(
  db: Kysely<Tables>,
  { person, currency, before, limit }: StatementPage,
): Promise<readonly OnlineLine[]> {
  const { rows } = await sql<{
    id: bigint
    reference: string
    amount: bigint
    balance: bigint
    kind: AccountKind
    owner: string
    at: bigint
  }>`
    with wallet as (
      select id, balance from account
      where kind = 'online' and owner = ${person} and currency = ${currency}
    ), leg as (
      select transfer.id, reference, at, transfer.amount as amount, debit as other
      from transfer join wallet on credit = wallet.id
      union all
      select transfer.id, reference, at, -transfer.amount, credit
      from transfer join wallet on debit = wallet.id
    ), line as (
      select leg.*, wallet.balance - coalesce(sum(amount) over (
        order by leg.id desc rows between unbounded preceding and 1 preceding), 0) as balance
      from leg cross join wallet
    )
    select line.id, reference, amount, line.balance, line.at, account.kind, account.owner
    from line join account on account.id = line.other
    where ${before ?? null}::bigint is null or line.id < ${before ?? null}::bigint
    order by line.id desc limit ${limit}`.execute(db)
  return rows.map(({ id, reference, amount, balance, kind, owner, at }) => ({
    id: String(id),
    kind: kindOf(reference, kind, amount),
    amount,
    balance,
    other: { kind, owner },
    at: Number(at),
  }))
}

function kindOf(reference: string, other: AccountKind, amount: Amount): OnlineLine['kind'] {
  if (other === 'world') return amount > 0n ? 'deposit' : 'withdrawal'
  if (other === 'online') return 'transfer'
  if (other === 'coin-float') return amount < 0n ? 'coins' : 'coins-back'
  if (other !== 'shadow') return 'other'
  if (amount < 0n) return 'load'
  return reference.endsWith(':back') ? 'returned' : 'unload'
}
