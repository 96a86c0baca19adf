import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/kernel/bytes.ts'
import { READER_PROFILES, type ReaderProfile } from '../../src/kernel/storage-apdu.ts'
import { CARD_TIMES_MS } from '../../src/card/mifare-classic.ts'
import { blockOf, cardWith, inField, transmit, value } from './cards.ts'

const OPEN = { blocks: ['000', '110', '001'], trailer: '011' } as const
const { ACR122U, ACR1255U, PCSC, GENERIC } = READER_PROFILES
const HELLO = '00112233445566778899aabbccddeeff'

type Exchange = readonly [command: string, answer: string]

/** A script has a command and its answer on two lines each. */
function exchanges(script: string): Exchange[] {
  const lines = script.trim().split('\n')
  return lines.flatMap((line, index) => {
    const answer = lines[index + 1]?.replace('<=', '').replaceAll(' ', '') ?? ''
    return line.includes('=>') ? [[line.replace('=>', '').trim(), answer] as const] : []
  })
}

/** Plays the commands of a script against a fresh card, in order; gives the script as it came out. */
function play(script: string, profile: ReaderProfile = ACR1255U) {
  const card = cardWith(OPEN, { 5: value(100, 5), 6: value(50, 6) })
  const field = inField(card, profile)
  const heard = exchanges(script).map(([command]): Exchange => [command, transmit(field, command)])
  return { card, field, heard }
}

const KEYS = `
  => ff 82 00 00 06 a0a1a2a3a4a5
  <= 9000
  => ff 82 00 01 06 b0b1b2b3b4b5
  <= 9000`
const WITH_KEY_A = `${KEYS}
  => ff 86 00 00 05 01 00 04 60 00
  <= 9000`
const WITH_KEY_B = `${KEYS}
  => ff 86 00 00 05 01 00 04 61 01
  <= 9000`

test('answer to reset', () => {
  expect(toHex(inField(cardWith(OPEN)).atr)).toBe('3b8f8001804f0ca000000306030001000000006a')
})

test.each<[string, ReaderProfile, string]>([
  [
    'get data',
    ACR1255U,
    `
    => ff ca 00 00 00
    <= 04a1b2c3 9000
    => ff ca 00 00 04
    <= 04a1b2c3 9000
    => ff ca 00 00 07
    <= 6700
    => ff ca 00 00
    <= 6700
    => ff ca 01 00 00
    <= 6a81`,
  ],
  [
    'load key',
    ACR1255U,
    `
    => ff 82 00 00 06 a0a1a2a3a4a5
    <= 9000
    => ff 82 00 01 06 a0a1a2a3a4a5
    <= 9000
    => ff 82 00 02 06 a0a1a2a3a4a5
    <= 6300
    => ff 82 20 00 06 a0a1a2a3a4a5
    <= 6300
    => ff 82 00 00 05 a0a1a2a3a4
    <= 6700`,
  ],
  [
    'general authenticate',
    ACR1255U,
    `${KEYS}
    => ff 86 00 00 05 01 00 04 60 00
    <= 9000
    => ff 86 00 00 05 01 00 07 61 01
    <= 9000
    => ff 86 00 00 05 01 00 04 60 01
    <= 6300
    => ff 86 00 00 05 01 00 04 62 00
    <= 6300
    => ff 86 00 00 05 01 00 04 60 02
    <= 6300
    => ff 86 00 00 05 01 00 40 60 00
    <= 6300
    => ff 86 00 00 05 01 01 04 60 00
    <= 6300
    => ff 86 00 00 05 00 00 04 60 00
    <= 6300
    => ff 86 00 00 04 01 00 04 60
    <= 6700`,
  ],
  [
    'authenticate, obsolete',
    ACR1255U,
    `
    => ff 88 00 04 60 00
    <= 6300
    ${KEYS.trim()}
    => ff 88 00 04 60 00
    <= 9000
    => ff b0 00 04 10
    <= 00000000000000000000000000000000 9000
    => ff 88 00 04 61 00
    <= 6300`,
  ],
  [
    'read binary',
    ACR1255U,
    `
    => ff b0 00 04 10
    <= 6300
    ${WITH_KEY_A.trim()}
    => ff b0 00 05 10
    <= ${toHex(value(100, 5))} 9000
    => ff b0 00 04 30
    <= 00000000000000000000000000000000 ${toHex(value(100, 5))} ${toHex(value(50, 6))} 9000
    => ff b0 00 07 10
    <= 000000000000 6d138b69 000000000000 9000
    => ff b0 00 04 00
    <= 6700
    => ff b0 00 04 08
    <= 6700
    => ff b0 00 04 40
    <= 6700
    => ff b0 00 04
    <= 6700
    => ff b0 00 05 30
    <= 6300
    => ff b0 01 04 10
    <= 6300
    => ff b0 00 40 10
    <= 6300`.replace('6d138b69', toHex(blockOf(cardWith(OPEN).nvm, 7).slice(6, 10))),
  ],
  [
    'an older reader reads and writes one block',
    ACR122U,
    `${WITH_KEY_A}
    => ff b0 00 04 20
    <= 6700
    => ff d6 00 04 20 ${HELLO}${HELLO}
    <= 6700
    => ff d6 00 04 10 ${HELLO}
    <= 9000`,
  ],
  [
    'a block without a value has none to read',
    ACR1255U,
    `${WITH_KEY_A}
    => ff b1 00 04 04
    <= 6300`,
  ],
  [
    'a reader without value operations',
    GENERIC,
    `${WITH_KEY_A}
    => ff d7 00 05 05 02 00000003
    <= 6d00
    => ff b1 00 05 04
    <= 6d00`,
  ],
  [
    'what is no pseudo-APDU',
    ACR1255U,
    `
    => 00 a4 04 00 00
    <= 6e00
    => ff a4 00 00 00
    <= 6d00
    => ff 88 01 04 60 00
    <= 6700
    => ff ca 00
    <= 6700
    => ff d6 00 04 10 00
    <= 6700
    => ff d6 00 04 00 00 10
    <= 6700`,
  ],
])('%s', (_, profile, script) => {
  expect(play(script, profile).heard).toEqual(exchanges(script))
})

