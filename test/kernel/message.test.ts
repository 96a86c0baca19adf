import * as fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { fromHex, toHex, utf8 } from '../../src/kernel/bytes.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import {
  amount,
  choice,
  coded,
  constant,
  instant,
  list,
  message,
  octets,
  struct,
  uint16,
  uint32,
  uint8,
  varOctets,
  type Field,
} from '../../src/kernel/message.ts'
import { change } from './changes.ts'

/** A message of one field. */
const of = (field: Field<unknown>) => message('m', { f: field })

describe('every kind of field at its bounds, both ways', () => {
  it.each<[string, Field<unknown>, unknown, string]>([
    ['uint8', uint8(), 0, '00'],
    ['uint8', uint8(), 255, 'ff'],
    ['uint8 of a range', uint8({ min: 3, max: 5 }), 3, '03'],
    ['uint8 of a range', uint8({ min: 3, max: 5 }), 5, '05'],
    ['uint16', uint16(), 0, '0000'],
    ['uint16', uint16(), 256, '0100'],
    ['uint16', uint16(), 65_535, 'ffff'],
    ['uint32', uint32(), 0, '00000000'],
    ['uint32', uint32(), 2 ** 31, '80000000'],
    ['uint32', uint32(), 2 ** 32 - 1, 'ffffffff'],
    ['instant', instant('by a clock'), 0, '0000000000000000'],
    ['instant', instant('by a clock'), 1_600_000_000_000, '00000174876e8000'],
    ['instant', instant('by a clock'), Number.MAX_SAFE_INTEGER, '001fffffffffffff'],
    ['amount of 2', amount(2), 0n, '0000'],
    ['amount of 2', amount(2), 65_535n, 'ffff'],
    ['amount of 4', amount(4), 4_294_967_295n, 'ffffffff'],
    ['amount of 8', amount(8), 0n, '0000000000000000'],
    ['amount of 8', amount(8), 2n ** 53n + 1n, '0020000000000001'],
    ['amount of 8', amount(8), 2n ** 64n - 1n, 'ffffffffffffffff'],
    ['amount of a range', amount(4, { min: 1n, max: 9n }), 1n, '00000001'],
    ['amount of a range', amount(4, { min: 1n, max: 9n }), 9n, '00000009'],
    ['octets', octets(0), fromHex(''), ''],
    ['octets', octets(3), fromHex('010203'), '010203'],
    ['varOctets', varOctets({ max: 3 }), fromHex(''), '0000'],
    ['varOctets', varOctets({ max: 3 }), fromHex('010203'), '0003010203'],
    ['choice', choice(['a', 'b']), 'a', '00'],
    ['choice', choice(['a', 'b']), 'b', '01'],
    ['coded', coded(['a', 'b'], { a: 0xc0, b: 0 }), 'a', 'c0'],
    ['coded', coded(['a', 'b'], { a: 0xc0, b: 0 }), 'b', '00'],
    ['list', list(uint8(), { max: 2 }), [], '0000'],
    ['list', list(uint8(), { max: 2 }), [7, 8], '00020708'],
    ['struct', struct({ a: uint8(), b: uint16() }), { a: 1, b: 2 }, '010002'],
    ['list of structs', list(struct({ a: uint8() }), { max: 2 }), [{ a: 1 }], '000101'],
    ['list of lists', list(list(uint8(), { max: 1 }), { max: 1 }), [[5]], '0001000105'],
  ])('%s %#', (_, field, value, hex) => {
    expect(toHex(of(field).encode({ f: value }))).toBe(hex)
    expect(of(field).decode(fromHex(hex))).toEqual({ f: value })
  })

  it('a constant is on the wire and not in the value', () => {
    const marked = message('m', { magic: constant('KB'), version: constant(1), f: uint8() })
    expect(toHex(marked.encode({ f: 9 }))).toBe('4b420109')
    expect(marked.decode(fromHex('4b420109'))).toEqual({ f: 9 })
    expect(marked.size).toBe(4)
  })
})

