import { bytesEqual, concat, type Bytes } from '../../../kernel/bytes.ts'
import { unlessMalformed } from '../../../kernel/errors.ts'
import { sha256 } from '../../../kernel/hash.ts'
import { CARD_ID_SIZE, cardIdOf, digestOf, type Digest } from '../../../kernel/ids.ts'
import { currencyByNumber, type Currency } from '../../../kernel/money.ts'
import { sameParty, type Party } from '../../../kernel/party.ts'
import { Recent } from '../../../kernel/recent.ts'
import type { WalletRoot } from './authority.ts'
import { isCertifiedBy, readCertificate, type ReadSubject, type Role } from '../certificates.ts'
import { isSignedBy, openMessage, type Signed } from '../../../kernel/signed-message.ts'
import {
  evidence,
  instruction,
  order,
  record,
  RECORD_SIZE,
  refusal,
  request,
  shownRecord,
  SIGNED_RECORD_SIZE,
  type Evidence,
  type PaymentRequest,
  type ShownRecord,
  type WalletRecord,
} from '../message.ts'

/**
 * Why evidence is none. The order is the order of the checks. Whoever has the root’s certificate comes
 * to the same: an office, another office, the notary, a stranger with a case.
 */
export const WALLET_REJECTIONS = [
  /** Whoever checks it has no root to check it with. */
  'no_root',
  /** Not the layout of `evidence`, or a record that no card makes. */
  'malformed',
  'unknown_currency',
  /** No certificate of that card under this root. */
  'unknown_card',
  'bad_signature',
  /** No certificate under this root of whoever has signed what the record names. */
  'unknown_counterparty',
  /** Not what the record names, not signed, or about something else. */
  'bad_cause',
  /** Of another office’s card, and nothing is paid to a party of this one. */
  'foreign_card',
] as const
export type WalletRejection = (typeof WALLET_REJECTIONS)[number]

/** A record under a root, with what it names. */
export interface Shown {
  readonly content: WalletRecord
  readonly digest: Digest
  /** Encoded, as received. */
  readonly bytes: Bytes
  readonly currency: Currency
  readonly card: Extract<Party, { readonly kind: 'card' }>
  /** Whether the card has signed it. Without, a till expects it of a card that went away. */
  readonly isSigned: boolean
  /** Of whoever signed the cause; undefined if that is not shown. */
  readonly counterparty: ReadSubject | undefined
  /** Of a refund: digest of the request that its payee refuses. */
  readonly refused: Digest | undefined
}

export interface ShownEvidence {
  readonly content: Evidence
  readonly shown: Shown
  /** Of a receive: the payer’s record. */
  readonly payment: Shown | undefined
  /** Digest of the request that its payee refuses: by what the card took back, or beside a payment. */
  readonly refused: Digest | undefined
}

type Read<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: WalletRejection }

/** A chain ends before it: the largest `integer` of PostgreSQL. */
const SEQUENCE_MAX = 0x7fff_fffe
/** The payer of a request that any card may pay. */
const WHOEVER: Bytes = new Uint8Array(CARD_ID_SIZE)
const NOTHING: Bytes = new Uint8Array()

/** Checks evidence under a root. Pure; remembers certificates that it has checked. */
export function readEvidence(bytes: Uint8Array, root: WalletRoot): Read<ShownEvidence> {
  const content = unlessMalformed(() => evidence.decode(bytes))
  if (!content) return rejected('malformed')
  const read = readShown(content.shown, root)
  if (!read.ok) return read
  const shown = read.value
  const refused = content.refusal.length > 0 ? refusedBeside(content, shown) : shown.refused
  if (content.refusal.length > 0 && refused === undefined) return rejected('bad_cause')
  if (shown.content.kind !== 'receive') {
    return { ok: true, value: { content, shown, payment: undefined, refused } }
  }
  const payer = readShown(content.payment[0] ?? paymentOf(content.shown), root)
  if (!payer.ok) return payer
  if (!isReceiptOf(shown, payer.value)) return rejected('bad_cause')
  return { ok: true, value: { content, shown, payment: payer.value, refused } }
}

