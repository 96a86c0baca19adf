import { sql, type Transaction } from 'kysely'
import type { CardId } from '../../kernel/ids.ts'
import type { Amount } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import { post, type AccountName } from '../ledger/accounts.ts'
import { placePayments } from '../ledger/payments.ts'
import type { Card } from '../registry/cards.ts'
import type { Tables } from '../tables.ts'
import { onlineWallet } from './online.ts'

/** What a card holds, as far as the office knows: never below 0. */
export function shadowOf({ id: owner, currency }: Pick<Card, 'id' | 'currency'>): AccountName {
  return { kind: 'shadow', owner, currency, isCovered: true }
}

/** Of the transfer that sets money aside for an instruction, before the card is told. */
export function referenceOf(card: CardId, number: number): string {
  return `instruction:${card}:${number}`
}

/**
 * Money comes to a card's shadow account for that instruction, once; payments of the card that waited
 * for it go on. The caller holds the ledger.
 */
export async function setAside(
  trx: Transaction<Tables>,
  card: Card,
  number: number,
  debit: AccountName,
  amount: Amount,
  at: Instant,
): Promise<void> {
  const reference = referenceOf(card.id, number)
  await post(trx, [{ reference, debit, credit: shadowOf(card), amount, at }])
  const { id, currency } = card
  await placePayments(trx, { payments: [], refunds: [], cards: [{ card: id, currency }] }, [], at)
}

/**
 * What was set aside for loads that the card has given up goes back to whoever paid it, as soon as it is
 * there: other payments may have had need of it meanwhile, and their cover has to come first.
 */
export async function giveBack(trx: Transaction<Tables>, card: Card, at: Instant): Promise<void> {
  const { rows } = await sql<{ number: bigint; payer: bigint; amount: bigint; left: bigint }>`
    select number, payer, amount, (
      select balance from account
      where kind = 'shadow' and owner = ${card.id} and currency = ${card.currency}
    ) as left
    from instruction
    where card = ${card.id} and payer is not null and state = 'void' and not given_back
    order by number for update`.execute(trx)
  let [left = 0n] = rows.map((row) => row.left)
  for (const { number, payer, amount } of rows) {
    if (left < amount) return
    left -= amount
    const credit = onlineWallet(String(payer), card.currency)
    const reference = `${referenceOf(card.id, Number(number))}:back`
    await post(trx, [{ reference, debit: shadowOf(card), credit, amount, at }])
    await sql`
      update instruction set given_back = true
      where card = ${card.id} and number = ${number}`.execute(trx)
  }
}
