import { describe, expect, test } from 'vitest'
import { currency } from '../../src/kernel/money.ts'
import { nearest } from '../../src/town/nearest.ts'
import { randomBelow, seededRandom, shuffled } from '../../src/town/random.ts'
import { dayAndTime, ledgerTable, money, renderTable, tillTable } from '../../src/town/report.ts'
import type { LedgerRow } from '../../src/town/result.ts'

const USD = currency('USD')

test.each([
  [9500n, 'USD', '$95'],
  [9550n, 'USD', '$95.50'],
  [-1n, 'USD', '-$0.01'],
  [123_456_789_012_345n, 'USD', '$1234567890123.45'],
  [50n, 'JPY', '¥50'],
  [1500n, 'JOD', 'JOD 1.500'],
] as const)('%s minor units of %s are %s', (amount, code, text) => {
  expect(money(amount, currency(code)).replaceAll(/\s/g, ' ')).toBe(text)
})

test.each([
  ['2020-09-08T12:03Z', '8th September 12:03 PM'],
  ['2020-09-08T14:03Z', '8th September 2:03 PM'],
  ['2020-09-01T00:00Z', '1st September 12:00 AM'],
  ['2020-02-22T23:59:01Z', '22nd February 11:59:01 PM'],
  ['2020-12-03T01:02:03.040Z', '3rd December 1:02:03.040 AM'],
  ['2020-05-11T11:00Z', '11th May 11:00 AM'],
])('%s is %s', (instant, text) => {
  expect(dayAndTime(Date.parse(instant), 'without-year')).toBe(text)
})

describe('a table', () => {
  const row: LedgerRow = {
    card: 'c1',
    sequence: 1,
    till: 'v1',
    counterparty: null,
    kind: 'pay',
    amount: '5.00',
    balance: '95.00',
    timestamp: '2020-12-31T12:00:00.000Z',
    previousTill: null,
    previousBalance: '100.00',
    previousTimestamp: null,
    complete: true,
  }

  test('has columns as wide as their widest cell', () => {
    const table = tillTable([{ name: 'bakery', queue: 12, lastBatch: 3 }])
    expect(renderTable(table).split('\n')).toEqual([
      'Tills',
      '',
      'till    queue  last batch',
      '──────  ─────  ──────────',
      'bakery  12     3',
    ])
  })

  test('without rows is its title', () => {
    expect(renderTable(tillTable([]))).toBe('Tills')
  })

  test('names the year only where there are two', () => {
    const next = { ...row, sequence: 2, timestamp: '2021-01-01T12:00:00.000Z' }
    const times = (rows: readonly LedgerRow[]) =>
      ledgerTable('c1', rows, USD).rows.map((cells) => cells[2])
    expect(times([row])).toEqual(['31st December 12:00 PM'])
    expect(times([row, next])).toEqual(['31st December 2020 12:00 PM', '1st January 2021 12:00 PM'])
  })
})

test.each([
  ['sycn', ['sync', 'issue', 'show'], ['sync']],
  ['Balance', ['balance', 'base'], ['balance']],
  ['v2', ['v1', 'v3', 'bakery'], ['v1', 'v3']],
  ['xyzzy', ['sync', 'issue'], []],
])('nearest to %s', (word, known, expected) => {
  expect(nearest(word, known)).toEqual(expected)
})

describe('a seeded source', () => {
  test('gives the same bytes for the same seed, however they are taken', () => {
    const whole = seededRandom('a').bytes(70)
    const parts = seededRandom('a')
    expect([...parts.bytes(1), ...parts.bytes(64), ...parts.bytes(5)]).toEqual([...whole])
    expect(seededRandom('b').bytes(70)).not.toEqual(whole)
  })

  test('shuffles without losing anything', () => {
    const items = Array.from({ length: 50 }, (_, index) => index)
    const order = shuffled(seededRandom('a'), items)
    expect(order.toSorted((a, b) => a - b)).toEqual(items)
    expect(order).not.toEqual(items)
    const random = seededRandom('c')
    for (let count = 0; count < 100; count++) expect(randomBelow(random, 3)).toBeLessThan(3)
  })
})
