import type { Kysely, Transaction } from 'kysely'
import { fromHex } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import type { CardId, Digest, TillNumber } from '../../kernel/ids.ts'
import { abs, sum, type Amount, type CurrencyCode } from '../../kernel/money.ts'
import type { OfficeNumber, Party } from '../../kernel/party.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { Payment, Refund, VerifiedEntry } from '../scheme.ts'
import type { Tables } from '../tables.ts'
import {
  accountKey,
  openAccounts,
  post,
  type AccountName,
  type LockedAccount,
  type Transfer,
} from './accounts.ts'
import type { Decision } from './chain.ts'
import { owedBy, settleMoves, type Purse } from './cover.ts'
import { liquidityOf } from './liquidity.ts'
import { lockLedger } from './lock.ts'
import {
  idOf,
  insertPayments,
  insertRefunds,
  joinedCards,
  lockPayments,
  markRefused,
  merchantsOf,
  nextPoolMoves,
  openPayments,
  paymentsForNotary,
  paymentsShownBy,
  updateOwed,
  updatePayments,
  type CardPurse,
  type PaymentForNotary,
  type PaymentRow,
  type ShownPayment,
} from './payment-store.ts'

/** What a group of evidence shows to have been paid and refused. */
export interface Paid {
  readonly payments: readonly ShownPayment[]
  readonly refunds: readonly Refund[]
  /** Cards of this office of which something came in: what waited for it may go on. */
  readonly cards: readonly CardPurse[]
}

export const NOTHING_PAID: Paid = { payments: [], refunds: [], cards: [] }

/** What these entries show, of cards of this office and of others. */
export function paidIn(entries: readonly VerifiedEntry[]): Paid {
  return {
    payments: entries.flatMap(({ kind, digest, payment }) =>
      payment ? { ...payment, receipt: kind === 'receive' ? digest : undefined } : [],
    ),
    refunds: entries.flatMap(({ refundOf }) => refundOf ?? []),
    cards: entries.flatMap(({ card, currency, isForeign }) =>
      isForeign ? [] : { card, currency: currency.code },
    ),
  }
}

/**
 * Takes down what was paid and refused, each once however often and from whichever side it is shown,
 * and moves the money that can move. The caller holds the ledger's lock.
 *
 * @param others accounts that the same transaction moves money of afterwards: locked together.
 */
export async function placePayments(
  trx: Transaction<Tables>,
  { payments, refunds, cards }: Paid,
  others: readonly AccountName[],
  at: Instant,
): Promise<void> {
  if (payments.length > 0) await insertPayments(trx, payments, at)
  await insertRefunds(trx, refunds, at)
  const payers = [...payments, ...refunds].flatMap(({ payer }) => cardOf(payer) ?? [])
  await markRefused(trx, [...new Set(payers)])
  const local = payments.filter(({ payer, payee }) => payer.office === payee.office)
  const parties = local.flatMap(({ payer, payee, currency }) =>
    [payer, payee].flatMap((party) => {
      const card = cardOf(party)
      return card ? { card, currency: currency.code } : []
    }),
  )
  await settleOpen(trx, [...cards, ...parties], [], others, at)
}

/**
 * What somebody who has looked says of payments that wait for cover that will not come: the office pays
 * them, or nobody does. What is settled stays so. The caller holds the ledger's lock.
 *
 * @param decisions by the payer's record, or the payee's.
 */
export async function decidePayments(
  trx: Transaction<Tables>,
  decisions: readonly { readonly record: Digest; readonly decision: Decision }[],
  at: Instant,
): Promise<void> {
  if (decisions.length === 0) return
  const shown = await paymentsShownBy(
    trx,
    decisions.map(({ record }) => record),
  )
  const waiting = [...(await lockPayments(trx, [...new Set(shown.values())])).values()].filter(
    ({ state, atNotary }) => state === 'pending' && !atNotary,
  )
  const merchantOf = await merchantsOf(trx, tillsPaid(waiting))
  const decided = new Map(
    decisions.map(({ record, decision }) => [shown.get(record), decision] as const),
  )
  const forced = waiting
    .filter(({ id }) => decided.get(id) === 'accepted')
    .map((payment): Forced => {
      const from: AccountName = { kind: 'losses', owner: '', currency: payment.currency }
      return { ...moveOf(payment, merchantOf), from }
    })
  const refused = waiting.filter(({ id }) => decided.get(id) === 'refused')
  await updatePayments(
    trx,
    refused.map((payment) => ({ ...payment, state: 'returned' })),
  )
  const touched = waiting.flatMap(({ payer, currency }) => {
    const card = cardOf(payer)
    return card ? { card, currency } : []
  })
  await settleOpen(trx, touched, forced, [], at)
}

function tillsPaid(payments: readonly PaymentRow[]): readonly TillNumber[] {
  return payments.flatMap(({ payee }) => (payee.kind === 'till' ? payee.till : []))
}

