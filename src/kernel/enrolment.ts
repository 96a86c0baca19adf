import { z } from 'zod'
import { concat, secretsEqual, toHex, utf8, type Bytes } from './bytes.ts'
import { encodeCbor } from './cbor.ts'
import { decodeSigned, signDocument, verifySigned } from './cose.ts'
import { officeKeyId, SECRETS_SIZE_MAX } from './documents.ts'
import { FormatError } from './errors.ts'
import { DIGEST_SIZE, hmacSha256 } from './hash.ts'
import type { TillNumber } from './ids.ts'
import { CURRENCY_CODES, type CurrencyCode } from './money.ts'
import {
  openSealed,
  PUBLIC_KEY_SIZE,
  publicKeyFrom,
  sealTo,
  type PrivateKey,
  type PublicKey,
} from './p256.ts'
import type { Instant, RandomSource } from './ports.ts'
import { bytes, instant, parseCbor } from './schema.ts'

/**
 * How a till and its office come to trust each other, over a network that nobody has to trust.
 * Both know the enrolment code, which a person carried from one to the other, and neither sends it:
 * the till shows that it knows the code by a MAC over its new public key, the office by a MAC over
 * both public keys. Whoever sits between them can therefore replace neither key.
 * docs/protocol/enrolment.md.
 */
export const ENROLMENT_TYPE = 'application/kontant-enrolment'
export const ENROLMENT_PATH = '/api/till/enrol'

/** Crockford's base 32: no I, L, O, U, so that a code survives being read aloud. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
/** 12 symbols of 5 bits: 60 bits, to be guessed against a server that closes the code in hours. */
const SECRET_SYMBOLS = 12

/** What a person carries to the till: `7-K3QX-90TB-5RZM`. */
export interface EnrolmentCode {
  readonly till: TillNumber
  /** The twelve symbols without hyphens. Secret until the till is enrolled. */
  readonly secret: string
}

export function createEnrolmentCode(till: TillNumber, random: RandomSource): EnrolmentCode {
  const symbols = [...random.bytes(SECRET_SYMBOLS)].map((byte) => ALPHABET.charAt(byte & 31))
  return { till, secret: symbols.join('') }
}

export function formatEnrolmentCode({ till, secret }: EnrolmentCode): string {
  return [till, secret.slice(0, 4), secret.slice(4, 8), secret.slice(8)].join('-')
}

/**
 * Reads a code as people type it: in any case, with O for 0 and I or L for 1, hyphens or spaces.
 *
 * @throws {FormatError} if it is not a till's number and twelve symbols.
 */
export function parseEnrolmentCode(text: string, field = 'code'): EnrolmentCode {
  const match = /^\s*(\d{1,10})[\s-]+([\sA-Z0-9-]+)$/.exec(text.toUpperCase())
  const till = Number(match?.[1])
  const secret = (match?.[2] ?? '')
    .replaceAll(/[\s-]/g, '')
    .replaceAll('O', '0')
    .replaceAll(/[IL]/g, '1')
  if (!match || secret.length !== SECRET_SYMBOLS || till < 1 || till > 0xffffffff) {
    throw new FormatError(field, 'expected a code such as 7-K3QX-90TB-5RZM')
  }
  if (secret.includes('U')) {
    throw new FormatError(field, 'has a letter that no code has: U')
  }
  return { till, secret }
}

/** What the office keeps of a code: enough to check a proof, and sealed, because it makes one too. */
export function enrolmentKey({ till, secret }: EnrolmentCode): Bytes {
  return hmacSha256(utf8(secret), utf8(`kontant enrolment ${till}`))
}

function tillProof(key: Uint8Array, till: PublicKey): Bytes {
  return hmacSha256(key, concat(utf8('till'), till.bytes))
}

function officeProof(key: Uint8Array, office: PublicKey, till: PublicKey): Bytes {
  return hmacSha256(key, concat(utf8('office'), office.bytes, till.bytes))
}

export const enrolmentRequestSchema = z.strictObject({
  till: z.int().min(1).max(0xffffffff),
  /** x ‖ y, 64 bytes in hexadecimal. */
  publicKey: z.string().regex(/^[0-9a-f]{128}$/, 'expected 128 lower-case hexadecimal digits'),
  /** HMAC-SHA-256 under the code's key over `till` ‖ public key, in hexadecimal. */
  proof: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hexadecimal digits'),
})
export type EnrolmentRequest = z.output<typeof enrolmentRequestSchema>

/** The JSON body that a till posts to {@link ENROLMENT_PATH}. */
export function enrolmentRequest(code: EnrolmentCode, till: PublicKey): EnrolmentRequest {
  return {
    till: code.till,
    publicKey: toHex(till.bytes),
    proof: toHex(tillProof(enrolmentKey(code), till)),
  }
}

