import { sql } from 'kysely'
import { bytesEqual, fromHex, toHex, type Bytes } from '../kernel/bytes.ts'
import { invariant } from '../kernel/errors.ts'
import { sum, type Amount, type CurrencyCode } from '../kernel/money.ts'
import type { PaymentState, ResultOf, WaitingFor } from '../kernel/notary.ts'
import type { OfficeNumber } from '../kernel/party.ts'
import type { Instant } from '../kernel/ports.ts'
import { packed } from '../office/packed.ts'
import { accountKey, post, readBalances, type AccountName, type Transfer } from './books.ts'
import { recordFindings, withdrawSuspicions, type Finding } from './cases.ts'
import { settleCoins } from './coins.ts'
import { changeBooks, type NotaryDb, type NotaryTransaction } from './database.ts'
import { claimedId, verifyMoney, type ShownPayment, type ShownRefund } from './evidence.ts'
import { resolveGridlock } from '../kernel/gridlock.ts'
import { keyName, type Trust } from './trust.ts'

type SettleResult = ResultOf<'settle'>

/** What the notary believes at the moment. */
export interface Beliefs {
  readonly trust: Trust
  /** By {@link keyName}. */
  readonly revoked: ReadonlySet<string>
}

/**
 * Settles each payment once, whoever brings it and however often, and takes back what was refused. Many
 * are one change of the books.
 *
 * @param office whose evidence it is.
 */
export async function settleAll(
  db: NotaryDb,
  beliefs: Beliefs,
  office: OfficeNumber,
  items: readonly Bytes[],
  at: Instant,
): Promise<readonly SettleResult[]> {
  const claimed = items.map(claimedId)
  const known = await readStates(
    db,
    claimed.flatMap((id) => id ?? []),
  )
  // What was verified when it came first is not verified again: that is half of what comes.
  const read = items.map((bytes, index) => {
    const id = claimed[index]
    const state = id === undefined ? undefined : known.get(id)
    return id !== undefined && state && state.waiting_for !== 'payer office'
      ? knownResult(id, state)
      : verifyMoney(bytes, beliefs.trust)
  })
  const payments = read.flatMap((one) => ('payment' in one ? (one.payment ?? []) : []))
  const refunds = read.flatMap((one) => ('refund' in one ? (one.refund ?? []) : []))
  const isNew = payments.length + refunds.length > 0
  const states = isNew
    ? await changeBooks(db, (trx) => settleVerified(trx, beliefs, office, payments, refunds, at))
    : known
  return read.map((one) => {
    if ('act' in one) return one
    if ('refused' in one) return { act: 'settle', result: one.refused }
    if (one.payment) {
      const state = states.get(one.payment.id)
      return state ? knownResult(one.payment.id, state) : { act: 'settle', result: 'conflict' }
    }
    // Somebody may have shown the same refusal in another way: it is known, then, by that.
    return knownResult(one.refund?.id ?? '', { state: 'returned', waiting_for: null })
  })
}

interface StateRow {
  readonly state: PaymentState
  readonly waiting_for: WaitingFor | null
}

function knownResult(id: string, { state, waiting_for }: StateRow): SettleResult {
  const waitingFor = waiting_for === null ? [] : [waiting_for]
  return { act: 'settle', result: 'known', id: fromHex(id), state, waitingFor }
}

async function readStates(
  db: NotaryDb,
  ids: readonly string[],
): Promise<ReadonlyMap<string, StateRow>> {
  const wanted = packed(ids).hex((id) => id)
  const { rows } = await sql<StateRow & { readonly id: Buffer }>`
    select id, state, waiting_for from payment where id = any(${wanted})`.execute(db)
  return new Map(rows.map(({ id, ...row }) => [toHex(id), row]))
}

async function settleVerified(
  trx: NotaryTransaction,
  beliefs: Beliefs,
  office: OfficeNumber,
  payments: readonly ShownPayment[],
  refunds: readonly ShownRefund[],
  at: Instant,
): Promise<ReadonlyMap<string, StateRow>> {
  await insertPayments(trx, payments, waitingForOf(beliefs, office), at)
  await insertRefunds(trx, refunds, at)
  await vouch(
    trx,
    payments.filter((payment) => payment.office === office),
    at,
  )
  const ids = payments.map(({ id }) => id)
  await giveUpRefunded(trx, payments, refunds, at)
  await settleWhatFits(trx, ids, at)
  const states = await readStates(trx, ids)
  await recordFindings(
    trx,
    await conflicts(
      trx,
      payments.filter(({ id }) => !states.has(id)),
    ),
    at,
  )
  return states
}

/** An office vouches for its card itself by bringing the payment, whatever became of an older key. */
function waitingForOf({ revoked }: Beliefs, office: OfficeNumber) {
  return ({ office: payer, issuer }: ShownPayment): WaitingFor =>
    payer !== office && revoked.has(keyName(issuer)) ? 'payer office' : 'reserve'
}

