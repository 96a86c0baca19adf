import * as fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { fromHex, toHex } from '../../src/kernel/bytes.ts'
import { decodeCbor, encodeCbor } from '../../src/kernel/cbor.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import { change } from './changes.ts'

const map = (...entries: readonly (readonly [unknown, unknown])[]) => new Map(entries)
const oneTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1)

/** RFC 8949, appendix A, of what our messages can have: no floats, no tags, nothing indefinite. */
const PUBLISHED: readonly (readonly [string, unknown])[] = [
  ['00', 0],
  ['01', 1],
  ['0a', 10],
  ['17', 23],
  ['1818', 24],
  ['1819', 25],
  ['1864', 100],
  ['1903e8', 1000],
  ['1a000f4240', 1_000_000],
  ['1b000000e8d4a51000', 1_000_000_000_000],
  ['1bffffffffffffffff', 18446744073709551615n],
  ['3bffffffffffffffff', -18446744073709551616n],
  ['20', -1],
  ['29', -10],
  ['3863', -100],
  ['3903e7', -1000],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  ['40', fromHex('')],
  ['4401020304', fromHex('01020304')],
  ['60', ''],
  ['6161', 'a'],
  ['6449455446', 'IETF'],
  ['62225c', '"\\'],
  ['62c3bc', 'ü'],
  ['63e6b0b4', '水'],
  ['64f0908591', '𐅑'],
  ['80', []],
  ['83010203', [1, 2, 3]],
  ['8301820203820405', [1, [2, 3], [4, 5]]],
  ['98190102030405060708090a0b0c0d0e0f101112131415161718181819', oneTo(25)],
  ['a0', map()],
  ['a201020304', map([1, 2], [3, 4])],
  ['a26161016162820203', map(['a', 1], ['b', [2, 3]])],
  ['826161a161626163', ['a', map(['b', 'c'])]],
  [
    'a56161614161626142616361436164614461656145',
    map(['a', 'A'], ['b', 'B'], ['c', 'C'], ['d', 'D'], ['e', 'E']),
  ],
]

test.each(PUBLISHED)('RFC 8949, appendix A: %s', (hex, value) => {
  expect(toHex(encodeCbor(value))).toBe(hex)
  expect(decodeCbor(fromHex(hex), 'x')).toEqual(value)
})

