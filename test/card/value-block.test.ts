import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/kernel/bytes.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import { decodeValueBlock, encodeValueBlock } from '../../src/kernel/value-block.ts'

test.each([
  // MF1S50yyX/V1, table 4.
  [1234567, 17, '87d612007829edff87d6120011ee11ee'],
  [0, 0, '00000000ffffffff0000000000ff00ff'],
  [-1, 255, 'ffffffff00000000ffffffffff00ff00'],
  [2 ** 31 - 1, 4, 'ffffff7f00000080ffffff7f04fb04fb'],
  [-(2 ** 31), 4, '00000080ffffff7f0000008004fb04fb'],
])('%i at %i', (value, address, block) => {
  expect(toHex(encodeValueBlock({ value, address }))).toBe(block)
  expect(decodeValueBlock(fromHex(block))).toEqual({ value, address })
})

test.each([
  [{ value: 2 ** 31, address: 0 }],
  [{ value: -(2 ** 31) - 1, address: 0 }],
  [{ value: 0.5, address: 0 }],
  [{ value: 0, address: 256 }],
  [{ value: 0, address: -1 }],
])('%j cannot be encoded', (content) => {
  expect(() => encodeValueBlock(content)).toThrow(FormatError)
})

test.each(['', '87d612007829edff87d6120011ee11', `87d612007829edff87d6120011ee11ee00`])(
  'no value block: "%s"',
  (block) => expect(decodeValueBlock(fromHex(block))).toBeUndefined(),
)

test('a value block with any one bit turned is none', () => {
  fc.assert(
    fc.property(fc.integer(), fc.nat(255), fc.nat(127), (value, address, bit) => {
      const block = encodeValueBlock({ value, address })
      expect(decodeValueBlock(block)).toEqual({ value, address })
      block[bit >> 3] = (block[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(decodeValueBlock(block)).toBeUndefined()
    }),
  )
})
