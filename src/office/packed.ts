import { sql, type RawBuilder } from 'kysely'
import { invariant } from '../kernel/errors.ts'

/**
 * Columns of many rows as array parameters in PostgreSQL's binary form (`array_recv`): what has to go in
 * by the thousand is written as text on neither side, and is one parameter a column, whatever the rows.
 */
export interface PackedColumns<T> {
  int4(value: (row: T) => number | undefined): RawBuilder<unknown>
  int8(value: (row: T) => bigint | number | undefined): RawBuilder<unknown>
  bool(value: (row: T) => boolean | undefined): RawBuilder<unknown>
  text(value: (row: T) => string | undefined): RawBuilder<unknown>
  /** Given as hexadecimal digits. */
  hex(value: (row: T) => string | undefined): RawBuilder<unknown>
  bytea(value: (row: T) => Uint8Array): RawBuilder<unknown>
}

/** The types' numbers are PostgreSQL's own, the same for ever (pg_type.dat). */
const INT4 = { oid: 23, size: 4, cast: sql.raw('::integer[]') } as const
const INT8 = { oid: 20, size: 8, cast: sql.raw('::bigint[]') } as const
const BOOL = { oid: 16, size: 1, cast: sql.raw('::boolean[]') } as const
const TEXT = { oid: 25, cast: sql.raw('::text[]') } as const
const BYTEA = { oid: 17, cast: sql.raw('::bytea[]') } as const

/** `undefined` goes in as null. */
export function packed<T>(rows: readonly T[]): PackedColumns<T> {
  return {
    int4: (value) => fixed(INT4, rows, value, (into, item, at) => into.writeInt32BE(item, at)),
    int8: (value) => fixed(INT8, rows, value, writeInt8),
    bool: (value) =>
      fixed(BOOL, rows, value, (into, item, at) => into.writeUInt8(Number(item), at)),
    text: (value) => varying(TEXT, rows, value, byteLength, writeUtf8),
    hex: (value) => varying(BYTEA, rows, value, ({ length }) => length / 2, writeHex),
    bytea: (value) => varying(BYTEA, rows, value, ({ length }) => length, writeBytes),
  }
}

/** Dimensions, whether a null is there, type, length, number of the first. */
const HEADER_SIZE = 20
const LENGTH_SIZE = 4
const NULL_LENGTH = -1

interface ArrayType {
  readonly oid: number
  readonly cast: RawBuilder<unknown>
}

function fixed<T, V>(
  type: ArrayType & { readonly size: number },
  rows: readonly T[],
  valueOf: (row: T) => V | undefined,
  write: (into: Buffer, value: V, at: number) => void,
): RawBuilder<unknown> {
  const array = newArray(type, rows.length, rows.length * (LENGTH_SIZE + type.size))
  let at = HEADER_SIZE
  for (const row of rows) {
    const value = valueOf(row)
    array.writeInt32BE(value === undefined ? NULL_LENGTH : type.size, at)
    at += LENGTH_SIZE
    if (value === undefined) continue
    write(array, value, at)
    at += type.size
  }
  return parameter(type, array.subarray(0, at))
}

function varying<T, V>(
  type: ArrayType,
  rows: readonly T[],
  valueOf: (row: T) => V | undefined,
  sizeOf: (value: V) => number,
  write: (into: Buffer, value: V, at: number) => void,
): RawBuilder<unknown> {
  const values = rows.map(valueOf)
  const sizes = values.map((value) => (value === undefined ? NULL_LENGTH : sizeOf(value)))
  const size = sizes.reduce((total, own) => total + LENGTH_SIZE + Math.max(own, 0), 0)
  const array = newArray(type, rows.length, size)
  let at = HEADER_SIZE
  for (const [index, value] of values.entries()) {
    const own = sizes[index]
    invariant(own !== undefined, 'every value has a size')
    array.writeInt32BE(own, at)
    at += LENGTH_SIZE
    if (value === undefined) continue
    write(array, value, at)
    at += own
  }
  return parameter(type, array)
}

function newArray({ oid }: ArrayType, length: number, size: number): Buffer {
  const array = Buffer.allocUnsafe(HEADER_SIZE + size)
  array.writeInt32BE(1, 0)
  // Whether a null is there: PostgreSQL looks for itself.
  array.writeInt32BE(0, 4)
  array.writeInt32BE(oid, 8)
  array.writeInt32BE(length, 12)
  array.writeInt32BE(1, 16)
  return array
}

/** The driver sends a `Buffer` as binary; the cast says what it is. */
function parameter({ cast }: ArrayType, array: Buffer): RawBuilder<unknown> {
  return sql`${array}${cast}`
}

function writeInt8(into: Buffer, value: bigint | number, at: number): void {
  const small = Number(value)
  if (Number.isSafeInteger(small)) {
    into.writeInt32BE(Math.floor(small / 0x1_0000_0000), at)
    into.writeUInt32BE(small >>> 0, at + 4)
    return
  }
  invariant(typeof value === 'bigint', 'an integer goes into a bigint column')
  into.writeBigInt64BE(value, at)
}

function byteLength(text: string): number {
  return Buffer.byteLength(text)
}

function writeUtf8(into: Buffer, value: string, at: number): void {
  into.write(value, at)
}

function writeHex(into: Buffer, value: string, at: number): void {
  into.write(value, at, 'hex')
}

function writeBytes(into: Buffer, value: Uint8Array, at: number): void {
  into.set(value, at)
}
