import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { MESSAGE_BITS, WORD_BITS } from '../../../src/card/puf/bch.ts'
import { fuzzyExtractor } from '../../../src/card/puf/fuzzy-extractor.ts'
import { fromHex, toHex, utf8, concat, type Bytes } from '../../../src/kernel/bytes.ts'
import { hmacSha256 } from '../../../src/kernel/hash.ts'
import type { LayoutLine } from '../../../src/kernel/message.ts'
import { publicKeyOfFleeting, withScalar } from '../../../src/kernel/p256.ts'
import { ROLE_OID } from '../../../src/schemes/coin/certificates.ts'
import { COIN_CASES } from '../../../src/office/coins/rules.ts'
import { COIN_SW, INS } from '../../../src/schemes/coin/instructions.ts'
import { WRITE_STATUSES } from '../../../src/reader/writing.ts'
import { LAYOUTS } from '../../../src/schemes/coin/layouts.ts'
import { COIN_AID, CONTEXT, IDENTITY_AID, VENDOR_AID } from '../../../src/schemes/coin/message.ts'
import { COIN_FINDINGS } from '../../../src/office/coins/coinage.ts'
import { COIN_REJECTIONS } from '../../../src/schemes/coin/office/redemption.ts'
import { COIN_STATUSES } from '../../../src/schemes/coin/till/statuses.ts'

/** The page is the protocol: the code is held against it. */
const page = readFileSync(new URL('../../../docs/protocol/coin.md', import.meta.url), 'utf8')

/** The cells of every row of the first table under the first text that is `under`. */
function rowsAfter(under: string): string[][] {
  const start = page.indexOf(under)
  expect(start, 'the page has it').toBeGreaterThan(-1)
  const lines = page.slice(start).split('\n')
  const table = lines.slice(lines.findIndex((line) => line.startsWith('| ')))
  const end = table.findIndex((line) => !line.startsWith('|'))
  return table.slice(2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  )
}

function column(under: string, index = 0): string[] {
  return rowsAfter(under).map((row) => row[index] ?? '')
}

function tableOf(layout: readonly LayoutLine[]): string[][] {
  let offset = 0
  return layout.map(({ field, size, description }) => {
    const row = [Number.isNaN(offset) ? '' : String(offset), String(size ?? 'varies')]
    offset += size ?? Number.NaN
    return [...row, field, description]
  })
}

describe('the tables are the layouts', () => {
  test.for(Object.entries(LAYOUTS))('%s', ([name, { layout }]) => {
    expect(rowsAfter(`### ${name}\n`)).toEqual(tableOf(layout))
  })
})

test.for([
  ['a tap', 'What a till says', COIN_STATUSES],
  ['writing', 'What comes of writing', WRITE_STATUSES],
  ['rejections', 'What the office makes of it', COIN_REJECTIONS],
  ['cases', '**A coin is paid once**', COIN_CASES],
  ['findings', 'What one item of evidence proves', COIN_FINDINGS],
] as const)('the list of %s is in its order', ([, under, list]) => {
  expect(column(under)).toEqual(list)
})

test('status words, in the order of the checks', () => {
  const rows = rowsAfter('LOAD stays open.').map(([word, name]) => [name, word])
  expect(rows).toEqual(Object.entries(COIN_SW).map(([name, sw]) => [name, sw.toString(16)]))
})

test('instructions, names and texts', () => {
  expect(rowsAfter('All other commands have class 80').map(([name, ins]) => [name, ins])).toEqual(
    Object.entries(INS).map(([name, ins]) => [name, ins.toString(16)]),
  )
  for (const aid of [IDENTITY_AID, COIN_AID, VENDOR_AID]) expect(page).toContain(toHex(aid))
  expect(column('authenticated with it goes', 1).map((text) => toHex(utf8(text)))).toEqual(
    Object.values(CONTEXT).map((text) => toHex(text)),
  )
})

test('the role is the object identifier', () => {
  const [, digits = ''] = /2\.25\.(\d+)/.exec(page) ?? []
  let [number, bytes] = [BigInt(digits), [] as number[]]
  for (let last = true; number > 0n || last; number >>= 7n, last = false) {
    bytes = [Number(number & 0x7fn) | (last ? 0 : 0x80), ...bytes]
  }
  expect(toHex(ROLE_OID)).toBe(`69${toHex(Uint8Array.from(bytes))}`)
})

test('what a bias of the PUF costs', () => {
  const rows = rowsAfter('**Bias.**').map(([ones = '', ...bits]) => [parseInt(ones), ...bits])
  // Of three bits that hide one, by how many of them are ones: the likelier of the two that it can be.
  const guessed = (p: number) =>
    [0, 1, 2, 3].reduce((sum, ones) => {
      const likelihood = (same: number) => p ** same * (1 - p) ** (3 - same)
      const ways = [1, 3, 3, 1][ones] ?? 0
      return sum + ways * Math.max(likelihood(ones), likelihood(3 - ones))
    }, 0)
  expect(rows).toEqual(
    [50, 51, 52, 53, 55, 60].map((percent) => {
      const gained = WORD_BITS * Math.log2(guessed(percent / 100))
      return [percent, gained.toFixed(1), (MESSAGE_BITS - gained).toFixed(1)]
    }),
  )
})

test('the example of the fuzzy extractor', () => {
  const [, block = ''] = /```example extractor\n([^]*?)\n```/.exec(page) ?? []
  const values = new Map(block.split('\n').map((line) => line.split(/\s+/) as [string, string]))
  const value = (name: string): Bytes => fromHex(values.get(name) ?? '')
  const extractor = fuzzyExtractor()
  const random = { bytes: (size: number) => Uint8Array.from({ length: size }, (_, at) => at + 1) }
  const { key, helper } = extractor.generate(new Uint8Array(96), random)
  expect(toHex(helper)).toBe(toHex(concat(value('offset'), value('check'))))
  // By hand, from the message on.
  expect(toHex(hmacSha256(value('message'), utf8('kontant puf key')))).toBe(toHex(key))
  expect(toHex(value('key'))).toBe(toHex(key))
  const check = hmacSha256(value('message'), concat(utf8('kontant puf check'), value('offset')))
  expect(toHex(check.subarray(0, 16))).toBe(toHex(value('check')))
  const scalar = hmacSha256(key, concat(utf8('kontant puf scalar'), Uint8Array.of(0)))
  expect(toHex(scalar)).toBe(toHex(value('scalar')))
  expect(toHex(withScalar(scalar, publicKeyOfFleeting).bytes)).toBe(toHex(value('public')))
})
