import { z } from 'zod'
import { EVIDENCE_SIZE_MAX } from './batch.ts'
import { concat, utf8, type Bytes } from './bytes.ts'
import { encodeCbor } from './cbor.ts'
import { COIN_ACTS, COIN_RESULTS } from './coin-acts.ts'
import { decodeSigned, signDocument, verifySigned, type SignedDocument } from './cose.ts'
import { FormatError } from './errors.ts'
import { DIGEST_SIZE, sha256 } from './hash.ts'
import { CURRENCY_CODES } from './money.ts'
import { SIGNATURE_SIZE, type PrivateKey, type PublicKey } from './p256.ts'
import { NOTARY, type OfficeNumber } from './party.ts'
import { bytes, instant, minorUnits, parseCbor } from './schema.ts'

/**
 * What offices ask their notary and what it answers: COSE_Sign1 over deterministic CBOR.
 * docs/protocol/notary.md is the byte-exact description.
 */
export const NOTARY_REQUEST_TYPE = 'application/kontant-notary-request'
export const NOTARY_ANSWER_TYPE = 'application/kontant-notary-answer'
/** An office posts one request as the whole body; the answer is the whole answer (200). */
export const NOTARY_PATH = '/api/notary/requests'

export const ACTS_MAX = 500
export const REQUEST_NONCE_SIZE = 16
/** Offices whose clock is further off than this are told so and nothing else; ms. */
export const REQUEST_AGE_MAX = 10 * 60 * 1000
export const FEED_PAGE_MAX = 500
/** A till’s evidence of a payment has the tokens of everything that was sold in it. */
const MESSAGE_MAX = EVIDENCE_SIZE_MAX

const message = bytes.upTo(MESSAGE_MAX)

/** Each is harmless when it is repeated: what it does is done once, and the answer is the same. */
const act = z.discriminatedUnion('act', [
  /** Makes the key known that signed this request; its certificate is its permission. */
  z.strictObject({ act: z.literal('join'), certificate: message }),
  /** Moves a load’s amount from free to issued, and countersigns. */
  z.strictObject({
    act: z.literal('permit'),
    /** instruction ‖ signature of the office, sealed to the notary: {@link permitContext}. */
    order: message,
    /** Of a restore: what the card says of itself now, and its certificates. */
    statement: z.array(message).max(3),
  }),
  /** Of an order that its card never carried out: the void in its place, and what the card says of that. */
  z.strictObject({
    act: z.literal('give back'),
    void: message,
    statement: message,
    /** The card’s, then its office’s. */
    certificates: z.array(message).length(2),
  }),
  /** A payment or a refund, from either side. */
  z.strictObject({ act: z.literal('settle'), evidence: message }),
  /** A load or restore that a card carried out: was it permitted? Anybody’s card. */
  z.strictObject({ act: z.literal('show'), evidence: message }),
  /** What became of this office’s payments, after that number. */
  z.strictObject({ act: z.literal('feed'), after: z.int().nonnegative() }),
  z.strictObject({ act: z.literal('accounts') }),
  ...COIN_ACTS,
])
export type NotaryAct = z.output<typeof act>

const requestSchema = z.strictObject({
  type: z.literal('notary request'),
  version: z.literal(1),
  office: z.int().min(1).max(0xffff),
  /** Of the key that signs. */
  generation: z.int().min(1).max(99_999),
  /** Which of the notary’s keys this office and its cards know: it answers and permits with that one. */
  notary: z.int().min(1).max(99_999),
  /** By the office’s clock. */
  madeAt: instant,
  /** The answer names the request by its digest: with this no two are the same. */
  nonce: bytes.of(REQUEST_NONCE_SIZE),
  acts: z.array(act).max(ACTS_MAX),
})
export type NotaryRequest = z.output<typeof requestSchema>

