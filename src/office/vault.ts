import { seal, unseal } from '../kernel/aes.ts'
import { utf8, type Bytes } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'
import type { RandomSource } from '../kernel/ports.ts'

/** Bytes of the data key: AES-256. */
export const DATA_KEY_SIZE = 32

/**
 * Secrets at rest: sealed with the office's data key, which is never in the database, each to the place
 * where it lies. A stolen dump opens nothing, and a sealed value moved to another row does not open there.
 */
export class Vault {
  readonly #key: Bytes
  readonly #random: RandomSource

  /** @throws {FormatError} if the data key is not {@link DATA_KEY_SIZE} bytes. */
  constructor(key: Bytes, random: RandomSource) {
    if (key.length !== DATA_KEY_SIZE) {
      throw new FormatError('dataKey', `expected ${DATA_KEY_SIZE} bytes, got ${key.length}`)
    }
    this.#key = key
    this.#random = random
  }

  /** `place` is table, column and row: `card_secret 00…01 issue`. */
  seal(place: string, secret: Uint8Array): Bytes {
    return seal(this.#key, secret, utf8(`kontant ${place}`), this.#random)
  }

  /** @throws {FormatError} if it was not sealed with this data key for this place. */
  open(place: string, sealed: Uint8Array): Bytes {
    return unseal(this.#key, sealed, utf8(`kontant ${place}`))
  }
}
