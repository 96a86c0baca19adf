import { sql, type Kysely, type Transaction } from 'kysely'
import type { Bytes } from '../../kernel/bytes.ts'
import type { CardId, Digest, TillNumber } from '../../kernel/ids.ts'
import type { Amount, CurrencyCode } from '../../kernel/money.ts'
import type { OfficeNumber, Party } from '../../kernel/party.ts'
import type { Instant } from '../../kernel/ports.ts'
import { packed } from '../packed.ts'
import type { Payment, Refund } from '../scheme.ts'
import type { Tables } from '../tables.ts'

/** The SQL of payments.ts: sets of rows in, sets of rows out, one statement each. */

export const PAYMENT_STATES = ['pending', 'settled', 'returning', 'returned'] as const
export type PaymentState = (typeof PAYMENT_STATES)[number]

export interface PaymentRow {
  readonly id: Digest
  readonly payer: Party
  readonly payee: Party
  /** A person’s id: who held the card that paid its own office. */
  readonly holder: string | undefined
  readonly amount: Amount
  readonly currency: CurrencyCode
  readonly atNotary: boolean
  readonly state: PaymentState
  readonly step: number
}

/** A payment as evidence shows it, from either side. */
export interface ShownPayment extends Payment {
  /** Digest of the payee’s own record, if it is that which shows it. */
  readonly receipt: Digest | undefined
}

/** A card of this office, and in which money. */
export interface CardPurse {
  readonly card: CardId
  readonly currency: CurrencyCode
}

/** Inserts payments that nobody had shown, and notes the receipts of the others. */
export async function insertPayments(
  trx: Transaction<Tables>,
  payments: readonly ShownPayment[],
  at: Instant,
): Promise<void> {
  const distinct = [...new Map(payments.map((payment) => [payment.id, payment])).values()]
  const column = packed(distinct)
  await sql`
    insert into payment (
      id, payer_office, payer, payee_office, payee_kind, payee, holder, amount, currency, request,
      sequence, made_at, evidence, at_notary, received_at
    )
    select
      new.id, payer_office, payer, payee_office, payee_kind, payee,
      case when payee_kind = 'office' then card.holder end,
      amount, new.currency, request, sequence, made_at, evidence, payer_office <> payee_office,
      ${at}::bigint
    from unnest(
      ${column.hex(({ id }) => id)},
      ${column.int4(({ payer }) => payer.office)},
      ${column.text(({ payer }) => idOf(payer))},
      ${column.int4(({ payee }) => payee.office)},
      ${column.text(({ payee }) => payee.kind)},
      ${column.text(({ payee }) => idOf(payee))},
      ${column.int8(({ amount }) => amount)},
      ${column.text(({ currency }) => currency.code)},
      ${column.hex(({ request }) => request)},
      ${column.int8(({ sequence }) => sequence)},
      ${column.int8(({ madeAt }) => madeAt)},
      ${column.bytea(({ evidence }) => evidence)}
    ) as new (
      id, payer_office, payer, payee_office, payee_kind, payee, amount, currency, request, sequence,
      made_at, evidence
    )
    left join card on card.id = new.payer
    on conflict (id) do nothing`.execute(trx)
  await noteReceipts(trx, payments)
}

async function noteReceipts(
  trx: Transaction<Tables>,
  payments: readonly ShownPayment[],
): Promise<void> {
  const first = new Map<Digest, Digest>()
  for (const { id, receipt } of payments) {
    // A card receives a payment once; of two receipts the same one whatever came first.
    if (receipt && receipt < (first.get(id) ?? 'g')) first.set(id, receipt)
  }
  if (first.size === 0) return
  const column = packed([...first])
  await sql`
    update payment set receipt = least(payment.receipt, new.receipt)
    from unnest(
      ${column.hex(([id]) => id)},
      ${column.hex(([, receipt]) => receipt)}
    ) as new (id, receipt)
    where payment.id = new.id and (payment.receipt is null or new.receipt < payment.receipt)
  `.execute(trx)
}