/** What can be said to each act, in the order of the checks. */
export const JOIN_RESULTS = ['malformed', 'wrong certificate', 'joined'] as const
export const PERMIT_RESULTS = [
  'malformed',
  'not yours',
  'bad signature',
  'nothing to permit',
  'no statement',
  'other instruction',
  'given back',
  'no reserve',
  'permitted',
] as const
export type PermitResult = (typeof PERMIT_RESULTS)[number]
export const GIVE_BACK_RESULTS = [
  'malformed',
  'not yours',
  'bad signature',
  'not carried out',
  'not permitted',
  'no reserve',
  'given back',
] as const
export type GiveBackResult = (typeof GIVE_BACK_RESULTS)[number]

export const SETTLE_REFUSALS = [
  'malformed',
  /** No root that the notary believes stands behind a certificate. */
  'unknown signer',
  'bad signature',
  'not a payment',
  /** Record and cause do not belong together. */
  'other cause',
  /** This card has signed another record with this sequence, or for this request. */
  'conflict',
] as const
export type SettleRefusal = (typeof SETTLE_REFUSALS)[number]
export const PAYMENT_STATES = [
  /** The payer’s office has too little issued, or the payer’s certificates were revoked. */
  'waiting',
  'settled',
  /** The payee would not have it after all, and the payee’s office has too little to give back. */
  'returning',
  /** The payee would not have it, and the payer’s card took it back. */
  'returned',
] as const
export type PaymentState = (typeof PAYMENT_STATES)[number]
export const WAITING_FOR = ['reserve', 'payer office'] as const
export type WaitingFor = (typeof WAITING_FOR)[number]
export const SHOW_RESULTS = [
  ...SETTLE_REFUSALS.slice(0, 3),
  'not a load',
  'other cause',
  'not permitted',
  'permitted',
] as const

const payment = {
  id: bytes.of(DIGEST_SIZE),
  state: z.enum(PAYMENT_STATES),
  waitingFor: z.array(z.enum(WAITING_FOR)).max(1),
}

export const feedEntry = z.strictObject({
  /** From 1, without gaps, each office’s own. */
  number: z.int().min(1),
  ...payment,
  /** Of the payer’s record, as an office verifies it. */
  evidence: message,
  /** What shows that the payee would not have it. */
  refund: z.array(message).max(1),
})
export type FeedEntry = z.output<typeof feedEntry>

const result = z.union([
  z.strictObject({ act: z.literal('join'), result: z.enum(JOIN_RESULTS) }),
  z.strictObject({
    act: z.literal('permit'),
    result: z.enum(PERMIT_RESULTS),
    /** The notary’s signature over instruction ‖ signature. */
    permit: z.array(bytes.of(SIGNATURE_SIZE)).max(1),
  }),
  z.strictObject({ act: z.literal('give back'), result: z.enum(GIVE_BACK_RESULTS) }),
  z.strictObject({ act: z.literal('settle'), result: z.literal('known'), ...payment }),
  z.strictObject({ act: z.literal('settle'), result: z.enum(SETTLE_REFUSALS) }),
  z.strictObject({ act: z.literal('show'), result: z.enum(SHOW_RESULTS) }),
  z.strictObject({
    act: z.literal('feed'),
    /** Number of the newest entry that there is. */
    upTo: z.int().nonnegative(),
    entries: z.array(feedEntry).max(FEED_PAGE_MAX),
  }),
  z.strictObject({
    act: z.literal('accounts'),
    accounts: z.array(
      z.strictObject({ currency: z.enum(CURRENCY_CODES), free: minorUnits, issued: minorUnits }),
    ),
  }),
  ...COIN_RESULTS,
])
export type NotaryResult = z.output<typeof result>
export type ResultOf<A extends NotaryAct['act']> = Extract<NotaryResult, { readonly act: A }>

/** What can be said to a request as a whole, in the order of the checks. */
export const REQUEST_RESULTS = [
  'unknown key',
  'revoked key',
  'bad signature',
  'stale',
  'done',
] as const

