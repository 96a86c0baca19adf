import { sql, type Transaction } from 'kysely'
import type { Bytes } from '../../kernel/bytes.ts'
import type { CardId, TillNumber } from '../../kernel/ids.ts'
import { currency as currencyOf, sum, type Amount, type CurrencyCode } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import { OfficeError } from '../errors.ts'
import { post, type AccountName } from '../ledger/accounts.ts'
import { lockLedger } from '../ledger/lock.ts'
import type { Office } from '../office.ts'
import { lockCard } from '../registry/cards.ts'
import { lockTill } from '../registry/tills.ts'
import type { Tables } from '../tables.ts'
import { onlineWallet } from '../wallets/online.ts'
import type { Coinage, ElementId, NewCoin } from './coinage.ts'
import { coinageOf, coinFloat, coinSchemeOf, lockElement } from './elements.ts'

/** Coins are good for a year. */
export const COIN_LIFE = 365 * 24 * 3600 * 1000
/** An element has no more registers. */
export const COINS_AT_ONCE = 42

/** Which coins somebody wants. */
export type Wanted =
  | { readonly amount: Amount; readonly values: undefined }
  | { readonly amount: undefined; readonly values: readonly Amount[] }

export interface CardPurchase {
  readonly card: CardId
  readonly wanted: Wanted
  readonly bound: 'bound' | 'free'
}

/**
 * Coins for a card, from its holder’s online wallet: the money goes out of it, and is in the coins.
 *
 * @throws {OfficeError} `not_found` or `conflict`; a check violation if there is less in the wallet.
 */
export async function buyForCard(
  office: Office,
  trx: Transaction<Tables>,
  { card: id, wanted, bound }: CardPurchase,
): Promise<Sold> {
  await lockLedger(trx)
  const card = await lockCard(trx, id)
  const element = card && (await lockElement(office, trx, { card: id }))
  if (!element) throw new OfficeError('not_found', `There is no card ${id} for coins.`, 'body.card')
  if (card.status !== 'active') {
    throw new OfficeError('conflict', `Card ${id} is ${card.status}: it gets no coins.`)
  }
  if (card.holder === undefined) {
    throw new OfficeError('conflict', `Nobody holds card ${id}, to pay for its coins.`)
  }
  const { scheme, currency, holder } = card
  const payer = { account: onlineWallet(holder, currency), person: BigInt(holder), merchant: null }
  return sell(office, trx, { scheme, currency, element, wanted, bound, payer })
}

/**
 * Coins for a till’s vendor element, to give change with: from what its merchant has here.
 *
 * @throws {OfficeError} `not_found` or `conflict`.
 */
export async function buyForTill(
  office: Office,
  trx: Transaction<Tables>,
  { till: number, wanted }: { readonly till: TillNumber; readonly wanted: Wanted },
): Promise<Sold> {
  await lockLedger(trx)
  const till = await lockTill(trx, number)
  const scheme = coinSchemeOf(office)?.name
  const element = till && (await lockElement(office, trx, { till: number }))
  if (!element || scheme === undefined) {
    throw new OfficeError('not_found', `Till ${number} has no vendor element.`, 'params.number')
  }
  if (till.stopped_at !== null) {
    throw new OfficeError('till_stopped', `Till ${number} was stopped: it gets no coins.`)
  }
  const { currency } = till
  const account: AccountName = { kind: 'merchant', owner: String(till.merchant), currency }
  const payer = { account, person: null, merchant: till.merchant }
  return sell(office, trx, { scheme, currency, element, wanted, bound: 'free', payer })
}

export interface Sold {
  readonly element: ElementId
  readonly amount: Amount
  readonly expires: Instant
  readonly coins: readonly NewCoin[]
}

interface Sale {
  readonly scheme: string
  readonly currency: CurrencyCode
  readonly element: {
    readonly id: ElementId
    readonly sold: number
    readonly known: Bytes
  }
  readonly wanted: Wanted
  readonly bound: 'bound' | 'free'
  readonly payer: {
    readonly account: AccountName
    readonly person: bigint | null
    readonly merchant: bigint | null
  }
}

/** Undefined where even the largest would be too many: nobody counts out millions of them. */
function countedOut(coinage: Coinage, amount: Amount): readonly Amount[] | undefined {
  const largest = coinage.denominations.at(-1) ?? 0n
  return amount > largest * BigInt(COINS_AT_ONCE) ? undefined : coinage.denominate(amount)
}

async function sell(office: Office, trx: Transaction<Tables>, sale: Sale): Promise<Sold> {
  const { scheme, currency, element, wanted, bound, payer } = sale
  const { random, clock } = office
  const coinage = coinageOf(office, scheme)
  const at = clock.now()
  const room = Math.min(COINS_AT_ONCE, coinage.left(element.known, element.sold))
  const values = wanted.values ?? countedOut(coinage, wanted.amount)
  if (!values || values.length > room) {
    const many = values?.length ?? `more than ${COINS_AT_ONCE}`
    const advice = room === 0 ? 'It is used up: renew it.' : 'Buy fewer, or larger ones.'
    throw new OfficeError(
      'conflict',
      `That takes ${many} coins, and ${room} can be made at once. ${advice}`,
    )
  }
  const firstSerial = await takeSerials(trx, values.length)
  const expires = at + COIN_LIFE
  const coins = coinage.make(
    element.known,
    { values, currency: currencyOf(currency), expires, bound, firstSerial, sold: element.sold },
    office.secretsOf(scheme),
    random,
  )
  const amount = sum(values)
  await post(trx, [
    {
      reference: `coins:${firstSerial}`,
      debit: payer.account,
      credit: coinFloat(currency),
      amount,
      at,
    },
  ])
  for (const { id, value, register } of coins) {
    await trx
      .insertInto('coin')
      .values({
        id,
        element: element.id,
        holder: element.id,
        hops: 0,
        value,
        currency,
        expires,
        person: payer.person,
        merchant: payer.merchant,
        register,
        made_at: at,
        refunded: null,
        bound: bound === 'bound',
      })
      .execute()
  }
  await trx
    .updateTable('coin_element')
    .set({ sold: element.sold + coins.length })
    .where('id', '=', element.id)
    .execute()
  return { element: element.id, amount, expires, coins }
}

/** Consecutive numbers; whoever else sells at the same time waits at the ledger’s lock. */
async function takeSerials(trx: Transaction<Tables>, count: number): Promise<number> {
  const { rows } = await sql<{ serial: bigint }>`
    select nextval('coin_serial') as serial from generate_series(1, ${count}::integer)`.execute(trx)
  return Number(rows[0]?.serial ?? 0n)
}
