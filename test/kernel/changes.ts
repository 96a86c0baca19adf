import type { Bytes } from '../../src/kernel/bytes.ts'

/** The same bytes with one bit of one byte turned. */
export function flip(bytes: Uint8Array, index: number, mask = 1): Bytes {
  return change(bytes, index, (bytes[index] ?? 0) ^ mask)
}

/** The same bytes with another value in one place. */
export function change(bytes: Uint8Array, index: number, value: number): Bytes {
  const changed = new Uint8Array(bytes)
  changed[index] = value
  return changed
}
