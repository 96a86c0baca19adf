import { bytesEqual, concat, toHex, type Bytes } from '../../../kernel/bytes.ts'
import { invariant } from '../../../kernel/errors.ts'
import { sha256 } from '../../../kernel/hash.ts'
import { cardIdOf, digestOf } from '../../../kernel/ids.ts'
import type { PublicKey } from '../../../kernel/p256.ts'
import type {
  Desk,
  JournalRecord,
  NewRecord,
  Order,
  RefusalOrder,
  SpendableToken,
} from '../../../till/scheme.ts'
import { readCertificate } from '../certificates.ts'
import {
  isSignedBy,
  openMessage,
  signMessage,
  type Signed,
} from '../../../kernel/signed-message.ts'
import {
  evidence,
  NONCE_SIZE,
  record,
  RECORD_SIZE,
  refusal,
  request,
  REQUEST_LIFE_MAX,
  SCHEME,
  shownRecord,
  type CardState,
  type Evidence,
  type ShownRecord,
  type WalletRecord,
} from '../message.ts'
import type { Papers } from './papers.ts'
import type { OwnCertificates } from '../terminal.ts'

/** A card that has shown who it is. */
export interface Shopper {
  readonly state: CardState
  readonly certificates: OwnCertificates
}

export type PayOrder = Extract<Order, { kind: 'pay' }>

/** A payment that this till asks for, and the record that the card will make of it. */
export function intendedPayment(
  { state, certificates }: Shopper,
  order: PayOrder,
  tokens: readonly SpendableToken[],
  papers: Papers,
  desk: Desk,
): NewRecord {
  const madeAt = desk.journal.stamp()
  const asked = signRequest(state, order, papers, desk, madeAt)
  const content = recordFor(state, order, papers, openMessage(request, asked).digest, madeAt)
  const body = record.encode(content)
  return {
    orderId: order.id,
    scheme: SCHEME,
    card: cardIdOf(state.card),
    sequence: content.sequence,
    isExpected: true,
    kind: 'pay',
    amount: order.amount,
    balanceAfter: content.balance,
    madeAt,
    digest: digestOf(sha256(body)),
    evidence: evidence.encode({
      shown: shownRecord.encode({
        record: body,
        signature: [],
        certificate: certificates.card.bytes,
        office: certificates.office.bytes,
        cause: asked,
        counterparty: papers.introduced,
      }),
      payment: [],
      refusal: [],
      policyVersion: desk.policyVersion,
      tokens: tokens.map(({ bytes }) => bytes),
    }),
    tokens,
  }
}

/** Good for this card as it stands, and for no other state of it. */
function signRequest(
  state: CardState,
  { amount }: PayOrder,
  { party }: Papers,
  { currency, random, key }: Desk,
  madeAt: number,
): Bytes {
  return signMessage(
    request,
    {
      payee: party,
      currency: currency.numeric,
      amount,
      nonce: random.bytes(NONCE_SIZE),
      payer: state.card,
      payerNonce: state.nonce,
      madeAt,
      expires: madeAt + REQUEST_LIFE_MAX,
    },
    key,
  )
}

/** What the card will sign, byte for byte: it has no choice in it. */
function recordFor(
  state: CardState,
  { amount }: PayOrder,
  { party }: Papers,
  cause: Bytes,
  madeAt: number,
): WalletRecord {
  return {
    kind: 'pay',
    currency: state.currency,
    office: state.office,
    card: state.card,
    sequence: state.sequence + 1,
    amount,
    balance: state.balance - amount,
    counterparty: party,
    cause,
    madeAt,
    previous: state.last,
  }
}

/**
 * This till's word that it will not have a payment. It is about the request: whether the card ever paid
 * that, the till need not know. Undefined if the till has another key by now than the request shows.
 */
export function refusalOf(
  payment: JournalRecord,
  order: RefusalOrder,
  desk: Desk,
): NewRecord | undefined {
  const content = evidence.decode(payment.evidence)
  const { cause, counterparty } = shownRecord.decode(content.shown)
  const [own] = counterparty
  invariant(own, 'a payment to this till shows its certificate')
  const { publicKey } = readCertificate(own).certificate
  if (!bytesEqual(publicKey.bytes, desk.key.publicKey.bytes)) return undefined
  const asked = openMessage(request, cause)
  const madeAt = desk.journal.stamp()
  const signed = signMessage(
    refusal,
    { payee: asked.content.payee, request: asked.digest, madeAt },
    desk.key,
  )
  return {
    orderId: order.id,
    scheme: SCHEME,
    card: payment.card,
    sequence: payment.sequence,
    isExpected: true,
    refuses: payment.id,
    kind: order.as,
    amount: payment.amount,
    balanceAfter: payment.balanceAfter + payment.amount,
    madeAt,
    digest: digestOf(openMessage(refusal, signed).digest),
    evidence: evidence.encode({ ...content, refusal: [signed], tokens: [] }),
    tokens: [],
  }
}

/** What of a record of ours goes to its card. */
export function requestIn({ evidence: bytes }: JournalRecord): Bytes {
  return shownIn(bytes).cause
}

export function refusalIn({ evidence: bytes }: JournalRecord): Bytes {
  const [signed] = evidence.decode(bytes).refusal
  invariant(signed, 'a refusal has not been taken yet')
  return signed
}

export function shownIn(bytes: Bytes): ShownRecord {
  return shownRecord.decode(evidence.decode(bytes).shown)
}

/** Evidence of a payment with the card's signature. */
export function withSignature(payment: JournalRecord, taken: Signed<WalletRecord>): Bytes {
  const content: Evidence = evidence.decode(payment.evidence)
  const shown = shownRecord.decode(content.shown)
  const signature = [taken.bytes.slice(RECORD_SIZE)]
  return evidence.encode({ ...content, shown: shownRecord.encode({ ...shown, signature }) })
}

/** Evidence of a refund that the card took. */
export function refundEvidence(
  refund: JournalRecord,
  taken: Signed<WalletRecord>,
  papers: Papers,
  { policyVersion }: Desk,
): Bytes {
  const { certificate, office } = shownIn(refund.evidence)
  const shown: ShownRecord = {
    record: taken.body,
    signature: [taken.bytes.slice(RECORD_SIZE)],
    certificate,
    office,
    cause: refusalIn(refund),
    counterparty: papers.introduced,
  }
  return evidence.encode({
    shown: shownRecord.encode(shown),
    payment: [],
    refusal: [],
    policyVersion,
    tokens: [],
  })
}

/** Whether the card signed exactly what was expected of it. */
export function isAsExpected(
  taken: Signed<WalletRecord>,
  { digest }: JournalRecord,
  key: PublicKey,
): boolean {
  return toHex(taken.digest) === digest && isSignedBy(taken, key)
}

/** Whether the card took that payment back because of this refusal. */
export function isRefundFor(
  taken: Signed<WalletRecord>,
  refund: JournalRecord,
  key: PublicKey,
): boolean {
  const { content } = taken
  const paid = record.decode(shownIn(refund.evidence).record)
  const refused = openMessage(refusal, refusalIn(refund))
  return (
    isSignedBy(taken, key) &&
    content.kind === 'refund' &&
    content.amount === refund.amount &&
    content.sequence > paid.sequence &&
    bytesEqual(concat(content.card, content.cause), concat(paid.card, refused.digest))
  )
}
