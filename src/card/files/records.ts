import { bytesEqual, concat, type Bytes } from '../../kernel/bytes.ts'
import { HEADER, type FileKind, type StoredFile } from './file.ts'
import type { Refusal } from './refusals.ts'
import type { FileSession } from './session.ts'
import type { FileTree } from './tree.ts'

export const LINEAR_KINDS: readonly FileKind[] = ['linear-fixed', 'linear-variable']
export const RECORD_KINDS: readonly FileKind[] = [...LINEAR_KINDS, 'cyclic']
const MAX_RECORDS = 255

/** Which record is meant. Numbers begin with 1, which in a cyclic file is the newest. */
export type RecordPosition = 'first' | 'last' | 'next' | 'previous' | 'current' | number

/**
 * The number of a record of the selected file. A cyclic file goes round: before the newest is the
 * oldest. In a linear one without a current record the next is the first and the previous the last.
 */
export function recordNumber(
  session: FileSession,
  file: StoredFile,
  position: RecordPosition,
): number | Refusal {
  const number = targetOf(session.record, file.records, position)
  const round = file.kind === 'cyclic' && (position === 'next' || position === 'previous')
  const wrapped = round ? ((number - 1 + file.records) % file.records) + 1 : number
  return wrapped >= 1 && wrapped <= file.records ? wrapped : 'no-record'
}

function targetOf(current: number | undefined, records: number, position: RecordPosition): number {
  switch (position) {
    case 'first':
      return 1
    case 'last':
      return records
    case 'next':
      return (current ?? 0) + 1
    case 'previous':
      return (current ?? records + 1) - 1
    case 'current':
      return current ?? 0
    default:
      return position
  }
}

/** The record of a number that {@link recordNumber} gave. */
export function readRecord(tree: FileTree, file: StoredFile, number: number): Bytes {
  const { at, size } = placeOf(tree, file, number)
  return tree.read(file, at, size)
}

/**
 * Overwrites a record, all of it. A cyclic file can refuse it for ever, so that its value changes by
 * value operations only.
 */
export function updateRecord(
  tree: FileTree,
  file: StoredFile,
  number: number,
  bytes: Bytes,
): Refusal | undefined {
  if (file.kind === 'cyclic' && !file.valueChanges.update) return 'access-refused'
  const { at, size } = placeOf(tree, file, number)
  if (bytes.length !== size) return 'bad-size'
  tree.write(tree.bodyPart(file, at, bytes))
  return undefined
}

/** Adds a record behind the last; in a cyclic file over the oldest, and it becomes the newest. Its number. */
export function appendRecord(tree: FileTree, file: StoredFile, bytes: Bytes): number | Refusal {
  return file.kind === 'cyclic' ? appendCyclic(tree, file, bytes) : appendLinear(tree, file, bytes)
}

/** The first record from a number on that has the pattern at an offset. */
export function seekRecord(
  tree: FileTree,
  file: StoredFile,
  from: number,
  offset: number,
  pattern: Bytes,
): number | Refusal {
  for (let number = from; number <= file.records; number++) {
    const record = readRecord(tree, file, number)
    if (bytesEqual(record.subarray(offset, offset + pattern.length), pattern)) return number
  }
  return 'no-pattern'
}

/** Offset of the oldest record of a cyclic file, and the place that it gets in the header. */
export function oldestOf(file: StoredFile): { readonly at: number; readonly place: number } {
  const place = (file.newest - 1 + file.records) % file.records
  return { at: place * file.recordSize, place }
}

function appendCyclic(tree: FileTree, file: StoredFile, bytes: Bytes): number | Refusal {
  if (!file.valueChanges.update) return 'access-refused'
  if (bytes.length !== file.recordSize) return 'bad-size'
  const { at, place } = oldestOf(file)
  tree.write(tree.bodyPart(file, at, bytes), tree.headerPart(file, HEADER.NEWEST, place))
  return 1
}

function appendLinear(tree: FileTree, file: StoredFile, bytes: Bytes): number | Refusal {
  const isFixed = file.kind === 'linear-fixed'
  if (isFixed && bytes.length !== file.recordSize) return 'bad-size'
  const stored = isFixed ? bytes : concat(Uint8Array.of(bytes.length), bytes)
  const { end } = layoutOf(tree, file)
  if (file.records === MAX_RECORDS || end + stored.length > file.size) return 'no-space'
  const number = file.records + 1
  tree.write(tree.bodyPart(file, end, stored), tree.headerPart(file, HEADER.RECORDS, number))
  return number
}

interface Place {
  readonly at: number
  readonly size: number
}

function placeOf(tree: FileTree, file: StoredFile, number: number): Place {
  const { recordSize: size, newest, records } = file
  if (file.kind === 'cyclic') return { at: ((newest + number - 1) % records) * size, size }
  if (file.kind === 'linear-fixed') return { at: (number - 1) * size, size }
  return layoutOf(tree, file).places[number - 1] ?? { at: 0, size: 0 }
}

/** Where the records of a linear file are. With a length of their own, each has it in the byte before. */
function layoutOf(
  tree: FileTree,
  file: StoredFile,
): { readonly places: readonly Place[]; readonly end: number } {
  const { records, recordSize } = file
  if (file.kind === 'linear-fixed') return { places: [], end: records * recordSize }
  const body = tree.read(file, 0, file.size)
  const places: Place[] = []
  let end = 0
  for (let number = 1; number <= records; number++) {
    const size = body[end] ?? 0
    places.push({ at: end + 1, size })
    end += 1 + size
  }
  return { places, end }
}
