import { expect, test } from 'vitest'
import { toHex } from '../../src/kernel/bytes.ts'
import { InvariantError } from '../../src/kernel/errors.ts'
import { Nvm, PowerLost, type Tear } from '../../src/card/nvm.ts'

const OLD = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
const memory = () => new Nvm({ size: 12, pageSize: 4, image: OLD })
const bytes = (...values: number[]) => Uint8Array.from(values)

test.each([
  ['one page', 4, bytes(0xa0, 0xa1, 0xa2, 0xa3), 1, '01020304a0a1a2a3090a0b0c'],
  ['part of a page', 5, bytes(0xa0, 0xa1), 1, '0102030405a0a108090a0b0c'],
  ['across two pages', 3, bytes(0xa0, 0xa1), 2, '010203a0a1060708090a0b0c'],
  ['all', 0, new Uint8Array(12), 3, '000000000000000000000000'],
  ['nothing', 0, bytes(), 0, toHex(OLD)],
  ['what is there already', 0, bytes(1), 1, toHex(OLD)],
])('writes %s', (_, offset, part, writes, expected) => {
  const nvm = memory()
  nvm.write(offset, part)
  expect(toHex(nvm.read(0, 12))).toBe(expected)
  expect(nvm.writes).toBe(writes)
})

test.each<[number, Tear, string]>([
  [1, 'before', '01 02 03 04 05 06 07 08 09 0a 0b 0c'],
  [1, 'half', '01 02 03 04 05 06 07 08 09 0a 0b 0c'],
  [1, 'erased', 'ff ff ff ff 05 06 07 08 09 0a 0b 0c'],
  [1, 'zeroed', '00 00 00 00 05 06 07 08 09 0a 0b 0c'],
  [1, 'after', '01 02 a0 a1 05 06 07 08 09 0a 0b 0c'],
  [2, 'before', '01 02 a0 a1 05 06 07 08 09 0a 0b 0c'],
  [2, 'half', '01 02 a0 a1 a2 a3 07 08 09 0a 0b 0c'],
  [2, 'erased', '01 02 a0 a1 ff ff ff ff 09 0a 0b 0c'],
  [2, 'zeroed', '01 02 a0 a1 00 00 00 00 09 0a 0b 0c'],
  [2, 'after', '01 02 a0 a1 a2 a3 a4 a5 09 0a 0b 0c'],
  [3, 'half', '01 02 a0 a1 a2 a3 a4 a5 a6 a7 0b 0c'],
])('the fuse in write %i leaves it %s', (atWrite, tear, expected) => {
  const nvm = memory()
  nvm.arm({ atWrite, tear })
  expect(() => nvm.write(2, bytes(0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8))).toThrow(
    PowerLost,
  )
  expect(toHex(nvm.snapshot())).toBe(expected.replaceAll(' ', ''))
  expect(nvm.writes).toBe(atWrite)
})

test('a card without power is dead until it is restored, and the fuse has blown', () => {
  const nvm = memory()
  nvm.arm({ atWrite: 1, tear: 'before' })
  expect(() => nvm.write(0, bytes(9))).toThrow(PowerLost)
  expect(() => nvm.read(0, 1)).toThrow(PowerLost)
  expect(() => nvm.write(0, bytes(9))).toThrow(PowerLost)
  expect(toHex(nvm.snapshot())).toBe(toHex(OLD))
  nvm.powerOn()
  nvm.write(0, bytes(9))
  expect(nvm.read(0, 1)).toEqual(bytes(9))
})

test('a fuse counts from when it was put in, over several writes, and can be taken out', () => {
  const nvm = memory()
  nvm.write(0, bytes(9))
  nvm.arm({ atWrite: 2, tear: 'before' })
  nvm.write(0, bytes(8))
  expect(() => nvm.write(0, bytes(7))).toThrow(PowerLost)
  nvm.powerOn()
  nvm.arm({ atWrite: 1, tear: 'before' })
  nvm.arm(undefined)
  nvm.write(0, bytes(6))
  expect(nvm.read(0, 1)).toEqual(bytes(6))
})

test('what is read or kept is a copy', () => {
  const nvm = memory()
  const kept = nvm.snapshot()
  nvm.read(0, 12).fill(0)
  nvm.snapshot().fill(0)
  expect(nvm.snapshot()).toEqual(OLD)
  nvm.write(0, new Uint8Array(12))
  nvm.restore(kept)
  expect(nvm.snapshot()).toEqual(OLD)
  expect(nvm.writes).toBe(3)
})

test('addresses outside are our own mistake', () => {
  expect(() => memory().read(11, 2)).toThrow(InvariantError)
  expect(() => memory().write(11, bytes(1, 2))).toThrow(InvariantError)
  expect(() => memory().read(-1, 1)).toThrow(InvariantError)
  expect(() => memory().restore(bytes(1))).toThrow(InvariantError)
  expect(() => new Nvm({ size: 10, pageSize: 4 })).toThrow(InvariantError)
})
