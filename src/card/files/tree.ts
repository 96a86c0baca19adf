import type { Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import type { AtomicMemory, MemoryPart } from '../applet.ts'
import {
  decodeHeader,
  encodeHeader,
  HEADER,
  HEADER_SIZE,
  NO_FILE,
  type FileSpec,
  type StoredFile,
} from './file.ts'
import type { Refusal } from './refusals.ts'

const ROOT = 0
/** Where the number of slots in use stands; bodies begin behind it. */
const SLOTS_AT = 0
const BODIES_AT = 1
const MAX_SLOTS = 255
/** Bytes of a new body that are wiped in one go. */
const WIPE_SIZE = 64

/** What a tree needs of its memory beside the root's size, bytes. */
export const TREE_OVERHEAD = BODIES_AT + HEADER_SIZE

/**
 * Directories and files in a memory. Bodies grow from its start, the table of headers from its end
 * down: slot _n_ is the _n_th header from behind. A directory has no body of its own; its size is how
 * much its files may use.
 *
 * Every change becomes true with one atomic write. A file is there if its slot is in use and its
 * directory is there: so deleting a directory is one write, and what was in it is swept out of the
 * table before a slot is used again.
 */
export class FileTree {
  readonly #memory: AtomicMemory

  /** @param memory one that {@link formatTree} has made a tree of. */
  constructor(memory: AtomicMemory) {
    this.#memory = memory
  }

  get root(): StoredFile {
    return this.file(ROOT)
  }

  /** The file in a slot, read anew. */
  file(slot: number): StoredFile {
    const file = decodeHeader(this.#memory.read(this.#headerAt(slot), HEADER_SIZE), slot)
    invariant(file, 'a file that is asked for is there')
    return file
  }

  /** The directory that a file is in; the root's is the root. */
  directoryOf(file: StoredFile): StoredFile {
    return this.file(file.parent)
  }

  /** In the order of the table: that of creation, but that places of deleted files are used again. */
  children(directory: StoredFile): readonly StoredFile[] {
    return this.#files().filter(({ slot, parent }) => slot !== ROOT && parent === directory.slot)
  }

  child(directory: StoredFile, id: number): StoredFile | undefined {
    return this.children(directory).find((file) => file.id === id)
  }

  /** Whether a file is still in the slot. */
  has(slot: number): boolean {
    return this.#files().some((file) => file.slot === slot)
  }

  /** Bytes that the next file of a directory can have, its header included. */
  free(directory: StoredFile): number {
    const used = this.children(directory).reduce((sum, { size }) => sum + HEADER_SIZE + size, 0)
    const room = Math.max(-HEADER_SIZE, ...this.#gaps(this.#nextSlot()).map(({ size }) => size))
    return Math.min(directory.size - used, HEADER_SIZE + room)
  }

  /**
   * Makes a file of 00 throughout: what was in that place before shows in no new file. Identifiers of
   * the root, of the directory and of the one above it are refused too, so that an identifier means
   * one file wherever it is selected.
   */
  create(directory: StoredFile, spec: FileSpec): StoredFile | Refusal {
    const around = [this.root, directory, this.directoryOf(directory)]
    if (around.some(({ id }) => id === spec.id) || this.child(directory, spec.id)) return 'id-taken'
    if (!recordsFit(spec)) return 'bad-size'
    if (HEADER_SIZE + spec.size > this.free(directory)) return 'no-space'
    const slot = this.#nextSlot()
    const bodySize = spec.kind === 'directory' ? 0 : spec.size
    const gap = this.#gaps(slot).find(({ size }) => size >= bodySize)
    if (slot >= MAX_SLOTS || !gap) return 'no-space'
    const slots = Math.max(this.#sweep(), slot + 1)
    this.#wipe(gap.start, bodySize)
    const file = { ...spec, slot, parent: directory.slot, start: gap.start, newest: 0 }
    this.#memory.write(
      { offset: this.#headerAt(slot), bytes: encodeHeader(file) },
      { offset: SLOTS_AT, bytes: Uint8Array.of(slots) },
    )
    return file
  }

  /** Deletes a file, or a directory with all that is in it. The root cannot be deleted. */
  remove(file: StoredFile): void {
    invariant(file.slot !== ROOT, 'the root stays')
    this.#memory.write(this.headerPart(file, HEADER.KIND, NO_FILE))
  }

  /** Rehabilitates or invalidates a file. */
  setActive(file: StoredFile, active: boolean): void {
    this.#memory.write(this.headerPart(file, HEADER.ACTIVE, active ? 1 : 0))
  }

  /** Part of a file's body, within its size. */
  read(file: StoredFile, offset: number, size: number): Bytes {
    return this.#memory.read(this.#bodyAt(file, offset, size), size)
  }

  /** A change of a file's body, for {@link write}. */
  bodyPart(file: StoredFile, offset: number, bytes: Uint8Array): MemoryPart {
    return { offset: this.#bodyAt(file, offset, bytes.length), bytes }
  }

  /** A change of one byte of a file's header, for {@link write}. */
  headerPart(file: StoredFile, at: number, byte: number): MemoryPart {
    return { offset: this.#headerAt(file.slot) + at, bytes: Uint8Array.of(byte) }
  }

  /** All of the changes or none. */
  write(...parts: readonly MemoryPart[]): void {
    this.#memory.write(...parts)
  }

  #bodyAt({ start, size, kind }: StoredFile, offset: number, length: number): number {
    const inside = kind !== 'directory' && offset >= 0 && offset + length <= size
    invariant(inside, 'a file is read and written within its body')
    return start + offset
  }

  #headerAt(slot: number): number {
    return this.#memory.size - HEADER_SIZE * (slot + 1)
  }

  #slotCount(): number {
    return this.#memory.read(SLOTS_AT, 1)[0] ?? 0
  }

  /** Every header, also those of files whose directory is gone. */
  #headers(): readonly StoredFile[] {
    const count = this.#slotCount()
    const table = this.#memory.read(this.#headerAt(count - 1), count * HEADER_SIZE)
    return Array.from({ length: count }, (_, slot) => {
      const at = (count - 1 - slot) * HEADER_SIZE
      return decodeHeader(table.subarray(at, at + HEADER_SIZE), slot)
    }).filter((file) => file !== undefined)
  }

  #files(): readonly StoredFile[] {
    const headers = this.#headers()
    const bySlot = new Map(headers.map((file) => [file.slot, file]))
    const isThere = (file: StoredFile | undefined): boolean =>
      file !== undefined && (file.slot === ROOT || isThere(bySlot.get(file.parent)))
    return headers.filter(isThere)
  }

  /** Takes headers whose directory is gone out of the table. How many slots are in use then. */
  #sweep(): number {
    const there = new Set(this.#files().map(({ slot }) => slot))
    for (const lost of this.#headers().filter(({ slot }) => !there.has(slot))) {
      this.#memory.write(this.headerPart(lost, HEADER.KIND, NO_FILE))
    }
    return Math.max(...there) + 1
  }

  #nextSlot(): number {
    const taken = new Set(this.#files().map(({ slot }) => slot))
    let slot = 0
    while (taken.has(slot)) slot++
    return slot
  }

  /** Stretches of memory that no body takes, once `next` is a slot in use. None if it cannot be. */
  #gaps(next: number): readonly Gap[] {
    const files = this.#files()
    const bodies = files
      .filter(({ kind }) => kind !== 'directory')
      .toSorted((a, b) => a.start - b.start)
    const table = this.#headerAt(Math.max(next, ...files.map(({ slot }) => slot)))
    const ends = [BODIES_AT, ...bodies.map(({ start, size }) => start + size)]
    const starts = [...bodies.map(({ start }) => start), table]
    const gaps = ends.map((start, index) => ({ start, size: (starts[index] ?? start) - start }))
    return gaps.some(({ size }) => size < 0) ? [] : gaps
  }

  #wipe(start: number, size: number): void {
    for (let done = 0; done < size; done += WIPE_SIZE) {
      const bytes = new Uint8Array(Math.min(WIPE_SIZE, size - done))
      this.#memory.write({ offset: start + done, bytes })
    }
  }
}

interface Gap {
  readonly start: number
  readonly size: number
}

/** A ring has at least one record, and all of its records from the start. */
function recordsFit({ kind, size, recordSize, records }: FileSpec): boolean {
  const hasRecordSize = kind === 'linear-fixed' || kind === 'cyclic'
  if (!hasRecordSize) return recordSize === 0 && records === 0
  const atLeast = kind === 'cyclic' ? 1 : 0
  return recordSize >= 1 && records >= atLeast && recordSize * records <= size
}

/** Makes a tree with nothing but a root directory in a memory of 00. */
export function formatTree(memory: AtomicMemory, root: FileSpec): FileTree {
  invariant(root.kind === 'directory', 'the root is a directory')
  invariant(root.size + TREE_OVERHEAD <= memory.size, 'the root fits its memory')
  const header = encodeHeader({ ...root, parent: ROOT, start: 0, newest: 0 })
  memory.write(
    { offset: memory.size - HEADER_SIZE, bytes: header },
    { offset: SLOTS_AT, bytes: Uint8Array.of(1) },
  )
  return new FileTree(memory)
}
