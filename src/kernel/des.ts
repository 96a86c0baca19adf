import { createCipheriv } from 'node:crypto'
import { concat, type Bytes } from './bytes.ts'

/** Parity bits included; nobody looks at them. */
export const DES_KEY_SIZE = 8
export const DES_BLOCK_SIZE = 8

/**
 * One block under DES (FIPS 46-3). For what cards of the nineties do; nothing of ours relies on it.
 * Triple DES with three equal keys is DES, and OpenSSL 3 has only that.
 */
export function desEncrypt(key: Uint8Array, block: Uint8Array): Bytes {
  const cipher = createCipheriv('des-ede3', concat(key, key, key), null).setAutoPadding(false)
  return concat(cipher.update(block), cipher.final())
}

/** The last block of DES-CBC over whole blocks. */
export function desCbcMac(key: Uint8Array, iv: Uint8Array, message: Uint8Array): Bytes {
  const cipher = createCipheriv('des-ede3-cbc', concat(key, key, key), iv).setAutoPadding(false)
  const encrypted = concat(cipher.update(message), cipher.final())
  return encrypted.slice(encrypted.length - DES_BLOCK_SIZE)
}
