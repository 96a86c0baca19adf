import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LedgerLineJson } from '../../src/office/answers.ts'
import { chainRows, type ChainRow } from '../../web/console/ledger/chain.ts'

interface Sketch {
  readonly name: string
  readonly on?: string
  readonly sequence: number
  readonly balance?: number
  /** What it says was before it. */
  readonly said?: number
  readonly missing?: boolean
  readonly contested?: boolean
}

function line({ name, on, sequence, balance = 0, said = 0, missing, contested }: Sketch) {
  return {
    card: '00000000000000aa',
    sequence,
    digest: name,
    kind: 'pay',
    till: 1,
    balance: String(balance),
    at: 0,
    uploaded: missing !== true,
    amount: '0',
    outcome: 'confirmed',
    previous:
      on === undefined ? null : { digest: on, till: 1, balance: String(said), at: 0, shown: true },
    complete: true,
    contested: contested === true,
    refuted: false,
    decision: null,
    settlement: 'settled',
    payment: null,
  } satisfies LedgerLineJson
}

const brief = (row: ChainRow) =>
  row.kind === 'hole'
    ? `hole ${row.from}-${row.to}`
    : `${row.kind} ${row.line.digest} lane ${row.lane} ${row.link}`

describe('the picture of a chain', () => {
  it.each<[string, readonly Sketch[], readonly string[]]>([
    [
      'a straight one',
      [
        { name: 'a', sequence: 0 },
        { name: 'b', on: 'a', sequence: 1 },
      ],
      ['record a lane 0 first', 'record b lane 0 fits'],
    ],
    [
      'one that nobody handed in',
      [
        { name: 'a', sequence: 0 },
        { name: 'b', on: 'a', sequence: 1, missing: true },
        { name: 'c', on: 'b', sequence: 2 },
      ],
      ['record a lane 0 first', 'missing b lane 0 fits', 'record c lane 0 waits'],
    ],
    [
      'a hole, and one shown beyond it',
      [
        { name: 'a', sequence: 0 },
        { name: 'd', sequence: 3, missing: true },
        { name: 'e', on: 'd', sequence: 4 },
      ],
      ['record a lane 0 first', 'hole 1-2', 'missing d lane 0 waits', 'record e lane 0 waits'],
    ],
    [
      'a fork: the longer branch goes straight on',
      [
        { name: 'a', sequence: 0 },
        { name: 'b', on: 'a', sequence: 1, contested: true },
        { name: 'c', on: 'a', sequence: 1, contested: true },
        { name: 'd', on: 'c', sequence: 2, contested: true },
      ],
      [
        'record a lane 0 first',
        'record c lane 0 contested',
        'record b lane 1 contested',
        'record d lane 0 contested',
      ],
    ],
    [
      'another balance than was there',
      [
        { name: 'a', sequence: 0, balance: 89 },
        { name: 'b', on: 'a', sequence: 1, said: 85 },
      ],
      ['record a lane 0 first', 'record b lane 0 broken'],
    ],
    [
      'another record than is there',
      [
        { name: 'a', sequence: 0 },
        { name: 'b', on: 'x', sequence: 1 },
      ],
      ['record a lane 0 first', 'record b lane 0 broken'],
    ],
  ])('%s', (_name, sketches, expected) => {
    expect(chainRows(sketches.map(line)).map(brief)).toEqual(expected)
  })

  it('has every record once, no two in one place, and no place left out', () => {
    const sketches = fc
      .uniqueArray(
        fc.record({
          name: fc.stringMatching(/^[a-f0-9]{4}$/),
          on: fc.option(fc.stringMatching(/^[a-f0-9]{4}$/), { nil: undefined }),
          sequence: fc.nat(8),
          missing: fc.boolean(),
        }),
        { selector: ({ name }) => name, maxLength: 20 },
      )
      .map((list) =>
        list.map(({ on, ...rest }) => {
          // Most stand on something that is there.
          const before = list.find(({ sequence }) => sequence === rest.sequence - 1)?.name ?? on
          return before === undefined ? rest : { ...rest, on: before }
        }),
      )
    fc.assert(
      fc.property(sketches, (list) => {
        const rows = chainRows(list.map(line))
        const names = rows.flatMap((row) => (row.kind === 'hole' ? [] : row.line.digest))
        expect(names.toSorted()).toEqual(list.map(({ name }) => name).toSorted())
        const places = rows.flatMap((row) =>
          row.kind === 'hole' ? [] : `${row.line.sequence} ${row.lane}`,
        )
        expect(new Set(places).size).toBe(places.length)
        let next = 0
        for (const row of rows) {
          const from = row.kind === 'hole' ? row.from : row.line.sequence
          expect(from <= next).toBe(true)
          next = Math.max(next, (row.kind === 'hole' ? row.to : row.line.sequence) + 1)
        }
      }),
    )
  })
})