const answerSchema = z.strictObject({
  type: z.literal('notary answer'),
  version: z.literal(1),
  /** SHA-256 of the payload of the request that this answers. */
  request: bytes.of(DIGEST_SIZE),
  result: z.enum(REQUEST_RESULTS),
  /** By the notary’s clock. */
  notaryTime: instant,
  /** One for each act, in their order; none unless it is done. */
  results: z.array(result).max(ACTS_MAX),
})
export type NotaryAnswer = z.output<typeof answerSchema>

/** A request as received: the office’s word only once {@link verifyRequest} has said so. */
export interface ReceivedRequest {
  readonly request: NotaryRequest
  readonly digest: Bytes
  readonly document: SignedDocument
}

export function officeAtNotaryKeyId(office: OfficeNumber, generation: number): string {
  return `office:${office}:${generation}`
}

export function notaryKeyId(generation: number): string {
  return `notary:${generation}`
}

/** What an order is sealed for when its office asks for a permit. */
export function permitContext(office: OfficeNumber): Bytes {
  return concat(utf8('kontant permit'), Uint8Array.of(office >> 8, office & 0xff))
}

export function signRequest(
  key: PrivateKey,
  request: Omit<NotaryRequest, 'type' | 'version'>,
): Bytes {
  return signDocument(
    key,
    officeAtNotaryKeyId(request.office, request.generation),
    NOTARY_REQUEST_TYPE,
    encodeCbor({ type: 'notary request', version: 1, ...request }),
  )
}

/** @throws {FormatError} if `received` is not a request, naming the field. */
export function decodeRequest(received: Uint8Array): ReceivedRequest {
  const document = decodeSigned(received, 'request')
  if (document.contentType !== NOTARY_REQUEST_TYPE) {
    throw new FormatError('request.contentType', `expected ${NOTARY_REQUEST_TYPE}`)
  }
  const request = parseCbor(requestSchema, document.payload, 'request')
  if (request.office === NOTARY) throw new FormatError('request.office', 'is the notary')
  if (document.keyId !== officeAtNotaryKeyId(request.office, request.generation)) {
    throw new FormatError('request.keyId', 'names another office or key than the request')
  }
  return { request, digest: requestDigest(document), document }
}

export function verifyRequest({ document }: ReceivedRequest, key: PublicKey): boolean {
  return verifySigned(document, key)
}

function requestDigest({ payload }: SignedDocument): Bytes {
  return sha256(payload)
}

/** The digest that an answer to this request names. @throws {FormatError} if it is no signed document. */
export function digestOfRequest(signed: Uint8Array): Bytes {
  return requestDigest(decodeSigned(signed, 'request'))
}

export function signAnswer(
  key: PrivateKey,
  generation: number,
  answer: Omit<NotaryAnswer, 'type' | 'version'>,
): Bytes {
  return signDocument(
    key,
    notaryKeyId(generation),
    NOTARY_ANSWER_TYPE,
    encodeCbor({ type: 'notary answer', version: 1, ...answer }),
  )
}

/** The notary’s key that an office knows. */
export interface KnownNotary {
  readonly generation: number
  readonly publicKey: PublicKey
}

/** @throws {FormatError} if `received` is not an answer signed with that key. */
export function openAnswer(received: Uint8Array, notary: KnownNotary): NotaryAnswer {
  const document = decodeSigned(received, 'answer')
  if (document.contentType !== NOTARY_ANSWER_TYPE) {
    throw new FormatError('answer.contentType', `expected ${NOTARY_ANSWER_TYPE}`)
  }
  const isIts = document.keyId === notaryKeyId(notary.generation)
  if (!isIts || !verifySigned(document, notary.publicKey)) {
    throw new FormatError('answer.signature', 'not signed by this notary')
  }
  return parseCbor(answerSchema, document.payload, 'answer')
}
