import { bytesEqual, toHex, type Bytes } from '../../../kernel/bytes.ts'
import { sha256 } from '../../../kernel/hash.ts'
import { cardIdOf, digestOf, type CardId } from '../../../kernel/ids.ts'
import { sum, type Amount } from '../../../kernel/money.ts'
import type { Instant } from '../../../kernel/ports.ts'
import type { CashUp, Desk, JournalRecord, SpendableToken } from '../../../till/scheme.ts'
import { NO_ELEMENT } from '../certificates.ts'
import { SCHEME, tillRecord, type TillRecord } from '../message.ts'
import { type Outcome } from '../orders.ts'
import type { VendorElement } from '../terminal.ts'

/** In the place of a card where coins went from the vendor element to the bank. */
const NO_CARD: CardId = cardIdOf(NO_ELEMENT)

export interface Intent {
  readonly orderId: string
  readonly card: CardId
  readonly number: number
  readonly amount: Amount
  readonly balanceAfter: Amount
  readonly madeAt: Instant
  readonly tokens: readonly SpendableToken[]
  readonly vendor: Bytes
  readonly element: Bytes
  readonly request: Bytes
  readonly presentation: Bytes
}

/** What the till knows of a record: the request, and what became of it. */
export function recordOf({ evidence }: Pick<JournalRecord, 'evidence'>): TillRecord {
  return tillRecord.decode(evidence)
}

/** Before the card is asked: the request, to be able to ask again. */
export function intend(desk: Desk, intent: Intent): JournalRecord {
  const { orderId, card, number, amount, balanceAfter, madeAt, tokens } = intent
  const { vendor, element, request, presentation } = intent
  return desk.journal.intend({
    orderId,
    scheme: SCHEME,
    card,
    sequence: number,
    // The card and the vendor element sign it, and the till nothing.
    isExpected: true,
    kind: 'pay',
    amount,
    balanceAfter,
    madeAt,
    digest: digestOf(request),
    evidence: tillRecord.encode({
      vendor,
      element,
      request,
      presentation,
      policyVersion: desk.policyVersion,
      tokens: tokens.map(({ bytes }) => bytes),
      outcome: [],
    }),
    tokens,
  })
}

/**
 * What the vendor element has decided, where it is safe. May be repeated. The record that stands for it:
 * of coins that went back a reversal, which is open until the card has them. Then nothing was sold.
 */
export function journalOutcome(desk: Desk, record: JournalRecord, outcome: Outcome): JournalRecord {
  const { journal } = desk
  const { settlement, evidence: sealed } = outcome
  const known = { ...recordOf(record), outcome: [{ settlement, sealed }] }
  if (outcome.kind !== 'returned') return journal.confirm(record.id, tillRecord.encode(known))
  journal.void(record.id)
  const latest = journal.latest(record.card)
  if (latest?.kind === 'reversal' && latest.orderId === record.orderId) return latest
  return journal.intend({
    orderId: record.orderId,
    scheme: SCHEME,
    card: record.card,
    sequence: record.sequence + 1,
    isExpected: true,
    kind: 'reversal',
    amount: record.amount,
    balanceAfter: record.balanceAfter + record.amount,
    madeAt: journal.stamp(),
    digest: digestOf(sha256(settlement)),
    evidence: tillRecord.encode({ ...known, tokens: [] }),
    tokens: [],
  })
}

/** Puts into the journal what the vendor element decided and this till never heard, or never wrote. */
export async function recover(vendor: VendorElement, desk: Desk): Promise<void> {
  const { outcome: state, number } = await vendor.status()
  const outcome = state === 'waiting' ? await vendor.outcome() : undefined
  if (!outcome) return
  const card = outcome.kind === 'surrendered' ? NO_CARD : cardIdOf(outcome.element)
  const latest = desk.journal.latest(card)
  const isKnown = latest && bytesEqual(recordOf(latest).request, outcome.request)
  const record = isKnown ? latest : adopt(desk, vendor, outcome, card, number)
  // A reversal has all that there is to say of coins that went back.
  if (record.kind !== 'reversal') journalOutcome(desk, record, outcome)
  await vendor.confirm(outcome)
}

/** A record for an outcome that no record of this journal asked for: of a surrender, or a lost journal. */
function adopt(
  desk: Desk,
  vendor: VendorElement,
  outcome: Outcome,
  card: CardId,
  number: number,
): JournalRecord {
  const { journal } = desk
  const { request, element, amount } = outcome
  const isSale = outcome.kind === 'paid'
  return intend(desk, {
    orderId: `vendor ${toHex(request).slice(0, 32)}`,
    card,
    number: Math.max(number, journal.latest(card)?.sequence ?? 0) + 1,
    amount: isSale ? amount : 0n,
    balanceAfter: 0n,
    madeAt: journal.stamp(),
    tokens: [],
    vendor: vendor.id,
    element,
    request,
    presentation: new Uint8Array(),
  })
}

/** Surrenders all coins of the vendor element to its bank, and journals that for the office. */
export async function closeDay(vendor: VendorElement, desk: Desk): Promise<CashUp> {
  await recover(vendor, desk)
  const { coins } = await vendor.status()
  const amounts: Amount[] = []
  for (;;) {
    const outcome = await vendor.surrender()
    if (!outcome) break
    await recover(vendor, desk)
    amounts.push(outcome.amount)
  }
  const { number } = await vendor.status()
  return {
    result: 'closed',
    batch: number,
    count: coins,
    paid: sum(amounts),
    paidBack: 0n,
    loaded: 0n,
    loadedBack: 0n,
    proof: new Uint8Array(),
  }
}
