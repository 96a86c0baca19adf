import { createHmac, hash } from 'node:crypto'
import type { Bytes } from './bytes.ts'
import { noted } from './wiping.ts'

export const DIGEST_SIZE = 32

/** SHA-256 (FIPS 180-4), 32 bytes. */
export function sha256(data: Uint8Array): Bytes {
  return new Uint8Array(hash('sha256', data, 'buffer'))
}

/** HMAC-SHA-256 (RFC 2104), 32 bytes. */
export function hmacSha256(key: Uint8Array, data: Uint8Array): Bytes {
  const { buffer, byteOffset, length } = createHmac('sha256', key).update(data).digest()
  // No copy: whoever wipes what a key was derived from wipes all that there is of it.
  return noted(new Uint8Array(buffer, byteOffset, length))
}
