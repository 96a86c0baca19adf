import { afterAll, describe, expect, test } from 'vitest'
import { utf8, type Bytes } from '../../../src/kernel/bytes.ts'
import { hmacSha256 } from '../../../src/kernel/hash.ts'
import { JournalledMemory, journalSize } from '../../../src/card/atomic-memory.ts'
import { Nvm, PowerLost, TEARS } from '../../../src/card/nvm.ts'
import { CHALLENGES, ErasablePuf, recordSize } from '../../../src/card/puf/erasable-puf.ts'
import { RecordTampered, ROOT_SIZE } from '../../../src/card/puf/rooted-memory.ts'
import { Silicon } from '../../../src/card/puf/silicon.ts'
import { keystream } from './silicon.ts'

const noise = keystream('noise')
const JOURNAL = { capacity: 8 }
const PAGE = 256
const START = journalSize(PAGE, JOURNAL)
/** What the caller makes of responses. */
const NOTES_SIZE = 32
/** That are erased together. */
const TOGETHER = 16
const counted = new Map<string, number>()
afterAll(() => console.log([...counted].map(([what, count]) => `${what}: ${count}`).join('\n')))

/** A chip with an erasable PUF: its memory, its silicon, and what is switched on at the moment. */
class Chip {
  readonly nvm: Nvm
  readonly silicon: Silicon

  constructor(from?: Chip) {
    const control = from?.silicon.control.snapshot()
    const device = { structure: utf8('chip'), noise, bitErrorRate: 0 }
    this.silicon = new Silicon({ ...device, ...(control && { control }) })
    const size = START + 4 * PAGE
    this.nvm = new Nvm({ size, pageSize: PAGE, ...(from && { image: from.nvm.snapshot() }) })
  }

  powerOn(): ErasablePuf {
    this.nvm.powerOn()
    const record = new JournalledMemory(this.nvm, JOURNAL)
    record.recover()
    return this.opened(record)
  }

  /** Without the journal's recovery, which would undo what was written by hand. */
  opened(record = new JournalledMemory(this.nvm, JOURNAL)): ErasablePuf {
    const { silicon } = this
    return new ErasablePuf({
      puf: silicon.puf,
      record,
      notesSize: NOTES_SIZE,
      root: silicon.root(0),
      mark: (bytes) => hmacSha256(utf8('nobody has this'), bytes),
    })
  }
}

/** Keeps the first bytes of each response, and hands them out. */
function take(puf: ErasablePuf, challenges: readonly number[]): readonly Bytes[] | undefined {
  return puf.once(challenges, (responses) => {
    const kept = responses.map((response) => response.slice(0, 2))
    const bytes = new Uint8Array(32)
    kept.forEach((part, index) => bytes.set(part, 2 * index))
    return { parts: [{ offset: 0, bytes }], result: kept }
  })
}

