import { concat, utf8, type Bytes } from '../../kernel/bytes.ts'
import { hmacSha256 } from '../../kernel/hash.ts'
import {
  isScalar,
  publicKeyOfFleeting,
  withScalar,
  type FleetingKey,
  type PublicKey,
} from '../../kernel/p256.ts'
import { wiping } from '../../kernel/wiping.ts'
import type { RandomSource } from '../../kernel/ports.ts'
import type { FuzzyExtractor } from './fuzzy-extractor.ts'
import { enrol, type Puf } from './noisy-puf.ts'

const CHALLENGE = utf8('private key')
const SCALAR = utf8('kontant puf scalar')
const SECRET = utf8('kontant puf secret')

/**
 * Computes an element's private key on the fly: it is in no memory, only its helper is. The key is as
 * good as 131 bits of entropy make it, which is as good as P-256.
 */
export class KeyGenerator {
  readonly #puf: Puf
  readonly #extractor: FuzzyExtractor

  constructor(puf: Puf, extractor: FuzzyExtractor) {
    this.#puf = puf
    this.#extractor = extractor
  }

  /** Fixes the key, once, when the chip is made: what to remember is public. */
  enrol(random: RandomSource): { readonly helper: Bytes; readonly publicKey: PublicKey } {
    const response = enrol(this.#puf, CHALLENGE)
    const { key, helper } = this.#extractor.generate(response, random)
    response.fill(0)
    return { helper, publicKey: withKey(key, publicKeyOfFleeting) }
  }

  /**
   * Hands the key to `work` and to nothing after it. Undefined if the PUF was read too badly, which
   * another try may cure.
   */
  use<T>(helper: Uint8Array, work: (key: FleetingKey) => T): T | undefined {
    const key = this.#key(helper)
    return key && withKey(key, work)
  }

  /**
   * A secret of 32 bytes that the same device always makes of the same helper and purpose. Undefined as with
   * {@link KeyGenerator.use}.
   */
  secret(helper: Uint8Array, purpose: Uint8Array): Bytes | undefined {
    const key = this.#key(helper)
    const secret = key && hmacSha256(key, concat(SECRET, purpose))
    key?.fill(0)
    return secret
  }

  #key(helper: Uint8Array): Bytes | undefined {
    const response = this.#puf.read(CHALLENGE)
    const key = this.#extractor.reproduce(response, helper)
    response.fill(0)
    return key
  }
}

/** Wipes `key`, and the scalar that it makes. */
function withKey<T>(key: Bytes, work: (key: FleetingKey) => T): T {
  const scalar = wiping(() => scalarOf(key))
  key.fill(0)
  try {
    return withScalar(scalar, work)
  } finally {
    scalar.fill(0)
  }
}

/** The first that is one: what is drawn is none once in 2³² times. */
function scalarOf(key: Bytes): Bytes {
  for (let counter = 0; ; counter++) {
    const scalar = hmacSha256(key, concat(SCALAR, Uint8Array.of(counter)))
    if (isScalar(scalar)) return scalar
  }
}