/** Money that moves whether its payer has it or not: the notary, or somebody who has looked, says so. */
interface Forced {
  readonly payment: PaymentRow
  readonly from: AccountName
  readonly to: AccountName
  readonly becomes: PaymentRow['state']
}

/** Settles what can be settled of what is open around these cards. */
async function settleOpen(
  trx: Transaction<Tables>,
  touched: readonly CardPurse[],
  forced: readonly Forced[],
  others: readonly AccountName[],
  at: Instant,
): Promise<void> {
  if (touched.length + forced.length === 0) return
  const joined = await joinedCards(trx, touched)
  const settled = new Set(forced.map(({ payment }) => payment.id))
  const open = (await openPayments(trx, joined)).filter(({ id }) => !settled.has(id))
  const merchantOf = await merchantsOf(trx, tillsPaid(open))
  const moves = open.map((payment) => moveOf(payment, merchantOf))
  const currencies = new Set(joined.map(({ currency }) => currency))
  for (const { payment } of forced) currencies.add(payment.currency)
  const accounts = await openAccounts(trx, [
    ...others,
    ...joined.map(({ card, currency }) => shadowOf(card, currency)),
    ...[...moves, ...forced].flatMap(({ from, to }) => [from, to]),
    ...[...currencies].map((currency) => poolOf(currency)),
  ])
  const ledger = new MoneyMoves(accounts, at)
  for (const move of forced) ledger.make(move)
  const { policy, poolMax } = await liquidityOf(trx)
  for (const currency of currencies) {
    const own = moves.filter(({ payment }) => payment.currency === currency)
    const room = policy === 'pool' ? ledger.roomIn(currency, poolMax) : 0n
    const { made } = settleMoves(own.map(named), ledger.purses(), room)
    for (const { move } of made) ledger.make(move)
  }
  await ledger.write(trx)
}

interface OpenMove extends Forced {
  readonly amount: Amount
}

/** Where an open payment's money goes: to its payee, or back. */
function moveOf(payment: PaymentRow, merchantOf: (till: TillNumber) => string): OpenMove {
  const from = accountOf(payment, payment.payer, merchantOf)
  const to = accountOf(payment, payment.payee, merchantOf)
  const { amount } = payment
  return payment.state === 'returning'
    ? { payment, from: to, to: from, becomes: 'returned', amount }
    : { payment, from, to, becomes: 'settled', amount }
}

function named(move: OpenMove) {
  return { move, from: accountKey(move.from), to: accountKey(move.to), amount: move.amount }
}

/** The money of one transaction, before it is written. */
class MoneyMoves {
  readonly #accounts: ReadonlyMap<string, LockedAccount>
  readonly #at: Instant
  /** What every account has, less what it owes the pool. */
  readonly #net: Map<string, Amount>
  readonly #made: Forced[] = []

  constructor(accounts: ReadonlyMap<string, LockedAccount>, at: Instant) {
    this.#accounts = accounts
    this.#at = at
    this.#net = new Map([...accounts].map(([key, { balance, owed }]) => [key, balance - owed]))
  }

  make(move: Forced): void {
    this.#change(move.from, -move.payment.amount)
    this.#change(move.to, move.payment.amount)
    this.#made.push(move)
  }

  purses(): ReadonlyMap<string, Purse> {
    return new Map(
      [...this.#accounts].map(([key, { kind, covered }]) => [
        key,
        {
          net: this.#netOf(key),
          covered: covered ? 'by the pool' : kind === 'online' ? 'alone' : 'not',
        },
      ]),
    )
  }

  /** What the pool of that currency may still advance. */
  roomIn(currency: CurrencyCode, poolMax: Amount): Amount {
    const pool = this.#accounts.get(accountKey(poolOf(currency)))
    invariant(pool, 'the pool was opened')
    const news = this.#poolMoves().filter(({ account }) => account.currency === currency)
    return poolMax + pool.balance - sum(news.map(({ change }) => change))
  }

  async write(trx: Transaction<Tables>): Promise<void> {
    const pool = this.#poolMoves()
    const numbers = await nextPoolMoves(trx, pool.length)
    const advances = pool.map(({ account, change }, index): Transfer => {
      const own = poolOf(account.currency)
      const [debit, credit] = change > 0n ? [own, account] : [account, own]
      return {
        reference: `pool:${numbers[index]}`,
        debit,
        credit,
        amount: abs(change),
        at: this.#at,
      }
    })
    const transfers = this.#made.map(({ from, to, payment }) => ({
      reference: `payment:${shortOf(payment.id)}:${payment.step + 1}`,
      debit: from,
      credit: to,
      amount: payment.amount,
      at: this.#at,
    }))
    await post(trx, [...advances, ...transfers])
    await updateOwed(
      trx,
      pool.map(({ account: { id }, owed }) => ({ id, owed })),
    )
    const states = new Map(
      this.#made.map(({ payment: { id, step }, becomes }) => [
        id,
        { id, state: becomes, step: step + 1 },
      ]),
    )
    await updatePayments(trx, [...states.values()])
  }

  /** What the pool advances, and what it gets back: of every account one move. */
  #poolMoves() {
    return [...this.#accounts].flatMap(([key, account]) => {
      const owed = account.covered ? owedBy(this.#netOf(key)) : account.owed
      return owed === account.owed ? [] : { account, owed, change: owed - account.owed }
    })
  }

  #netOf(key: string): Amount {
    return this.#net.get(key) ?? 0n
  }

  #change(name: AccountName, amount: Amount): void {
    const key = accountKey(name)
    this.#net.set(key, this.#netOf(key) + amount)
  }
}

