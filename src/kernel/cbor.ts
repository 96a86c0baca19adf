import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import { bytesEqual, type Bytes } from './bytes.ts'
import { FormatError } from './errors.ts'

/** Core deterministic encoding (RFC 8949, 4.2.1). Integers as number or bigint, `Uint8Array` for bytes. */
export function encodeCbor(value: unknown): Bytes {
  return new Uint8Array(encode(value, rfc8949EncodeOptions))
}

/**
 * Reads one item, deterministically encoded and nothing after it: no floating-point number, no tag, keys
 * of maps text or integers.
 *
 * @throws {FormatError} if the bytes are anything else.
 */
export function decodeCbor(bytes: Uint8Array, field: string): unknown {
  const value = parse(bytes, field)
  checkItem(value, field, 0)
  // Order of keys and shortest lengths: what encodes to other bytes was not in the one form.
  if (!bytesEqual(encodeCbor(value), bytes)) {
    throw new FormatError(field, 'not in core deterministic encoding (RFC 8949, 4.2.1)')
  }
  return value
}

/** Deeper than anything of ours, and shallow enough that no walk through it overflows the stack. */
const DEPTH_MAX = 32

/** What the deterministic encoding allows and no message of ours has. */
function checkItem(item: unknown, field: string, depth: number): void {
  if (depth > DEPTH_MAX) throw new FormatError(field, `nested deeper than ${DEPTH_MAX}`)
  if (typeof item === 'number' && !Number.isSafeInteger(item)) {
    throw new FormatError(field, 'expected no floating-point number')
  }
  if (Array.isArray(item)) for (const part of item) checkItem(part, field, depth + 1)
  if (!(item instanceof Map)) return
  for (const [key, part] of item) {
    // The library cannot put other keys in order, and says so by an error that is none of ours.
    if (typeof key !== 'string' && typeof key !== 'number' && typeof key !== 'bigint') {
      throw new FormatError(field, 'expected text or integers as keys of a map')
    }
    checkItem(key, field, depth + 1)
    checkItem(part, field, depth + 1)
  }
}

function parse(bytes: Uint8Array, field: string): unknown {
  try {
    return decode(bytes, {
      strict: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowNaN: false,
      allowInfinity: false,
      rejectDuplicateMapKeys: true,
      useMaps: true,
    })
  } catch (error) {
    throw new FormatError(
      field,
      `not CBOR: ${error instanceof Error ? error.message : 'unreadable'}`,
    )
  }
}
