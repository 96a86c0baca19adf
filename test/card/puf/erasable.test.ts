import { afterAll, describe, expect, test } from 'vitest'
import { utf8, type Bytes } from '../../../src/kernel/bytes.ts'
import { JournalledMemory, journalSize } from '../../../src/card/atomic-memory.ts'
import { Nvm, PowerLost, TEARS } from '../../../src/card/nvm.ts'
import {
  CHALLENGES,
  ErasablePuf,
  RECORD_SIZE,
  RecordTampered,
  TOGETHER_MAX,
} from '../../../src/card/puf/erasable-puf.ts'
import { Silicon } from '../../../src/card/puf/silicon.ts'
import { keystream } from './silicon.ts'

const noise = keystream('noise')
const JOURNAL = { capacity: 8 }
const PAGE = 256
const START = journalSize(PAGE, JOURNAL)
/** Where the caller keeps what it makes of responses. */
const KEPT_AT = RECORD_SIZE
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
    return new ErasablePuf({ puf: this.silicon.puf, record, root: this.silicon.root() })
  }

  kept(): Bytes {
    const memory = new JournalledMemory(this.nvm, JOURNAL)
    return memory.read(KEPT_AT, 32)
  }
}

/** Keeps the first bytes of each response, and hands them out. */
function take(puf: ErasablePuf, challenges: readonly number[]): readonly Bytes[] | undefined {
  return puf.once(challenges, (responses) => {
    const kept = responses.map((response) => response.slice(0, 2))
    const bytes = new Uint8Array(32)
    kept.forEach((part, index) => bytes.set(part, 2 * index))
    return { parts: [{ offset: KEPT_AT, bytes }], result: kept }
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
    for (let at = 0; at < all.length; at += TOGETHER_MAX) {
      expect(take(puf, all.slice(at, at + TOGETHER_MAX))).toHaveLength(TOGETHER_MAX)
      expect(puf.isErased(all[at + TOGETHER_MAX] ?? 0)).toBe(at + TOGETHER_MAX >= all.length)
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
        const kept = chip.kept()
        expect(kept).toEqual(erased[0] ? dry.kept() : before.kept())
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

  test('no bit of the record can be cleared by hand, nor by saying that it was the last', () => {
    const chip = new Chip()
    const puf = chip.powerOn()
    take(puf, [8])
    take(puf, [9])
    const image = chip.nvm.snapshot()
    for (const last of [[], [8], [9], [8, 9]]) {
      for (const bitmap of [0x00, 0x01, 0x02]) {
        const forged = image.slice()
        forged[START + 1] = bitmap
        const view = new DataView(forged.buffer)
        view.setUint8(START + CHALLENGES / 8, last.length)
        last.forEach((number, index) => {
          view.setUint16(START + CHALLENGES / 8 + 1 + 2 * index, number)
        })
        chip.nvm.restore(forged)
        expect(() => new ErasablePuf(opened(chip)).isErased(8)).toThrow(RecordTampered)
      }
    }
  })
})

/** Without the journal's recovery, which would undo what was written by hand. */
function opened(chip: Chip) {
  const record = new JournalledMemory(chip.nvm, JOURNAL)
  return { puf: chip.silicon.puf, record, root: chip.silicon.root() }
}
