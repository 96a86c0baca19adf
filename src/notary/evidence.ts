import { toHex, type Bytes } from '../kernel/bytes.ts'
import { unlessMalformed } from '../kernel/errors.ts'
import { sha256 } from '../kernel/hash.ts'
import type { CardId } from '../kernel/ids.ts'
import type { Amount, CurrencyCode } from '../kernel/money.ts'
import type { SettleRefusal } from '../kernel/notary.ts'
import type { OfficeNumber, Party } from '../kernel/party.ts'
import type { ReadSubject } from '../schemes/wallet/certificates.ts'
import { openMessage, type Signed } from '../kernel/signed-message.ts'
import {
  evidence,
  instruction,
  order,
  shownRecord,
  type Instruction,
} from '../schemes/wallet/message.ts'
import { evidenceOf, type Shown, type WalletRejection } from '../schemes/wallet/office/shown.ts'
import type { Trust } from './trust.ts'

/** Of which card, as every row of the books names it. */
export interface PayerCard {
  readonly office: OfficeNumber
  readonly card: CardId
}

export interface ShownPayment extends PayerCard {
  /** Digest of the payer’s record, hexadecimal. */
  readonly id: string
  readonly sequence: number
  /** Digest of the request that was paid, hexadecimal. */
  readonly request: string
  readonly payee: Party
  readonly currency: CurrencyCode
  readonly amount: Amount
  /** Of the payer’s record alone, as an office verifies it. */
  readonly evidence: Bytes
  readonly cardKey: Bytes
  /** Who certified the card. */
  readonly issuer: ReadSubject
}

/** The payee gives up what that card paid, or may still pay, for that request. */
export interface ShownRefund extends PayerCard {
  /** SHA-256 of what shows it, hexadecimal. */
  readonly id: string
  readonly request: string
  readonly evidence: Bytes
}

/** One of them at least. */
export interface ShownMoney {
  readonly payment: ShownPayment | undefined
  readonly refund: ShownRefund | undefined
}

export interface ShownLoad extends PayerCard {
  readonly instruction: Signed<Instruction>
  /** What came with it, good or not. */
  readonly permit: Bytes | undefined
  readonly evidence: Bytes
}

type Refused = { readonly refused: SettleRefusal }
export type Verified<T> = T | Refused

/**
 * The id of the payment that somebody claims to show: that of the payer’s record, whichever of the two
 * hands it in. Undefined if it is no evidence of the scheme `wallet`, or tells more than a payment.
 */
export function claimedId(bytes: Uint8Array): string | undefined {
  return unlessMalformed(() => {
    const { shown, payment, refusal: refusals } = evidence.decode(bytes)
    const { record } = shownRecord.decode(payment[0] ?? shown)
    return refusals.length === 0 ? toHex(sha256(record)) : undefined
  })
}

/**
 * What was paid or given back. Whether the payer’s card signed it, the payee asked for it, and roots stand
 * behind both, is checked: whoever carried it can neither have made nor changed it.
 */
export function verifyMoney(bytes: Uint8Array, trust: Trust): Verified<ShownMoney> {
  const read = trust.evidence(bytes)
  if (!read.ok) return { refused: REFUSAL_FOR[read.reason] }
  const { payment: paid, shown, refused } = read.value
  const payer = paid ?? shown
  if (!payer.isSigned) return { refused: 'bad signature' }
  const payment = paymentOf(payer, trust)
  const refund: ShownRefund | undefined = refused && {
    id: toHex(sha256(bytes)),
    office: payer.card.office,
    card: payer.card.card,
    request: refused,
    evidence: payment ? new Uint8Array(bytes) : evidenceOf(payer),
  }
  return payment || refund ? { payment, refund } : { refused: 'not a payment' }
}

/** What an instruction put on a card. Whether its permit is good is not checked here. */
export function verifyLoad(bytes: Uint8Array, trust: Trust): Verified<ShownLoad> {
  const read = trust.evidence(bytes)
  if (!read.ok) return { refused: REFUSAL_FOR[read.reason] }
  const { shown } = read.value
  if (!shown.isSigned) return { refused: 'bad signature' }
  const { kind, office } = shown.content
  if (kind !== 'load' && kind !== 'restore') return { refused: 'not a payment' }
  const told = order.decode(shownRecord.decode(shown.bytes).cause)
  return {
    office,
    card: shown.card.card,
    instruction: openMessage(instruction, told.instruction),
    permit: told.permit[0],
    evidence: evidenceOf(shown),
  }
}

const REFUSAL_FOR: Readonly<Record<WalletRejection, SettleRefusal>> = {
  no_root: 'unknown signer',
  malformed: 'malformed',
  unknown_currency: 'malformed',
  unknown_card: 'unknown signer',
  bad_signature: 'bad signature',
  unknown_counterparty: 'unknown signer',
  bad_cause: 'other cause',
  foreign_card: 'malformed',
}

function paymentOf(payer: Shown, trust: Trust): ShownPayment | undefined {
  const { content, card, currency, digest } = payer
  if (content.kind !== 'pay' && content.kind !== 'unload') return undefined
  const { certificate, office } = shownRecord.decode(payer.bytes)
  return {
    id: digest,
    office: card.office,
    card: card.card,
    sequence: content.sequence,
    request: toHex(content.cause),
    payee: content.counterparty,
    currency: currency.code,
    amount: content.amount,
    evidence: evidenceOf(payer),
    cardKey: trust.read(certificate).certificate.publicKey.bytes,
    issuer: trust.read(office),
  }
}
