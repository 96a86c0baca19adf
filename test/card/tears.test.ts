import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex, type Bytes } from '../../src/kernel/bytes.ts'
import { encodeTrailer, type SectorAccess } from '../../src/kernel/mifare-classic.ts'
import { LINK_CUTS } from '../../src/card/field.ts'
import type { MifareClassic } from '../../src/card/mifare-classic.ts'
import { TEARS, type Tear } from '../../src/card/nvm.ts'
import { blockOf, cardWith, inField, KEY_A, KEY_B, transmit, value } from './cards.ts'

const ACCESS: SectorAccess = { blocks: ['000', '000', '000'], trailer: '011' }
const OLD = { 4: value(10, 4), 5: value(20, 5), 6: value(30, 6) }
const NEW = concat(value(11, 4), value(21, 5), value(31, 6))

/** Commands that write, after key B has opened the sector, and what the sector then holds. */
const COMMANDS: readonly [name: string, apdu: string, after: Bytes][] = [
  ['write one', `ff d6 00 04 10 ${toHex(value(11, 4))}`, concat(value(11, 4), OLD[5], OLD[6])],
  ['write three', `ff d6 00 04 30 ${toHex(NEW)}`, NEW],
  ['store', 'ff d7 00 05 05 00 00000007', concat(OLD[4], value(7, 5), OLD[6])],
  ['increment', 'ff d7 00 05 05 01 00000007', concat(OLD[4], value(27, 5), OLD[6])],
  ['decrement', 'ff d7 00 05 05 02 00000007', concat(OLD[4], value(13, 5), OLD[6])],
  ['copy', 'ff d7 00 06 02 03 04', concat(value(30, 6), OLD[5], OLD[6])],
]

function opened() {
  const card = cardWith(ACCESS, OLD)
  const field = inField(card)
  const open = () => {
    transmit(field, `ff 82 00 00 06 ${toHex(KEY_B)}`)
    return transmit(field, 'ff 86 00 00 05 01 00 04 61 00')
  }
  expect(open()).toBe('9000')
  return { card, field, open }
}

const sector = (card: MifareClassic) =>
  concat(blockOf(card.nvm, 4), blockOf(card.nvm, 5), blockOf(card.nvm, 6))

/** What a page holds after a tear, said once more and independently of the memory. */
function torn(before: Bytes, after: Bytes, tear: Tear): Bytes {
  const byTear: Record<Tear, Bytes> = {
    before,
    half: concat(after.slice(0, 8), before.slice(8)),
    erased: new Uint8Array(16).fill(0xff),
    zeroed: new Uint8Array(16),
    after,
  }
  return byTear[tear]
}

describe('power lost at every page write', () => {
  for (const [name, apdu, after] of COMMANDS) {
    const { card, field } = opened()
    const start = card.nvm.writes
    transmit(field, apdu)
    const writes = card.nvm.writes - start
    const before = concat(OLD[4], OLD[5], OLD[6])
    const changed = [0, 1, 2].filter(
      (index) => toHex(page(before, index)) !== toHex(page(after, index)),
    )

    test(`${name}: ${changed.length} page(s)`, () => {
      expect(sector(card)).toEqual(after)
      expect(writes).toBe(changed.length)
    })

    for (let atWrite = 1; atWrite <= writes; atWrite++) {
      test.each(TEARS)(`${name}, write ${atWrite}, page %s`, (tear) => {
        const cut = opened()
        cut.card.nvm.arm({ atWrite, tear })
        expect(transmit(cut.field, apdu)).toBe('')
        // Not even the reader answers, though a key goes no further than to the reader.
        expect(transmit(cut.field, 'ff 82 00 00 06 a0a1a2a3a4a5')).toBe('')
        const expected = [0, 1, 2].map((index) => {
          const order = changed.indexOf(index) + 1
          if (order === 0 || order > atWrite) return page(before, index)
          if (order < atWrite) return page(after, index)
          return torn(page(before, index), page(after, index), tear)
        })
        expect(sector(cut.card)).toEqual(concat(...expected))

        cut.field.powerOn()
        expect(transmit(cut.field, apdu)).toBe('6300')
        expect(cut.open()).toBe('9000')
        expect(transmit(cut.field, 'ff b0 00 04 30')).toBe(`${toHex(concat(...expected))}9000`)
      })
    }
  }
})

function page(bytes: Bytes, index: number): Bytes {
  return bytes.slice(index * 16, index * 16 + 16)
}

test('a trailer torn to all ones or all zeros takes its sector along', () => {
  for (const tear of ['erased', 'zeroed'] as const) {
    const { card, field, open } = opened()
    card.nvm.arm({ atWrite: 1, tear })
    const trailer = encodeTrailer(KEY_A, ACCESS, fromHex('0102030405ff'))
    expect(transmit(field, `ff d6 00 07 10 ${toHex(trailer)}`)).toBe('')
    field.powerOn()
    expect(open()).toBe('6300')
  }
})

describe('the link breaks', () => {
  for (const [name, apdu, after] of COMMANDS) {
    test.each(LINK_CUTS)(`${name}, %s`, (cut) => {
      const { card, field, open } = opened()
      field.arm({ atApdu: 2, cut })
      expect(transmit(field, 'ff b0 00 04 10')).toMatch(/9000$/)
      expect(transmit(field, apdu)).toBe(cut === 'half-answer' ? '90' : '')
      expect(sector(card)).toEqual(cut === 'before' ? concat(OLD[4], OLD[5], OLD[6]) : after)
      expect(transmit(field, 'ff ca 00 00 00')).toBe('')
      field.powerOn()
      expect(transmit(field, 'ff b0 00 04 10')).toBe('6300')
      expect(open()).toBe('9000')
    })
  }

  test('half an answer with data has the length of no whole one', () => {
    const { field } = opened()
    field.arm({ atApdu: 1, cut: 'half-answer' })
    expect(transmit(field, 'ff b0 00 04 30')).toBe(toHex(concat(OLD[4], OLD[5])).slice(0, 50))
  })

  test('an armed tear can be taken back', () => {
    const { field } = opened()
    field.arm({ atApdu: 1, cut: 'before' })
    field.arm(undefined)
    expect(transmit(field, 'ff ca 00 00 00')).toBe('04a1b2c39000')
  })

  test('a mistake of our own is no tear', () => {
    const { field } = opened()
    field.card.process = () => {
      throw new TypeError('ours')
    }
    expect(() => transmit(field, 'ff ca 00 00 00')).toThrow(TypeError)
  })
})
