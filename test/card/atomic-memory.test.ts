import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { concat, fromHex, toHex, type Bytes } from '../../src/kernel/bytes.ts'
import { InvariantError } from '../../src/kernel/errors.ts'
import type { MemoryPart } from '../../src/card/applet.ts'
import { journalSize, JournalledMemory } from '../../src/card/atomic-memory.ts'
import { Nvm, PowerLost, TEARS, type Fuse } from '../../src/card/nvm.ts'

const CAPACITY = 6
const PAGE_SIZES = [4, 8, 16, 64, 256]

let cutPoints = 0
let secondCuts = 0
afterAll(() => console.log(`journal: ${cutPoints} cuts, ${secondCuts} more in the recovery`))

/** Data of 8 pages: `seed` and what follows. */
function memoryOf(pageSize: number, seed: number) {
  const size = 8 * pageSize
  const nvm = new Nvm({ size: journalSize(pageSize, { capacity: CAPACITY }) + size, pageSize })
  const memory = new JournalledMemory(nvm, { capacity: CAPACITY })
  memory.write(part(0, filled(CAPACITY * pageSize, seed)))
  memory.write(part(CAPACITY * pageSize, filled(2 * pageSize, seed)))
  return { nvm, memory }
}

function filled(size: number, seed: number): Bytes {
  return new Uint8Array(size).map((_, index) => seed + index * 7)
}

function part(offset: number, bytes: Uint8Array): MemoryPart {
  return { offset, bytes }
}

function dataOf(memory: JournalledMemory): string {
  return toHex(memory.read(0, memory.size))
}

/** Does `work` with the fuse in it; whether it blew. */
function cut(nvm: Nvm, fuse: Fuse, work: () => void): boolean {
  nvm.arm(fuse)
  try {
    work()
    return false
  } catch (error) {
    if (!(error instanceof PowerLost)) throw error
    return true
  } finally {
    nvm.arm(undefined)
    nvm.powerOn()
  }
}

/** Every page write of `work` with every tear: what it leaves is handed to `check`. */
function atEveryCut(nvm: Nvm, work: () => void, check: (fuse: Fuse) => void): number {
  const start = nvm.snapshot()
  for (let atWrite = 1, cuts = 0; ; atWrite++) {
    for (const tear of TEARS) {
      nvm.restore(start)
      if (!cut(nvm, { atWrite, tear }, work)) return cuts
      cuts++
      check({ atWrite, tear })
    }
  }
}

const WRITES: readonly [string, (pageSize: number) => readonly MemoryPart[]][] = [
  ['one byte', () => [part(1, Uint8Array.of(0xfe))]],
  ['one page', (size) => [part(size, filled(size, 0xa0))]],
  [
    'the end of one page and the start of the next',
    (size) => [part(2 * size - 1, filled(2, 0xb0))],
  ],
  ['two pages apart', (size) => [part(6 * size, filled(1, 0xc0)), part(1, filled(2, 0xd0))]],
  ['as much as a write may', (size) => [part(size, filled(CAPACITY * size, 0xe0))]],
  ['every other page', (size) => [0, 2, 4, 6].map((page) => part(page * size, filled(1, 0xf0)))],
  ['parts over each other', () => [part(0, filled(3, 0x10)), part(1, filled(3, 0x20))]],
]

describe.each(PAGE_SIZES)('pages of %i bytes: all or none', (pageSize) => {
  test.each(WRITES)('%s', (_, parts) => {
    const { nvm, memory } = memoryOf(pageSize, 1)
    const before = dataOf(memory)
    const start = nvm.snapshot()
    const write = () => memory.write(...parts(pageSize))
    write()
    const after = dataOf(memory)
    expect(after).not.toBe(before)
    nvm.restore(start)

    const outcomes: string[] = []
    cutPoints += atEveryCut(nvm, write, (fuse) => {
      const torn = nvm.snapshot()
      memory.recover()
      const outcome = dataOf(memory)
      expect([before, after]).toContain(outcome)
      outcomes.push(outcome)

      nvm.restore(torn)
      secondCuts += atEveryCut(
        nvm,
        () => memory.recover(),
        (second) => {
          memory.recover()
          expect({ fuse, second, data: dataOf(memory) }).toEqual({ fuse, second, data: outcome })
        },
      )

      nvm.restore(torn)
      memory.recover()
      memory.write(part(0, filled(pageSize, 0x55)))
      expect(toHex(memory.read(0, pageSize))).toBe(toHex(filled(pageSize, 0x55)))
      expect(toHex(memory.read(pageSize, memory.size - pageSize))).toBe(outcome.slice(2 * pageSize))
    })
    // Once it is new it stays new: there is one page write from which it counts.
    expect(outcomes).toEqual(outcomes.toSorted((a, b) => Number(a === after) - Number(b === after)))
    expect(outcomes[0]).toBe(before)
    expect(outcomes.at(-1)).toBe(after)
  })
})

