import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex, type Bytes } from '../../src/kernel/bytes.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import {
  ACCESS_CONDITIONS,
  BLOCK_SIZE,
  decodeAccessBits,
  DELIVERY_ACCESS,
  encodeAccessBits,
  encodeTrailer,
  type AccessCondition,
  type SectorAccess,
} from '../../src/kernel/mifare-classic.ts'
import { classicNvm, deliveredImage, MifareClassic } from '../../src/card/mifare-classic.ts'
import { blockOf, cardWith, FACTORY_KEY, KEY_A, KEY_B, openWith, UID, value } from './cards.ts'

const SOME = new Uint8Array(BLOCK_SIZE).fill(0x5a)
const OPEN: SectorAccess = { blocks: ['000', '000', '000'], trailer: '011' }

describe('access bits', () => {
  test.each<[string, SectorAccess]>([
    ['ff0780', DELIVERY_ACCESS],
    ['7f0788', { blocks: ['000', '000', '000'], trailer: '011' }],
    ['787788', { blocks: ['100', '100', '100'], trailer: '011' }],
    ['08778f', { blocks: ['110', '110', '110'], trailer: '011' }],
    ['1780fe', { blocks: ['001', '011', '011'], trailer: '111' }],
    ['3b478c', { blocks: ['000', '000', '110'], trailer: '011' }],
  ])('%s', (bits, access) => {
    expect(toHex(encodeAccessBits(access))).toBe(bits)
    expect(decodeAccessBits(fromHex(bits))).toEqual(access)
  })

  test('any one bit turned is a violation of the format', () => {
    const condition = fc.constantFrom(...ACCESS_CONDITIONS)
    const access = fc.record({
      blocks: fc.tuple(condition, condition, condition),
      trailer: condition,
    })
    fc.assert(
      fc.property(access, fc.nat(23), (original, bit) => {
        const bits = encodeAccessBits(original)
        expect(decodeAccessBits(bits)).toEqual(original)
        bits[bit >> 3] = (bits[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(decodeAccessBits(bits)).toBeUndefined()
      }),
    )
  })
})

// MF1S50yyX/V1 rev 3.2, table 8, as printed: C1 C2 C3, read, write, increment, "decrement, transfer,
// restore".
const TABLE_8 = `
000 AB AB AB AB
010 AB -  -  -
100 AB B  -  -
110 AB B  B  AB
001 AB -  -  AB
011 B  B  -  -
101 B  -  -  -
111 -  -  -  -`

// Table 7, as printed: C1 C2 C3, key A read and write, access bits read and write, key B read and write.
const TABLE_7 = `
000 - A A  - A A
010 - - A  - A -
100 - B AB - - B
110 - - AB - - -
001 - A A  A A A
011 - B AB B - B
101 - - AB B - -
111 - - AB - - -`

function rows(table: string): [AccessCondition, ...string[]][] {
  return table
    .trim()
    .split('\n')
    .map((line) => line.split(/ +/) as [AccessCondition, ...string[]])
}

/** The same condition on data block 4, 5 or 6 in turn, and none of its rights on the two others. */
function only(block: number, condition: AccessCondition, trailer: AccessCondition): SectorAccess {
  const of = (number: number) => (number === block ? condition : '111')
  return { blocks: [of(4), of(5), of(6)], trailer }
}

const DATA_OPERATIONS: Record<string, (card: MifareClassic, block: number) => boolean> = {
  read: (card, block) => card.read(block) !== undefined,
  write: (card, block) => card.write(block, SOME),
  increment: (card, block) => card.increment(block, 1),
  decrement: (card, block) => card.decrement(block, 1),
  restore: (card, block) => card.restore(block),
}

describe('table 8: access to data blocks', () => {
  for (const [condition, read, write, increment, decrement] of rows(TABLE_8)) {
    const allowed = { read, write, increment, decrement, restore: decrement }
    for (const [operation, keys] of Object.entries(allowed)) {
      for (const key of ['A', 'B'] as const) {
        test(`${condition}: ${operation} with key ${key}`, () => {
          for (const block of [4, 5, 6]) {
            const card = cardWith(only(block, condition, '011'), { [block]: value(10) })
            expect(openWith(card, key)).toBe(true)
            const before = card.nvm.snapshot()
            const done = DATA_OPERATIONS[operation]?.(card, block)
            expect(done).toBe(keys?.includes(key))
            const after = before.slice()
            if (operation === 'write' && done) after.set(SOME, block * BLOCK_SIZE)
            expect(card.nvm.snapshot()).toEqual(after)
          }
        })
      }
    }

    for (const key of ['A', 'B'] as const) {
      test(`${condition}: transfer with key ${key}`, () => {
        const source = { blocks: ['000', condition, '111'], trailer: '011' } as const
        const card = cardWith(source, { 4: value(10), 5: SOME })
        openWith(card, key)
        expect(card.restore(4)).toBe(true)
        const done = decrement?.includes(key)
        expect(card.transfer(5)).toBe(done)
        expect(blockOf(card.nvm, 5)).toEqual(done ? value(10) : SOME)
      })
    }
  }
})

describe('table 7: access to the trailer', () => {
  const NEW_A = fromHex('c0c1c2c3c4c5')
  const NEW_B = fromHex('d0d1d2d3d4d5')
  const BLANK = new Uint8Array(6)

  for (const [condition, , writeA, readBits, writeBits, readB, writeB] of rows(TABLE_7)) {
    const access: SectorAccess = { blocks: ['000', '000', '000'], trailer: condition }
    const bits = concat(encodeAccessBits(access), Uint8Array.of(0x69))
    const newBits = concat(encodeAccessBits(OPEN), Uint8Array.of(0x11))
    const deadB = readB === 'A'

    for (const key of ['A', 'B'] as const) {
      const may = (keys?: string) => (keys?.includes(key) ?? false) && !(key === 'B' && deadB)

      test(`${condition}: read with key ${key}`, () => {
        const card = cardWith(access)
        expect(openWith(card, key)).toBe(true)
        const expected = may(readBits) ? concat(BLANK, bits, may(readB) ? KEY_B : BLANK) : undefined
        expect(card.read(7)).toEqual(expected)
      })

      test(`${condition}: write with key ${key}`, () => {
        const card = cardWith(access)
        openWith(card, key)
        const written = card.write(7, concat(NEW_A, newBits, NEW_B))
        expect(written).toBe(may(writeA) || may(writeBits) || may(writeB))
        const expected: Bytes = concat(
          may(writeA) ? NEW_A : KEY_A,
          may(writeBits) ? newBits : bits,
          may(writeB) ? NEW_B : KEY_B,
        )
        expect(blockOf(card.nvm, 7)).toEqual(expected)
      })

      test(`${condition}: no value operations with key ${key}`, () => {
        for (const operation of ['increment', 'decrement', 'restore', 'transfer'] as const) {
          const card = cardWith(access, { 4: value(1) })
          openWith(card, key)
          if (operation === 'transfer') card.restore(4)
          expect(card[operation](7, 1)).toBe(false)
        }
      })
    }

    test(`${condition}: key B ${deadB ? 'opens nothing' : 'opens the data'}`, () => {
      const card = cardWith(access, { 4: SOME })
      expect(openWith(card, 'B')).toBe(true)
      expect(card.read(4)).toEqual(deadB ? undefined : SOME)
    })
  }
})

describe('authentication', () => {
  test('opens one sector, closes the one before', () => {
    const card = cardWith(OPEN)
    expect(card.read(4)).toBeUndefined()
    openWith(card, 'A')
    expect(card.read(4)).toBeDefined()
    expect(card.authenticate(8, 'A', FACTORY_KEY)).toBe(true)
    expect(card.read(8)).toBeDefined()
    expect(card.read(4)).toBeUndefined()
  })

  test.each([
    ['the other key', 4, 'A', KEY_B],
    ['one bit off', 4, 'A', fromHex('a0a1a2a3a4a4')],
    ['a shorter one', 4, 'A', KEY_A.slice(0, 5)],
    ['no such block', 64, 'A', FACTORY_KEY],
  ] as const)('fails with %s', (_, block, key, secret) => {
    const card = cardWith(OPEN)
    openWith(card, 'A')
    expect(card.authenticate(block, key, secret)).toBe(false)
    expect(card.read(4)).toBeUndefined()
  })

  test('is lost with the power and after every NAK', () => {
    const card = cardWith(OPEN)
    openWith(card, 'A')
    card.powerOff()
    card.powerOn()
    expect(card.read(4)).toBeUndefined()
    openWith(card, 'A')
    expect(card.increment(4, 1)).toBe(false)
    expect(card.read(4)).toBeUndefined()
    openWith(card, 'A')
    card.powerOn()
    expect(card.read(4)).toBeUndefined()
  })

  test('access bits that contradict themselves block the sector for good', () => {
    const card = cardWith(OPEN)
    openWith(card, 'B')
    const trailer = encodeTrailer(KEY_A, OPEN, KEY_B)
    trailer[6] = (trailer[6] ?? 0) ^ 0x01
    expect(card.write(7, trailer)).toBe(true)
    expect(card.read(4)).toBeUndefined()
    for (const key of ['A', 'B'] as const) {
      expect(openWith(card, key)).toBe(false)
      expect(card.read(7)).toBeUndefined()
      expect(card.write(7, encodeTrailer(KEY_A, OPEN, KEY_B))).toBe(false)
    }
    expect(card.authenticate(8, 'A', FACTORY_KEY)).toBe(true)
    expect(card.read(8)).toBeDefined()
  })
})

describe('value operations', () => {
  test.each<[string, 'increment' | 'decrement', number, number, number | 'NAK']>([
    ['adds', 'increment', 10, 5, 15],
    ['subtracts', 'decrement', 10, 5, 5],
    ['goes below zero', 'decrement', 1, 3, -2],
    ['by zero', 'decrement', 7, 0, 7],
    ['up to the top', 'increment', 2 ** 31 - 2, 1, 2 ** 31 - 1],
    ['not beyond the top', 'increment', 2 ** 31 - 1, 1, 'NAK'],
    ['down to the bottom', 'decrement', -(2 ** 31) + 1, 1, -(2 ** 31)],
    ['not beyond the bottom', 'decrement', -(2 ** 31), 1, 'NAK'],
    ['without the sign bit of the operand', 'decrement', 10, 0x80000001, 9],
    ['never up by a negative operand', 'decrement', 10, -1, 10 - 0x7fffffff],
  ])('%s', (_, operation, before, operand, after) => {
    const card = cardWith(OPEN, { 4: value(before, 0x33) })
    openWith(card, 'A')
    expect(card[operation](4, operand)).toBe(after !== 'NAK')
    expect(blockOf(card.nvm, 4)).toEqual(value(before, 0x33))
    expect(card.transfer(4)).toBe(after !== 'NAK')
    expect(blockOf(card.nvm, 4)).toEqual(value(after === 'NAK' ? before : after, 0x33))
  })

  test('a block that is no value block is refused', () => {
    for (const operation of ['increment', 'decrement', 'restore'] as const) {
      const card = cardWith(OPEN, { 4: SOME })
      openWith(card, 'A')
      expect(card[operation](4, 1)).toBe(false)
    }
  })

  test('transfer needs a filled buffer, and a reset empties it', () => {
    const card = cardWith(OPEN, { 4: value(1) })
    openWith(card, 'A')
    expect(card.transfer(4)).toBe(false)
    openWith(card, 'A')
    card.restore(4)
    card.powerOff()
    card.powerOn()
    openWith(card, 'A')
    expect(card.transfer(5)).toBe(false)
  })

  test('a decrement-only block is refilled from another sector whose key is known', () => {
    const card = cardWith(
      { blocks: ['001', '111', '111'], trailer: '011' },
      { 4: value(3), 8: value(1000) },
    )
    openWith(card, 'A')
    expect(card.write(4, value(1000))).toBe(false)
    openWith(card, 'A')
    expect(card.increment(4, 1)).toBe(false)
    card.authenticate(8, 'A', FACTORY_KEY)
    expect(card.restore(8)).toBe(true)
    openWith(card, 'A')
    expect(card.transfer(4)).toBe(true)
    expect(blockOf(card.nvm, 4)).toEqual(value(1000))
  })
})

describe('the manufacturer block', () => {
  const image = deliveredImage(UID)
  const other = fromHex('deadbeef220804000000000000000000')

  test('says UID, check character, SAK and ATQA', () => {
    expect(toHex(image.slice(0, 16))).toBe('04a1b2c3d40804000000000000000000')
    expect(toHex(image.slice(48, 64))).toBe('ffffffffffffff078069ffffffffffff')
    expect(() => deliveredImage(fromHex('04a1b2c3d4e5f6'))).toThrow(FormatError)
  })

  test.each([
    ['read-only', false],
    ['writable', true],
  ] as const)('%s', (manufacturerBlock, expected) => {
    const card = new MifareClassic(classicNvm(image), { manufacturerBlock })
    card.powerOn()
    card.authenticate(0, 'A', FACTORY_KEY)
    expect(card.write(0, other)).toBe(expected)
    expect(toHex(card.uid)).toBe(expected ? 'deadbeef' : '04a1b2c3')
  })

  test('is no target of a transfer either', () => {
    const card = new MifareClassic(classicNvm(image))
    card.powerOn()
    card.authenticate(0, 'A', FACTORY_KEY)
    card.write(1, value(1))
    expect(card.restore(1)).toBe(true)
    expect(card.transfer(0)).toBe(false)
    expect(card.nvm.snapshot().slice(0, 16)).toEqual(image.slice(0, 16))
  })
})

test('blocks of another size are refused', () => {
  const card = cardWith(OPEN)
  openWith(card, 'A')
  expect(card.write(4, new Uint8Array(15))).toBe(false)
})
