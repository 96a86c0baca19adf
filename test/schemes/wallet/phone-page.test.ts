import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { LayoutLine } from '../../../src/kernel/message.ts'
import {
  decodeSynchronisation,
  decodeSynchronisationAnswer,
  encodeSynchronisation,
  encodeSynchronisationAnswer,
} from '../../../src/kernel/synchronisation.ts'
import { decodeCbor } from '../../../src/kernel/cbor.ts'
import { parseCardId } from '../../../src/kernel/ids.ts'
import { PERMISSIONS } from '../../../src/office/permissions.ts'
import { STANDINGS } from '../../../src/office/wallets/standing.ts'
import { PHONE_LAYOUTS } from '../../../src/schemes/wallet/phone/messages.ts'
import { PHONE_STATUSES } from '../../../src/schemes/wallet/phone.ts'

const page = readFileSync(
  new URL('../../../docs/protocol/wallet-office.md', import.meta.url),
  'utf8',
)

/** The cells of every row of the first table after that text. */
function rowsAfter(under: string): string[][] {
  const start = page.indexOf(under)
  expect(start, `the page has "${under}"`).toBeGreaterThan(-1)
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

function tableOf(layout: readonly LayoutLine[]): string[][] {
  let offset = 0
  return layout.map(({ field, size, description }) => {
    const row = [Number.isNaN(offset) ? '' : String(offset), String(size ?? 'varies')]
    offset += size ?? Number.NaN
    return [...row, field, description]
  })
}

test.each(Object.entries(PHONE_LAYOUTS))('the page has the layout of %s', (name, { layout }) => {
  expect(rowsAfter(`\n${name}, `)).toEqual(tableOf(layout))
})

test('the page has every standing and every status in the order of the checks', () => {
  expect(rowsAfter('## How card and office stand').map(([name]) => name)).toEqual([...STANDINGS])
  expect(rowsAfter('## What can come of a contact').map(([name]) => name)).toEqual([
    ...PHONE_STATUSES,
  ])
})

test('the page has calls that there are', () => {
  const calls = rowsAfter('## For the holder').map(([call = '']) => call.split(',')[0] ?? '')
  for (const call of calls) {
    expect(Object.keys(PERMISSIONS)).toContain(call.replace('/me/', '/:person/'))
  }
  expect(calls.length).toBeGreaterThan(8)
})

test('the page has the fields that go up and come down', () => {
  const card = parseCardId('00c0ffee00c0ffee')
  const sent = { scheme: 'wallet', card, statement: new Uint8Array(3), items: [new Uint8Array(1)] }
  const up = encodeSynchronisation(sent)
  expect(decodeSynchronisation(up)).toEqual(sent)
  const answer = { orders: [new Uint8Array(2)], notices: [], upTo: 7 }
  const down = encodeSynchronisationAnswer(answer)
  expect(decodeSynchronisationAnswer(down)).toEqual(answer)
  const keysOf = (bytes: Uint8Array) => {
    const map = decodeCbor(bytes, 'message')
    return new Set<unknown>(map instanceof Map ? map.keys() : [])
  }
  const fieldsAfter = (under: string) => new Set<unknown>(rowsAfter(under).map(([field]) => field))
  expect(fieldsAfter('## Synchronise')).toEqual(keysOf(up))
  expect(fieldsAfter('The answer:')).toEqual(keysOf(down))
})
