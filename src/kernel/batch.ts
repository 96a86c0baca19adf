import { z } from 'zod'
import type { Bytes } from './bytes.ts'
import { encodeCbor } from './cbor.ts'
import { decodeSigned, signDocument, verifySigned, type SignedDocument } from './cose.ts'
import { FormatError } from './errors.ts'
import { DIGEST_SIZE, sha256 } from './hash.ts'
import type { TillNumber } from './ids.ts'
import type { PrivateKey, PublicKey } from './p256.ts'
import { bytes, instant, minorUnits, parseCbor } from './schema.ts'

/**
 * What a till sends to its office, and what the office answers: COSE_Sign1 over deterministic CBOR.
 * docs/protocol/batch.md is the byte-exact description.
 */
export const BATCH_TYPE = 'application/kontant-batch'
export const ACKNOWLEDGEMENT_TYPE = 'application/kontant-acknowledgement'
/** A till posts one batch as the whole body; the acknowledgement is the whole answer (200). */
export const BATCH_PATH = '/api/till/batches'

/** Short enough for one request body, long enough that a day of sales is a few requests. */
export const BATCH_ITEMS_MAX = 1000
/** A payment of ten coins that all have changed hands as often as they may, with as much change. */
export const EVIDENCE_SIZE_MAX = 49_152
export const BATCH_SIZE_MAX = BATCH_ITEMS_MAX * (EVIDENCE_SIZE_MAX + 64)
/** The `previous` of a till's first batch. */
export const NO_BATCH: Bytes = new Uint8Array(DIGEST_SIZE)

/**
 * What the till knows of a record that it signed:
 * `confirmed`, the card took it; `unconfirmed`, the card left and has not been seen since;
 * `void`, the card was seen again and had not taken it.
 */
export const OUTCOMES = ['confirmed', 'unconfirmed', 'void'] as const
export type Outcome = (typeof OUTCOMES)[number]

const batchItem = z
  .tuple([z.string().max(16), z.enum(OUTCOMES), bytes.upTo(EVIDENCE_SIZE_MAX)])
  .transform(([scheme, outcome, evidence]) => ({ scheme, outcome, evidence }))

/** What the till counted itself, over the items that this batch reports as confirmed: each is once. */
const totals = z.strictObject({
  paid: minorUnits,
  loaded: minorUnits,
  /** Cash that the till took for loads. */
  cash: minorUnits,
})

const batchSchema = z.strictObject({
  type: z.literal('batch'),
  version: z.literal(1),
  till: z.int().min(1).max(0xffffffff),
  generation: z.int().min(1).max(0xffff),
  /** From 1, without gaps. */
  number: z.int().min(1),
  /** {@link batchDigest} of the batch before; {@link NO_BATCH} for number 1. */
  previous: bytes.of(DIGEST_SIZE),
  /** By the till's clock. */
  madeAt: instant,
  /** Every record that this till signed at this instant or before is in this batch or an earlier one. */
  completeUpTo: instant,
  /** The newest version of each document that the till holds. */
  documents: z.record(z.string(), z.int().nonnegative()),
  totals,
  /** SHA-256 of the program that the till runs. */
  software: bytes.of(DIGEST_SIZE),
  items: z.array(batchItem).max(BATCH_ITEMS_MAX),
})

export type Batch = z.output<typeof batchSchema>
export type BatchItem = Batch['items'][number]
export type BatchTotals = Batch['totals']

/** A batch as received: its content is the till's word only once {@link verifyBatch} has said so. */
export interface ReceivedBatch {
  readonly batch: Batch
  /** As {@link batchDigest} gives it. */
  readonly digest: Bytes
  readonly document: SignedDocument
}

export function tillKeyId(till: TillNumber, generation: number): string {
  return `till:${till}:${generation}`
}

export function signBatch(key: PrivateKey, batch: Batch): Bytes {
  const items = batch.items.map(({ scheme, outcome, evidence }) => [scheme, outcome, evidence])
  return signDocument(
    key,
    tillKeyId(batch.till, batch.generation),
    BATCH_TYPE,
    encodeCbor({ ...batch, items }),
  )
}

/** @throws {FormatError} if `received` is not a batch, naming the field. */
export function decodeBatch(received: Uint8Array): ReceivedBatch {
  const document = decodeSigned(received, 'batch')
  if (document.contentType !== BATCH_TYPE) {
    throw new FormatError('batch.contentType', `expected ${BATCH_TYPE}`)
  }
  const batch = parseCbor(batchSchema, document.payload, 'batch')
  if (document.keyId !== tillKeyId(batch.till, batch.generation)) {
    throw new FormatError('batch.keyId', 'names another till or key than the batch')
  }
  return { batch, digest: digestOf(document), document }
}

/**
 * What identifies a batch: SHA-256 of its payload. Not of the whole: from a signature anybody can make a
 * second one (s and n − s both hold), and a carrier could then make two batches of one and call the till
 * a liar.
 *
 * @throws {FormatError} if `signed` is not a signed document.
 */
export function batchDigest(signed: Uint8Array): Bytes {
  return digestOf(decodeSigned(signed, 'batch'))
}

function digestOf({ payload }: SignedDocument): Bytes {
  return sha256(payload)
}

export function verifyBatch({ document }: ReceivedBatch, key: PublicKey): boolean {
  return verifySigned(document, key)
}

/** A file of batches as they were signed, oldest first: one CBOR array of byte strings. */
export function encodeBatches(batches: readonly Bytes[]): Bytes {
  return encodeCbor(batches)
}

/** @throws {FormatError} if `file` is not a list of bytes. What they are is not checked here. */
export function decodeBatches(file: Uint8Array): readonly Bytes[] {
  return parseCbor(z.array(bytes.upTo(BATCH_SIZE_MAX)), file, 'batches')
}

const acknowledgementSchema = z.strictObject({
  type: z.literal('acknowledgement'),
  version: z.literal(1),
  till: z.int().min(1).max(0xffffffff),
  /** The batch that this answers. */
  number: z.int().min(1),
  digest: bytes.of(DIGEST_SIZE),
  /** Every batch of this till from 1 to this number is stored for good; 0 for none. */
  durableUpTo: z.int().nonnegative(),
  /** By the office's clock. */
  officeTime: instant,
  /** The newest version of each document that the office has for this till. */
  documents: z.record(z.string(), z.int().nonnegative()),
})

export type Acknowledgement = z.output<typeof acknowledgementSchema>

export function signAcknowledgement(
  key: PrivateKey,
  keyId: string,
  acknowledgement: Acknowledgement,
): Bytes {
  return signDocument(key, keyId, ACKNOWLEDGEMENT_TYPE, encodeCbor(acknowledgement))
}

/** @throws {FormatError} if `received` is not an acknowledgement signed by `office`. */
export function openAcknowledgement(received: Uint8Array, office: PublicKey): Acknowledgement {
  const document = decodeSigned(received, 'acknowledgement')
  if (document.contentType !== ACKNOWLEDGEMENT_TYPE) {
    throw new FormatError('acknowledgement.contentType', `expected ${ACKNOWLEDGEMENT_TYPE}`)
  }
  if (!verifySigned(document, office)) {
    throw new FormatError('acknowledgement.signature', 'not signed by this office')
  }
  return parseCbor(acknowledgementSchema, document.payload, 'acknowledgement')
}
