import { concat, type Bytes } from '../../../kernel/bytes.ts'
import { unlessMalformed } from '../../../kernel/errors.ts'
import { openMessage, type Signed } from '../../../kernel/signed-message.ts'
import {
  evidence,
  record,
  RECORD_SIZE,
  shownRecord,
  type Evidence,
  type ShownRecord,
  type WalletRecord,
} from '../message.ts'
import type { HeldRecord, Introduced, OwnCertificates } from '../terminal.ts'

/** A record of a card, as its office takes it in. */
export function evidenceOfRecord(held: HeldRecord, own: OwnCertificates): Bytes {
  return encode({ shown: shownOf(held, own), payment: paymentOf(held, own) })
}

/** The same, short enough to be carried by another card: what it leaves out can be told from the rest. */
export function briefEvidence(held: HeldRecord, own: OwnCertificates): Bytes {
  return encode({ shown: shownOf(held, own), payment: [] })
}

/** A payment that its payee’s card will not have. */
export function refusedEvidence(payment: Evidence, refusal: Bytes): Bytes {
  return evidence.encode({ ...payment, refusal: [refusal], policyVersion: 0, tokens: [] })
}

/** What an office shows a card of what others did: somebody’s payment, or his refusal of one. */
export interface Notice {
  readonly content: Evidence
  readonly shown: ShownRecord
  /** The payer’s record and signature; undefined if the payee never saw it, and refuses it unseen. */
  readonly payment: Signed<WalletRecord> | undefined
  readonly payer: Introduced
  readonly payee: Introduced | undefined
}

/** Undefined if it is none. */
export function readNotice(bytes: Bytes): Notice | undefined {
  return unlessMalformed(() => {
    const content = evidence.decode(bytes)
    const shown = shownRecord.decode(content.shown)
    const [signature] = shown.signature
    const [own, office] = shown.counterparty
    return {
      content,
      shown,
      payment: signature && openMessage(record, concat(shown.record, signature)),
      payer: [shown.certificate, shown.office],
      payee: own && [own, office ?? shown.office],
    }
  })
}

function shownOf({ record: signed, cause, counterparty }: HeldRecord, own: OwnCertificates): Bytes {
  return shownRecord.encode({
    record: signed.body,
    signature: [signed.bytes.slice(RECORD_SIZE)],
    certificate: own.card.bytes,
    office: own.office.bytes,
    cause,
    counterparty,
  })
}

/** The payer’s record that a receipt answers, with what it was asked by: this card’s request. */
function paymentOf({ cause, counterparty, request }: HeldRecord, own: OwnCertificates): Bytes[] {
  const [certificate, office] = counterparty
  if (!request || !certificate) return []
  return [
    shownRecord.encode({
      record: cause.slice(0, RECORD_SIZE),
      signature: [cause.slice(RECORD_SIZE)],
      certificate,
      office: office ?? own.office.bytes,
      cause: request,
      counterparty: [own.card.bytes, own.office.bytes],
    }),
  ]
}

function encode(part: Pick<Evidence, 'shown' | 'payment'>): Bytes {
  return evidence.encode({ ...part, refusal: [], policyVersion: 0, tokens: [] })
}
