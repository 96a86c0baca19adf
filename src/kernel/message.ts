import { bytesEqual, concat, copyOf, toHex, utf8, type Bytes } from './bytes.ts'
import { FormatError } from './errors.ts'
import type { Instant } from './ports.ts'

/**
 * Binary messages described once, as data: layout, codec and type follow from one table.
 * Integers are big endian. A decoder accepts exactly what the encoder makes and leaves no byte unread;
 * ranges are checked both ways, so that nothing can be signed that could not be read.
 */
export interface Message<T> {
  readonly name: string
  /** Bytes, if every value has the same size. */
  readonly size: number | undefined
  /** One line a field, in order: what `docs/protocol/` prints. */
  readonly layout: readonly LayoutLine[]
  /** @throws {FormatError} if a field is out of its range. */
  encode(value: T): Bytes
  /** @throws {FormatError} if `bytes` is not the encoding of a value. */
  decode(bytes: Uint8Array): T
  /** The same without a copy: for bytes that nobody changes as long as the value is looked at. */
  decodeInPlace(bytes: Bytes): T
}

export interface LayoutLine {
  readonly field: string
  /** Undefined: as long as its content says. */
  readonly size: number | undefined
  readonly description: string
}

/** How one field is written and read. Made by the functions below. */
export interface Field<T> {
  readonly size: number | undefined
  readonly description: string
  write(value: T, path: string): Bytes
  read(reader: Reader, path: string): T
}

export type ValueOf<M> = M extends Message<infer T> ? T : M extends Field<infer T> ? T : never

type Fields = Readonly<Record<string, Field<unknown>>>

/** A constant is on the wire and not in the value. */
type ValueOfFields<F extends Fields> = {
  readonly [K in keyof F as F[K] extends Field<undefined> ? never : K]: ValueOf<F[K]>
}

/** A position in received bytes. */
export class Reader {
  readonly #bytes: Bytes
  #offset = 0

  constructor(bytes: Bytes) {
    this.#bytes = bytes
  }

  take(size: number, path: string): Bytes {
    const start = this.#pass(size, path)
    return this.#bytes.subarray(start, this.#offset)
  }

  /** An unsigned integer, big endian. Exact up to 2^53, and above it still more than that. */
  integer(size: number, path: string): number {
    let value = 0
    for (let at = this.#pass(size, path); at < this.#offset; at += 1) {
      value = value * 256 + (this.#bytes[at] ?? 0)
    }
    return value
  }

  /** @returns where they begin. */
  #pass(size: number, path: string): number {
    const start = this.#offset
    const left = this.#bytes.length - start
    if (size > left) throw new FormatError(path, `expected ${size} bytes, ${left} are left`)
    this.#offset = start + size
    return start
  }

  finish(path: string): void {
    const left = this.#bytes.length - this.#offset
    if (left > 0) throw new FormatError(path, `${left} bytes too many`)
  }
}

export function message<F extends Fields>(name: string, fields: F): Message<ValueOfFields<F>> {
  const body = struct(fields)
  const decodeInPlace = (bytes: Bytes) => {
    const reader = new Reader(bytes)
    const value = body.read(reader, name)
    reader.finish(name)
    return value
  }
  return {
    name,
    size: body.size,
    layout: Object.entries(fields).map(([field, { size, description }]) => ({
      field,
      size,
      description,
    })),
    encode: (value) => body.write(value, name),
    // One copy of all: what was decoded must not change with the buffer that it came in.
    decode: (bytes) => decodeInPlace(copyOf(bytes)),
    decodeInPlace,
  }
}

/** Fields one after the other. */
export function struct<F extends Fields>(fields: F): Field<ValueOfFields<F>> {
  const entries = Object.entries(fields)
  return {
    size: sum(entries.map(([, { size }]) => size)),
    description: entries.map(([key]) => key).join(' ‖ '),
    write(value, path) {
      const record: Readonly<Record<string, unknown>> = value
      return concat(...entries.map(([key, field]) => field.write(record[key], `${path}.${key}`)))
    },
    read(reader, path) {
      const value: Record<string, unknown> = {}
      for (const [key, field] of entries) {
        const part = field.read(reader, `${path}.${key}`)
        if (part !== undefined) value[key] = part
      }
      return value as ValueOfFields<F>
    },
  }
}

/** Bytes that must be there: a version, a magic number. */
export function constant(expected: number | string): Field<undefined> {
  const bytes = typeof expected === 'number' ? Uint8Array.of(expected) : utf8(expected)
  return {
    size: bytes.length,
    description: `always ${toHex(bytes)}`,
    write: () => bytes,
    read(reader, path) {
      const found = reader.take(bytes.length, path)
      if (!bytesEqual(found, bytes)) {
        throw new FormatError(path, `expected ${toHex(bytes)}, got ${toHex(found)}`)
      }
      return undefined
    },
  }
}

/** Exactly `size` bytes. */
export function octets(size: number, description = 'bytes'): Field<Bytes> {
  return {
    size,
    description,
    write(value, path) {
      if (value.length !== size) {
        throw new FormatError(path, `expected ${size} bytes, got ${value.length}`)
      }
      return value
    },
    read: (reader, path) => reader.take(size, path),
  }
}