test('a tear in the next write leaves the one before as it was', () => {
  for (const pageSize of PAGE_SIZES) {
    const { nvm, memory } = memoryOf(pageSize, 1)
    memory.write(part(1, filled(pageSize, 0x31)))
    const first = dataOf(memory)
    const write = () => memory.write(part(3, filled(pageSize, 0x62)))
    const start = nvm.snapshot()
    write()
    const second = dataOf(memory)
    nvm.restore(start)
    cutPoints += atEveryCut(nvm, write, () => {
      memory.recover()
      expect([first, second]).toContain(dataOf(memory))
      const third = () => memory.write(part(2, filled(pageSize, 0x93)))
      const old = dataOf(memory)
      cutPoints += atEveryCut(nvm, third, () => {
        memory.recover()
        expect([old, concatenated(old, 2, filled(pageSize, 0x93))]).toContain(dataOf(memory))
      })
    })
  }
})

function concatenated(data: string, offset: number, bytes: Bytes): string {
  const changed = fromHex(data)
  changed.set(bytes, offset)
  return toHex(changed)
}

test('random writes, torn at random: always what was promised', () => {
  const pages = 8
  const model = fc.record({
    pageSize: fc.constantFrom(...PAGE_SIZES),
    steps: fc.array(
      fc.record({
        parts: fc.array(
          fc.record({
            at: fc.double({ min: 0, max: 0.99, noNaN: true }),
            bytes: fc.uint8Array({ minLength: 0, maxLength: 40 }),
          }),
          { minLength: 1, maxLength: 3 },
        ),
        fuses: fc.array(
          fc.record({ atWrite: fc.integer({ min: 1, max: 12 }), tear: fc.constantFrom(...TEARS) }),
          { maxLength: 3 },
        ),
      }),
      { minLength: 1, maxLength: 12 },
    ),
  })
  fc.assert(
    fc.property(model, ({ pageSize, steps }) => {
      const capacity = pages
      const size = pages * pageSize
      const nvm = new Nvm({ size: journalSize(pageSize, { capacity }) + size, pageSize })
      const memory = new JournalledMemory(nvm, { capacity })
      let known: Bytes = new Uint8Array(size)
      for (const { parts, fuses } of steps) {
        const placed = parts.map(({ at, bytes }) => {
          const piece = bytes.subarray(0, size)
          return part(Math.floor(at * (size - piece.length + 1)), piece)
        })
        const wanted = known.slice()
        for (const { offset, bytes } of placed) wanted.set(bytes, offset)
        const [first, ...more] = fuses
        if (first && cut(nvm, first, () => memory.write(...placed))) {
          cutPoints++
          for (const fuse of more) if (cut(nvm, fuse, () => memory.recover())) secondCuts++
          memory.recover()
          const data = dataOf(memory)
          expect([toHex(known), toHex(wanted)]).toContain(data)
          known = fromHex(data)
        } else {
          if (!first) memory.write(...placed)
          known = wanted
        }
        expect(dataOf(memory)).toBe(toHex(known))
      }
    }),
    { numRuns: 500 },
  )
})

test('a write that changes nothing costs nothing', () => {
  const { nvm, memory } = memoryOf(16, 1)
  const { writes } = nvm
  memory.write()
  memory.write(part(0, memory.read(0, memory.size)))
  memory.recover()
  expect(nvm.writes).toBe(writes)
})

test.each([
  [4, 1, 4],
  [4, 4, 4],
  [4, 160, 82],
  [64, 160, 7],
  [256, 160, 3],
])('pages of %i bytes: %i bytes cost %i page writes', (pageSize, size, expected) => {
  const nvm = new Nvm({ size: 65_536, pageSize })
  const memory = new JournalledMemory(nvm, { capacity: 40 })
  memory.write(part(0, filled(size, 1)))
  expect(nvm.writes).toBe(expected)
})

