import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../../src/kernel/bytes.ts'
import { accessRule } from '../../../src/card/files/access.ts'
import {
  COMMANDS,
  PARAMETERS,
  type CommandRow,
  type P3,
} from '../../../src/card/multiflex/commands.ts'
import { deliveredMultiflex } from '../../../src/card/multiflex/delivery.ts'
import { decodeCreateFile, GUARDED, TYPE_OF_KIND } from '../../../src/card/multiflex/header.ts'
import { MODELS, type ModelName } from '../../../src/card/multiflex/models.ts'
import { STATUS } from '../../../src/card/multiflex/status.ts'
import { Bench, create, firstSix, hex, KEY, protectedForm, SERIAL } from './cards.ts'

/** The page is the protocol: the code is held against it, and its examples are replayed from it. */
const page = readFileSync(new URL('../../../docs/protocol/multiflex.md', import.meta.url), 'utf8')
const CHALLENGE = '644627e0079dd86c'
const rows: readonly (readonly [string, CommandRow])[] = Object.entries(COMMANDS)

/** The cells of every row of the first table after a heading. */
function tableAfter(heading: string): string[][] {
  const lines = page.slice(page.indexOf(`\n${heading}\n`)).split('\n')
  const first = lines.findIndex((line) => line.startsWith('| '))
  const table = lines.slice(first)
  const end = table.findIndex((line) => !line.startsWith('|'))
  return table.slice(2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

function exampleOf(name: string): readonly string[] {
  const [, fenced = ''] = new RegExp(`\`\`\`example ${name}\n([^]*?)\n\`\`\``).exec(page) ?? []
  return fenced.split('\n')
}

function byte(value: number): string {
  return value.toString(16).padStart(2, '0')
}

function lengthText(p3: P3): string {
  if ('le' in p3) {
    if (p3.le === 'any') return 'expected'
    return `expected ${p3.le === 'list' ? '00 or 04' : byte(p3.le)}`
  }
  if (typeof p3.data === 'number') return `data ${byte(p3.data)}`
  return { any: 'data', header: 'data 10 or 11', key: 'data, as long as the key' }[p3.data]
}

test('the commands', () => {
  expect(tableAfter('## Commands')).toEqual(
    rows.map(([name, { cla, ins, parameters, p3, on, operation, protectable, models }]) => [
      name,
      `${byte(cla)} ${byte(ins)}`,
      PARAMETERS[parameters].p1,
      PARAMETERS[parameters].p2,
      lengthText(p3),
      typeof on === 'string' ? on : on.join(', '),
      operation ?? '',
      protectable ? 'yes' : '',
      models.join(', '),
    ]),
  )
})

test('the models', () => {
  const names = Object.keys(MODELS) as ModelName[]
  expect(tableAfter('## Models')).toEqual(
    names.map((name) => [
      name,
      toHex(MODELS[name].atr),
      `${MODELS[name].eeprom}`,
      `${MODELS[name].free}`,
      `${rows.filter(([, { models }]) => models.includes(name)).length}`,
    ]),
  )
})

test('the status words', () => {
  expect(tableAfter('## Status words').map(([word, name]) => [name, word])).toEqual(
    Object.entries(STATUS).map(([name, word]) => [name, word.toString(16).toUpperCase()]),
  )
})

test('the types', () => {
  expect(tableAfter('### Types')).toEqual(
    Object.entries(TYPE_OF_KIND).map(([kind, type]) => [byte(type), kind]),
  )
})

test('what each nibble guards', () => {
  expect(tableAfter('### What each nibble guards').map((cells) => cells.slice(1))).toEqual(
    GUARDED.directory.map((operations, index) => [
      operations.join(', '),
      GUARDED.elementary[index]?.join(', '),
    ]),
  )
})

test('the nibbles', () => {
  const asks: Readonly<Record<string, unknown>> = {
    'nothing (ALW)': 'always',
    'PIN (CHV1)': { pin: 1 },
    'a cryptogram (PRO)': { key: { number: 5, by: 'command' } },
    'a key shown (AUT)': { key: { number: 5, by: 'session' } },
    'PIN and cryptogram': { pin: 1, key: { number: 5, by: 'command' } },
    'PIN and key shown': { pin: 1, key: { number: 5, by: 'session' } },
    'what nobody has (NEV)': 'never',
  }
  const table = tableAfter('## Access conditions')
  expect(table).toHaveLength(7)
  for (const [nibble = '', text = ''] of table) {
    expect(accessRule(Number.parseInt(nibble, 16), 5)).toEqual(asks[text])
  }
})

test('byte 8', () => {
  const table = tableAfter('## Purses')
  expect(table).toHaveLength(4)
  for (const [bits = '', ...allowed] of table) {
    const byte8 = byte((Number.parseInt(bits, 2) << 6) | 0x3f)
    const made = {
      id: '2003',
      type: '06',
      size: 3,
      access: '000000',
      records: 1,
      recordLength: 3,
    } as const
    const spec = decodeCreateFile(hex(create({ ...made, byte8 })).slice(5), 1)
    const [update, increase, decrease] = allowed.map((cell) => cell === 'yes')
    expect(spec?.valueChanges).toEqual({ update, increase, decrease })
  }
})

describe('the examples', () => {
  test('protected forms', () => {
    const lines = exampleOf('protected').map((line) => line.split(/ +/))
    expect(lines).toHaveLength(4)
    for (const [plain = '', sent = ''] of lines)
      expect(protectedForm(plain, CHALLENGE, KEY)).toBe(sent)
    expect(page).toContain(`\`${firstSix(CHALLENGE, KEY)}\``)
  })

  test('a session', () => {
    const random = { bytes: () => fromHex(CHALLENGE) }
    const bench = new Bench(
      deliveredMultiflex('8K', { serial: fromHex(SERIAL), random }),
      '8K',
      random,
    )
    const lines = exampleOf('session')
    expect(lines.length).toBeGreaterThan(20)
    for (let index = 0; index < lines.length; index += 2) {
      const [sent = '', answered = ''] = lines.slice(index, index + 2)
      expect(`${sent}\n<= ${bench.send(sent.slice(3))}`).toBe(`${sent}\n${answered}`)
    }
  })
})
