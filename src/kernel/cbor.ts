import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import { bytesEqual, type Bytes } from './bytes.ts'
import { FormatError } from './errors.ts'

/** Core deterministic encoding (RFC 8949, 4.2.1). Integers as number or bigint, `Uint8Array` for bytes. */
export function encodeCbor(value: unknown): Bytes {
  return new Uint8Array(encode(value, rfc8949EncodeOptions))
}

/**
 * Reads one item, deterministically encoded and nothing after it.
 *
 * @throws {FormatError} if the bytes are anything else.
 */
export function decodeCbor(bytes: Uint8Array, field: string): unknown {
  const value = parse(bytes, field)
  // Order of keys and shortest lengths: what encodes to other bytes was not in the one form.
  if (!bytesEqual(encodeCbor(value), bytes)) {
    throw new FormatError(field, 'not in core deterministic encoding (RFC 8949, 4.2.1)')
  }
  return value
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