/** A length in 2 bytes, then as many bytes, at most `max`. */
export function varOctets({ max }: { readonly max: number }, description = 'bytes'): Field<Bytes> {
  const length = uint16({ max })
  return {
    size: undefined,
    description: `length in 2 bytes, at most ${max}, then ${description}`,
    write: (value, path) => concat(length.write(value.length, `${path}.length`), value),
    read: (reader, path) => reader.take(length.read(reader, `${path}.length`), path),
  }
}

interface Range<N> {
  readonly min?: N
  readonly max?: N
}

export function uint8(range: Range<number> = {}, description?: string): Field<number> {
  return unsigned(1, range, description)
}

export function uint16(range: Range<number> = {}, description?: string): Field<number> {
  return unsigned(2, range, description)
}

export function uint32(range: Range<number> = {}, description?: string): Field<number> {
  return unsigned(4, range, description)
}

/** Milliseconds since 1970 in 8 bytes; the description says by whose clock. */
export function instant(description: string): Field<Instant> {
  return unsigned(8, { max: Number.MAX_SAFE_INTEGER }, description)
}

/** An amount in minor units, in 2, 4 or 8 bytes, never negative. */
export function amount(
  size: 2 | 4 | 8,
  { min = 0n, max = (1n << BigInt(8 * size)) - 1n }: Range<bigint> = {},
  description = 'minor units',
): Field<bigint> {
  return {
    size,
    description: `${description}, ${min}..${max}`,
    write(value, path) {
      if (typeof value !== 'bigint' || value < min || value > max) {
        throw new FormatError(path, `expected ${min}..${max}, got ${String(value)}`)
      }
      return fromBigInt(value, size)
    },
    read(reader, path) {
      const value =
        size === 8
          ? viewOf(reader.take(size, path)).getBigUint64(0)
          : BigInt(reader.integer(size, path))
      if (value < min || value > max) {
        throw new FormatError(path, `expected ${min}..${max}, got ${value}`)
      }
      return value
    },
  }
}

/** One byte that stands for one of a closed list, counted from 0. */
export function choice<const T extends string>(
  values: readonly T[],
  description = values.map((value, code) => `${code} ${value}`).join(', '),
): Field<T> {
  return {
    size: 1,
    description,
    write(value, path) {
      const code = values.indexOf(value)
      if (code < 0) throw new FormatError(path, `expected one of ${values.join(', ')}`)
      return Uint8Array.of(code)
    },
    read(reader, path) {
      const code = reader.integer(1, path)
      const value = values[code]
      if (value === undefined) {
        throw new FormatError(path, `expected 0..${values.length - 1}, got ${code}`)
      }
      return value
    },
  }
}

/** One byte that stands for one of a closed list, by codes that somebody else has fixed. */
export function coded<const T extends string>(
  values: readonly T[],
  codes: Readonly<Record<T, number>>,
): Field<T> {
  const hex = (value: T) => toHex(Uint8Array.of(codes[value]))
  return {
    size: 1,
    description: values.map((value) => `${hex(value)} ${value}`).join(', '),
    write(value, path) {
      if (!values.includes(value)) {
        throw new FormatError(path, `expected one of ${values.join(', ')}`)
      }
      return Uint8Array.of(codes[value])
    },
    read(reader, path) {
      const found = toHex(reader.take(1, path))
      const value = values.find((each) => hex(each) === found)
      if (value === undefined) {
        throw new FormatError(path, `expected one of ${values.map(hex).join(', ')}, got ${found}`)
      }
      return value
    },
  }
}

/** A count in 2 bytes, then as many items, at most `max`. */
export function list<T>(item: Field<T>, { max }: { readonly max: number }): Field<readonly T[]> {
  const count = uint16({ max })
  return {
    size: undefined,
    description: `count in 2 bytes, at most ${max}, then each ${item.description}`,
    write: (values, path) =>
      concat(
        count.write(values.length, `${path}.count`),
        ...values.map((value, index) => item.write(value, `${path}[${index}]`)),
      ),
    read(reader, path) {
      const size = count.read(reader, `${path}.count`)
      return Array.from({ length: size }, (_, index) => item.read(reader, `${path}[${index}]`))
    },
  }
}

function unsigned(
  size: 1 | 2 | 4 | 8,
  { min = 0, max = 2 ** (8 * size) - 1 }: Range<number>,
  description = 'unsigned integer',
): Field<number> {
  const check = (value: number, path: string) => {
    if (!Number.isSafeInteger(value) || value < min || value > max) {
      throw new FormatError(path, `expected ${min}..${max}, got ${value}`)
    }
    return value
  }
  return {
    size,
    description:
      min === 0 && max === 2 ** (8 * size) - 1 ? description : `${description}, ${min}..${max}`,
    write: (value, path) => fromBigInt(BigInt(check(value, path)), size),
    read: (reader, path) => check(reader.integer(size, path), path),
  }
}

function fromBigInt(value: bigint, size: number): Bytes {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value)
  return bytes.slice(8 - size)
}

function viewOf(bytes: Bytes): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

function sum(sizes: readonly (number | undefined)[]): number | undefined {
  return sizes.reduce<number | undefined>(
    (total, size) => (total === undefined || size === undefined ? undefined : total + size),
    0,
  )
}
