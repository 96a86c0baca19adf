import { fromHex, toHex, type Bytes } from './bytes.ts'
import { FormatError } from './errors.ts'
import { sha256Hex } from './hash.ts'

export const CARD_ID_SIZE = 8

/** A card for good, whatever chip carries it: 8 bytes, written as 16 hexadecimal digits. */
export type CardId = string & { readonly kind: 'CardId' }

/** A till's number in binary messages, 1 to 2^32 − 1; 0 is the office. Never given twice. */
export type TillNumber = number

/** The office as a maker of records. */
export const OFFICE: TillNumber = 0

/** SHA-256 of a record's bytes as its maker signed them, 64 hexadecimal digits. */
export type Digest = string & { readonly kind: 'Digest' }

/** @throws {FormatError} if `text` is not 16 hexadecimal digits. */
export function parseCardId(text: string, field = 'cardId'): CardId {
  return toHex(fromHex(text, field, CARD_ID_SIZE)) as CardId
}

export function cardIdOf(bytes: Uint8Array): CardId {
  if (bytes.length !== CARD_ID_SIZE) {
    throw new FormatError('cardId', `expected ${CARD_ID_SIZE} bytes, got ${bytes.length}`)
  }
  return toHex(bytes) as CardId
}

export function cardIdBytes(id: CardId): Bytes {
  return fromHex(id, 'cardId', CARD_ID_SIZE)
}

export function digestOf(bytes: Uint8Array): Digest {
  return toHex(bytes) as Digest
}

/** Names what was signed: the digest of these bytes. */
export function digestBy(signed: Uint8Array): Digest {
  return sha256Hex(signed) as Digest
}
