import { afterAll, describe, expect, test } from 'vitest'
import { fromHex } from '../../../src/kernel/bytes.ts'
import {
  COMMANDS,
  type CommandName,
  type CommandRow,
} from '../../../src/card/multiflex/commands.ts'
import { deliveredMultiflex } from '../../../src/card/multiflex/delivery.ts'
import { Chance } from '../../fuzz/chance.ts'
import { Bench, differences, hex, personalised, SERIAL, VERIFY_KEY, VERIFY_PIN } from './cards.ts'
import { arrange, ROWS } from './rows.ts'

const LOGOUT = 'f0220700'
const NAMES = Object.keys(COMMANDS) as CommandName[]
const FRESH = personalised()

let rows = 0
afterAll(() => console.log(`multiflex: ${rows} rows for ${NAMES.length} commands`))

describe.each(NAMES)('%s', (name) => {
  test.each(ROWS[name])('$what: $answer', (row) => {
    const { bench, apdu } = arrange(row)
    const before = bench.contents()
    const answer = bench.send(apdu)
    if (typeof row.answer === 'string') expect(answer).toBe(row.answer)
    else expect(answer).toMatch(row.answer)
    expect(differences(before, bench.contents())).toEqual(row.effect ?? [])
    rows++
  })

  test('another class: 6e00', () => {
    const { cla, ins } = COMMANDS[name]
    const bench = new Bench(FRESH)
    for (const other of [0x00, 0x80, 0xa0, 0xff, cla === 0xc0 ? 0xf0 : 0xc0]) {
      expect(bench.send(header(other, ins, 0xff, 0xff, 0xff))).toBe('6e00')
    }
  })
})

test('classes and instructions that no card has: 6e00 before 6d00', () => {
  const known = new Set(NAMES.map((name) => COMMANDS[name].ins as number))
  const bench = new Bench(FRESH)
  for (let ins = 0; ins < 256; ins++) {
    expect(bench.send(header(0x00, ins, 0, 0, 0))).toBe('6e00')
    for (const cla of [0xc0, 0xf0]) {
      const answer = bench.send(header(cla, ins, 0xee, 0xee, 0))
      expect(answer === '6d00').toBe(!known.has(ins))
    }
  }
})

describe('what only the 8K has', () => {
  const only8K = ['Decrease Stamped', 'Increase Stamped', 'Give Challenge', 'Directory']

  test.each(NAMES)('%s', (name) => {
    const { cla, ins } = COMMANDS[name]
    const delivered = deliveredMultiflex('3K', { serial: fromHex(SERIAL), random: new Chance(7) })
    const bench = new Bench(delivered, '3K')
    expect(bench.send(header(cla, ins, 0xee, 0xee, 0)) === '6d00').toBe(only8K.includes(name))
  })
})

function header(...bytes: readonly number[]): string {
  return Buffer.from(bytes).toString('hex')
}

/** Commands that pass all checks in 2001 to 2004, and cannot be carried out. */
const ORDERED: readonly (readonly [name: CommandName, at: string, other: string, apdu: string])[] =
  [
    ['Create Record', '2002', '2001', 'c0e2000005 4444444444'],
    ['Decrease', '2003', '2001', 'f030000003 ffffff'],
    ['Increase', '2003', '2001', 'f032000003 ffffff'],
    ['Read Binary', '2001', '2002', 'c0b0ffff01'],
    ['Read Record', '2002', '2001', 'c0b2090404'],
    ['Seek', '2002', '2003', 'f0a2000001 ee'],
    ['Update Binary', '2001', '2002', 'c0d6ffff01 00'],
    ['Update Record', '2002', '2001', 'c0dc090404 44444444'],
    ['Decrease Stamped', '2003', '2001', 'f034000003 ffffff'],
    ['Increase Stamped', '2003', '2001', 'f036000003 ffffff'],
  ]

/**
 * Everything is wrong at first; each step mends what the card has complained about. So each complaint
 * comes before all that are still wrong.
 */
test.each(ORDERED)('%s checks in the order of the page', (name, at, other, apdu) => {
  const row = COMMANDS[name]
  const bench = new Bench(FRESH)
  bench.select('2000', at).do(VERIFY_PIN, VERIFY_KEY, 'f004000000', LOGOUT).select()
  const [, ins = 0, p1 = 0, p2 = 0] = hex(apdu)
  const wrongLength =
    'le' in row.p3 ? `${header(row.cla, ins, p1, p2, 1)}00` : header(row.cla, ins, p1, p2, 0x55)
  const answers: string[] = []
  const tell = (command: string) => answers.push(bench.send(command).slice(-4))

  tell(header(0x00, ins, 0xee, 0xee, 0x55))
  tell(header(row.cla, ins, 0xee, 0xee, 0x55))
  tell(wrongLength)
  bench.select('2000', other)
  tell(wrongLength)
  bench.select('2000', at)
  tell(wrongLength)
  tell(apdu)
  bench.do(VERIFY_PIN, VERIFY_KEY, 'f044000000', LOGOUT)
  tell(apdu)
  bench.do(VERIFY_PIN, VERIFY_KEY)
  const last = bench.send(apdu).slice(-4)

  const { parameters, on, operation }: CommandRow = row
  expect(answers).toEqual([
    '6e00',
    parameters === 'offset' ? '6986' : '6b00',
    '6986',
    on === 'purse' ? '6986' : '6a80',
    answers[4],
    '6283',
    // 2001 and 2002 may be read by anybody.
    operation === 'read' ? last : '6982',
  ])
  expect(answers[4]?.slice(0, 2)).toBe('67')
  expect(last).toMatch(/^(6704|9850|6b00|6a8[03]|6985)$/)
})
