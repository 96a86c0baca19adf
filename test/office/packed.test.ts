import fc from 'fast-check'
import { sql, type RawBuilder } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packed, type PackedColumns } from '../../src/office/packed.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

/** What PostgreSQL has read, each value as its own text: nothing of ours reads it back. */
async function read(column: RawBuilder<unknown>): Promise<readonly (string | null)[]> {
  const { rows } = await sql<{ value: string | null }>`
    select value::text from unnest(${column}) with ordinality as item (value, place)
    order by place`.execute(database.db)
  return rows.map(({ value }) => value)
}

/** Smallest and largest of its type, and what lies between. */
const bounded = (low: bigint, high: bigint) =>
  fc.oneof(fc.constantFrom(low, -1n, 0n, 1n, high), fc.bigInt(low, high))
const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0'))

interface Kind<T> {
  readonly name: string
  readonly values: fc.Arbitrary<T>
  readonly column: (rows: PackedColumns<T | undefined>) => RawBuilder<unknown>
  /** As PostgreSQL writes it. */
  readonly written: (value: T) => string
}

const int4: Kind<number> = {
  name: 'int4',
  values: bounded(-(2n ** 31n), 2n ** 31n - 1n).map(Number),
  column: (rows) => rows.int4((value) => value),
  written: String,
}
const int8FromBigint: Kind<bigint> = {
  name: 'int8 of bigint',
  values: bounded(-(2n ** 63n), 2n ** 63n - 1n),
  column: (rows) => rows.int8((value) => value),
  written: String,
}
const int8FromNumber: Kind<number> = {
  name: 'int8 of number',
  values: fc.oneof(
    fc.constantFrom(2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 32), -(2 ** 32) - 1),
    fc.maxSafeInteger(),
  ),
  column: (rows) => rows.int8((value) => value),
  written: (value) => String(BigInt(value)),
}
const bool: Kind<boolean> = {
  name: 'bool',
  values: fc.boolean(),
  column: (rows) => rows.bool((value) => value),
  written: String,
}
const texts: Kind<string> = {
  name: 'text',
  values: fc.oneof(fc.constantFrom('', 'NULL', '{}', '"', '\\'), text),
  column: (rows) => rows.text((value) => value),
  written: (value) => value,
}
const hex: Kind<string> = {
  name: 'hex',
  values: fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('hex')),
  column: (rows) => rows.hex((value) => value),
  written: (value) => `\\x${value}`,
}

describe('packed columns', () => {
  const tried: Record<string, number> = {}

  const arrives = <T>({ name, values, column, written }: Kind<T>) =>
    it(`${name} arrives as it was`, () =>
      fc.assert(
        fc.asyncProperty(fc.array(fc.option(values, { nil: undefined })), async (rows) => {
          const expected = rows.map((value) => (value === undefined ? null : written(value)))
          expect(await read(column(packed(rows)))).toEqual(expected)
          tried[name] = (tried[name] ?? 0) + rows.length
        }),
        { numRuns: 40 },
      ))
  arrives(int4)
  arrives(int8FromBigint)
  arrives(int8FromNumber)
  arrives(bool)
  arrives(texts)
  arrives(hex)

  it('bytea arrives as it was', async () => {
    const rows = [new Uint8Array(), Uint8Array.of(0, 255), new Uint8Array(70_000).fill(7)]
    const expected = rows.map((bytes) => `\\x${Buffer.from(bytes).toString('hex')}`)
    expect(await read(packed(rows).bytea((bytes) => bytes))).toEqual(expected)
  })

  it.each([0.5, 2 ** 53, Number.NaN])('takes no %s for an integer', (value) => {
    expect(() => packed([value]).int8((row) => row)).toThrow('an integer goes into a bigint column')
  })

  afterAll(() => {
    console.log('values sent and read back by PostgreSQL:', tried)
  })
})
