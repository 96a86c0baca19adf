import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex, type Bytes } from '../../src/kernel/bytes.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import {
  decodeTemplate,
  decodeTlv,
  decodeTlvs,
  encodeTlv,
  isConstructed,
  type Tlv,
} from '../../src/kernel/tlv.ts'

const hex = (text: string) => fromHex(text.replaceAll(' ', ''))

test.each([
  // What opensc-explorer sends to make a file: cards.md 4.2.
  ['6f 0b 81 02 0010 82 01 01 83 02 2f00', 0x6f, '8102001082010183022f00'],
  // An object identifier, the first of X.690's own examples of short form.
  ['06 03 813403', 0x06, '813403'],
  ['5f37 02 abcd', 0x5f37, 'abcd'],
  ['9f8101 01 ff', 0x9f8101, 'ff'],
  ['80 00', 0x80, ''],
  [`80 7f ${'11'.repeat(127)}`, 0x80, '11'.repeat(127)],
  [`80 8180 ${'11'.repeat(128)}`, 0x80, '11'.repeat(128)],
  [`80 820100 ${'11'.repeat(256)}`, 0x80, '11'.repeat(256)],
])('%s', (text, tag, value) => {
  expect(toHex(encodeTlv(tag, fromHex(value)))).toBe(text.replaceAll(' ', ''))
  expect(toHex(decodeTlv(hex(text), tag, 'object'))).toBe(value)
})

describe('no data object', () => {
  test.each([
    ['a tag of 00', '00 00', 'object[0]: expected a tag'],
    ['no length', '80', 'object[0]: there is no length'],
    ['a value that is cut off', '80 02 11', 'object[0]: expected 2 bytes, 1 are left'],
    ['no value at all', '80 01', 'object[0]: expected 1 bytes, 0 are left'],
    ['a tag that is cut off', '5f', 'object[0]: the tag is cut off'],
    ['a tag that is cut off after its second byte', '5f81', 'object[0]: the tag is cut off'],
    ['a long tag for a small number', '5f1e 00', 'object[0]: the tag is not in its shortest form'],
    [
      'a long tag with leading zeros',
      '5f8020 00',
      'object[0]: the tag is not in its shortest form',
    ],
    ['a tag of four bytes', '5f818101 00', 'object[0]: expected a tag of at most 3 bytes'],
    [
      'a long length for a short value',
      '80 8101 11',
      'object[0]: the length is not in its shortest form',
    ],
    [
      'a length of 127 in two bytes',
      `80 817f ${'11'.repeat(127)}`,
      'object[0]: the length is not in its shortest form',
    ],
    [
      'a length of 255 in three bytes',
      `80 8200ff ${'11'.repeat(255)}`,
      'object[0]: the length is not in its shortest form',
    ],
    ['a length that is cut off', '80 81', 'object[0]: the length is cut off'],
    [
      'a length that is cut off after its second byte',
      '80 8201',
      'object[0]: the length is cut off',
    ],
    ['a length of four bytes', '80 83010000', 'object[0]: expected a length of at most'],
    [
      'a length that is more than any memory',
      '80 847fffffff 11',
      'object[0]: expected a length of at most',
    ],
    ['an indefinite length', 'a0 80 0000', 'object[0]: the length is indefinite'],
    ['padding after it', '80 01 11 00', 'object[1]: expected a tag'],
    ['another tag', '81 00', 'object: expected one object with tag 80'],
    ['one too many', '80 00 80 00', 'object: expected one object with tag 80'],
    ['nothing', '', 'object: expected one object with tag 80'],
  ])('%s', (_, text, message) => {
    expect(() => decodeTlv(hex(text), 0x80, 'object')).toThrow(FormatError)
    expect(() => decodeTlv(hex(text), 0x80, 'object')).toThrow(message)
  })
})

test('a template has each tag once, in any order', () => {
  const values = decodeTemplate(hex('83 02 2f00 82 01 01'), 'fcp')
  expect([...values].map(([tag, value]) => [tag, toHex(value)])).toEqual([
    [0x83, '2f00'],
    [0x82, '01'],
  ])
  expect(decodeTemplate(new Uint8Array(), 'fcp').size).toBe(0)
  expect(() => decodeTemplate(hex('83 01 11 82 00 83 01 11'), 'fcp')).toThrow('fcp.83: ')
})

test.each([
  [0x62, true],
  [0x82, false],
  [0x7f21, true],
  [0x5f37, false],
])('tag %i: constructed is %s', (tag, expected) => {
  expect(isConstructed(tag)).toBe(expected)
})

test.each([0, 0x1f, 0x5f, 0x8283, 0x5f1e, 0x5f80, 0x5f8020, 0x5f8181, 0x12345678])(
  'no tag: %i',
  (number) => {
    expect(() => encodeTlv(number)).toThrow('tag: ')
  },
)

test('a value has at most 65,535 bytes', () => {
  expect(encodeTlv(0x80, new Uint8Array(0xffff)).length).toBe(4 + 0xffff)
  expect(() => encodeTlv(0x80, new Uint8Array(0x10000))).toThrow('value: ')
})

const tag = fc.oneof(
  fc.integer({ min: 1, max: 0xff }).filter((first) => (first & 0x1f) !== 0x1f),
  fc
    .tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0x1f, max: 0x7f }))
    .map(([first, second]) => ((first << 5) | 0x1f) * 0x100 + second),
  fc
    .tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0x81, max: 0xff }), fc.nat(0x7f))
    .map(([first, second, third]) => ((first << 5) | 0x1f) * 0x10000 + second * 0x100 + third),
)
const bytes = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((value): Bytes => new Uint8Array(value))
const object = fc.record<Tlv>({ tag, value: fc.oneof(bytes(20), bytes(300)) })

function encoded(objects: readonly Tlv[]): Bytes {
  return concat(...objects.map(({ tag: number, value }) => encodeTlv(number, value)))
}

test('what is written is read', () => {
  fc.assert(
    fc.property(fc.array(object, { maxLength: 6 }), (objects) => {
      expect(decodeTlvs(encoded(objects), 'objects')).toEqual(objects)
    }),
  )
})

test('what can be read is what would be written, and everything else is a FormatError', () => {
  let read = 0
  fc.assert(
    fc.property(fc.array(object, { maxLength: 3 }), fc.nat(), fc.nat(255), (objects, at, byte) => {
      const changed = encoded(objects)
      if (changed.length > 0) changed[at % changed.length] = byte
      try {
        const again = decodeTlvs(changed, 'objects')
        read++
        expect(encoded(again)).toEqual(changed)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
    }),
    { numRuns: 2000 },
  )
  expect(read).toBeGreaterThan(100)
})

test('any bytes at all', () => {
  fc.assert(
    fc.property(bytes(30), (junk) => {
      try {
        expect(encoded(decodeTlvs(junk, 'objects'))).toEqual(junk)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
    }),
    { numRuns: 5000 },
  )
})
