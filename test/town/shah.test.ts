import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import type { PlayResult } from '../../src/town/result.ts'
import { play } from './play.ts'

const FILE = new URL('../../scenarios/shah.yaml', import.meta.url)

/**
 * The tables as the document prints them, with its superscripts written out. Table II prints a previous
 * balance as `100` where Table IV has `$100`, and Table IV has `10:41 PM` where Table I has `10:41 AM`.
 */
const TABLE_I = `
v1  8th September 12:03 PM  $5
v2  8th September 2:03 PM  $3
v1  8th September 4:07 PM  $2
v3  9th September 8:23 AM  $1
v4  9th September 10:41 AM  $4`
const TABLE_II = `
v1  $95  8th September 12:03 PM  -  $100  -  1  yes
v1  $90  8th September 4:07 PM  v2  $92  8th September 2:03 PM  3  no`
const TABLE_III = `
v1  $95  8th September 12:03 PM  -  $100  -  1  yes
v2  $92  8th September 2:03 PM  v1  $95  8th September 12:03 PM  2  yes
v1  $90  8th September 4:07 PM  v2  $92  8th September 2:03 PM  3  yes`
const TABLE_IV = `${TABLE_III}
v3  $89  9th September 8:23 AM  v1  $90  8th September 4:07 PM  4  yes
v4  $81  9th September 10:41 AM  v3  $85  9th September 8:23 AM  5  no`

/** The cells of the tables that were printed, in order, two spaces between. */
function tablesIn(printed: string): readonly string[] {
  return printed
    .split(/\n(?=vendor )/)
    .slice(1)
    .map((table) => {
      const [, , ...rows] = table.split('\n')
      const end = rows.indexOf('')
      return rows
        .slice(0, end === -1 ? undefined : end)
        .map((row) => row.trimEnd().replaceAll(/ {2,}/g, '  '))
        .join('\n')
    })
}

describe('Shah et al.', () => {
  let printed = ''
  let result: PlayResult

  beforeAll(async () => {
    result = await play(readFileSync(FILE, 'utf8'), 'shah.yaml', (text) => {
      printed += `${text}\n`
    })
  })

  test('Tables I to IV are printed as the document has them', () => {
    expect(tablesIn(printed).slice(0, 4)).toEqual(
      [TABLE_I, TABLE_II, TABLE_III, TABLE_IV].map((table) => table.trim()),
    )
  })

  test('the columns are those of the document', () => {
    const header = printed.split('\n').filter((line) => line.startsWith('vendor '))
    expect(header.map((line) => line.trim().split(/ {2,}/)).slice(0, 2)).toEqual([
      ['vendor', 'timestamp', 'amount'],
      [
        'vendor',
        'balance',
        'timestamp',
        'prev vendor',
        'prev balance',
        'prev timestamp',
        'sequence number',
        'complete',
      ],
    ])
  })

  test('v4, and nobody else, is named', () => {
    expect(result.cases).toEqual([
      {
        office: 'office',
        kind: 'previous-balance-altered',
        card: 'c1',
        suspects: ['v4'],
        strength: 'proven',
        amount: '4.00',
        state: 'open',
      },
    ])
  })

  test('the shape of the JSON stays', () => {
    expect(Object.keys(result)).toEqual([
      'version',
      'title',
      'currency',
      'ok',
      'failures',
      'ledgers',
      'accounts',
      'cases',
      'tills',
      'pufs',
      'steps',
    ])
    expect(result.ledgers['c1']?.at(-1)).toEqual({
      card: 'c1',
      sequence: 5,
      till: 'v4',
      counterparty: null,
      kind: 'pay',
      amount: '4.00',
      balance: '81.00',
      timestamp: '2020-09-09T10:41:00.000Z',
      previousTill: 'v3',
      previousBalance: '85.00',
      previousTimestamp: '2020-09-09T08:23:00.000Z',
      complete: false,
    })
    expect(result.accounts[0]).toEqual({
      office: 'office',
      kind: 'world',
      owner: '',
      balance: '-100.00',
    })
    expect(result.tills[0]).toEqual({ name: 'v1', queue: 0, lastBatch: 1 })
    expect(result.steps[0]).toEqual({
      step: 1,
      line: 21,
      at: '2020-09-08T12:03:00.000Z',
      verb: 'pay',
      result: 'done',
      text: 'c1 pays $5 at v1, $95 left',
    })
  })
})