/** What a payee refuses beside the payment itself, which its card need not have signed. */
function refusedBeside(
  { refusal: [bytes] }: Evidence,
  { content, counterparty }: Shown,
): Digest | undefined {
  const opened = bytes && unlessMalformed(() => openMessage(refusal, bytes))
  const isIt =
    opened &&
    counterparty &&
    (content.kind === 'pay' || content.kind === 'unload') &&
    bytesEqual(opened.content.request, content.cause) &&
    sameParty(opened.content.payee, content.counterparty) &&
    isSignedBy(opened, counterparty.certificate.publicKey)
  return isIt ? digestOf(opened.content.request) : undefined
}

/** Evidence of one record, for whoever has not got it yet. */
export function evidenceOf({ bytes }: Shown): Bytes {
  return evidence.encode({ shown: bytes, payment: [], refusal: [], policyVersion: 0, tokens: [] })
}

/** Checks one record, but of a receive not whose payment it names. */
function readShown(bytes: Bytes, root: WalletRoot): Read<Shown> {
  const layout = unlessMalformed(() => shownRecord.decode(bytes))
  const content = layout && unlessMalformed(() => record.decode(layout.record))
  if (!layout || !content || !isPossible(content)) return rejected('malformed')
  const currency = unlessMalformed(() => currencyByNumber(content.currency))
  if (!currency) return rejected('unknown_currency')

  const card: Shown['card'] = {
    kind: 'card',
    office: content.office,
    card: cardIdOf(content.card),
  }
  const office = certified('office', layout.office, root.root)
  const subject = office && certified('card', layout.certificate, office)
  if (!office || !subject || !sameParty(subject.party, card)) return rejected('unknown_card')
  const [signature] = layout.signature
  const signed: Signed<WalletRecord> = {
    content,
    bytes: concat(layout.record, signature ?? NOTHING),
    body: layout.record,
    digest: sha256(layout.record),
  }
  if (signature && !isSignedBy(signed, subject.certificate.publicKey)) {
    return rejected('bad_signature')
  }
  const cause = readCause(layout, content, [office, ...ownCertificates(root, office)], root)
  if (!cause.ok) return cause
  return {
    ok: true,
    value: {
      content,
      digest: digestOf(signed.digest),
      bytes,
      currency,
      card,
      isSigned: signature !== undefined,
      ...cause.value,
    },
  }
}

/** Whether any card of ours could have made it. */
function isPossible({ kind, card, office, sequence, amount, counterparty }: WalletRecord): boolean {
  const isSelf =
    counterparty.kind === 'card' &&
    sameParty(counterparty, { kind: 'card', office, card: cardIdOf(card) })
  if (sequence > SEQUENCE_MAX || isSelf) return false
  switch (kind) {
    case 'pay':
      return amount > 0n && counterparty.kind !== 'office'
    case 'receive':
      return amount > 0n && counterparty.kind === 'card'
    case 'refund':
      return amount > 0n
    case 'unload':
      return amount > 0n && counterparty.kind === 'office' && counterparty.office === office
    case 'load':
    case 'restore':
      return counterparty.kind === 'office' && counterparty.office === office
  }
}

type Cause = Pick<Shown, 'counterparty' | 'refused'>

function readCause(
  layout: ShownRecord,
  content: WalletRecord,
  offices: readonly ReadSubject[],
  root: WalletRoot,
): Read<Cause> {
  const nothing: Read<Cause> = { ok: true, value: { counterparty: undefined, refused: undefined } }
  switch (content.kind) {
    case 'pay':
    case 'unload':
      // Among cards of one office the receipt alone shows it; the notary wants to see the request.
      if (isBare(layout) && content.counterparty.office === content.office) return nothing
      return readSignedCause(layout, content, offices, root, () => {
        const asked = openMessage(request, layout.cause)
        return isAnswerTo(content, asked.content)
          ? { signed: asked, refused: undefined }
          : undefined
      })
    case 'refund':
      return readSignedCause(layout, content, offices, root, () => {
        const refused = openMessage(refusal, layout.cause)
        return sameParty(refused.content.payee, content.counterparty)
          ? { signed: refused, refused: digestOf(refused.content.request) }
          : undefined
      })
    case 'load':
    case 'restore':
      return readSignedCause(layout, content, offices, root, () => {
        const told = openMessage(instruction, order.decode(layout.cause).instruction)
        const { kind, office, card, amount, currency } = told.content
        const isIt =
          kind === content.kind &&
          office === content.office &&
          bytesEqual(card, content.card) &&
          currency === content.currency &&
          amount === (kind === 'load' ? content.amount : content.balance)
        return isIt ? { signed: told, refused: undefined } : undefined
      })
    case 'receive':
      return nothing
  }
}

