import { createCipheriv, createDecipheriv } from 'node:crypto'
import { cmac, gcm } from '@noble/ciphers/aes.js'
import { concat, utf8, type Bytes } from './bytes.ts'
import { FormatError } from './errors.ts'
import type { RandomSource } from './ports.ts'
import { isWiping, noted } from './wiping.ts'

const AES_BLOCK_SIZE = 16
const GCM_NONCE_SIZE = 12
const GCM_TAG_SIZE = 16

/** AES-CMAC (RFC 4493), 16 bytes. */
export function aesCmac(key: Uint8Array, message: Uint8Array): Bytes {
  return new Uint8Array(cmac(message, key))
}

/**
 * A key, or another 16-byte secret, that only one card and one purpose has.
 * AES-CMAC under the master key over `01 ‖ size of the diversifier ‖ diversifier ‖ purpose`;
 * the leading constant is that of NXP AN10922, the length keeps two purposes from meeting.
 */
export function diversify(master: Uint8Array, diversifier: Uint8Array, purpose: string): Bytes {
  return aesCmac(
    master,
    concat(Uint8Array.of(0x01, diversifier.length), diversifier, utf8(purpose)),
  )
}

/** AES-128-CBC without padding: `plaintext` is whole blocks (NIST SP 800-38A). */
export function aesCbcEncrypt(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Bytes {
  const cipher = createCipheriv('aes-128-cbc', key, iv).setAutoPadding(false)
  return concat(cipher.update(plaintext), cipher.final())
}

/**
 * The inverse of {@link aesCbcEncrypt}, for as many ciphertexts as there are: gives bytes for any key, so the
 * caller must check a signature. The library's object, which takes longer to make than to use, is kept. It
 * has no chain, which would not begin anew, so that is done here.
 */
export function aesCbcDecrypter(
  key: Uint8Array,
  iv: Uint8Array,
): (ciphertext: Uint8Array) => Bytes {
  const decipher = createDecipheriv('aes-128-ecb', key, null).setAutoPadding(false)
  return (ciphertext) => {
    if (ciphertext.length % AES_BLOCK_SIZE !== 0)
      throw new FormatError('ciphertext', 'is no whole blocks')
    // Without padding everything is out with that: `final` would have nothing to say.
    const { buffer, byteOffset, length } = decipher.update(ciphertext)
    const plaintext = new Uint8Array(buffer, byteOffset, length)
    for (let at = 0; at < length; at += 1) {
      const chained = at < AES_BLOCK_SIZE ? iv[at] : ciphertext[at - AES_BLOCK_SIZE]
      plaintext[at] = (plaintext[at] ?? 0) ^ (chained ?? 0)
    }
    return plaintext
  }
}

/**
 * Seals a secret for storage: AES-256-GCM (NIST SP 800-38D), `nonce 12 ‖ ciphertext ‖ tag 16`.
 * `context` is authenticated and not stored: a value moved to another place does not open there.
 */
export function seal(
  key: Uint8Array,
  plaintext: Uint8Array,
  context: Uint8Array,
  random: RandomSource,
): Bytes {
  const nonce = random.bytes(GCM_NONCE_SIZE)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(context)
  return concat(nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag())
}

/** @throws {FormatError} if `sealed` was not made by {@link seal} with this key and context. */
export function unseal(key: Uint8Array, sealed: Uint8Array, context: Uint8Array): Bytes {
  if (sealed.length < GCM_NONCE_SIZE + GCM_TAG_SIZE) {
    throw new FormatError('sealed', `expected at least ${GCM_NONCE_SIZE + GCM_TAG_SIZE} bytes`)
  }
  const nonce = sealed.subarray(0, GCM_NONCE_SIZE)
  const body = sealed.subarray(GCM_NONCE_SIZE)
  try {
    // Node.js leaves a copy of the plaintext in memory that it gives back.
    return isWiping()
      ? noted(gcm(key, nonce, context).decrypt(body))
      : decryptGcm(key, nonce, context, body)
  } catch {
    throw new FormatError('sealed', 'does not open with this key')
  }
}

function decryptGcm(
  key: Uint8Array,
  nonce: Uint8Array,
  context: Uint8Array,
  body: Uint8Array,
): Bytes {
  const size = body.length - GCM_TAG_SIZE
  const opening = createDecipheriv('aes-256-gcm', key, nonce).setAAD(context)
  opening.setAuthTag(body.subarray(size))
  return concat(opening.update(body.subarray(0, size)), opening.final())
}
