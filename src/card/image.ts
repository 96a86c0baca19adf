import { bytesEqual, concat, utf8, type Bytes } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'
import { DIGEST_SIZE, sha256 } from '../kernel/hash.ts'
import {
  constant,
  message,
  octets,
  uint16,
  uint32,
  varOctets,
  type Field,
} from '../kernel/message.ts'
import { CARD_SIZE, UID_SIZE } from '../kernel/mifare-classic.ts'
import { blockCheckCharacter } from './mifare-classic.ts'

/** Where the image of one card is kept between runs. */
export interface ImageStore {
  /** Undefined if there is none yet. */
  read(): Promise<Bytes | undefined>
  /** Wholly or not at all. */
  write(image: Bytes): Promise<void>
}

/**
 * The `.mfd` dump of libnfc's nfc-mfclassic: the 64 blocks in order, 1024 bytes, keys where the
 * trailers have them. It is a card's memory as it is, so writing one is `nvm.snapshot()`.
 *
 * @throws {FormatError} if `bytes` has another size, or a block 0 that no card could answer with.
 */
export function decodeMfd(bytes: Uint8Array): Bytes {
  if (bytes.length !== CARD_SIZE) {
    throw new FormatError('mfd', `expected ${CARD_SIZE} bytes, got ${bytes.length}`)
  }
  // A card whose check character is wrong cannot be selected (ISO/IEC 14443-3, 6.5.3).
  if (bytes[UID_SIZE] !== blockCheckCharacter(bytes.subarray(0, UID_SIZE))) {
    throw new FormatError('mfd.bcc', 'does not fit the UID')
  }
  return new Uint8Array(bytes)
}

/** A card in a file: all that it takes to put it into a reader again. */
export interface CardImage {
  /** What sort of card it is, as `a-z`, `0-9` and `-`: `multiflex-3k`. Who opens it has to know the name. */
  readonly kind: string
  /** Answer to reset, 2 to 33 bytes. */
  readonly atr: Bytes
  /** Bytes that its memory writes in one go. */
  readonly pageSize: number
  readonly memory: Bytes
}

const MAGIC = 'kontant-card'
const KIND = /^[a-z0-9][a-z0-9-]{0,31}$/
const KIND_MAX = 32
const ATR_MIN = 2
/** TS and 32 characters (ISO/IEC 7816-3, 8.1). */
const ATR_MAX = 33
/** More than any chip of today has: a file that says so is no image. */
const MEMORY_MAX = 0x100000

const imageFile = message('image', {
  magic: constant(MAGIC),
  version: constant(0x01),
  kind: kindName(),
  atr: answerToReset(),
  pageSize: uint16({ min: 1 }, 'page size, bytes'),
  memory: memoryOctets(),
  digest: octets(DIGEST_SIZE, 'SHA-256 of all before it'),
})

/**
 * `kontant-card ‖ 01 ‖ kind ‖ ATR ‖ page size 2 ‖ size 4 ‖ memory ‖ SHA-256`. The digest is against
 * broken files, not against people.
 *
 * @throws {FormatError} if a field is out of its range.
 */
export function encodeCardImage(image: CardImage): Bytes {
  const body = imageFile.encode({ ...image, digest: new Uint8Array(DIGEST_SIZE) })
  const digested = body.subarray(0, -DIGEST_SIZE)
  return concat(digested, sha256(digested))
}

/** @throws {FormatError} if it is no image, or a part of it has changed; names the field. */
export function decodeCardImage(bytes: Uint8Array): CardImage {
  const { digest, ...image } = imageFile.decode(bytes)
  if (!bytesEqual(digest, sha256(bytes.subarray(0, -DIGEST_SIZE)))) {
    throw new FormatError('image.digest', 'does not fit the rest of the file')
  }
  return image
}

/** Whether it is to be read by {@link decodeCardImage}: a dump of a memory begins with other bytes. */
export function isCardImage(bytes: Uint8Array): boolean {
  return bytesEqual(bytes.subarray(0, MAGIC.length), utf8(MAGIC))
}

function kindName(): Field<string> {
  const text = varOctets({ max: KIND_MAX }, 'a-z, 0-9 and -')
  const check = (kind: string, path: string) => {
    if (!KIND.test(kind)) throw new FormatError(path, 'expected 1 to 32 of a-z, 0-9 and -')
    return kind
  }
  return {
    ...text,
    write: (kind, path) => text.write(utf8(check(kind, path)), path),
    read: (reader, path) => check(String.fromCharCode(...text.read(reader, path)), path),
  }
}

function answerToReset(): Field<Bytes> {
  const atr = varOctets({ max: ATR_MAX }, 'answer to reset')
  const check = (bytes: Bytes, path: string) => {
    if (bytes.length < ATR_MIN) throw new FormatError(path, `expected at least ${ATR_MIN} bytes`)
    return bytes
  }
  return {
    ...atr,
    write: (bytes, path) => atr.write(check(bytes, path), path),
    read: (reader, path) => check(atr.read(reader, path), path),
  }
}

function memoryOctets(): Field<Bytes> {
  const size = uint32({ max: MEMORY_MAX })
  return {
    size: undefined,
    description: `length in 4 bytes, at most ${MEMORY_MAX}, then the memory`,
    write: (memory, path) => concat(size.write(memory.length, `${path}.length`), memory),
    read: (reader, path) => reader.take(size.read(reader, `${path}.length`), path),
  }
}
