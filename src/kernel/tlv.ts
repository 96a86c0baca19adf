import { concat, toHex, type Bytes } from './bytes.ts'
import { FormatError } from './errors.ts'

/** A BER-TLV data object. */
export interface Tlv {
  /** Its bytes as one number: 0x83, 0x7f21. */
  readonly tag: number
  readonly value: Bytes
}

/** Low bits of a first byte that say that the tag goes on. */
const LONG_TAG = 0x1f
/** In every byte of a tag but the first: another one follows. */
const TAG_GOES_ON = 0x80
const TAG_MAX = 3
const LENGTH_MAX = 0xffff

/**
 * One data object with the parts of its value: tags of at most 3 bytes, lengths up to 65,535, each in
 * the shortest form (ISO/IEC 7816-4, 5.2.2; DER, ITU-T X.690, 10.1).
 *
 * @throws {FormatError} if the tag is none or the value is longer.
 */
export function encodeTlv(tag: number, ...parts: readonly Uint8Array[]): Bytes {
  const value = concat(...parts)
  const tagBytes = bytesOfTag(tag)
  if (tagSize(tagBytes, 'tag') !== tagBytes.length) throw new FormatError('tag', 'is more than one')
  if (value.length > LENGTH_MAX) {
    throw new FormatError('value', `at most ${LENGTH_MAX} bytes, got ${value.length}`)
  }
  return concat(tagBytes, encodeLength(value.length), value)
}

/**
 * The data objects that the bytes are made of, none of the bytes left over: no padding, nothing but the
 * shortest form.
 *
 * @throws {FormatError} if they are anything else. `name` is what they are called, and a field the name
 *   with the place of the object: `fcp[2]`.
 */
export function decodeTlvs(bytes: Uint8Array, name: string): readonly Tlv[] {
  const objects: Tlv[] = []
  for (let at = 0; at < bytes.length;) {
    const field = `${name}[${objects.length}]`
    const rest = bytes.subarray(at)
    const size = tagSize(rest, field)
    const length = decodeLength(rest.subarray(size), field)
    const start = size + length.size
    const end = start + length.value
    if (end > rest.length) {
      throw new FormatError(
        field,
        `expected ${length.value} bytes, ${rest.length - start} are left`,
      )
    }
    objects.push({ tag: numberOf(rest.subarray(0, size)), value: rest.slice(start, end) })
    at += end
  }
  return objects
}

/** The value of the one object that the bytes are. @throws {FormatError} as {@link decodeTlvs}. */
export function decodeTlv(bytes: Uint8Array, tag: number, name: string): Bytes {
  const [object, ...more] = decodeTlvs(bytes, name)
  if (object?.tag !== tag || more.length > 0) {
    throw new FormatError(name, `expected one object with tag ${hexOf(tag)}`)
  }
  return object.value
}

/**
 * The values of a template by tag, where each tag comes at most once, in any order.
 *
 * @throws {FormatError} as {@link decodeTlvs}, and naming a tag that comes again: `fcp.83`.
 */
export function decodeTemplate(bytes: Uint8Array, name: string): ReadonlyMap<number, Bytes> {
  const values = new Map<number, Bytes>()
  for (const { tag, value } of decodeTlvs(bytes, name)) {
    if (values.has(tag)) throw new FormatError(`${name}.${hexOf(tag)}`, 'comes more than once')
    values.set(tag, value)
  }
  return values
}

/** Whether the value of such an object is made of objects again. */
export function isConstructed(tag: number): boolean {
  return ((bytesOfTag(tag)[0] ?? 0) & 0x20) !== 0
}

function tagSize(bytes: Uint8Array, field: string): number {
  const [first = 0, second, third] = bytes
  if (first === 0) throw new FormatError(field, 'expected a tag, got 00')
  if ((first & LONG_TAG) !== LONG_TAG) return 1
  if (second === undefined) throw new FormatError(field, 'the tag is cut off')
  if ((second & TAG_GOES_ON) === 0) {
    if (second < LONG_TAG) throw new FormatError(field, 'the tag is not in its shortest form')
    return 2
  }
  if (second === TAG_GOES_ON) throw new FormatError(field, 'the tag is not in its shortest form')
  if (third === undefined) throw new FormatError(field, 'the tag is cut off')
  if ((third & TAG_GOES_ON) !== 0) {
    throw new FormatError(field, `expected a tag of at most ${TAG_MAX} bytes`)
  }
  return 3
}

function decodeLength(bytes: Uint8Array, field: string): { size: number; value: number } {
  const [first] = bytes
  if (first === undefined) throw new FormatError(field, 'there is no length')
  if (first < 0x80) return { size: 1, value: first }
  const size = 1 + (first & 0x7f)
  if (size === 1) throw new FormatError(field, 'the length is indefinite')
  if (size > 3) throw new FormatError(field, `expected a length of at most ${LENGTH_MAX}`)
  if (bytes.length < size) throw new FormatError(field, 'the length is cut off')
  const value = numberOf(bytes.subarray(1, size))
  if (encodeLength(value).length !== size) {
    throw new FormatError(field, 'the length is not in its shortest form')
  }
  return { size, value }
}

function encodeLength(length: number): Bytes {
  if (length < 0x80) return Uint8Array.of(length)
  if (length < 0x100) return Uint8Array.of(0x81, length)
  return Uint8Array.of(0x82, length >> 8, length & 0xff)
}

function bytesOfTag(tag: number): Bytes {
  const bytes = Uint8Array.of(tag >> 16, (tag >> 8) & 0xff, tag & 0xff)
  return bytes.slice(tag > 0xffff ? 0 : tag > 0xff ? 1 : 2)
}

function numberOf(bytes: Uint8Array): number {
  return bytes.reduce((number, byte) => number * 0x100 + byte, 0)
}

function hexOf(tag: number): string {
  return toHex(bytesOfTag(tag))
}
