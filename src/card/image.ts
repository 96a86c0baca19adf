import type { Bytes } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'
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
