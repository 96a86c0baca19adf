import type { ColumnType } from 'kysely'

/**
 * 8-byte integers come as bigint, whatever they count (see database.ts); a number is taken too where
 * it goes in. Instants and numbers of tills become `number` where rows become values.
 */
export type Int8 = ColumnType<bigint, bigint | number, bigint | number>
export type NullableInt8 = ColumnType<
  bigint | null,
  bigint | number | null | undefined,
  bigint | number | null
>
/** Made by the database. */
export type GeneratedInt8 = ColumnType<bigint, never, never>

export type Bytea = ColumnType<Buffer, Uint8Array, Uint8Array>
export type NullableBytea = ColumnType<
  Buffer | null,
  Uint8Array | null | undefined,
  Uint8Array | null
>

/** JSON as text going in, so that an array is not taken for one of PostgreSQL's. */
export type Json<T> = ColumnType<T, string, string>