/** Signed by its card, and without what was asked for. */
function isBare({ cause, signature }: ShownRecord): boolean {
  return cause.length === 0 && signature.length > 0
}

interface OpenedCause {
  readonly signed: Signed<unknown>
  readonly refused: Digest | undefined
}

/** What the record names, signed by whom it names. */
function readSignedCause(
  layout: ShownRecord,
  content: WalletRecord,
  offices: readonly ReadSubject[],
  root: WalletRoot,
  open: () => OpenedCause | undefined,
): Read<Cause> {
  const signers = signersOf(content.counterparty, layout, offices, root)
  if (signers.length === 0) return rejected('unknown_counterparty')
  const opened = unlessMalformed(open)
  if (!opened || !bytesEqual(opened.signed.digest, content.cause)) return rejected('bad_cause')
  const signer = signers.find(({ certificate }) => isSignedBy(opened.signed, certificate.publicKey))
  if (!signer) return rejected('bad_cause')
  return { ok: true, value: { counterparty: signer, refused: opened.refused } }
}

function isAnswerTo(content: WalletRecord, asked: PaymentRequest): boolean {
  return (
    sameParty(asked.payee, content.counterparty) &&
    asked.amount === content.amount &&
    asked.currency === content.currency &&
    (bytesEqual(asked.payer, content.card) || bytesEqual(asked.payer, WHOEVER))
  )
}

function isReceiptOf({ content, card }: Shown, { content: paid, ...payer }: Shown): boolean {
  return (
    payer.isSigned &&
    paid.kind === 'pay' &&
    digestOf(content.cause) === payer.digest &&
    sameParty(content.counterparty, payer.card) &&
    sameParty(paid.counterparty, card) &&
    paid.amount === content.amount &&
    paid.currency === content.currency
  )
}

/** The payer’s record as its receipt shows it: with certificates, but without what was asked for. */
function paymentOf(receipt: Bytes): Bytes {
  const { cause, counterparty, office } = shownRecord.decode(receipt)
  if (cause.length !== SIGNED_RECORD_SIZE) return NOTHING
  return shownRecord.encode({
    record: cause.subarray(0, RECORD_SIZE),
    signature: [cause.subarray(RECORD_SIZE)],
    certificate: counterparty[0] ?? NOTHING,
    office: counterparty[1] ?? office,
    cause: NOTHING,
    counterparty: [],
  })
}

/** Certificates of that party: of an office as many as it had keys. */
function signersOf(
  party: Party,
  { counterparty: [shown, itsOffice] }: ShownRecord,
  offices: readonly ReadSubject[],
  root: WalletRoot,
): readonly ReadSubject[] {
  if (party.kind === 'office') {
    const newer = shown && certified('office', shown, root.root)
    return (newer ? [...offices, newer] : offices).filter((each) => sameParty(each.party, party))
  }
  const issuers = itsOffice ? [certified('office', itsOffice, root.root)] : offices
  return issuers.flatMap((each) => {
    const subject = each && shown && certified(party.kind, shown, each)
    return subject && sameParty(subject.party, party) ? subject : []
  })
}

function ownCertificates(root: WalletRoot, { party }: ReadSubject): readonly ReadSubject[] {
  return root.certificates.filter((each) => sameParty(each.party, party))
}

/** Those that were found good, by issuer and bytes. */
const good = new Recent<Digest, ReadSubject>(10_000)

function certified(role: Role, bytes: Bytes, issuer: ReadSubject): ReadSubject | undefined {
  const name = digestOf(sha256(concat(issuer.bytes, bytes)))
  const known = good.get(name)
  if (known) return known.role === role ? known : undefined
  const read = unlessMalformed(() => readCertificate(bytes))
  if (!read || read.role !== role || !isCertifiedBy(read, issuer)) return undefined
  good.set(name, read)
  return read
}

function rejected(reason: WalletRejection): {
  readonly ok: false
  readonly reason: WalletRejection
} {
  return { ok: false, reason }
}
