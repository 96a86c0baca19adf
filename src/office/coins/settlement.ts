import { sql, type Transaction } from 'kysely'
import { invariant } from '../../kernel/errors.ts'
import { currencyByNumber, type Amount, type CurrencyCode } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import {
  accountKey,
  openAccounts,
  post,
  type AccountName,
  type Transfer,
} from '../ledger/accounts.ts'
import type { AccountKind } from '../ledger/account-kinds.ts'
import { packed } from '../packed.ts'
import type { Tables } from '../tables.ts'
import type { CoinId, ElementId } from './coinage.ts'
import { coinFloat, creditOf, ownersOf, type Owner } from './elements.ts'
import { settleCoin, type Settled, type ShownClaim } from './rules.ts'

export interface ClaimedCoin extends Settled {
  readonly coin: CoinId
  readonly claims: readonly ShownClaim[]
}

/** What is known of a coin that somebody claims, before its money moves. */
interface Spend {
  readonly coin: CoinId
  readonly creditor: ElementId | null
  readonly decided: boolean
  readonly step: number
  /** Where its money lies; null where it is not this office’s to pay, or not paid yet. */
  readonly account: { readonly kind: AccountKind; readonly owner: string } | null
  /** Null: this bank has made no such coin. */
  readonly made: MadeCoin | null
}

/** A coin as its bank has made it. */
interface MadeCoin {
  readonly element: ElementId
  readonly value: Amount
  readonly currency: CurrencyCode
  readonly refunded: 'expired' | 'lost' | null
}

/**
 * Brings the money of these coins to where their claims say that it has to be. What an operator has said
 * stays.
 *
 * @returns coins that this bank has signed and never made: of them nothing is paid.
 */
export async function moveSpends(
  trx: Transaction<Tables>,
  coins: readonly ClaimedCoin[],
  bank: number,
  at: Instant,
): Promise<readonly CoinId[]> {
  if (coins.length === 0) return []
  const own = coins.filter(({ claims }) => claims.every((claim) => claim.bank === bank))
  const spends = await openSpends(trx, own)
  const due = own.map(({ coin, claims, creditor }) => {
    const spend = spends.get(coin)
    invariant(spend, 'a claimed coin has its row')
    const genuine = claims.filter((claim) => isMade(claim, spend.made))
    const owed = genuine.length < claims.length ? settleCoin(genuine).creditor : creditor
    return { spend, isMade: genuine.length > 0, creditor: spend.decided ? spend.creditor : owed }
  })
  const creditors = due.flatMap(({ creditor }) => creditor ?? [])
  const owners = await ownersOf(trx, creditors)
  const moves = due.map(({ spend, creditor, isMade: isDue }) => ({
    spend,
    creditor: creditor ?? undefined,
    transfer: isDue ? transferOf(spend, creditor ?? undefined, owners) : undefined,
  }))
  await write(trx, moves, at)
  return due.flatMap(({ spend, isMade: isDue }) => (isDue ? [] : [spend.coin]))
}

/**
 * Whether the claim is to the coin as it was made. Whoever has the bank's key can sign another one with its
 * number, of more value or for himself.
 */
function isMade({ value, currency, chain }: ShownClaim, made: MadeCoin | null): boolean {
  return (
    made !== null &&
    made.value === value &&
    made.currency === currencyByNumber(currency).code &&
    made.element === chain[0]?.giver
  )
}

interface Move {
  readonly spend: Spend
  readonly creditor: ElementId | undefined
  readonly transfer: Omit<Transfer, 'at'> | undefined
}

function transferOf(
  spend: Spend,
  creditor: ElementId | undefined,
  owners: ReadonlyMap<ElementId, Owner>,
): Move['transfer'] {
  if (!spend.made) return undefined
  const { value, currency } = spend.made
  const from = spend.account ? { ...spend.account, currency } : sourceOf(spend.made)
  const owner = creditor === undefined ? undefined : owners.get(creditor)
  const to: AccountName = owner
    ? creditOf(owner, currency)
    : { kind: 'suspense', owner: '', currency }
  if (!from || accountKey(from) === accountKey(to)) return undefined
  const reference = `coin:${spend.coin}:${spend.step + 1}`
  return { reference, debit: from, credit: to, amount: value }
}

/** Undefined: nobody can claim it. */
function sourceOf({ refunded, currency }: MadeCoin): AccountName | undefined {
  if (refunded === 'expired') return undefined
  // Its holder has got it back because nobody was thought to come any more: that is the bank’s loss.
  return refunded === 'lost' ? { kind: 'losses', owner: '', currency } : coinFloat(currency)
}

async function openSpends(
  trx: Transaction<Tables>,
  coins: readonly ClaimedCoin[],
): Promise<ReadonlyMap<CoinId, Spend>> {
  const column = packed(coins).text(({ coin }) => coin)
  await sql`
    insert into coin_spend (coin) select * from unnest(${column}) on conflict do nothing`.execute(
    trx,
  )
  const { rows } = await sql<{
    coin: CoinId
    creditor: ElementId | null
    decided: boolean
    step: number
    kind: AccountKind | null
    owner: string | null
    element: ElementId | null
    value: Amount
    currency: CurrencyCode
    refunded: 'expired' | 'lost' | null
  }>`
    select s.coin, s.creditor, s.decided, s.step, account.kind, account.owner,
      coin.element, coin.value, coin.currency, coin.refunded
    from coin_spend s
      left join account on account.id = s.account
      left join coin on coin.id = s.coin
    where s.coin = any(${column})`.execute(trx)
  return new Map(
    rows.map(({ kind, owner, element, value, currency, refunded, ...row }) => [
      row.coin,
      {
        ...row,
        account: kind === null || owner === null ? null : { kind, owner },
        made: element === null ? null : { element, value, currency, refunded },
      },
    ]),
  )
}

async function write(trx: Transaction<Tables>, moves: readonly Move[], at: Instant): Promise<void> {
  const posted = moves.flatMap(({ spend, transfer }) => (transfer ? [{ spend, transfer }] : []))
  await post(
    trx,
    posted.map(({ transfer }) => ({ ...transfer, at })),
  )
  const accounts = await openAccounts(
    trx,
    posted.map(({ transfer }) => transfer.credit),
  )
  const column = packed(moves)
  await sql`
    update coin_spend set creditor = moved.creditor,
      account = coalesce(moved.account, coin_spend.account),
      step = coin_spend.step + case when moved.account is null then 0 else 1 end
    from unnest(
      ${column.text(({ spend }) => spend.coin)},
      ${column.text(({ creditor }) => creditor)},
      ${column.int8(({ transfer }) => transfer && accounts.get(accountKey(transfer.credit))?.id)}
    ) as moved (coin, creditor, account)
    where coin_spend.coin = moved.coin`.execute(trx)
}