export async function insertRefunds(
  trx: Transaction<Tables>,
  refunds: readonly Refund[],
  at: Instant,
): Promise<void> {
  if (refunds.length === 0) return
  const column = packed(refunds)
  await sql`
    insert into refund (
      payer_office, payer, request, payee_office, payee_kind, payee, evidence, received_at
    )
    select *, ${at}::bigint from unnest(
      ${column.int4(({ payer }) => payer.office)},
      ${column.text(({ payer }) => idOf(payer))},
      ${column.hex(({ request }) => request)},
      ${column.int4(({ payee }) => payee.office)},
      ${column.text(({ payee }) => payee.kind)},
      ${column.text(({ payee }) => idOf(payee))},
      ${column.bytea(({ evidence }) => evidence)}
    )
    on conflict do nothing`.execute(trx)
}

/** Turns back what payees have refused, of these cards; what is to be settled first, the notary decides. */
export async function markRefused(
  trx: Transaction<Tables>,
  payers: readonly CardId[],
): Promise<void> {
  if (payers.length === 0) return
  await sql`
    update payment
    set state = case payment.state when 'settled' then 'returning' else 'returned' end
    from refund
    where payment.payer = any(${packed(payers).text((card) => card)})
      and (payment.state = 'settled' or (payment.state = 'pending' and not payment.at_notary))
      and (refund.payer_office, refund.payer, refund.request)
        = (payment.payer_office, payment.payer, payment.request)
      and (refund.payee_office, refund.payee_kind, refund.payee)
        = (payment.payee_office, payment.payee_kind, payment.payee)`.execute(trx)
}

const IS_OPEN = sql`state in ('pending', 'returning') and not at_notary`

/** These cards and all that open payments join them with, from one to the next. */
export async function joinedCards(
  trx: Transaction<Tables>,
  cards: readonly CardPurse[],
): Promise<readonly CardPurse[]> {
  const column = packed(cards)
  const { rows } = await sql<CardPurse>`
    with recursive joined (card, currency) as (
      select * from unnest(
        ${column.text(({ card }) => card)},
        ${column.text(({ currency }) => currency)}
      )
      union
      select other.card, joined.currency from joined cross join lateral (
        select payee as card from payment
        where payer = joined.card and payment.currency = joined.currency and ${IS_OPEN}
          and payee_kind = 'card'
        union all
        select payer from payment
        where payee = joined.card and payment.currency = joined.currency and ${IS_OPEN}
          and payee_kind = 'card'
      ) as other
    )
    select card, currency from joined`.execute(trx)
  return rows
}

interface Row {
  readonly id: Digest
  readonly payer_office: OfficeNumber
  readonly payer: CardId
  readonly payee_office: OfficeNumber
  readonly payee_kind: Party['kind']
  readonly payee: string
  readonly holder: bigint | null
  readonly amount: bigint
  readonly currency: CurrencyCode
  readonly at_notary: boolean
  readonly state: PaymentState
  readonly step: number
}

const COLUMNS = sql`
  encode(payment.id, 'hex') as id, payer_office, payer, payee_office, payee_kind, payee, holder,
  amount, payment.currency, at_notary, state, step`

/** Their open payments, oldest first. */
export async function openPayments(
  trx: Transaction<Tables>,
  payers: readonly CardPurse[],
): Promise<readonly PaymentRow[]> {
  const column = packed(payers)
  const { rows } = await sql<Row>`
    select ${COLUMNS} from unnest(
      ${column.text(({ card }) => card)},
      ${column.text(({ currency }) => currency)}
    ) as joined (card, code)
    join payment on payment.payer = joined.card and payment.currency = joined.code and ${IS_OPEN}
    order by made_at, payment.id`.execute(trx)
  return rows.map(rowOf)
}

/** Which payment each of these records shows, if any. */
export async function paymentsShownBy(
  trx: Transaction<Tables>,
  records: readonly Digest[],
): Promise<ReadonlyMap<Digest, Digest>> {
  const { rows } = await sql<{ record: Digest; payment: Digest }>`
    select encode(record, 'hex') as record, encode(payment.id, 'hex') as payment
    from unnest(${packed(records).hex((record) => record)}) as wanted (record)
    join payment on payment.id = record or payment.receipt = record`.execute(trx)
  return new Map(rows.map(({ record, payment }) => [record, payment]))
}

/** Locked until the transaction ends. */
export async function lockPayments(
  trx: Transaction<Tables>,
  ids: readonly Digest[],
): Promise<ReadonlyMap<Digest, PaymentRow>> {
  const { rows } = await sql<Row>`
    select ${COLUMNS} from payment where id = any(${packed(ids).hex((id) => id)})
    order by id for update`.execute(trx)
  return new Map(rows.map((row) => [row.id, rowOf(row)]))
}

