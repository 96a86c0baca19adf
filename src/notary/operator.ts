import type { Amount, CurrencyCode } from '../kernel/money.ts'
import type { OfficeNumber } from '../kernel/party.ts'
import type { Instant } from '../kernel/ports.ts'
import { accountKey, post, readBalances, world, type AccountName } from './books.ts'
import { changeBooks, type NotaryDb } from './database.ts'
import { settleWhatFits } from './settlement.ts'
import { sql } from 'kysely'

/** What a notary’s operator does with reserves, each time with a reason that stays in the books. */
export const OPERATOR_ACTS = [
  /** The office has paid in: world → free. */
  'deposit',
  /** It is paid out: free → world. */
  'withdraw',
  /** Of cards that will never come back, such as a lost one’s: issued → free. */
  'release',
  /** The office stands in for what its cards paid without cover: free → issued. */
  'cover',
] as const
export type OperatorAct = (typeof OPERATOR_ACTS)[number]

export interface ReserveOrder {
  readonly act: OperatorAct
  readonly office: OfficeNumber
  readonly currency: CurrencyCode
  /** Above 0. */
  readonly amount: Amount
  readonly reason: string
  /** The same twice is done once. */
  readonly reference: string
}

export const OPERATOR_RESULTS = ['unknown office', 'too little', 'done before', 'done'] as const
export type OperatorResult = (typeof OPERATOR_RESULTS)[number]

export async function orderReserve(
  db: NotaryDb,
  { act, office, currency, amount, reason, reference }: ReserveOrder,
  at: Instant,
): Promise<OperatorResult> {
  return changeBooks(db, async (trx) => {
    const { rows } = await sql`select from office where number = ${office}`.execute(trx)
    if (rows.length === 0) return 'unknown office'
    const name = `operator ${reference}`
    const before = await sql`select from transfer where reference = ${name}`.execute(trx)
    if (before.rows.length > 0) return 'done before'
    const [from, to] = accountsFor(act, office, currency)
    const has = (await readBalances(trx)).get(accountKey(from)) ?? 0n
    if (from.kind !== 'world' && has < amount) return 'too little'
    await post(trx, [{ reference: name, from, to, amount, reason }], at)
    await settleWhatFits(trx, [], at)
    return 'done'
  })
}

function accountsFor(
  act: OperatorAct,
  office: OfficeNumber,
  currency: CurrencyCode,
): readonly [from: AccountName, to: AccountName] {
  const free: AccountName = { kind: 'free', office, currency }
  const issued: AccountName = { kind: 'issued', office, currency }
  switch (act) {
    case 'deposit':
      return [world(currency), free]
    case 'withdraw':
      return [free, world(currency)]
    case 'release':
      return [issued, free]
    case 'cover':
      return [free, issued]
  }
}
