import { concat, bytesEqual, type Bytes } from '../kernel/bytes.ts'
import { invariant } from '../kernel/errors.ts'
import type { AtomicMemory, MemoryPart } from './applet.ts'
import type { Nvm } from './nvm.ts'

export interface JournalOptions {
  /** Pages that one write may change: what Java Card calls its commit capacity. */
  readonly capacity: number
}

/** Number and content of the pages that a write changes. */
type Pages = ReadonlyMap<number, Bytes>

interface Mark {
  readonly slot: number
  readonly sequence: number
}

/** Sequence 2 ‖ its complement 2. Neither an erased page nor half a mark is one. */
const MARK_SIZE = 4
const SEQUENCE_MODULUS = 0x10000
/** Number of the first page 2 ‖ pages 1. */
const RUN_SIZE = 3
const RUN_MAX = 255

/**
 * A redo log before the pages that it guards. Two slots take turns:
 *
 *     slot:    page 0: first bytes of the record ‖ mark    further pages: rest of the record
 *     record:  runs 1 ‖ (first page 2 ‖ pages 1) … ‖ contents of those pages
 *     memory:  slot ‖ slot ‖ data
 *
 * A write fills the further pages of the older slot, then its page 0, then writes the data itself.
 * The newest whole mark tells which record counts; its slot is touched again only once the other one
 * has a newer mark. So a record with a mark is always complete, and no checksum has to be trusted:
 * one that whoever writes a file could make to fit half an old record and half a new one.
 *
 * Records hold whole pages, for a tear takes a whole page along. One that changes n pages costs
 * 2n + 1 page writes and what the list of pages takes. Nothing is kept between two calls.
 */
export class JournalledMemory implements AtomicMemory {
  readonly size: number
  readonly #nvm: Nvm
  readonly #capacity: number
  readonly #slotSize: number
  readonly #start: number

  constructor(nvm: Nvm, { capacity }: JournalOptions) {
    invariant(
      nvm.pageSize % MARK_SIZE === 0,
      'a mark fits into a page, and into half of a larger one',
    )
    this.#nvm = nvm
    this.#capacity = capacity
    this.#slotSize = slotSize(nvm.pageSize, capacity)
    this.#start = journalSize(nvm.pageSize, { capacity })
    this.size = nvm.size - this.#start
    invariant(this.size >= 0, 'a memory is larger than its journal')
    invariant(this.size / nvm.pageSize <= 0x10000, 'the number of a page has 2 bytes')
  }

  /**
   * Finishes what a tear left unfinished. To be called before anything is read after a reset; costs
   * nothing if there is nothing to finish.
   *
   * @throws {PowerLost} if the fuse blows again. That does no harm.
   */
  recover(): void {
    const newest = this.#newest()
    if (newest) this.#apply(this.#changed(this.#record(newest.slot)))
  }

  read(offset: number, size: number): Bytes {
    this.#check(offset, size)
    return this.#nvm.read(this.#start + offset, size)
  }

  /** Pages that keep their content are not written. @throws {PowerLost} if the fuse blows. */
  write(...parts: readonly MemoryPart[]): void {
    const pages = this.#changed(this.#pagesOf(parts))
    if (pages.size === 0) return
    invariant(pages.size <= this.#capacity, `one write changes at most ${this.#capacity} pages`)
    this.#log(encodeRecord(pages))
    this.#apply(pages)
  }

  /** A part with offsets of its own: whoever has it reaches nothing else. */
  part(offset: number, size: number): AtomicMemory {
    this.#check(offset, size)
    return new MemoryRegion(this, offset, size)
  }

  #pagesOf(parts: readonly MemoryPart[]): Pages {
    const { pageSize } = this.#nvm
    const pages = new Map<number, Bytes>()
    for (const { offset, bytes } of parts) {
      this.#check(offset, bytes.length)
      for (let done = 0; done < bytes.length;) {
        const at = (offset + done) % pageSize
        const number = (offset + done - at) / pageSize
        const page = pages.get(number) ?? this.#page(number)
        const piece = bytes.subarray(done, done + pageSize - at)
        page.set(piece, at)
        pages.set(number, page)
        done += piece.length
      }
    }
    return pages
  }

  #changed(pages: Pages): Pages {
    const changed = [...pages].filter(([number, page]) => !bytesEqual(page, this.#page(number)))
    return new Map(changed.toSorted(([a], [b]) => a - b))
  }

  #log(record: Bytes): void {
    const { pageSize } = this.#nvm
    const newest = this.#newest()
    const slot = newest?.slot === 0 ? 1 : 0
    const sequence = newest ? newest.sequence + 1 : 0
    const first = new Uint8Array(pageSize)
    first.set(record.subarray(0, pageSize - MARK_SIZE))
    first.set(encodeMark(sequence), pageSize - MARK_SIZE)
    const at = slot * this.#slotSize
    this.#nvm.write(at + pageSize, record.subarray(pageSize - MARK_SIZE))
    this.#nvm.write(at, first)
  }