export function provesCode(key: Uint8Array, till: PublicKey, proof: Uint8Array): boolean {
  return secretsEqual(tillProof(key, till), proof)
}

const enrolmentSchema = z.strictObject({
  type: z.literal('enrolment'),
  version: z.literal(1),
  till: z.int().min(1).max(0xffffffff),
  /** Of the till's key. */
  generation: z.int().min(1).max(0xffff),
  currency: z.enum(CURRENCY_CODES),
  officePublicKey: bytes.of(PUBLIC_KEY_SIZE),
  officeGeneration: z.int().min(1).max(0xffff),
  /** By the office's clock. */
  officeTime: instant,
  proof: bytes.of(DIGEST_SIZE),
  /** A map from scheme to its till secrets, in CBOR, sealed to the till's key. */
  secrets: bytes.upTo(SECRETS_SIZE_MAX),
  /** Signed documents to start with. */
  documents: z.array(z.custom<Bytes>((value) => value instanceof Uint8Array, 'expected bytes')),
})

/** What a till is after it was enrolled. */
export interface Enrolment {
  readonly till: TillNumber
  readonly generation: number
  readonly currency: CurrencyCode
  readonly officeKey: PublicKey
  readonly officeGeneration: number
  readonly officeTime: Instant
  /** By name of scheme. Secret. */
  readonly secrets: ReadonlyMap<string, Bytes>
  readonly documents: readonly Bytes[]
}

export interface EnrolmentAnswer extends Omit<Enrolment, 'officeKey'> {
  readonly tillKey: PublicKey
}

/** The office's answer: signed, and with the secrets sealed to the till. */
export function signEnrolment(
  office: PrivateKey,
  codeKey: Uint8Array,
  { secrets, tillKey, ...answer }: EnrolmentAnswer,
  random: RandomSource,
): Bytes {
  const payload = {
    ...answer,
    type: 'enrolment',
    version: 1,
    officePublicKey: office.publicKey.bytes,
    proof: officeProof(codeKey, office.publicKey, tillKey),
    secrets: sealSecrets(secrets, { ...answer, tillKey }, random),
  }
  return signDocument(
    office,
    officeKeyId(answer.officeGeneration),
    ENROLMENT_TYPE,
    encodeCbor(payload),
  )
}

/**
 * The till's side: from here on it believes this office's key and no other.
 *
 * @throws {FormatError} if `received` is not the answer to this till of the office that gave the code.
 */
export function openEnrolment(
  received: Uint8Array,
  code: EnrolmentCode,
  till: PrivateKey,
): Enrolment {
  const document = decodeSigned(received, 'enrolment')
  if (document.contentType !== ENROLMENT_TYPE) {
    throw new FormatError('enrolment.contentType', `expected ${ENROLMENT_TYPE}`)
  }
  const answer = parseCbor(enrolmentSchema, document.payload, 'enrolment')
  const officeKey = publicKeyFrom(answer.officePublicKey, 'enrolment.officePublicKey')
  if (!secretsEqual(officeProof(enrolmentKey(code), officeKey, till.publicKey), answer.proof)) {
    throw new FormatError('enrolment.proof', 'not from the office that gave this code')
  }
  if (!verifySigned(document, officeKey)) {
    throw new FormatError('enrolment.signature', 'not signed by the office that it names')
  }
  if (answer.till !== code.till) throw new FormatError('enrolment.till', 'for another till')
  const { generation, currency, officeGeneration, officeTime, documents } = answer
  return {
    till: answer.till,
    generation,
    currency,
    officeKey,
    officeGeneration,
    officeTime,
    secrets: openSecrets(answer.secrets, { ...answer, key: till }),
    documents,
  }
}

const secretsSchema = z.record(z.string(), bytes.upTo(4096))

/** What schemes give a till, by their names, for nobody else to read. */
export function sealSecrets(
  secrets: ReadonlyMap<string, Bytes>,
  recipient: Pick<EnrolmentAnswer, 'till' | 'generation' | 'tillKey'>,
  random: RandomSource,
): Bytes {
  return sealTo(recipient.tillKey, encodeCbor(secrets), secretsContext(recipient), random)
}

/** @throws {FormatError} if it was not sealed to this till’s key of that generation. */
export function openSecrets(
  sealed: Uint8Array,
  till: Pick<Enrolment, 'till' | 'generation'> & { readonly key: PrivateKey },
): ReadonlyMap<string, Bytes> {
  const plaintext = openSealed(till.key, sealed, secretsContext(till))
  return new Map(Object.entries(parseCbor(secretsSchema, plaintext, 'secrets')))
}

function secretsContext({ till, generation }: { till: TillNumber; generation: number }): Bytes {
  return utf8(`kontant enrolment ${till}:${generation}`)
}
