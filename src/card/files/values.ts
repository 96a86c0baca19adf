import type { Bytes } from '../../kernel/bytes.ts'
import { HEADER, type StoredFile } from './file.ts'
import { oldestOf, readRecord } from './records.ts'
import type { Refusal } from './refusals.ts'
import type { FileSession } from './session.ts'
import type { FileTree } from './tree.ts'

/** A value is the rightmost three bytes of a record. */
export const VALUE_SIZE = 3
export const VALUE_MAX = 0xffffff

export type ValueChange = 'increase' | 'decrease'

/** The selected file, if it can have a value. */
export function openedPurse(session: FileSession): StoredFile | Refusal {
  const { file } = session
  if (!file) return 'no-file'
  return file.kind === 'cyclic' && file.recordSize >= VALUE_SIZE ? file : 'not-a-purse'
}

/** The value of a purse: that of the newest record, whichever was read last. */
export function purseValue(tree: FileTree, file: StoredFile): number {
  return decodeValue(readRecord(tree, file, 1).slice(-VALUE_SIZE))
}

/**
 * Writes the new value over that of the oldest record, which becomes the newest. The rest of that
 * record stays as it is. Of a purse, as {@link openedPurse} has it; the new value.
 */
export function changeValue(
  tree: FileTree,
  file: StoredFile,
  change: ValueChange,
  amount: number,
): number | Refusal {
  if (!file.valueChanges[change]) return 'access-refused'
  const value = purseValue(tree, file) + (change === 'increase' ? amount : -amount)
  if (value < 0) return 'below-minimum'
  if (value > VALUE_MAX) return 'above-maximum'
  const { at, place } = oldestOf(file)
  const valueAt = at + file.recordSize - VALUE_SIZE
  tree.write(
    tree.bodyPart(file, valueAt, encodeValue(value)),
    tree.headerPart(file, HEADER.NEWEST, place),
  )
  return value
}

export function encodeValue(value: number): Bytes {
  return Uint8Array.of((value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff)
}

/** @param bytes three of them. */
export function decodeValue(bytes: Uint8Array): number {
  return bytes.reduce((value, byte) => value * 0x100 + byte, 0)
}