describe('an erasable PUF', () => {
  test('answers a challenge once', () => {
    const puf = new Chip().powerOn()
    expect(puf.isErased(7)).toBe(false)
    expect(take(puf, [7])).toHaveLength(1)
    expect(puf.isErased(7)).toBe(true)
    expect(take(puf, [7])).toBeUndefined()
    expect(puf.enrol(7)).toBeUndefined()
    expect(take(puf, [6, 7, 8]), 'one of them is erased').toBeUndefined()
    expect([6, 8].map((challenge) => puf.isErased(challenge))).toEqual([false, false])
    expect(take(puf, [6, 8])).toHaveLength(2)
  })

  test('every challenge, in any order, and none influences another', () => {
    const puf = new Chip().powerOn()
    const all = Array.from({ length: CHALLENGES }, (_, index) => (index * 1571) % CHALLENGES)
    for (let at = 0; at < all.length; at += TOGETHER) {
      expect(take(puf, all.slice(at, at + TOGETHER))).toHaveLength(TOGETHER)
      expect(puf.isErased(all[at + TOGETHER] ?? 0)).toBe(at + TOGETHER >= all.length)
    }
  })

  test('what its user refuses is not erased, and responses are wiped', () => {
    const puf = new Chip().powerOn()
    let seen: readonly Bytes[] = []
    expect(
      puf.once([3, 4], (responses) => {
        seen = responses
        expect(responses.some((response) => response.some((byte) => byte !== 0))).toBe(true)
        return undefined
      }),
    ).toBeUndefined()
    expect(seen.every((response) => response.every((byte) => byte === 0))).toBe(true)
    expect(puf.isErased(3)).toBe(false)
    expect(take(puf, [3, 4])).toHaveLength(2)
  })

  test('torn anywhere, all is as before or all is done, and what was kept agrees', () => {
    const dry = new Chip()
    take(dry.powerOn(), [1, 2])
    const before = new Chip(dry)
    const [nvmWrites, controlWrites] = [dry.nvm.writes, dry.silicon.control.writes]
    take(dry.powerOn(), [30, 31])
    const points = [
      ...Array.from({ length: dry.nvm.writes - nvmWrites }, (_, n) => ['nvm', n + 1] as const),
      ...Array.from(
        { length: dry.silicon.control.writes - controlWrites },
        (_, n) => ['control', n + 1] as const,
      ),
    ]
    expect(points.filter(([where]) => where === 'control').length).toBeGreaterThan(1)
    for (const [where, atWrite] of points) {
      for (const tear of TEARS) {
        const chip = new Chip(before)
        const puf = chip.powerOn()
        const memory = where === 'nvm' ? chip.nvm : chip.silicon.control
        memory.arm({ atWrite, tear })
        expect(() => take(puf, [30, 31])).toThrow(PowerLost)
        memory.arm(undefined)
        const after = chip.powerOn()
        const erased = [30, 31].map((challenge) => after.isErased(challenge))
        expect(erased[0]).toBe(erased[1])
        const kept = after.notes.read(0, NOTES_SIZE)
        const expected = (erased[0] ? dry : before).powerOn().notes.read(0, NOTES_SIZE)
        expect(kept).toEqual(expected)
        // The chip goes on: nothing is taken for tampering.
        expect(take(after, [30, 31]) === undefined).toBe(erased[0])
        expect(take(after, [40])).toHaveLength(1)
        expect(chip.powerOn().isErased(30)).toBe(true)
        counted.set('cut points', (counted.get('cut points') ?? 0) + 1)
      }
    }
  })

  test('a memory that was put back is noticed, and answers nothing any more', () => {
    const chip = new Chip()
    const puf = chip.powerOn()
    const images = [chip.nvm.snapshot()]
    for (const challenge of [1, 2, 3]) {
      take(puf, [challenge])
      images.push(chip.nvm.snapshot())
    }
    const [newest = new Uint8Array(), ...older] = images.toReversed()
    for (const image of older) {
      chip.nvm.restore(image)
      expect(() => take(chip.powerOn(), [3])).toThrow(RecordTampered)
      expect(() => chip.powerOn().isErased(1)).toThrow(RecordTampered)
      expect(() => chip.powerOn().enrol(5)).toThrow(RecordTampered)
    }
    chip.nvm.restore(newest)
    expect(take(chip.powerOn(), [4])).toHaveLength(1)
  })

  test('no bit of the record can be changed by hand, erased or not, of map, notes, root or mark', () => {
    const chip = new Chip()
    const puf = chip.powerOn()
    take(puf, [8])
    take(puf, [9])
    const image = chip.nvm.snapshot()
    const places = Array.from({ length: recordSize(NOTES_SIZE) }, (_, at) => START + at)
    const markAt = recordSize(NOTES_SIZE) - ROOT_SIZE
    for (const at of places) {
      const forged = image.slice()
      forged[at] = (forged[at] ?? 0) ^ (1 << (at % 8))
      chip.nvm.restore(forged)
      const read = () => chip.opened().isErased(8)
      // Of a version that its root stands for nobody asks for the mark.
      if (at - START >= markAt) expect(read()).toBe(true)
      else expect(read).toThrow(RecordTampered)
    }
  })

  test('of two versions after one root, left by tears, one counts: the other never', () => {
    const before = new Chip()
    take(before.powerOn(), [1])
    const old = before.nvm.snapshot()
    /** The memory is written, and the power goes before the root is. */
    const torn = (chip: Chip, challenges: readonly number[], ticket: string) => {
      const puf = chip.powerOn()
      chip.silicon.control.arm({ atWrite: 1, tear: 'before' })
      const parts = [{ offset: 0, bytes: utf8(ticket) }]
      expect(() => puf.once(challenges, () => ({ parts, result: ticket }))).toThrow(PowerLost)
      return chip.nvm.snapshot()
    }
    for (const [one, other] of [
      [[5], [5]],
      [[5], [5, 6]],
      [[5, 6], [5]],
      [[], [5]],
      [[5], []],
    ] as const) {
      const chip = new Chip(before)
      const first = torn(chip, one, 'one')
      chip.nvm.restore(old)
      const second = torn(chip, other, 'other')
      // Nothing has happened: any of the three may be put back, once.
      chip.nvm.restore(first)
      expect(chip.powerOn().isErased(5)).toBe((one as readonly number[]).includes(5))
      for (const image of [second, old]) {
        chip.nvm.restore(image)
        expect(() => chip.powerOn().isErased(5)).toThrow(RecordTampered)
      }
      // Nor later, when as much is erased as the other says.
      chip.nvm.restore(first)
      expect(take(chip.powerOn(), [9])).toHaveLength(1)
      for (const image of [first, second, old]) {
        chip.nvm.restore(image)
        expect(() => chip.powerOn().isErased(5)).toThrow(RecordTampered)
      }
    }
  })

  test('a version that follows the root stands only with its mark', () => {
    const chip = new Chip()
    take(chip.powerOn(), [1])
    const puf = chip.powerOn()
    chip.silicon.control.arm({ atWrite: 1, tear: 'before' })
    expect(() => take(puf, [2])).toThrow(PowerLost)
    const image = chip.nvm.snapshot()
    for (let at = 0; at < recordSize(NOTES_SIZE); at++) {
      const forged = image.slice()
      forged[START + at] = (forged[START + at] ?? 0) ^ (1 << (at % 8))
      chip.nvm.restore(forged)
      expect(() => chip.opened().isErased(2)).toThrow(RecordTampered)
    }
    chip.nvm.restore(image)
    expect(chip.powerOn().isErased(2)).toBe(true)
  })

  test('notes are written by themselves as well, whole or not at all', () => {
    const dry = new Chip()
    take(dry.powerOn(), [1])
    const before = new Chip(dry)
    const note = (puf: ErasablePuf) => {
      puf.notes.write({ offset: 3, bytes: utf8('ab') }, { offset: 30, bytes: utf8('c') })
    }
    const writes = dry.nvm.writes
    note(dry.powerOn())
    const noted = dry.powerOn().notes.read(0, NOTES_SIZE)
    expect([...noted.slice(3, 5), noted[30]]).toEqual([0x61, 0x62, 0x63])
    for (let atWrite = 1; atWrite <= dry.nvm.writes - writes; atWrite++) {
      for (const tear of TEARS) {
        const chip = new Chip(before)
        const puf = chip.powerOn()
        chip.nvm.arm({ atWrite, tear })
        expect(() => {
          note(puf)
        }).toThrow(PowerLost)
        chip.nvm.arm(undefined)
        const found = chip.powerOn().notes.read(0, NOTES_SIZE)
        expect([noted, before.powerOn().notes.read(0, NOTES_SIZE)]).toContainEqual(found)
        counted.set('cut points of notes', (counted.get('cut points of notes') ?? 0) + 1)
      }
    }
  })
})
