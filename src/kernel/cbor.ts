import { encode, rfc8949EncodeOptions } from 'cborg'
import type { Bytes } from './bytes.ts'
import { FormatError } from './errors.ts'

/** Core deterministic encoding (RFC 8949, 4.2.1). Integers as number or bigint, `Uint8Array` for bytes. */
export function encodeCbor(value: unknown): Bytes {
  return new Uint8Array(encode(value, rfc8949EncodeOptions))
}

/**
 * Reads one item, deterministically encoded and nothing after it: no floating-point number, no tag, keys
 * of maps text or integers. Every field of bytes is a view into one copy of them all.
 *
 * @throws {FormatError} if the bytes are anything else.
 */
export function decodeCbor(bytes: Uint8Array, field: string): unknown {
  const reader = new CborReader(bytes, field)
  const value = reader.item(0)
  reader.finish()
  return value
}

/** Deeper than anything of ours, and shallow enough that no walk through it overflows the stack. */
const DEPTH_MAX = 32

/** The first three bits of an item (RFC 8949, 3.1). */
const MAJOR = { UNSIGNED: 0, NEGATIVE: 1, BYTES: 2, TEXT: 3, ARRAY: 4, MAP: 5 } as const

/** Of major type 7, which is floating-point numbers otherwise (RFC 8949, 3.3). */
const SIMPLE: ReadonlyMap<number, boolean | null> = new Map([
  [0xf4, false],
  [0xf5, true],
  [0xf6, null],
])

/** Up to here the five bits behind the major type are the number itself. */
const IN_FIRST_BYTE_MAX = 23

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A position in one encoded item. What it reads has no other encoding, so that nothing is encoded again. */
class CborReader {
  readonly #bytes: Buffer<ArrayBuffer>
  readonly #field: string
  #offset = 0

  constructor(bytes: Uint8Array, field: string) {
    // A copy: what was decoded must not change with the buffer that it came in.
    this.#bytes = Buffer.from(new Uint8Array(bytes).buffer)
    this.#field = field
  }

  item(depth: number): unknown {
    if (depth > DEPTH_MAX) throw this.#error(`nested deeper than ${DEPTH_MAX}`)
    const first = this.#byte()
    switch (first >> 5) {
      case MAJOR.UNSIGNED:
        return this.#number(first)
      case MAJOR.NEGATIVE:
        return negative(this.#number(first))
      case MAJOR.BYTES:
        return this.#octets(this.#size(first))
      case MAJOR.TEXT:
        return this.#text(this.#size(first))
      case MAJOR.ARRAY:
        return this.#array(this.#size(first), depth + 1)
      case MAJOR.MAP:
        return this.#map(this.#size(first), depth + 1)
      default:
        return this.#simple(first)
    }
  }

  finish(): void {
    const left = this.#left()
    if (left > 0) throw this.#error(`${left} bytes too many`)
  }

  #array(size: number, depth: number): unknown[] {
    const items: unknown[] = []
    for (let n = 0; n < size; n += 1) items.push(this.item(depth))
    return items
  }

  /** Keys ascend by their encoded bytes (4.2.1), so none is there twice. */
  #map(size: number, depth: number): Map<unknown, unknown> {
    const map = new Map<unknown, unknown>()
    let before: Buffer | undefined
    for (let n = 0; n < size; n += 1) {
      const start = this.#offset
      const key = this.item(depth)
      if (typeof key !== 'string' && typeof key !== 'number' && typeof key !== 'bigint') {
        throw this.#error('expected text or integers as keys of a map')
      }
      const encoded = this.#bytes.subarray(start, this.#offset)
      if (before && Buffer.compare(before, encoded) >= 0) {
        throw this.#error('expected keys of a map in their order, each once')
      }
      before = encoded
      map.set(key, this.item(depth))
    }
    return map
  }

  #octets(size: number): Bytes {
    const start = this.#skip(size)
    return new Uint8Array(this.#bytes.buffer, start, size)
  }

  #text(size: number): string {
    const start = this.#skip(size)
    const end = this.#offset
    // Mostly a short name of our own: that is read without asking what its bytes might mean.
    if (this.#isAscii(start, end)) return this.#bytes.toString('latin1', start, end)
    try {
      return strictUtf8.decode(this.#bytes.subarray(start, end))
    } catch {
      throw this.#error('expected UTF-8')
    }
  }

  #isAscii(start: number, end: number): boolean {
    for (let at = start; at < end; at += 1) if ((this.#bytes[at] ?? 0) > 0x7f) return false
    return true
  }

  /** What counts what follows: every item of that takes a byte at least. */
  #size(first: number): number {
    const size = this.#number(first)
    const left = this.#left()
    if (size > left) throw this.#error(`expected ${size} more, ${left} bytes are left`)
    return Number(size)
  }

  /** In the fewest bytes that hold it (4.2.1). */
  #number(first: number): number | bigint {
    const short = first & 0x1f
    if (short <= IN_FIRST_BYTE_MAX) return short
    switch (short) {
      case 24:
        return this.#notBelow(IN_FIRST_BYTE_MAX + 1, this.#bytes.readUInt8(this.#skip(1)))
      case 25:
        return this.#notBelow(0x100, this.#bytes.readUInt16BE(this.#skip(2)))
      case 26:
        return this.#notBelow(0x1_0000, this.#bytes.readUInt32BE(this.#skip(4)))
      case 27: {
        const wide = this.#bytes.readBigUInt64BE(this.#skip(8))
        const number = this.#notBelow(0x1_0000_0000n, wide)
        return number <= Number.MAX_SAFE_INTEGER ? Number(number) : number
      }
      default:
        throw this.#error('expected no indefinite or reserved length')
    }
  }

  #notBelow<N extends number | bigint>(least: N, number: N): N {
    if (number < least) throw this.#error('expected numbers and lengths in the fewest bytes')
    return number
  }

  #simple(first: number): boolean | null {
    const value = SIMPLE.get(first)
    if (value === undefined) throw this.#error('expected no tag and no floating-point number')
    return value
  }

  #byte(): number {
    return this.#bytes.readUInt8(this.#skip(1))
  }

  /** @returns where the bytes begin. */
  #skip(size: number): number {
    const left = this.#left()
    if (size > left) throw this.#error(`expected ${size} bytes, ${left} are left`)
    const start = this.#offset
    this.#offset += size
    return start
  }

  #left(): number {
    return this.#bytes.length - this.#offset
  }

  #error(reason: string): FormatError {
    return new FormatError(this.#field, `not deterministic CBOR (RFC 8949, 4.2.1): ${reason}`)
  }
}

/** −1 − n (RFC 8949, 3.1). */
function negative(number: number | bigint): number | bigint {
  const exact = -1n - BigInt(number)
  return exact >= Number.MIN_SAFE_INTEGER ? Number(exact) : exact
}
