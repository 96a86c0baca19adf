import type { Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import { decodeRule, encodeRule, OPERATIONS, type AccessRules } from './access.ts'

export const FILE_KINDS = [
  'directory',
  'transparent',
  'linear-fixed',
  'linear-variable',
  'cyclic',
] as const
export type FileKind = (typeof FILE_KINDS)[number]

/** Which ways of changing the value a cyclic file is made for. Other files take no notice. */
export interface ValueChanges {
  readonly update: boolean
  readonly increase: boolean
  readonly decrease: boolean
}

/** What a file is made with. */
export interface FileSpec {
  /** Two bytes. */
  readonly id: number
  readonly kind: FileKind
  /** Bytes of its body; of a directory what it may use, the headers of its files included. */
  readonly size: number
  /** Bytes of each record; 0 where records have no common length, or there are none. */
  readonly recordSize: number
  /** How many records there are, empty, from the start; at most 255. */
  readonly records: number
  /** False: invalidated. */
  readonly active: boolean
  readonly valueChanges: ValueChanges
  /** An operation that is left out is never allowed. */
  readonly rules: AccessRules
  /** {@link LABEL_SIZE} bytes that a personality keeps there; the tree does not look at them. */
  readonly label: Bytes
}

/** A file as it was when it was read. What a command changes has to be read again. */
export interface StoredFile extends FileSpec {
  /** Its place in the table of files; the root's is 0. Another file may have it when it is deleted. */
  readonly slot: number
  /** Slot of its directory; the root's own for the root. */
  readonly parent: number
  /** Where its body begins. */
  readonly start: number
  /** Of a cyclic file: which record, in the order of the memory from 0, is the newest. */
  readonly newest: number
}

export const LABEL_SIZE = 8
/** What every file costs beside its body, bytes. */
export const HEADER_SIZE = 32

/** First byte of a header that is none. */
export const NO_FILE = 0x00

/** Offsets in a header. */
export const HEADER = {
  /** Place in {@link FILE_KINDS}, counted from 1. */
  KIND: 0,
  /** 01, or 00 for invalidated. */
  ACTIVE: 1,
  ID: 2,
  PARENT: 4,
  START: 5,
  SIZE: 7,
  RECORD_SIZE: 9,
  RECORDS: 10,
  NEWEST: 11,
  /** Bit 0 update, bit 1 increase, bit 2 decrease. */
  VALUE_CHANGES: 12,
  /** One byte for each of {@link OPERATIONS}. */
  RULES: 13,
  LABEL: 13 + OPERATIONS.length,
  SPARE: 13 + OPERATIONS.length + LABEL_SIZE,
} as const

export function encodeHeader(file: Omit<StoredFile, 'slot'>): Bytes {
  invariant(file.label.length === LABEL_SIZE, 'a label has 8 bytes')
  const bytes = new Uint8Array(HEADER_SIZE)
  const view = new DataView(bytes.buffer)
  const { update, increase, decrease } = file.valueChanges
  view.setUint8(HEADER.KIND, FILE_KINDS.indexOf(file.kind) + 1)
  view.setUint8(HEADER.ACTIVE, file.active ? 1 : 0)
  view.setUint16(HEADER.ID, file.id)
  view.setUint8(HEADER.PARENT, file.parent)
  view.setUint16(HEADER.START, file.start)
  view.setUint16(HEADER.SIZE, file.size)
  view.setUint8(HEADER.RECORD_SIZE, file.recordSize)
  view.setUint8(HEADER.RECORDS, file.records)
  view.setUint8(HEADER.NEWEST, file.newest)
  view.setUint8(HEADER.VALUE_CHANGES, (update ? 1 : 0) | (increase ? 2 : 0) | (decrease ? 4 : 0))
  for (const [index, operation] of OPERATIONS.entries()) {
    view.setUint8(HEADER.RULES + index, encodeRule(file.rules[operation] ?? 'never'))
  }
  bytes.set(file.label, HEADER.LABEL)
  return bytes
}

/** The file of a header, or undefined if it is none. */
export function decodeHeader(bytes: Bytes, slot: number): StoredFile | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_SIZE)
  const kind = FILE_KINDS[view.getUint8(HEADER.KIND) - 1]
  if (kind === undefined) return undefined
  const changes = view.getUint8(HEADER.VALUE_CHANGES)
  return {
    slot,
    kind,
    active: view.getUint8(HEADER.ACTIVE) === 1,
    id: view.getUint16(HEADER.ID),
    parent: view.getUint8(HEADER.PARENT),
    start: view.getUint16(HEADER.START),
    size: view.getUint16(HEADER.SIZE),
    recordSize: view.getUint8(HEADER.RECORD_SIZE),
    records: view.getUint8(HEADER.RECORDS),
    newest: view.getUint8(HEADER.NEWEST),
    valueChanges: {
      update: (changes & 1) !== 0,
      increase: (changes & 2) !== 0,
      decrease: (changes & 4) !== 0,
    },
    rules: decodeRules(bytes.subarray(HEADER.RULES, HEADER.RULES + OPERATIONS.length)),
    label: bytes.slice(HEADER.LABEL, HEADER.LABEL + LABEL_SIZE),
  }
}

function decodeRules(bytes: Uint8Array): AccessRules {
  const rules: { -readonly [operation in keyof AccessRules]: AccessRules[operation] } = {}
  for (const [index, operation] of OPERATIONS.entries()) {
    rules[operation] = decodeRule(bytes[index] ?? 0xff)
  }
  return rules
}