describe('what is beyond a bound is not encoded', () => {
  it.each<[string, Field<unknown>, unknown, string]>([
    ['uint8', uint8(), -1, 'm.f: expected 0..255, got -1'],
    ['uint8', uint8(), 256, 'm.f: expected 0..255, got 256'],
    ['uint8', uint8(), 1.5, 'm.f: expected 0..255, got 1.5'],
    ['uint8', uint8(), Number.NaN, 'm.f: expected 0..255, got NaN'],
    ['uint8 of a range', uint8({ min: 3, max: 5 }), 2, 'm.f: expected 3..5, got 2'],
    ['uint8 of a range', uint8({ min: 3, max: 5 }), 6, 'm.f: expected 3..5, got 6'],
    ['uint16', uint16(), 65_536, 'm.f: expected 0..65535, got 65536'],
    ['uint32', uint32(), 2 ** 32, 'm.f: expected 0..4294967295, got 4294967296'],
    ['instant', instant(''), -1, 'm.f: expected 0..9007199254740991, got -1'],
    ['instant', instant(''), 2 ** 53, 'm.f: expected 0..9007199254740991, got 9007199254740992'],
    [
      'instant',
      instant(''),
      Number.POSITIVE_INFINITY,
      'm.f: expected 0..9007199254740991, got Infinity',
    ],
    ['amount of 2', amount(2), -1n, 'm.f: expected 0..65535, got -1'],
    ['amount of 2', amount(2), 65_536n, 'm.f: expected 0..65535, got 65536'],
    ['amount of 8', amount(8), 2n ** 64n, `m.f: expected 0..${2n ** 64n - 1n}, got ${2n ** 64n}`],
    ['amount of a range', amount(4, { min: 1n }), 0n, 'm.f: expected 1..4294967295, got 0'],
    ['amount that is a number', amount(4), 5, 'm.f: expected 0..4294967295, got 5'],
    ['octets', octets(3), fromHex('0102'), 'm.f: expected 3 bytes, got 2'],
    ['octets', octets(3), fromHex('01020304'), 'm.f: expected 3 bytes, got 4'],
    ['varOctets', varOctets({ max: 3 }), fromHex('01020304'), 'm.f.length: expected 0..3, got 4'],
    ['choice', choice(['a', 'b']), 'c', 'm.f: expected one of a, b'],
    ['coded', coded(['a', 'b'], { a: 0xc0, b: 0 }), 'c', 'm.f: expected one of a, b'],
    ['list', list(uint8(), { max: 2 }), [1, 2, 3], 'm.f.count: expected 0..2, got 3'],
    ['list', list(uint8(), { max: 2 }), [1, 256], 'm.f[1]: expected 0..255, got 256'],
    ['struct', struct({ a: uint8() }), { a: 256 }, 'm.f.a: expected 0..255, got 256'],
  ])('%s %#', (_, field, value, text) => {
    expect(() => of(field).encode({ f: value })).toThrow(errorOf(text))
  })
})

describe('what is no value is not decoded', () => {
  it.each<[string, Field<unknown>, string, string]>([
    ['uint8', uint8(), '', 'm.f: expected 1 bytes, 0 are left'],
    ['uint8', uint8(), '0102', 'm: 1 bytes too many'],
    ['uint8 of a range', uint8({ min: 3, max: 5 }), '02', 'm.f: expected 3..5, got 2'],
    ['uint8 of a range', uint8({ min: 3, max: 5 }), '06', 'm.f: expected 3..5, got 6'],
    ['uint16', uint16(), '01', 'm.f: expected 2 bytes, 1 are left'],
    ['uint32 of a range', uint32({ min: 1 }), '00000000', 'm.f: expected 1..4294967295, got 0'],
    [
      'instant',
      instant(''),
      '0020000000000000',
      'm.f: expected 0..9007199254740991, got 9007199254740992',
    ],
    [
      'instant',
      instant(''),
      'ffffffffffffffff',
      'm.f: expected 0..9007199254740991, got 18446744073709552000',
    ],
    ['amount of a range', amount(4, { max: 9n }), '0000000a', 'm.f: expected 0..9, got 10'],
    ['amount of 8', amount(8), 'ffffffffffffff', 'm.f: expected 8 bytes, 7 are left'],
    ['octets', octets(3), '0102', 'm.f: expected 3 bytes, 2 are left'],
    ['octets', octets(3), '01020304', 'm: 1 bytes too many'],
    ['varOctets', varOctets({ max: 3 }), '000401020304', 'm.f.length: expected 0..3, got 4'],
    ['varOctets', varOctets({ max: 3 }), '00030102', 'm.f: expected 3 bytes, 2 are left'],
    ['varOctets', varOctets({ max: 3 }), '000201', 'm.f: expected 2 bytes, 1 are left'],
    ['varOctets', varOctets({ max: 3 }), '00', 'm.f.length: expected 2 bytes, 1 are left'],
    ['varOctets', varOctets({ max: 3 }), '00010102', 'm: 1 bytes too many'],
    ['choice', choice(['a', 'b']), '02', 'm.f: expected 0..1, got 2'],
    ['choice', choice(['a', 'b']), 'ff', 'm.f: expected 0..1, got 255'],
    ['coded', coded(['a', 'b'], { a: 0xc0, b: 0 }), '01', 'm.f: expected one of c0, 00, got 01'],
    ['list', list(uint8(), { max: 2 }), '0003010203', 'm.f.count: expected 0..2, got 3'],
    ['list', list(uint8({ max: 7 }), { max: 2 }), '00020708', 'm.f[1]: expected 0..7, got 8'],
    ['list', list(uint16(), { max: 2 }), '0002000100', 'm.f[1]: expected 2 bytes, 1 are left'],
    ['list', list(uint8(), { max: 2 }), '00010102', 'm: 1 bytes too many'],
    ['constant', constant(1), '02', 'm.f: expected 01, got 02'],
    ['constant of text', constant('KB'), '4b43', 'm.f: expected 4b42, got 4b43'],
    ['struct', struct({ a: uint8(), b: choice(['x']) }), '0101', 'm.f.b: expected 0..0, got 1'],
  ])('%s %#', (_, field, hex, text) => {
    expect(() => of(field).decode(fromHex(hex))).toThrow(errorOf(text))
  })
})