async function insertPayments(
  trx: NotaryTransaction,
  payments: readonly ShownPayment[],
  waitingFor: (payment: ShownPayment) => WaitingFor,
  at: Instant,
): Promise<void> {
  const column = packed(payments)
  await sql`
    insert into payment (
      id, payer_office, payer_card, sequence, request, payee_office, payee_account, currency,
      amount, evidence, card_key, state, waiting_for, received_at, changed_at
    )
    select
      id, payer_office, payer_card, sequence, request, payee_office, payee_account, currency,
      amount, evidence, card_key, 'waiting', waiting_for, ${at}::bigint, ${at}::bigint
    from unnest(
      ${column.hex(({ id }) => id)},
      ${column.int4(({ office }) => office)},
      ${column.text(({ card }) => card)},
      ${column.int8(({ sequence }) => sequence)},
      ${column.hex(({ request }) => request)},
      ${column.int4(({ payee }) => payee.office)},
      ${column.text(({ payee }) => (payee.kind === 'card' ? 'issued' : 'free'))},
      ${column.text(({ currency }) => currency)},
      ${column.int8(({ amount }) => amount)},
      ${column.bytea(({ evidence }) => evidence)},
      ${column.bytea(({ cardKey }) => cardKey)},
      ${column.text(waitingFor)}
    ) as new (
      id, payer_office, payer_card, sequence, request, payee_office, payee_account, currency,
      amount, evidence, card_key, waiting_for
    )
    on conflict do nothing`.execute(trx)
}

async function insertRefunds(
  trx: NotaryTransaction,
  refunds: readonly ShownRefund[],
  at: Instant,
): Promise<void> {
  const column = packed(refunds)
  await sql`
    insert into refund (id, payer_office, payer_card, request, evidence, received_at)
    select *, ${at}::bigint from unnest(
      ${column.hex(({ id }) => id)},
      ${column.int4(({ office }) => office)},
      ${column.text(({ card }) => card)},
      ${column.hex(({ request }) => request)},
      ${column.bytea(({ evidence }) => evidence)}
    )
    on conflict do nothing`.execute(trx)
}

async function vouch(
  trx: NotaryTransaction,
  payments: readonly ShownPayment[],
  at: Instant,
): Promise<void> {
  await sql`
    update payment set waiting_for = 'reserve', changed_at = ${at}::bigint
    where waiting_for = 'payer office'
      and id = any(${packed(payments).hex(({ id }) => id)})`.execute(trx)
}

/** Payment or refund, either may come first: who comes second finds the other. */
async function giveUpRefunded(
  trx: NotaryTransaction,
  payments: readonly ShownPayment[],
  refunds: readonly ShownRefund[],
  at: Instant,
): Promise<void> {
  const touched = packed([...payments, ...refunds])
  const { rows } = await sql<FeedRow>`
    update payment set
      state = case payment.state when 'waiting' then 'returned' else 'returning' end,
      waiting_for = null, changed_at = ${at}::bigint
    from refund
    where (refund.payer_office, refund.payer_card, refund.request)
        = (payment.payer_office, payment.payer_card, payment.request)
      and (payment.payer_office, payment.payer_card, payment.request) in (
        select * from unnest(
          ${touched.int4(({ office }) => office)},
          ${touched.text(({ card }) => card)},
          ${touched.hex(({ request }) => request)}
        )
      )
      and payment.state in ('waiting', 'settled')
    returning payment.id, payment.payer_office, payment.payee_office, payment.state`.execute(trx)
  await feed(
    trx,
    rows.filter(({ state }) => state === 'returned'),
  )
}

interface PendingRow {
  readonly id: Buffer
  readonly payer_office: OfficeNumber
  readonly payee_office: OfficeNumber
  readonly payee_account: 'free' | 'issued'
  readonly currency: CurrencyCode
  readonly amount: bigint
  readonly state: 'waiting' | 'returning'
  readonly evidence: Buffer
}

interface PendingMove {
  readonly row: PendingRow
  readonly source: AccountName
  readonly target: AccountName
  readonly from: string
  readonly to: string
  readonly amount: Amount
}

/** Of one office so many are tried at a time: one that hands in a million unbacked ones stops nobody. */
const TRIED_MAX = 2000
/** So much evidence of a suspicion is enough to see what it is. */
const SHOWN_MAX = 10

/**
 * Settles and gives back everything that the reserves bear now. Also to be called when reserves grew.
 *
 * @param fresh ids that are tried in any case.
 */
