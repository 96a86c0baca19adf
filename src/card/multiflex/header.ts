import { concat, type Bytes } from '../../kernel/bytes.ts'
import { accessRule, type AccessRules, type Operation } from '../files/access.ts'
import { LABEL_SIZE, type FileKind, type FileSpec, type StoredFile } from '../files/file.ts'
import { PIN_FILE, PIN_SIZE } from '../files/secrets.ts'
import { SECRET_FILES } from '../files/session.ts'
import type { FileTree } from '../files/tree.ts'

/** Byte 7 of a header. */
export const TYPE_OF_KIND: Readonly<Record<FileKind, number>> = {
  transparent: 0x01,
  'linear-fixed': 0x02,
  'linear-variable': 0x04,
  cyclic: 0x06,
  directory: 0x38,
}

/** Length of the data of Create File; with a record length one more. */
const HEADER_LENGTH = 16

/** Offsets in the data of Create File, and up to {@link AT.STATUS} in the answer to Select as well. */
const AT = {
  SIZE: 2,
  ID: 4,
  TYPE: 6,
  VALUE_CHANGES: 7,
  ACCESS: 8,
  STATUS: 11,
  FOLLOWING: 12,
  KEYS: 13,
  RECORD_LENGTH: 16,
} as const

/** The two upper bits of byte 8, of cyclic files. */
const DECREASE_BIT = 0x80
const INCREASE_BIT = 0x40

const ACTIVE = 0x01
const INVALIDATED = 0x00
const UNUSED = 0xff

/** What each nibble of bytes 9 to 11 guards, in their order. */
export const GUARDED: Readonly<
  Record<'directory' | 'elementary', readonly (readonly Operation[])[]>
> = {
  directory: [['list'], [], ['delete'], ['create'], ['rehabilitate'], ['invalidate']],
  elementary: [
    ['read'],
    ['update', 'decrease'],
    ['increase'],
    ['append'],
    ['rehabilitate'],
    ['invalidate'],
  ],
}

/** Bytes 8 to 11, which Select shows as they were given. */
const SHOWN_SIZE = 4

/** How long the data of Create File has to be, by the type in it. */
export function createFileLength(data: Bytes): number {
  return hasRecordLength(kindOf(data)) ? HEADER_LENGTH + 1 : HEADER_LENGTH
}

/** The file that Create File describes, or undefined if its data says what cannot be. */
export function decodeCreateFile(data: Bytes, records: number): FileSpec | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.length)
  const kind = kindOf(data)
  const status = data[AT.STATUS]
  if (!kind || (status !== ACTIVE && status !== INVALIDATED)) return undefined
  if (data[AT.FOLLOWING] !== data.length - AT.KEYS) return undefined
  const changes = data[AT.VALUE_CHANGES] ?? 0
  const increase = (changes & INCREASE_BIT) !== 0
  const decrease = (changes & DECREASE_BIT) !== 0
  return {
    id: view.getUint16(AT.ID),
    kind,
    size: view.getUint16(AT.SIZE),
    recordSize: hasRecordLength(kind) ? view.getUint8(AT.RECORD_LENGTH) : 0,
    records,
    active: status === ACTIVE,
    valueChanges: { update: !(increase && decrease), increase, decrease },
    rules: rulesOf(kind, data),
    label: concat(
      data.slice(AT.VALUE_CHANGES, AT.VALUE_CHANGES + SHOWN_SIZE),
      new Uint8Array(LABEL_SIZE - SHOWN_SIZE),
    ),
  }
}

/** What Select answers: 20 bytes for a directory, 15 for an elementary file. */
export function describeFile(tree: FileTree, file: StoredFile): Bytes {
  const isDirectory = file.kind === 'directory'
  return concat(
    Uint8Array.of(UNUSED, UNUSED),
    sizeAndId(tree, file),
    Uint8Array.of(TYPE_OF_KIND[file.kind]),
    file.label.slice(0, SHOWN_SIZE),
    Uint8Array.of(statusOf(file)),
    isDirectory ? describeContent(tree, file) : Uint8Array.of(0x01, UNUSED, file.recordSize),
  )
}

/** Eight bytes a file, as Directory lists it. */
export function listFile(tree: FileTree, file: StoredFile): Bytes {
  return concat(
    sizeAndId(tree, file),
    Uint8Array.of(TYPE_OF_KIND[file.kind], statusOf(file), file.recordSize, file.records),
  )
}

/** Size, or what is free in a directory, and identifier: four bytes. */
export function sizeAndId(tree: FileTree, file: StoredFile): Bytes {
  const size = file.kind === 'directory' ? tree.free(file) : file.size
  return Uint8Array.of(size >> 8, size & 0xff, file.id >> 8, file.id & 0xff)
}

/** Byte 13 is documented as 05, though seven follow. Tries left stand for the state of a PIN. */
function describeContent(tree: FileTree, directory: StoredFile): Bytes {
  const files = tree.children(directory)
  const directories = files.filter(({ kind }) => kind === 'directory').length
  const pin = files.find(({ id }) => id === SECRET_FILES.PIN[1])
  const isPin = pin?.kind === 'transparent' && pin.size >= PIN_FILE.SIZE
  const triesLeft = (at: number) => (isPin ? (tree.read(pin, at + PIN_SIZE + 1, 1)[0] ?? 0) : 0)
  return Uint8Array.of(
    0x05,
    UNUSED,
    directories,
    files.length - directories,
    isPin ? 1 : 0,
    UNUSED,
    triesLeft(PIN_FILE.PIN),
    triesLeft(PIN_FILE.UNBLOCKING),
  )
}

function statusOf({ active }: StoredFile): number {
  return active ? ACTIVE : INVALIDATED
}

function kindOf(data: Bytes): FileKind | undefined {
  const kinds = Object.keys(TYPE_OF_KIND) as FileKind[]
  return kinds.find((kind) => TYPE_OF_KIND[kind] === data[AT.TYPE])
}

function hasRecordLength(kind: FileKind | undefined): boolean {
  return kind === 'linear-fixed' || kind === 'cyclic'
}

function rulesOf(kind: FileKind, data: Bytes): AccessRules {
  const guarded = GUARDED[kind === 'directory' ? 'directory' : 'elementary']
  return Object.fromEntries(
    guarded.flatMap((operations, index) => {
      const rule = accessRule(nibble(data, AT.ACCESS, index), nibble(data, AT.KEYS, index))
      return operations.map((operation) => [operation, rule] as const)
    }),
  )
}

/** The nth nibble from an offset on, the high one of a byte first. */
function nibble(data: Bytes, at: number, index: number): number {
  const byte = data[at + (index >> 1)] ?? 0
  return index % 2 === 0 ? byte >> 4 : byte & 0x0f
}