/** What became of a payment between offices, as the notary says. */
export interface NotaryNews {
  /** As its evidence shows it to this office. */
  readonly payment: Payment
  readonly outcome: 'settled' | 'returned'
}

/**
 * Does this office's half of what the notary has settled or given back, each once. It is done whether
 * the payer's money is here yet or not: what is lacking the pool advances, beyond its limit if need be.
 *
 * @param office the number of this office.
 */
export async function applyAtNotary(
  trx: Transaction<Tables>,
  office: OfficeNumber,
  news: readonly NotaryNews[],
  at: Instant,
): Promise<void> {
  if (news.length === 0) return
  await lockLedger(trx)
  const shown = news.map(({ payment }) => ({ ...payment, receipt: undefined }))
  await insertPayments(trx, shown, at)
  const rows = new Map(
    await lockPayments(
      trx,
      shown.map(({ id }) => id),
    ),
  )
  const merchantOf = await merchantsOf(
    trx,
    shown.flatMap(({ payee }) => (payee.kind === 'till' ? payee.till : [])),
  )
  const forced: Forced[] = []
  const closed = new Map<Digest, PaymentRow>()
  for (const { payment, outcome } of news) {
    const row = rows.get(payment.id)
    invariant(row?.atNotary, 'the notary settles what is between offices')
    const isKnown = row.state === outcome || row.state === 'returned'
    if (isKnown || (row.state === 'returning' && outcome === 'settled')) continue
    const { from, to } = halfOf(row, office, merchantOf)
    const changed = { ...row, state: outcome, step: row.step + 1 }
    rows.set(row.id, changed)
    if (outcome === 'settled') forced.push({ payment: row, from, to, becomes: outcome })
    else if (row.state !== 'pending') {
      forced.push({ payment: row, from: to, to: from, becomes: outcome })
    } else closed.set(row.id, changed)
  }
  await updatePayments(trx, [...closed.values()])
  const touched = forced.flatMap(({ payment: { payer, payee, currency } }) =>
    [payer, payee].flatMap((party) => {
      const card = party.office === office ? cardOf(party) : undefined
      return card ? { card, currency } : []
    }),
  )
  await settleOpen(trx, touched, forced, [], at)
  // What its payee had refused before it was settled.
  await markRefused(
    trx,
    shown.flatMap(({ payer }) => cardOf(payer) ?? []),
  )
}

/** What a payment between offices moves here. */
function halfOf(
  payment: PaymentRow,
  office: OfficeNumber,
  merchantOf: (till: TillNumber) => string,
): Pick<Forced, 'from' | 'to'> {
  const { payer, payee, currency } = payment
  const reserve: AccountName = { kind: 'reserve', owner: '', currency }
  if (payer.office === office) return { from: accountOf(payment, payer, merchantOf), to: reserve }
  invariant(payee.office === office, 'one side of it is this office’s')
  return { from: reserve, to: accountOf(payment, payee, merchantOf) }
}

/**
 * What the notary has to be told: payments between this office and another that it has not settled
 * yet, and those whose payee will not have them. Telling it again is harmless.
 *
 * @param after the `place` of the last one of the page before.
 */
export function listForNotary(
  db: Kysely<Tables>,
  limit: number,
  after?: string,
): Promise<readonly PaymentForNotary[]> {
  return paymentsForNotary(db, limit, after)
}

/** The account of a card that signs its payments. */
export function shadowOf(card: CardId, currency: CurrencyCode): AccountName {
  return { kind: 'shadow', owner: card, currency, isCovered: true }
}

function poolOf(currency: CurrencyCode): AccountName {
  return { kind: 'pool', owner: '', currency }
}

function accountOf(
  { payer, holder, currency }: PaymentRow,
  party: Party,
  merchantOf: (till: TillNumber) => string,
): AccountName {
  switch (party.kind) {
    case 'card':
      return shadowOf(party.card, currency)
    case 'till':
      return { kind: 'merchant', owner: merchantOf(party.till), currency }
    case 'office':
      // Whoever holds the card. Of a card that nobody holds it is to be decided whose it is.
      return holder === undefined
        ? { kind: 'suspense', owner: idOf(payer), currency }
        : { kind: 'online', owner: holder, currency }
  }
}

function cardOf(party: Party): CardId | undefined {
  return party.kind === 'card' ? party.card : undefined
}

/** A payment's id, short: 43 characters. */
function shortOf(id: Digest): string {
  return Buffer.from(fromHex(id)).toString('base64url')
}