  #apply(pages: Pages): void {
    const { pageSize } = this.#nvm
    for (const [number, page] of pages) this.#nvm.write(this.#start + number * pageSize, page)
  }

  #newest(): Mark | undefined {
    const [first, second] = [0, 1].flatMap((slot) => this.#mark(slot))
    return first && second && isNewer(second, first) ? second : first
  }

  #mark(slot: number): readonly Mark[] {
    const { pageSize } = this.#nvm
    const bytes = this.#nvm.read(slot * this.#slotSize + pageSize - MARK_SIZE, MARK_SIZE)
    const sequence = readUint16(bytes, 0)
    return bytesEqual(bytes, encodeMark(sequence)) ? [{ slot, sequence }] : []
  }

  #record(slot: number): Pages {
    const { pageSize } = this.#nvm
    const bytes = this.#nvm.read(slot * this.#slotSize, this.#slotSize)
    const record = concat(bytes.subarray(0, pageSize - MARK_SIZE), bytes.subarray(pageSize))
    return decodeRecord(record, pageSize, this.size / pageSize)
  }

  #page(number: number): Bytes {
    const { pageSize } = this.#nvm
    return this.#nvm.read(this.#start + number * pageSize, pageSize)
  }

  #check(offset: number, size: number): void {
    invariant(offset >= 0 && size >= 0 && offset + size <= this.size, 'an address is in the memory')
  }
}

class MemoryRegion implements AtomicMemory {
  readonly size: number
  readonly #whole: AtomicMemory
  readonly #start: number

  constructor(whole: AtomicMemory, start: number, size: number) {
    this.#whole = whole
    this.#start = start
    this.size = size
  }

  read(offset: number, size: number): Bytes {
    this.#check(offset, size)
    return this.#whole.read(this.#start + offset, size)
  }

  write(...parts: readonly MemoryPart[]): void {
    for (const { offset, bytes } of parts) this.#check(offset, bytes.length)
    this.#whole.write(...parts.map((part) => ({ ...part, offset: this.#start + part.offset })))
  }

  #check(offset: number, size: number): void {
    invariant(offset >= 0 && size >= 0 && offset + size <= this.size, 'an address is in its part')
  }
}

/** What the journal takes of a memory, bytes: its data begin there. */
export function journalSize(pageSize: number, { capacity }: JournalOptions): number {
  return 2 * slotSize(pageSize, capacity)
}

/** Room for as many pages as there can be, each a run of its own. */
function slotSize(pageSize: number, capacity: number): number {
  invariant(capacity >= 1 && capacity <= RUN_MAX, `a record has 1 to ${RUN_MAX} runs`)
  const largest = 1 + capacity * (RUN_SIZE + pageSize)
  return Math.ceil((largest + MARK_SIZE) / pageSize) * pageSize
}

function encodeMark(sequence: number): Bytes {
  return concat(uint16(sequence), uint16(~sequence))
}

/** Sequences begin again after {@link SEQUENCE_MODULUS}; two that are both there are one apart. */
function isNewer(mark: Mark, than: Mark): boolean {
  const ahead = (mark.sequence - than.sequence + SEQUENCE_MODULUS) % SEQUENCE_MODULUS
  return ahead > 0 && ahead < SEQUENCE_MODULUS / 2
}

function encodeRecord(pages: Pages): Bytes {
  const runs = runsOf([...pages.keys()])
  return concat(
    Uint8Array.of(runs.length),
    ...runs.map(({ first, count }) => concat(uint16(first), Uint8Array.of(count))),
    ...pages.values(),
  )
}

/** Empty if it is no record of such a memory: an image from elsewhere may hold anything. */
function decodeRecord(record: Bytes, pageSize: number, pageCount: number): Pages {
  const runs = record[0] ?? 0
  const numbers: number[] = []
  for (let at = 1; at < 1 + runs * RUN_SIZE; at += RUN_SIZE) {
    const first = readUint16(record, at)
    for (let index = 0; index < (record[at + 2] ?? 0); index++) numbers.push(first + index)
  }
  const start = 1 + runs * RUN_SIZE
  const fits = start + numbers.length * pageSize <= record.length
  if (!fits || numbers.some((number) => number >= pageCount)) return new Map()
  return new Map(
    numbers.map((number, index) => {
      const at = start + index * pageSize
      return [number, record.slice(at, at + pageSize)]
    }),
  )
}

interface Run {
  readonly first: number
  readonly count: number
}

/** `numbers` ascend. */
function runsOf(numbers: readonly number[]): readonly Run[] {
  const runs: Run[] = []
  for (const number of numbers) {
    const last = runs.at(-1)
    const follows = last && last.first + last.count === number && last.count < RUN_MAX
    if (follows) runs.splice(-1, 1, { ...last, count: last.count + 1 })
    else runs.push({ first: number, count: 1 })
  }
  return runs
}

function uint16(value: number): Bytes {
  return Uint8Array.of((value >> 8) & 0xff, value & 0xff)
}

function readUint16(bytes: Bytes, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0)
}
