import { timingSafeEqual } from 'node:crypto'
import { FormatError } from './errors.ts'
import { room } from './wiping.ts'

export type Bytes = Uint8Array<ArrayBuffer>

const encoder = new TextEncoder()

export function utf8(text: string): Bytes {
  return encoder.encode(text)
}

export function concat(...parts: readonly Uint8Array[]): Bytes {
  const joined = room(parts.reduce((size, part) => size + part.length, 0))
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

/** Another array with the same bytes. */
export function copyOf(bytes: Uint8Array): Bytes {
  return concat(bytes)
}

/** Lower-case hexadecimal, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
}

/** @throws {FormatError} if `text` is not hexadecimal, or not `size` bytes of it. */
export function fromHex(text: string, field = 'hex', size?: number): Bytes {
  if (!/^([0-9a-f]{2})*$/i.test(text)) throw new FormatError(field, 'expected hexadecimal digits')
  const bytes = new Uint8Array(Buffer.from(text, 'hex'))
  if (size !== undefined && bytes.length !== size) {
    throw new FormatError(field, `expected ${size} bytes, got ${bytes.length}`)
  }
  return bytes
}

/** Base64 (RFC 4648, clause 4). */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}

/** @param text that was checked: of what is no Base64 it makes something all the same. */
export function fromBase64(text: string): Bytes {
  return new Uint8Array(Buffer.from(text, 'base64'))
}

/** For public values. Secrets are compared by {@link secretsEqual}. */
export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}

/** Compares in a time that tells nothing of where two secrets differ. Their length is not secret. */
export function secretsEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