/** `m.f.length: expected …` */
function errorOf(text: string): FormatError {
  const [field = '', ...reason] = text.split(': ')
  return new FormatError(field, reason.join(': '))
}

/** Every kind of field at once. */
const everything = message('everything', {
  version: constant(1),
  small: uint8({ max: 200 }),
  middle: uint16({ min: 1 }),
  large: uint32(),
  at: instant('by a clock'),
  money: amount(8),
  kind: choice(['pay', 'load', 'passcode']),
  id: octets(4),
  note: varOctets({ max: 20 }),
  lines: list(struct({ product: uint16(), price: amount(2) }), { max: 4 }),
})

const values = fc.record({
  small: fc.nat(200),
  middle: fc.integer({ min: 1, max: 0xffff }),
  large: fc.nat(0xffffffff),
  at: fc.maxSafeNat(),
  money: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  kind: fc.constantFrom('pay' as const, 'load' as const, 'passcode' as const),
  id: fc.uint8Array({ minLength: 4, maxLength: 4 }),
  note: fc.uint8Array({ maxLength: 20 }),
  lines: fc.array(
    fc.record({ product: fc.nat(0xffff), price: fc.bigInt({ min: 0n, max: 0xffffn }) }),
    { maxLength: 4 },
  ),
})

test('what is encoded decodes to itself', () => {
  fc.assert(
    fc.property(values, (value) => {
      expect(everything.decode(everything.encode(value))).toEqual(value)
    }),
    { numRuns: 300 },
  )
})

test('one changed byte of a valid message is refused, or is another value in its one encoding', () => {
  const met = { refused: 0, read: 0 }
  fc.assert(
    fc.property(values, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, place, difference) => {
      const valid = everything.encode(value)
      const index = place % valid.length
      const changed = change(valid, index, ((valid[index] ?? 0) + difference) % 256)
      let read
      try {
        read = everything.decode(changed)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
        expect(String(error)).toMatch(/everything[.:]/)
        met.refused += 1
        return
      }
      met.read += 1
      expect(read).not.toEqual(value)
      expect(toHex(everything.encode(read))).toBe(toHex(changed))
    }),
    { numRuns: 3000 },
  )
  expect(met.refused).toBeGreaterThan(100)
  expect(met.read).toBeGreaterThan(100)
})

test('a message cut off anywhere, or with a byte more, is refused', () => {
  const valid = everything.encode({
    small: 1,
    middle: 2,
    large: 3,
    at: 4,
    money: 5n,
    kind: 'load',
    id: fromHex('01020304'),
    note: utf8('note'),
    lines: [{ product: 6, price: 7n }],
  })
  for (let size = 0; size < valid.length; size += 1) {
    expect(() => everything.decode(valid.subarray(0, size))).toThrow(FormatError)
  }
  expect(() => everything.decode(new Uint8Array([...valid, 0]))).toThrow(
    'everything: 1 bytes too many',
  )
})

test('what was decoded does not change with the buffer it came in', () => {
  const buffer = fromHex('01020304')
  const value = of(octets(4)).decode(buffer)
  buffer.fill(0)
  expect(value).toEqual({ f: fromHex('01020304') })
})

test('the layout says field by field what is where', () => {
  const { layout, size } = message('m', {
    version: constant(1),
    price: amount(2, {}, 'price'),
    note: varOctets({ max: 5 }),
    lines: list(uint8(), { max: 3 }),
  })
  expect(size).toBeUndefined()
  expect(layout).toEqual([
    { field: 'version', size: 1, description: 'always 01' },
    { field: 'price', size: 2, description: 'price, 0..65535' },
    { field: 'note', size: undefined, description: 'length in 2 bytes, at most 5, then bytes' },
    {
      field: 'lines',
      size: undefined,
      description: 'count in 2 bytes, at most 3, then each unsigned integer',
    },
  ])
})