describe('an encoding that is not the deterministic one is refused', () => {
  it.each([
    ['nothing', ''],
    // Lengths and integers that a shorter form could hold (RFC 8949, 4.2.1).
    ['0 in 2 bytes', '1800'],
    ['23 in 2 bytes', '1817'],
    ['255 in 3 bytes', '1900ff'],
    ['65535 in 5 bytes', '1a0000ffff'],
    ['2³² − 1 in 9 bytes', '1b00000000ffffffff'],
    ['−1 in 2 bytes', '3800'],
    ['a length of 1 in 2 bytes', '580100'],
    ['a length of 1 in 3 bytes', '59000100'],
    ['a text’s length in 2 bytes', '780161'],
    ['an array’s length in 2 bytes', '980100'],
    ['a map’s length in 2 bytes', 'b8010102'],
    // Order of keys: by their encoded bytes (4.2.1).
    ['keys out of order', 'a2616201616101'],
    ['a longer key before a shorter one', 'a262616101616201'],
    ['integers after text', 'a26161010102'],
    ['a key twice', 'a2616101616102'],
    ['a key twice with one value', 'a201010101'],
    // Indefinite lengths.
    ['indefinite bytes', '5f4101ff'],
    ['indefinite text', '7f6161ff'],
    ['an indefinite array', '9f01ff'],
    ['an indefinite map', 'bf0102ff'],
    ['a break alone', 'ff'],
    // Floats: our messages have none, in whatever form.
    ['a float that is an integer', 'f93c00'],
    ['−0', 'f98000'],
    ['1.5', 'f93e00'],
    ['1.5 in 9 bytes', 'fb3ff8000000000000'],
    ['1.1', 'fb3ff199999999999a'],
    ['10³⁰⁰', 'fb7e37e43c8800759c'],
    ['infinity', 'f97c00'],
    ['not a number', 'f97e00'],
    ['a float deep inside', 'a16161820181f93e00'],
    // What our data model does not have.
    ['undefined', 'f7'],
    ['a simple value', 'f0'],
    ['false in 2 bytes', 'f814'],
    ['a tag', 'c11a514b67b0'],
    ['a big number', 'c249010000000000000000'],
    ['a reserved length', '1c'],
    ['a map with a list as key', 'a1810102'],
    ['a map with a map as key', 'a1a00102'],
    ['a map with two lists as keys', 'a2810101810102'],
    ['a map with bytes as key', 'a1410102'],
    ['a map with null as key', 'a1f602'],
    // UTF-8.
    ['text that is not UTF-8', '62c328'],
    ['a surrogate in UTF-8', '63eda080'],
    ['an overlong slash', '62c0af'],
    // Ends.
    ['bytes after it', '0000'],
    ['a second item', '8000'],
    ['bytes cut off', '44010203'],
    ['an array cut off', '8201'],
    ['a map without its last value', 'a16161'],
    ['a length without its bytes', '58'],
    ['4 thousand million items that are not there', '9affffffff'],
    ['2⁶⁴ bytes that are not there', '5bffffffffffffffff'],
  ])('%s: %s', (_, hex) => {
    expect(() => decodeCbor(fromHex(hex), 'batch.items')).toThrow(FormatError)
    expect(() => decodeCbor(fromHex(hex), 'batch.items')).toThrow(/^batch\.items: /)
  })

  it.each([33, 100, 3000, 5000, 100_000, 2_000_000])('nested %i deep', (depth) => {
    const lists = new Uint8Array(depth + 1).fill(0x81)
    lists[depth] = 0x00
    expect(() => decodeCbor(lists, 'x')).toThrow(FormatError)
    // {1: {1: … 0}}
    const maps = new Uint8Array(2 * depth + 1)
      .fill(0x01)
      .map((byte, index) => (index % 2 === 0 ? 0xa1 : byte))
    maps[2 * depth] = 0x00
    expect(() => decodeCbor(maps, 'x')).toThrow(FormatError)
  })

  it('nested as deep as may be is read', () => {
    expect(toHex(encodeCbor(decodeCbor(fromHex(`${'81'.repeat(32)}00`), 'x')))).toBe(
      `${'81'.repeat(32)}00`,
    )
  })
})

const leaf = fc.oneof(
  fc.maxSafeInteger(),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
  fc.string({ unit: 'grapheme' }),
  fc.uint8Array({ maxLength: 40 }),
  fc.boolean(),
  fc.constant(null),
)
const { item } = fc.letrec<{ item: unknown }>((tie) => ({
  item: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('item'), { maxLength: 5 }),
    fc
      .uniqueArray(
        fc.tuple(fc.oneof(fc.string({ maxLength: 30 }), fc.maxSafeInteger()), tie('item')),
        {
          maxLength: 5,
          selector: ([key]) => key,
        },
      )
      .map((entries) => new Map(entries)),
  ),
}))

test('what is encoded decodes to itself', () => {
  fc.assert(
    fc.property(item, (value) => {
      // Maps come back with their keys in order; `toEqual` looks at no order.
      expect(decodeCbor(encodeCbor(value), 'x')).toEqual(value)
    }),
    { numRuns: 500 },
  )
})

test('one changed byte of a valid item is refused, or another item in its one encoding', () => {
  fc.assert(
    fc.property(item, fc.nat(), fc.nat(255), (value, place, byte) => {
      const valid = encodeCbor(value)
      const changed = change(valid, place % valid.length, byte)
      const read = decodedOrNot(changed)
      if (read !== undefined) expect(toHex(encodeCbor(read.value))).toBe(toHex(changed))
    }),
    { numRuns: 2000 },
  )
})

test('whatever the bytes, they are read in their one encoding or refused with the field', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const read = decodedOrNot(bytes)
      if (read !== undefined) expect(toHex(encodeCbor(read.value))).toBe(toHex(bytes))
    }),
    { numRuns: 5000 },
  )
})

/** Undefined if it was refused with the field; any other error is thrown. */
function decodedOrNot(bytes: Uint8Array): { readonly value: unknown } | undefined {
  try {
    return { value: decodeCbor(bytes, 'x') }
  } catch (error) {
    if (error instanceof FormatError && error.field === 'x') return undefined
    throw error
  }
}