export async function settleWhatFits(
  trx: NotaryTransaction,
  fresh: readonly string[],
  at: Instant,
): Promise<void> {
  const { rows } = await sql<PendingRow>`
    select id, payer_office, payee_office, payee_account, currency, amount, state, evidence from (
      select *, row_number() over (partition by payer_office, state order by arrived) as place
      from payment
      where state = 'returning' or (state = 'waiting' and waiting_for = 'reserve')
    ) as pending
    where place <= ${TRIED_MAX} or id = any(${packed(fresh).hex((id) => id)})
    order by arrived`.execute(trx)
  const moves = rows.map(moveOf)
  const settled = resolveGridlock(await readBalances(trx), moves)
  const transfers = settled.filter(({ from, to }) => from !== to).map(transferOf)
  const posted = await post(trx, transfers, at)
  invariant(posted.size === transfers.length, 'what waits was not settled before')
  const ids = packed(settled).bytea(({ row }) => row.id)
  const { rows: changed } = await sql<FeedRow>`
    update payment set
      state = case state when 'waiting' then 'settled' else 'returned' end,
      waiting_for = null, changed_at = ${at}::bigint
    where id = any(${ids})
    returning id, payer_office, payee_office, state`.execute(trx)
  await feed(trx, changed)
  const made = new Set(settled)
  await suspect(
    trx,
    moves.filter((move) => !made.has(move) && move.row.state === 'waiting'),
    at,
  )
  await settleCoins(trx, at)
}

function moveOf(row: PendingRow): PendingMove {
  const { payer_office, payee_office, payee_account, currency, amount, state } = row
  const payer: AccountName = { kind: 'issued', office: payer_office, currency }
  const payee: AccountName = { kind: payee_account, office: payee_office, currency }
  const [source, target] = state === 'waiting' ? [payer, payee] : [payee, payer]
  return { row, source, target, from: accountKey(source), to: accountKey(target), amount }
}

function transferOf({ row, source, target, amount }: PendingMove): Transfer {
  const what = row.state === 'waiting' ? 'settle' : 'return'
  return { reference: `${what} ${toHex(row.id)}`, from: source, to: target, amount }
}

interface FeedRow {
  readonly id: Buffer
  readonly payer_office: OfficeNumber
  readonly payee_office: OfficeNumber
  readonly state: PaymentState
}

/** Tells both offices what became of a payment, each in its own numbering. */
async function feed(trx: NotaryTransaction, rows: readonly FeedRow[]): Promise<void> {
  if (rows.length === 0) return
  const entries = rows.flatMap(({ id, payer_office, payee_office, state }) =>
    [...new Set([payer_office, payee_office])].map((office) => ({ office, id, state })),
  )
  const column = packed(entries)
  await sql`
    with entry as (
      select office, payment, state, row_number() over (partition by office order by place) as place
      from unnest(
        ${column.int4(({ office }) => office)},
        ${column.bytea(({ id }) => id)},
        ${column.text(({ state }) => state)}
      ) with ordinality as t (office, payment, state, place)
    ), advanced as (
      update office set feed = office.feed + count.entries
      from (select office, count(*) as entries from entry group by office) as count
      where office.number = count.office
      returning office.number, office.feed - count.entries as before
    )
    insert into feed (office, number, payment, state)
    select office, before + place, payment, state
    from entry join advanced on advanced.number = entry.office`.execute(trx)
}

/**
 * What waits has no cover yet. That alone proves nothing against anybody: cards whose money came from
 * elsewhere may not have synchronised, and a card’s key may have been extracted.
 */
async function suspect(
  trx: NotaryTransaction,
  waiting: readonly PendingMove[],
  at: Instant,
): Promise<void> {
  const findings = [...Map.groupBy(waiting, ({ from }) => from)].map(
    ([account, moves]): Finding => {
      const [first] = moves
      invariant(first, 'a group has a member')
      return {
        kind: 'unbacked-money',
        about: account,
        office: first.source.office,
        card: undefined,
        strength: 'suspected',
        amount: sum(moves.map(({ amount }) => amount)),
        evidence: moves.slice(0, SHOWN_MAX).map(({ row }) => new Uint8Array(row.evidence)),
      }
    },
  )
  await recordFindings(trx, findings, at)
  await withdrawSuspicions(
    trx,
    'unbacked-money',
    findings.map(({ about }) => about),
    at,
  )
}

/** Payments that could not go in beside what is there: one card, one sequence or one request, two records. */
async function conflicts(
  trx: NotaryTransaction,
  payments: readonly ShownPayment[],
): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const payment of payments) {
    const { office, card, sequence, request, cardKey, evidence, amount } = payment
    const { rows } = await sql<{ evidence: Buffer; card_key: Buffer; sequence: bigint }>`
      select evidence, card_key, sequence from payment
      where payer_office = ${office} and payer_card = ${card}
        and (sequence = ${sequence} or request = ${fromHex(request)})
      order by arrived limit 1`.execute(trx)
    const [other] = rows
    invariant(other, 'a payment that does not go in meets another')
    const kind = bytesEqual(other.card_key, cardKey) ? 'card-key-extracted' : 'card-certified-twice'
    findings.push({
      kind,
      about: `card:${office}:${card} ${other.sequence}`,
      office,
      card,
      strength: 'proven',
      amount,
      evidence: [new Uint8Array(other.evidence), evidence],
    })
  }
  return findings
}