test('the sequence of the marks begins again', () => {
  const nvm = new Nvm({ size: journalSize(4, { capacity: 1 }) + 4, pageSize: 4 })
  const memory = new JournalledMemory(nvm, { capacity: 1 })
  for (let count = 0; count < 0x10000 + 3; count++) {
    memory.write(part(0, Uint8Array.of(count, count >> 8)))
    if (count < 0xfff0) continue
    // What the record says is put back over the data.
    nvm.write(nvm.size - 4, new Uint8Array(4))
    memory.recover()
    expect(memory.read(0, 2)).toEqual(Uint8Array.of(count, count >> 8))
  }
})

describe('parts', () => {
  test('have offsets of their own', () => {
    const { memory } = memoryOf(16, 1)
    const region = memory.part(20, 10)
    region.write(part(0, Uint8Array.of(1, 2)), part(9, Uint8Array.of(3)))
    expect(region.size).toBe(10)
    expect(memory.read(20, 2)).toEqual(Uint8Array.of(1, 2))
    expect(region.read(8, 2)).toEqual(concat(filled(29, 1).slice(28), Uint8Array.of(3)))
  })

  test.each<[string, (memory: JournalledMemory) => unknown]>([
    ['read before it', (memory) => memory.part(20, 10).read(-1, 1)],
    ['read after it', (memory) => memory.part(20, 10).read(9, 2)],
    ['write after it', (memory) => memory.part(20, 10).write(part(10, Uint8Array.of(1)))],
    ['read outside the memory', (memory) => memory.read(127, 2)],
    ['write outside the memory', (memory) => memory.write(part(-1, Uint8Array.of(1)))],
    ['a part outside the memory', (memory) => memory.part(120, 9)],
    ['more pages than the journal holds', (memory) => memory.write(part(0, new Uint8Array(128)))],
  ])('%s is our own mistake, and changes nothing', (_, work) => {
    const { nvm, memory } = memoryOf(16, 1)
    const before = nvm.snapshot()
    expect(() => work(memory)).toThrow(InvariantError)
    expect(nvm.snapshot()).toEqual(before)
  })
})

describe('a journal that we did not write', () => {
  /** 2 pages of data, 4 bytes each, and this record with a mark. */
  function recovered(record: string): string {
    const nvm = new Nvm({ size: journalSize(4, { capacity: 2 }) + 8, pageSize: 4 })
    nvm.write(4, fromHex(record.replaceAll(' ', '')))
    nvm.write(0, fromHex('0000ffff'))
    const memory = new JournalledMemory(nvm, { capacity: 2 })
    memory.recover()
    return dataOf(memory)
  }

  test.each([
    ['one page', '01 0001 01 a1a2a3a4', '00000000a1a2a3a4'],
    ['one run of two pages', '01 0000 02 a1a2a3a4 b1b2b3b4', 'a1a2a3a4b1b2b3b4'],
    ['two runs', '02 0000 01 0001 01 a1a2a3a4 b1b2b3b4', 'a1a2a3a4b1b2b3b4'],
    ['no run', '00', '0000000000000000'],
    ['a page outside', '01 0002 01 a1a2a3a4', '0000000000000000'],
    ['a run that leads outside', '01 0001 02 a1a2a3a4 b1b2b3b4', '0000000000000000'],
    ['more content than a slot', '02 0000 02 0000 02 a1a2a3a4 b1b2b3b4 c1', '0000000000000000'],
    ['more runs than a slot', 'ff', '0000000000000000'],
  ])('%s', (_, record, expected) => {
    expect(recovered(record)).toBe(expected)
  })

  test('holds anything at all', () => {
    const hostile = fc.tuple(
      fc.constantFrom(4, 16),
      fc.uint8Array({ minLength: 80, maxLength: 80 }),
      fc.nat(0xffff),
    )
    fc.assert(
      fc.property(hostile, ([pageSize, junk, sequence]) => {
        const nvm = new Nvm({ size: journalSize(pageSize, { capacity: 2 }) + 32, pageSize })
        nvm.write(0, junk.subarray(0, nvm.size))
        const mark = Uint8Array.of(sequence >> 8, sequence, ~sequence >> 8, ~sequence)
        nvm.write(pageSize - mark.length, mark)
        const memory = new JournalledMemory(nvm, { capacity: 2 })
        memory.recover()
        memory.write(part(0, Uint8Array.of(1, 2, 3, 4)))
        expect(memory.read(0, 4)).toEqual(Uint8Array.of(1, 2, 3, 4))
      }),
    )
  })
})
