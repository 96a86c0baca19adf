import { FormatError } from '../../kernel/errors.ts'
import { concat, type Bytes } from '../../kernel/bytes.ts'
import { decodeTemplate, decodeTlvs, encodeTlv } from '../../kernel/tlv.ts'
import { LABEL_SIZE, type FileKind, type FileSpec } from '../files/file.ts'
import { decodeSecurity, encodeSecurity, openRules } from './security.ts'

/** Templates around file control parameters (ISO/IEC 7816-4, 5.3.3). */
export const TEMPLATE = { FCP: 0x62, FCI: 0x6f } as const

const TAG = {
  /** Bytes of data in an elementary file. */
  SIZE: 0x80,
  /** The same; of a directory, what it may use. */
  TOTAL_SIZE: 0x81,
  DESCRIPTOR: 0x82,
  ID: 0x83,
  LIFE_CYCLE: 0x8a,
  SECURITY: 0x8c,
} as const
const KNOWN_TAGS: ReadonlySet<number> = new Set(Object.values(TAG))

/** File descriptor bytes (5.3.3): not shareable, working files, records without TLV structure. */
const DESCRIPTORS: Readonly<Record<FileKind, number>> = {
  directory: 0x38,
  transparent: 0x01,
  'linear-fixed': 0x02,
  'linear-variable': 0x04,
  cyclic: 0x06,
}
/** Data coding byte (8.1.1.2.7): bytes, written in a way of their own. */
const DATA_CODING = 0x21
const ACTIVATED = 0x05
const DEACTIVATED = 0x04

/** Identifiers that name no file (7.1.1, 8.2.1.1), and those of the PINs, which are there already. */
const RESERVED_IDS: readonly number[] = [0x3fff, 0xffff, 0x0000, 0x0100]

/** The parameters of a file, without template. */
export function encodeFcp(file: FileSpec): Bytes {
  const isDirectory = file.kind === 'directory'
  return concat(
    encodeTlv(isDirectory ? TAG.TOTAL_SIZE : TAG.SIZE, uint16(file.size)),
    encodeTlv(TAG.DESCRIPTOR, encodeDescriptor(file)),
    encodeTlv(TAG.ID, uint16(file.id)),
    encodeTlv(TAG.LIFE_CYCLE, Uint8Array.of(file.active ? ACTIVATED : DEACTIVATED)),
    encodeTlv(TAG.SECURITY, encodeSecurity(file.kind, file.rules)),
  )
}

/**
 * The data of CREATE FILE: 62 or 6F with descriptor and identifier, and with a size, by 80 or 81, unless
 * the number of records says it. Records are all there from the start, and 00; what the size has beyond
 * them can be appended to. Without 8A a file is activated, without 8C it asks for nothing.
 *
 * @throws {FormatError} naming the tag: `fcp.82`.
 */
export function decodeFcp(data: Bytes): FileSpec {
  const [template, ...more] = decodeTlvs(data, 'data')
  const isTemplate = template?.tag === TEMPLATE.FCP || template?.tag === TEMPLATE.FCI
  if (!isTemplate || more.length > 0)
    throw new FormatError('data', 'expected one template 62 or 6f')
  const fields = decodeTemplate(template.value, 'fcp')
  for (const tag of fields.keys()) {
    if (!KNOWN_TAGS.has(tag)) throw new FormatError(fieldOf(tag), 'is not supported')
  }
  const descriptor = decodeDescriptor(fields.get(TAG.DESCRIPTOR))
  const { kind, recordSize, records } = descriptor
  const security = fields.get(TAG.SECURITY)
  return {
    id: decodeId(fields.get(TAG.ID)),
    kind,
    size: sizeIn(fields) ?? sizeOfRecords(recordSize * records),
    recordSize,
    records,
    active: decodeLifeCycle(fields.get(TAG.LIFE_CYCLE)),
    valueChanges: { update: true, increase: false, decrease: false },
    rules: security ? decodeSecurity(kind, security, fieldOf(TAG.SECURITY)) : openRules(kind),
    label: new Uint8Array(LABEL_SIZE),
  }
}

type Descriptor = Pick<FileSpec, 'kind' | 'recordSize' | 'records'>

function encodeDescriptor({ kind, recordSize, records }: Descriptor): Bytes {
  const descriptor = Uint8Array.of(DESCRIPTORS[kind])
  if (kind === 'directory' || kind === 'transparent') return descriptor
  const largest = kind === 'linear-variable' ? 0xff : recordSize
  return concat(descriptor, Uint8Array.of(DATA_CODING, 0x00, largest, records))
}

/** `descriptor ‖ [data coding ‖ [largest record 2 ‖ records 1]]` */
function decodeDescriptor(bytes: Bytes = new Uint8Array()): Descriptor {
  const field = fieldOf(TAG.DESCRIPTOR)
  const [descriptor, coding = DATA_CODING, high = 0, recordSize = 0, records = 0] = bytes
  const kinds = Object.entries(DESCRIPTORS) as readonly [FileKind, number][]
  const kind = kinds.find(([, byte]) => byte === descriptor)?.[0]
  if (kind === undefined) throw new FormatError(field, 'expected a kind of file that is supported')
  if (coding !== DATA_CODING) throw new FormatError(field, `expected data coding ${DATA_CODING}`)
  const hasRecordSize = kind === 'linear-fixed' || kind === 'cyclic'
  if (!hasRecordSize) {
    if (bytes.length > 2) throw new FormatError(field, 'has records of no common length')
    return { kind, recordSize: 0, records: 0 }
  }
  if (bytes.length !== 5 || high !== 0) {
    throw new FormatError(field, 'expected records of at most 255 bytes, and their number')
  }
  return { kind, recordSize, records }
}

function sizeIn(fields: ReadonlyMap<number, Bytes>): number | undefined {
  const given = fields.get(TAG.SIZE)
  const total = fields.get(TAG.TOTAL_SIZE)
  if (given && total) throw new FormatError(fieldOf(TAG.TOTAL_SIZE), 'says what 80 says')
  if (given) return readUint16(given, TAG.SIZE)
  return total && readUint16(total, TAG.TOTAL_SIZE)
}

function sizeOfRecords(size: number): number {
  if (size === 0) throw new FormatError(fieldOf(TAG.SIZE), 'is missing')
  return size
}

function decodeId(bytes: Bytes | undefined): number {
  const id = readUint16(bytes, TAG.ID)
  if (RESERVED_IDS.includes(id)) throw new FormatError(fieldOf(TAG.ID), 'is reserved')
  return id
}

function decodeLifeCycle(bytes: Bytes = Uint8Array.of(ACTIVATED)): boolean {
  const [state] = bytes
  if (bytes.length !== 1 || (state !== ACTIVATED && state !== DEACTIVATED)) {
    throw new FormatError(fieldOf(TAG.LIFE_CYCLE), 'expected 05 or 04')
  }
  return state === ACTIVATED
}

function readUint16(bytes: Bytes | undefined, tag: number): number {
  const [high, low] = bytes ?? []
  if (bytes?.length !== 2 || high === undefined || low === undefined) {
    throw new FormatError(fieldOf(tag), `expected 2 bytes, got ${bytes?.length ?? 0}`)
  }
  return (high << 8) | low
}

function uint16(value: number): Bytes {
  return Uint8Array.of(value >> 8, value & 0xff)
}

function fieldOf(tag: number): string {
  return `fcp.${tag.toString(16)}`
}
