import { sql, type Kysely, type Transaction } from 'kysely'
import type { Bytes } from '../kernel/bytes.ts'
import { invariant } from '../kernel/errors.ts'
import { CARD_ID_SIZE, cardIdOf, OFFICE, type CardId } from '../kernel/ids.ts'
import { currency, type Amount, type CurrencyCode } from '../kernel/money.ts'
import { addElements } from './coins/elements.ts'
import type { AccountName } from './ledger/accounts.ts'
import { post } from './ledger/accounts.ts'
import { OfficeError } from './errors.ts'
import { lockLedger } from './ledger/lock.ts'
import { schemeOf, type Office } from './office.ts'
import { placeIssue } from './ledger/placement.ts'
import { rememberSecrets } from './registry/card-secrets.ts'
import { addCard, lockCard, setCardStatus, setSuccessor, type Card } from './registry/cards.ts'
import type { Tables } from './tables.ts'

export interface CardOrder {
  readonly scheme: string
  /** The chip's own number, as long as the scheme's chips have it. */
  readonly uid: Bytes
  readonly currency: CurrencyCode
  /** What the card is worth when the holder gets it. */
  readonly balance: Amount
  readonly label: string | undefined
  /** A person's id. */
  readonly holder: string | undefined
  /** Made up if there is none. */
  readonly passcode: string | undefined
  /** What the blank chip has told the desk; only of schemes whose chips do. */
  readonly report?: Bytes | undefined
}

export interface IssuedCard {
  readonly card: Card
  /** Everything to write on that chip. Secret, and of use for that chip only. */
  readonly plan: Bytes
  /** To hand to the holder, and nobody else. */
  readonly passcode: string
  /** The same; undefined where cards block nothing. */
  readonly unblocking: string | undefined
}

/**
 * Issues a card: its first record in its chain, and its money from outside to its shadow account.
 *
 * @throws {FormatError} if there is no such scheme, or it has no such chip or amount.
 * @throws a unique violation if the label or the chip is another living card's.
 */
export async function issueCard(
  office: Office,
  trx: Transaction<Tables>,
  order: CardOrder,
): Promise<IssuedCard> {
  const issued = await makeCard(office, trx, order)
  const { id, currency: code } = issued.card
  const outside: AccountName = { kind: 'world', owner: '', currency: code }
  const shadow: AccountName = { kind: 'shadow', owner: id, currency: code }
  await move(office, trx, outside, shadow, order.balance, `issue:${id}`)
  return issued
}

export interface Renewal {
  readonly card: CardId
  /** Of the new chip. */
  readonly uid: Bytes
  readonly passcode: string | undefined
  /** What the blank chip has told the desk; only of schemes whose chips do. */
  readonly report?: Bytes | undefined
  /** Whether somebody else may still hold the old card: then it stays hot. */
  readonly lost: boolean
}

/**
 * A new card takes the place of an old one, with what the old one held by its last record that is
 * complete and that nobody contests. What tills report later still settles against the old card's
 * shadow account, so whoever fears that freezes the card first and waits.
 *
 * @throws {OfficeError} `not_found`, or `conflict` if the old card was replaced or paid out already.
 */
export async function renewCard(
  office: Office,
  trx: Transaction<Tables>,
  { card: oldId, uid, passcode, report, lost }: Renewal,
): Promise<IssuedCard> {
  await lockLedger(trx)
  const old = await lockCard(trx, oldId)
  if (!old) throw new OfficeError('not_found', `There is no card ${oldId}.`)
  if (old.successor !== undefined || old.status === 'retired') {
    const how = old.successor === undefined ? 'paid out' : `replaced by card ${old.successor}`
    throw new OfficeError('conflict', `Card ${oldId} was ${how}.`)
  }
  const isSignedByCard = schemeOf(office, old.scheme).recordsAreSigned === 'by the card'
  if (isSignedByCard && old.holder === undefined) {
    const advice = 'Say who holds it, or pay it out and issue another.'
    throw new OfficeError('conflict', `Nobody holds card ${oldId}, to get its money. ${advice}`)
  }
  const worth = isSignedByCard ? await shadowWorth(trx, oldId) : await completeBalance(trx, oldId)
  // The label and, if it is used again, the chip go to the new card.
  await trx.updateTable('card').set({ label: null }).where('id', '=', oldId).execute()
  const status = lost ? 'hot' : 'retired'
  const reason = lost ? 'lost, and replaced' : 'replaced'
  const result = await setCardStatus(trx, oldId, status, reason, office.clock.now())
  invariant(result === 'changed' || result === 'unchanged', 'a card that is not retired can be')
  const { scheme, currency: code, label, holder } = old
  const balance = isSignedByCard ? 0n : worth
  const order = { scheme, uid, currency: code, balance, label, holder, passcode, report }
  const issued = await makeCard(office, trx, order)
  await setSuccessor(trx, oldId, issued.card.id)
  const shadow: AccountName = { kind: 'shadow', owner: oldId, currency: code }
  const credit: AccountName =
    isSignedByCard && holder !== undefined
      ? { kind: 'online', owner: holder, currency: code }
      : { kind: 'shadow', owner: issued.card.id, currency: code }
  await move(office, trx, shadow, credit, worth, `renew:${oldId}`)
  return issued
}

