import { sql, type Kysely, type Transaction } from 'kysely'
import { fromHex, type Bytes } from '../../kernel/bytes.ts'
import type { CardId, Digest } from '../../kernel/ids.ts'
import { NOTICES_MAX } from '../../kernel/synchronisation.ts'
import type { Card } from '../registry/cards.ts'
import type { Tables } from '../tables.ts'
import type { CardStatement, Holdings, TakenRefund } from './holdings.ts'
import { policyOfVersion } from './policies.ts'

/** The payments that these records take back, where they are in the ledger. */
export async function noteRefunds(
  trx: Transaction<Tables>,
  { id }: Card,
  taken: readonly TakenRefund[],
): Promise<void> {
  for (const { card, record, request } of taken) {
    if (card !== id) continue
    await sql`
      insert into refund_taken (card, request)
      select ${id}, ${fromHex(request)} where exists (
        select from entry where card = ${id} and digest = ${fromHex(record)} and uploaded
      ) on conflict do nothing`.execute(trx)
  }
}

export async function noteRefund(
  trx: Transaction<Tables>,
  card: CardId,
  request: Digest,
): Promise<void> {
  await sql`
    insert into refund_taken (card, request) values (${card}, ${fromHex(request)})
    on conflict do nothing`.execute(trx)
}

/**
 * A payment that came back when the card had forgotten it, and so cannot take it back itself: a load
 * does it, of money that the shadow account has already.
 */
export async function forgottenRefund(
  trx: Transaction<Tables>,
  holdings: Holdings,
  { id }: Card,
  { acknowledged, balance, policyVersion }: CardStatement,
): Promise<{ readonly amount: bigint; readonly refunds: Digest } | undefined> {
  const { rows } = await sql<{ amount: bigint; refunds: Digest; evidence: Buffer; told: bigint }>`
    select payment.amount, encode(payment.request, 'hex') as refunds, refund.evidence, (
      select coalesce(max(made_at), 0) from instruction
      where card = ${id} and kind = 'acknowledge' and state = 'carried out'
    ) as told
    from payment join refund on refund.payer = payment.payer and refund.request = payment.request
    where payment.payer = ${id} and payment.state = 'returned' and payment.sequence <= ${acknowledged}
      and not exists (
        select from refund_taken taken where taken.card = ${id} and taken.request = payment.request
      )
    order by payment.sequence`.execute(trx)
  const policy = await policyOfVersion(trx, policyVersion, holdings)
  const room = policy ? holdings.balanceMax(policy) - balance : 0n
  return rows.find(({ amount, evidence, told }) => {
    const until = holdings.remembersUntil(new Uint8Array(evidence))
    return amount <= room && (until === undefined || until < Number(told))
  })
}

/**
 * What others did that this card has not heard of, oldest first: payments to it that it has not taken
 * in, and payments of its own that their payees would not have.
 */
export async function noticesFor(db: Kysely<Tables>, card: CardId): Promise<readonly Bytes[]> {
  const { rows } = await sql<{ evidence: Buffer }>`
    select evidence from (
      select evidence, received_at from payment
      where payee_kind = 'card' and payee = ${card} and receipt is null
        and state in ('pending', 'settled')
      union all
      select refund.evidence, refund.received_at from refund
      where refund.payer = ${card} and not exists (
        select from refund_taken taken
        where taken.card = ${card} and taken.request = refund.request
      )
    ) as notice order by received_at limit ${NOTICES_MAX}`.execute(db)
  return rows.map(({ evidence }) => new Uint8Array(evidence))
}
