import { z } from 'zod'
import { EVIDENCE_SIZE_MAX, type BatchItem } from './batch.ts'
import type { Bytes } from './bytes.ts'
import { encodeCbor } from './cbor.ts'
import { CARD_ID_SIZE, cardIdBytes, cardIdOf, type CardId } from './ids.ts'
import { bytes, parseCbor } from './schema.ts'

/**
 * What a card’s phone sends to the card’s office, and what the office answers: deterministic CBOR.
 * Neither is signed as a whole: the card has signed its statement and its records, the office its
 * orders, and the phone is trusted with nothing. docs/protocol/wallet-office.md.
 */
export const SYNC_PATH = '/api/wallet/sync'
export const CBOR_TYPE = 'application/cbor'

/** A card’s whole log, and what it carries of others, several times over. */
export const SYNC_ITEMS_MAX = 64
const STATEMENT_SIZE_MAX = 1024
const ORDER_SIZE_MAX = 255
export const NOTICES_MAX = 8

const synchronisationSchema = z
  .strictObject({
    type: z.literal('synchronisation'),
    version: z.literal(1),
    scheme: z.string().max(16),
    card: bytes.of(CARD_ID_SIZE),
    /** What the card says of itself, signed by it. */
    statement: bytes.upTo(STATEMENT_SIZE_MAX),
    /** Evidence, oldest first. */
    items: z.array(bytes.upTo(EVIDENCE_SIZE_MAX)).max(SYNC_ITEMS_MAX),
  })
  .transform(({ type: _type, version: _version, card, ...rest }) => ({
    ...rest,
    card: cardIdOf(card),
  }))

export interface Synchronisation {
  readonly scheme: string
  readonly card: CardId
  readonly statement: Bytes
  readonly items: readonly Bytes[]
}

export function encodeSynchronisation({ card, ...rest }: Synchronisation): Bytes {
  return encodeCbor({ type: 'synchronisation', version: 1, card: cardIdBytes(card), ...rest })
}

/** @throws {FormatError} naming the field. */
export function decodeSynchronisation(received: Uint8Array): Synchronisation {
  return parseCbor(synchronisationSchema, received, 'synchronisation')
}

/** Its evidence as a till’s batch has it. What a card signed, it did. */
export function itemsOf({ scheme, items }: Synchronisation): readonly BatchItem[] {
  return items.map((evidence) => ({ scheme, outcome: 'confirmed', evidence }))
}

const answerSchema = z
  .strictObject({
    type: z.literal('synchronised'),
    version: z.literal(1),
    /** For the card, in this order: it carries out each of them once, however often it comes. */
    orders: z.array(bytes.upTo(ORDER_SIZE_MAX)).max(1),
    /** What others did that the card has not heard of: payments to it, and refusals of its own. */
    notices: z.array(bytes.upTo(EVIDENCE_SIZE_MAX)).max(NOTICES_MAX),
    /** Records of the card up to this sequence are in the ledger without a gap. */
    upTo: z.int().nonnegative(),
  })
  .transform(({ orders, notices, upTo }) => ({ orders, notices, upTo }))

export interface SynchronisationAnswer {
  readonly orders: readonly Bytes[]
  readonly notices: readonly Bytes[]
  readonly upTo: number
}

export function encodeSynchronisationAnswer(answer: SynchronisationAnswer): Bytes {
  return encodeCbor({ type: 'synchronised', version: 1, ...answer })
}

/** @throws {FormatError} naming the field. */
export function decodeSynchronisationAnswer(received: Uint8Array): SynchronisationAnswer {
  return parseCbor(answerSchema, received, 'synchronised')
}