/**
 * Pays out what a card held by its last complete record that nobody contests: to the holder of a card
 * that no till can read any more. For good: the card is not used again, nor replaced.
 *
 * @throws {OfficeError} `not_found`, or `conflict` if the card can still be used, or was replaced or
 *   paid out already.
 */
export async function refundCard(
  office: Office,
  trx: Transaction<Tables>,
  { card: id, reason }: { readonly card: CardId; readonly reason: string },
): Promise<Amount> {
  await lockLedger(trx)
  const card = await lockCard(trx, id)
  if (!card) throw new OfficeError('not_found', `There is no card ${id}.`)
  if (card.status === 'active') {
    const advice = 'Freeze it, and wait until every till has reported what it sold before.'
    throw new OfficeError('conflict', `Card ${id} can still be used. ${advice}`)
  }
  const at = office.clock.now()
  const result = await setCardStatus(trx, id, 'retired', `paid out: ${reason}`, at)
  if (result !== 'changed') throw new OfficeError('conflict', `Card ${id} is closed already.`)
  const { currency: code } = card
  const isSignedByCard = schemeOf(office, card.scheme).recordsAreSigned === 'by the card'
  const worth = isSignedByCard ? await shadowWorth(trx, id) : await completeBalance(trx, id)
  const debit: AccountName = { kind: 'shadow', owner: id, currency: code }
  const credit: AccountName = { kind: 'world', owner: '', currency: code }
  await move(office, trx, debit, credit, worth, `refund:${id}`)
  return worth
}

/** What the card held by its last complete record that nobody contests. */
export async function completeBalance(db: Kysely<Tables>, card: CardId): Promise<Amount> {
  const { rows } = await sql<{ balance: bigint }>`
    select balance from entry
    where card = ${card} and complete and not contested and not refuted
      and (taken or outcome = 'confirmed')
    order by sequence desc limit 1`.execute(db)
  return rows[0]?.balance ?? 0n
}

/**
 * What a card that signs has at its office: what it was given, less what it is known to have paid and
 * what that shows it to have paid besides. Where records are missing, no more than its last one says
 * and what it has not taken yet.
 */
async function shadowWorth(trx: Transaction<Tables>, card: CardId): Promise<Amount> {
  const { rows } = await sql<{ worth: bigint }>`
    with record as (
      select sequence, balance from entry where card = ${card} and complete
    ), last as (
      select sequence, balance from record order by sequence desc limit 1
    ), known as (
      select balance - coalesce((
        select sum(amount) from payment
        where payer = ${card} and state = 'pending' and not at_notary
      ), 0) as amount
      from account where kind = 'shadow' and owner = ${card}
    ), coming as (
      select coalesce(sum(amount), 0) as amount from payment
      where payee = ${card} and payee_kind = 'card' and state = 'settled' and receipt is null
    )
    select greatest(0, case
      when (select count(distinct sequence) from record) > (select sequence from last)
      then (select amount from known)
      else least(
        (select amount from known),
        (select balance from last) + (select amount from coming)
      )
    end)::bigint as worth`.execute(trx)
  return rows[0]?.worth ?? 0n
}

async function makeCard(
  office: Office,
  trx: Transaction<Tables>,
  order: CardOrder,
): Promise<IssuedCard> {
  const scheme = schemeOf(office, order.scheme)
  const secrets = office.secretsOf(scheme.name)
  const id = cardIdOf(office.random.bytes(CARD_ID_SIZE))
  const { key, generation, clock, random } = office
  const issue = scheme.issue(
    {
      card: id,
      uid: order.uid,
      currency: currency(order.currency),
      balance: order.balance,
      ...(order.passcode !== undefined && { passcode: order.passcode }),
      ...(order.report !== undefined && { report: order.report }),
    },
    { key, generation, secrets, clock, random },
  )
  const verdict = scheme.verify(issue.evidence, {
    secrets,
    keyOf: (maker, asked) => (maker === OFFICE && asked === generation ? key.publicKey : undefined),
  })
  invariant(verdict.ok, `what the office issues verifies: ${verdict.ok ? '' : verdict.reason}`)
  const at = clock.now()
  const card = await addCard(trx, { ...order, id }, at)
  await rememberSecrets(trx, office.vault, [{ card: id, source: 'issue', secret: issue.known }], at)
  await placeIssue(trx, verdict.entry, scheme, at)
  const { coinage } = scheme
  if (coinage) {
    const bank = coinage.bank(secrets)
    await addElements(office, trx, issue.elements ?? [], { card: id }, bank, at)
  }
  const { plan, passcode, unblocking } = issue
  return { card, plan, passcode, unblocking }
}

async function move(
  { clock }: Office,
  trx: Transaction<Tables>,
  debit: AccountName,
  credit: AccountName,
  amount: Amount,
  reference: string,
): Promise<void> {
  if (amount > 0n) await post(trx, [{ reference, debit, credit, amount, at: clock.now() }])
}