function rowOf(row: Row): PaymentRow {
  const { id, payer_office, payer, amount, currency, at_notary, state, step } = row
  return {
    id,
    payer: { kind: 'card', office: payer_office, card: payer },
    payee: payeeOf(row),
    holder: row.holder === null ? undefined : String(row.holder),
    amount,
    currency,
    atNotary: at_notary,
    state,
    step,
  }
}

function payeeOf({ payee_kind: kind, payee_office: office, payee }: Row): Party {
  switch (kind) {
    case 'office':
      return { kind, office }
    case 'card':
      return { kind, office, card: payee as CardId }
    case 'till':
      return { kind, office, till: Number(payee) }
  }
}

export async function updatePayments(
  trx: Transaction<Tables>,
  payments: readonly Pick<PaymentRow, 'id' | 'state' | 'step'>[],
): Promise<void> {
  if (payments.length === 0) return
  const column = packed(payments)
  await sql`
    update payment set state = new.state, step = new.step
    from unnest(
      ${column.hex(({ id }) => id)},
      ${column.text(({ state }) => state)},
      ${column.int4(({ step }) => step)}
    ) as new (id, state, step)
    where payment.id = new.id`.execute(trx)
}

export async function updateOwed(
  trx: Transaction<Tables>,
  accounts: readonly { readonly id: bigint; readonly owed: Amount }[],
): Promise<void> {
  if (accounts.length === 0) return
  const column = packed(accounts)
  await sql`
    update account set owed = new.owed
    from unnest(${column.int8(({ id }) => id)}, ${column.int8(({ owed }) => owed)}) as new (id, owed)
    where account.id = new.id`.execute(trx)
}

/** As many numbers of what the pool advances and gets back as are asked for. */
export async function nextPoolMoves(
  trx: Transaction<Tables>,
  count: number,
): Promise<readonly bigint[]> {
  if (count === 0) return []
  const { rows } = await sql<{ number: bigint }>`
    select nextval('pool_move') as number from generate_series(1, ${count}::integer)`.execute(trx)
  return rows.map(({ number }) => number)
}

export async function merchantsOf(
  trx: Transaction<Tables>,
  tills: readonly TillNumber[],
): Promise<(till: TillNumber) => string> {
  if (tills.length === 0) return () => ''
  const { rows } = await sql<{ number: bigint; merchant: bigint }>`
    select number, merchant from till
    where number = any(${packed(tills).int8((till) => till)})`.execute(trx)
  const merchants = new Map(rows.map(({ number, merchant }) => [Number(number), String(merchant)]))
  return (till) => merchants.get(till) ?? ''
}

/** A payment between this office and another, for the notary. */
export interface PaymentForNotary {
  readonly id: Digest
  readonly evidence: Bytes
  /** What shows that the payee will not have it. */
  readonly refund: Bytes | undefined
  /** Behind which the next page starts. */
  readonly place: string
}

export async function paymentsForNotary(
  db: Kysely<Tables>,
  limit: number,
  after: string | undefined,
): Promise<readonly PaymentForNotary[]> {
  const [at = null, id = null] = after?.split(' ') ?? []
  const { rows } = await sql<{
    id: Digest
    made_at: bigint
    evidence: Buffer
    refund: Buffer | null
  }>`
    select encode(payment.id, 'hex') as id, made_at, payment.evidence, refund.evidence as refund
    from payment left join refund
      on (refund.payer_office, refund.payer, refund.request)
        = (payment.payer_office, payment.payer, payment.request)
      and (refund.payee_office, refund.payee_kind, refund.payee)
        = (payment.payee_office, payment.payee_kind, payment.payee)
    where at_notary and state in ('pending', 'returning')
      and (${at}::bigint is null
        or (made_at, payment.id) > (${at}::bigint, decode(${id}::text, 'hex')))
    order by made_at, payment.id limit ${limit}`.execute(db)
  return rows.map((row) => ({
    id: row.id,
    evidence: new Uint8Array(row.evidence),
    refund: row.refund === null ? undefined : new Uint8Array(row.refund),
    place: `${row.made_at} ${row.id}`,
  }))
}

export function idOf(party: Party): string {
  switch (party.kind) {
    case 'office':
      return ''
    case 'card':
      return party.card
    case 'till':
      return String(party.till)
  }
}