test('update binary', () => {
  const script = `
    => ff d6 00 04 10 ${HELLO}
    <= 6300
    ${WITH_KEY_A.trim()}
    => ff d6 00 04 10 ${HELLO}
    <= 9000
    => ff b0 00 04 10
    <= ${HELLO} 9000
    => ff d6 00 04 0f ${HELLO.slice(2)}
    <= 6700
    => ff d6 00 06 20 ${HELLO}${HELLO}
    <= 6300
    => ff d6 00 04 20 ${HELLO}${HELLO}
    <= 6300`
  const { card, heard } = play(script)
  expect(heard).toEqual(exchanges(script))
  expect(toHex(blockOf(card.nvm, 5))).toBe(toHex(value(100, 5)))
})

test('update binary over two sectors writes nothing', () => {
  const card = cardWith({ blocks: ['000', '000', '000'], trailer: '011' })
  const field = inField(card)
  transmit(field, 'ff 82 00 00 06 b0b1b2b3b4b5')
  expect(transmit(field, 'ff 86 00 00 05 01 00 04 61 00')).toBe('9000')
  const before = card.nvm.snapshot()
  expect(transmit(field, `ff d6 00 06 30 ${HELLO.repeat(3)}`)).toBe('6300')
  expect(card.nvm.snapshot()).toEqual(before)
})

test('update binary over several blocks stops at the first that is refused', () => {
  const script = `${WITH_KEY_B}
    => ff d6 00 04 20 ${HELLO}${HELLO}
    <= 9000
    => ff d6 00 04 30 ${HELLO}${'77'.repeat(16)}${HELLO}
    <= 6300`
  const { card, heard } = play(script)
  expect(heard).toEqual(exchanges(script))
  expect(toHex(blockOf(card.nvm, 4))).toBe(HELLO)
  expect(toHex(blockOf(card.nvm, 5))).toBe('77'.repeat(16))
  expect(blockOf(card.nvm, 6)).toEqual(value(50, 6))
})

test('value operations', () => {
  const script = `${WITH_KEY_A}
    => ff b1 00 05 04
    <= 00000064 9000
    => ff d7 00 05 05 02 00000003
    <= 9000
    => ff b1 00 05 00
    <= 00000061 9000
    => ff d7 00 06 05 02 00000032
    <= 9000
    => ff d7 00 06 05 02 00000001
    <= 9000
    => ff b1 00 06 04
    <= ffffffff 9000
    => ff d7 00 05 02 03 06
    <= 9000
    => ff b1 00 06 04
    <= 00000061 9000
    => ff d7 00 05 05 01 00000001
    <= 6300
    => ff b1 00 05 04
    <= 6300
    ${WITH_KEY_B.trim()}
    => ff d7 00 05 05 01 00000001
    <= 9000
    => ff d7 00 04 05 00 fffffffe
    <= 9000
    => ff b1 00 04 04
    <= fffffffe 9000
    => ff d7 00 05 05 04 00000001
    <= 6a81
    => ff d7 00 05 04 01 000001
    <= 6700
    => ff d7 00 05 03 03 06 00
    <= 6700
    => ff b1 00 05 05
    <= 6700
    => ff d7 00 05 02 03 08
    <= 6300
    => ff b1 01 05 04
    <= 6300`
  const { card, heard } = play(script)
  expect(heard).toEqual(exchanges(script))
  expect(blockOf(card.nvm, 4)).toEqual(value(-2, 4))
  expect(blockOf(card.nvm, 5)).toEqual(value(98, 5))
  // The address byte comes along with the value.
  expect(blockOf(card.nvm, 6)).toEqual(value(97, 5))
})

