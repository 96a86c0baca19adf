import { z } from 'zod'
import type { Bytes } from './bytes.ts'
import { encodeCbor } from './cbor.ts'
import { decodeSigned, signDocument, verifySigned } from './cose.ts'
import { FormatError } from './errors.ts'
import { CARD_ID_SIZE } from './ids.ts'
import { PUBLIC_KEY_SIZE, type PrivateKey, type PublicKey } from './p256.ts'
import { CURRENCY_CODES } from './money.ts'
import { bytes, instant, minorUnits, parseCbor } from './schema.ts'

/**
 * What an office tells its tills: signed, versioned, each the difference since an older version.
 * A till applies a document only if `since` is not above the version it holds and `version` is.
 * docs/protocol/documents.md.
 */
export const DOCUMENT_TYPE = 'application/kontant-document'
export const DOCUMENT_REQUEST_TYPE = 'application/kontant-document-request'
/** A till posts a signed request as the whole body; {@link encodeDocuments} is the whole answer (200). */
export const DOCUMENTS_PATH = '/api/till/documents'

const envelope = {
  format: z.literal(1),
  /** The till it is for, or 0 for every till. */
  till: z.int().min(0).max(0xffffffff),
  since: z.int().nonnegative(),
  version: z.int().min(1),
  /** By the office's clock: tills take the time from it. */
  madeAt: instant,
}

const keysDocument = z.strictObject({
  ...envelope,
  type: z.literal('keys'),
  keys: z.array(
    z.strictObject({
      /** A till's number, or 0 for the office. */
      maker: z.int().min(0).max(0xffffffff),
      generation: z.int().min(1).max(0xffff),
      publicKey: bytes.of(PUBLIC_KEY_SIZE),
      /** Records that this key signed after this instant of its till's clock are refused. */
      revokedFrom: instant.nullable(),
    }),
  ),
})

/** What a till may do without asking. Amounts in minor units; `null` is no limit. */
export const policySchema = z.strictObject({
  currency: z.enum(CURRENCY_CODES),
  mayLoad: z.boolean(),
  /** Whether it may take an amount for which it has no token. */
  freeAmounts: z.boolean(),
  /** Whether it takes cards of other offices, where there are several; it does if nothing is said. */
  foreignCards: z.boolean().optional(),
  paymentMax: minorUnits.nullable(),
  balanceMax: minorUnits,
  /** Payments that it may take since the office last acknowledged. */
  offlinePaymentsMax: z.int().nonnegative().nullable(),
  offlineAmountMax: minorUnits.nullable(),
  /** Milliseconds since the office last acknowledged. */
  offlineAgeMax: z.int().nonnegative().nullable(),
  /** Wrong passcodes for one card at this till until it is refused for `passcodePause` ms. */
  passcodeTries: z.int().min(1),
  passcodePause: z.int().nonnegative(),
})
export type Policy = z.output<typeof policySchema>

const policyDocument = z.strictObject({
  ...envelope,
  type: z.literal('policy'),
  policy: policySchema,
})

const hotListDocument = z.strictObject({
  ...envelope,
  type: z.literal('hot'),
  add: z.array(bytes.of(CARD_ID_SIZE)),
  remove: z.array(bytes.of(CARD_ID_SIZE)),
})

/** Sealed, of all schemes together. */
export const SECRETS_SIZE_MAX = 65_536

const tokensDocument = z.strictObject({
  ...envelope,
  type: z.literal('tokens'),
  products: z.array(
    z.strictObject({ id: z.int().min(1).max(0xffffffff), name: z.string(), price: minorUnits }),
  ),
  /** Each as docs/protocol/token.md says. */
  tokens: z.array(bytes.upTo(256)),
})

const secretsDocument = z.strictObject({
  ...envelope,
  type: z.literal('secrets'),
  /** Of the till’s key that they are sealed to: docs/protocol/enrolment.md. */
  generation: z.int().min(1).max(0xffff),
  secrets: bytes.upTo(SECRETS_SIZE_MAX),
})

export const documentSchema = z.discriminatedUnion('type', [
  keysDocument,
  policyDocument,
  hotListDocument,
  tokensDocument,
  secretsDocument,
])
export type OfficeDocument = z.output<typeof documentSchema>
export const DOCUMENT_KINDS = ['keys', 'secrets', 'policy', 'hot', 'tokens'] as const
export type DocumentKind = (typeof DOCUMENT_KINDS)[number]
/** The version held of each; 0 for none. */
export type DocumentVersions = Readonly<Record<DocumentKind, number>>
/** A hot list of a million cards fits. */
const DOCUMENT_SIZE_MAX = 16 * 1024 * 1024
export const NO_DOCUMENTS: DocumentVersions = {
  keys: 0,
  secrets: 0,
  policy: 0,
  hot: 0,
  tokens: 0,
}

export function officeKeyId(generation: number): string {
  return `office:${generation}`
}

export function signOfficeDocument(
  key: PrivateKey,
  keyId: string,
  document: OfficeDocument,
): Bytes {
  return signDocument(key, keyId, DOCUMENT_TYPE, encodeCbor(document))
}

/** @throws {FormatError} if `received` is not a document signed by `office`. */
export function openOfficeDocument(received: Uint8Array, office: PublicKey): OfficeDocument {
  const signed = decodeSigned(received, 'document')
  if (signed.contentType !== DOCUMENT_TYPE) {
    throw new FormatError('document.contentType', `expected ${DOCUMENT_TYPE}`)
  }
  if (!verifySigned(signed, office)) {
    throw new FormatError('document.signature', 'not signed by this office')
  }
  return parseCbor(documentSchema, signed.payload, 'document')
}

/** An office's answer: signed documents, in the order in which to apply them; empty if nothing is newer. */
export function encodeDocuments(documents: readonly Bytes[]): Bytes {
  return encodeCbor(documents)
}

/** @throws {FormatError} if `received` is not a list of bytes. What they are is not checked here. */
export function decodeDocuments(received: Uint8Array): readonly Bytes[] {
  return parseCbor(z.array(bytes.upTo(DOCUMENT_SIZE_MAX)), received, 'documents')
}

/** A till asks for what is newer than what it holds; signed by the till. */
const documentRequestSchema = z.strictObject({
  type: z.literal('document-request'),
  version: z.literal(1),
  till: z.int().min(1).max(0xffffffff),
  generation: z.int().min(1).max(0xffff),
  madeAt: instant,
  holds: z.strictObject({
    keys: z.int().nonnegative(),
    /** A till of an older version does not ask for them. */
    secrets: z.int().nonnegative().default(Number.MAX_SAFE_INTEGER),
    policy: z.int().nonnegative(),
    hot: z.int().nonnegative(),
    tokens: z.int().nonnegative(),
  }),
})
export type DocumentRequest = z.output<typeof documentRequestSchema>

export function signDocumentRequest(
  key: PrivateKey,
  keyId: string,
  request: DocumentRequest,
): Bytes {
  return signDocument(key, keyId, DOCUMENT_REQUEST_TYPE, encodeCbor(request))
}

/** @throws {FormatError} if `received` is not a document request. Its signature is not checked here. */
export function decodeDocumentRequest(received: Uint8Array) {
  const document = decodeSigned(received, 'request')
  if (document.contentType !== DOCUMENT_REQUEST_TYPE) {
    throw new FormatError('request.contentType', `expected ${DOCUMENT_REQUEST_TYPE}`)
  }
  const request = parseCbor(documentRequestSchema, document.payload, 'request')
  return { request, document }
}