test('value operations by tags', () => {
  const script = `${WITH_KEY_A}
    => ff c2 00 03 0b a1 09 80 01 05 81 04 03000000 00
    <= c003009000 9000
    => ff c2 00 03 0b a0 09 80 01 05 81 04 01000000 00
    <= 6300
    ${WITH_KEY_B.trim()}
    => ff c2 00 03 0b a0 09 80 01 05 81 04 64000000 00
    <= c003009000 9000
    => ff c2 00 03 0b a1 09 80 01 04 81 04 01000000 00
    <= 6300
    => ff c2 00 03 0b a2 09 80 01 05 81 04 01000000 00
    <= 6300
    => ff c2 00 03 0b a1 09 81 01 05 81 04 01000000 00
    <= 6300
    => ff c2 00 03 0a a1 08 80 01 05 81 03 010000 00
    <= 6300
    => ff c2 00 01 0b a1 09 80 01 05 81 04 01000000 00
    <= 6a81
    => ff d7 00 05 05 02 00000003
    <= 6d00
    => ff b1 00 05 04
    <= 6d00`
  const { card, heard } = play(script, PCSC)
  expect(heard).toEqual(exchanges(script))
  expect(blockOf(card.nvm, 5)).toEqual(value(197, 5))
  expect(play('=> ff c2 00 03 0b a1 09 80 01 05 81 04 03000000 00\n<= 6d00').heard[0]?.[1]).toBe(
    '6d00',
  )
})

test('the reader keeps its keys when the card goes, the card not its authentication', () => {
  const { field } = play(WITH_KEY_A)
  field.powerOff()
  expect(transmit(field, 'ff b0 00 04 10')).toBe('')
  field.powerOn()
  expect(transmit(field, 'ff b0 00 04 10')).toBe('6300')
  expect(transmit(field, 'ff 86 00 00 05 01 00 04 60 00')).toBe('9000')
  expect(transmit(field, 'ff b0 00 04 10')).toBe('000000000000000000000000000000009000')
})

test('counts APDUs, bytes and modelled time', () => {
  const field = inField(cardWith(OPEN, { 5: value(9) }))
  const before = field.traffic.modelledMs
  for (const apdu of [
    'ff 82 00 00 06 a0a1a2a3a4a5',
    'ff 86 00 00 05 01 00 04 60 00',
    'ff b0 00 04 20',
    `ff d6 00 04 10 ${HELLO}`,
    'ff d7 00 05 05 02 00000001',
  ]) {
    expect(transmit(field, apdu)).toMatch(/9000$/)
  }
  const { authenticate, read, write, valueOperation, transfer } = CARD_TIMES_MS
  expect(field.traffic).toMatchObject({
    apdus: 5,
    bytesToCard: 11 + 10 + 5 + 21 + 10,
    bytesFromCard: 2 + 2 + 34 + 2 + 2,
  })
  expect(field.traffic.modelledMs - before).toBeCloseTo(
    5 * 3 + authenticate + 2 * read + write + valueOperation + transfer,
  )
})

describe('whatever is sent', () => {
  const ins = fc.constantFrom(0xca, 0x82, 0x86, 0x88, 0xb0, 0xb1, 0xc2, 0xd6, 0xd7)
  const small = fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 16, 0x30, 0x60, 0x61), fc.nat(255))
  const likely = fc
    .tuple(
      ins,
      fc.constantFrom(0, 0, 0, 1),
      small,
      fc.array(small, { maxLength: 50 }),
      fc.boolean(),
    )
    .map(([code, p1, p2, data, counted]) =>
      Uint8Array.of(0xff, code, p1, p2, ...(counted ? [data.length] : []), ...data),
    )
  const anything = fc.uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes))
  const loadWrongKey = fc
    .tuple(fc.nat(1), fc.uint8Array({ minLength: 6, maxLength: 6 }))
    .map(([slot, key]) => Uint8Array.of(0xff, 0x82, 0, slot, 6, ...key))

  test('a status comes back, and without a key nothing changes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(likely, anything, loadWrongKey), { maxLength: 30 }),
        fc.constantFrom(...Object.values(READER_PROFILES)),
        (apdus, profile) => {
          // Sector 1 only: elsewhere the delivery keys are known to everybody.
          const card = cardWith(OPEN, { 5: value(100) })
          const field = inField(card, profile)
          const sector = () => toHex(card.nvm.snapshot().slice(64, 128))
          const before = sector()
          for (const apdu of apdus) {
            expect(field.transmit(apdu).length).toBeGreaterThanOrEqual(2)
            expect(sector()).toBe(before)
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  test('with key A only what key A may change changes', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(likely, anything), { maxLength: 30 }), (apdus) => {
        const card = cardWith({ blocks: ['001', '010', '100'], trailer: '011' }, { 4: value(100) })
        const field = inField(card)
        const others = () => toHex(card.nvm.snapshot().slice(80, 128))
        const before = others()
        transmit(field, 'ff 82 00 00 06 a0a1a2a3a4a5')
        for (const apdu of apdus) {
          transmit(field, 'ff 86 00 00 05 01 00 04 60 00')
          field.transmit(apdu)
          expect(others()).toBe(before)
          const held = new DataView(blockOf(card.nvm, 4).buffer).getInt32(0, true)
          expect(held).toBeLessThanOrEqual(100)
        }
      }),
      { numRuns: 500 },
    )
  })
})
