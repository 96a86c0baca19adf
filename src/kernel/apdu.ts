import { concat, type Bytes } from './bytes.ts'
import { FormatError } from './errors.ts'

/** A short command APDU (ISO/IEC 7816-4, 5.1). Extended length is not used: common readers fail on it. */
export interface CommandApdu {
  readonly cla: number
  readonly ins: number
  readonly p1: number
  readonly p2: number
  /** At most 255 bytes; empty when the command has none. */
  readonly data: Bytes
  /** Bytes expected back, 1 to 256, or undefined for none. */
  readonly le: number | undefined
}

/** What a card answered: data and its status word, SW1 ‖ SW2. */
export interface ResponseApdu {
  readonly data: Bytes
  readonly sw: StatusWord
}

/** SW1 ‖ SW2 as one number, `0x9000`. */
export type StatusWord = number

/** Status words of ISO/IEC 7816-4 (tables 5 and 6) and PC/SC part 3. */
export const SW = {
  OK: 0x9000,
  /** SW2: how many bytes wait for GET RESPONSE; 00 is 256 or more. */
  MORE_DATA: 0x6100,
  /** PC/SC storage cards: the operation failed. */
  OPERATION_FAILED: 0x6300,
  WRONG_LENGTH: 0x6700,
  CHANNEL_NOT_SUPPORTED: 0x6881,
  SECURE_MESSAGING_NOT_SUPPORTED: 0x6882,
  CHAINING_NOT_SUPPORTED: 0x6884,
  SECURITY_NOT_SATISFIED: 0x6982,
  CONDITIONS_NOT_SATISFIED: 0x6985,
  NOT_ALLOWED: 0x6986,
  WRONG_DATA: 0x6a80,
  FUNCTION_NOT_SUPPORTED: 0x6a81,
  NOT_FOUND: 0x6a82,
  INCORRECT_P1_P2: 0x6a86,
  WRONG_P1_P2: 0x6b00,
  /** SW2: the right Le; 00 is 256. */
  WRONG_LE: 0x6c00,
  INS_NOT_SUPPORTED: 0x6d00,
  CLA_NOT_SUPPORTED: 0x6e00,
} as const

const NO_DATA: Bytes = new Uint8Array()

export function command(
  cla: number,
  ins: number,
  p1: number,
  p2: number,
  data: Bytes = NO_DATA,
  le?: number,
): CommandApdu {
  return { cla, ins, p1, p2, data, le }
}

/** @throws {FormatError} if the data is longer than 255 bytes or `le` is not 1 to 256. */
export function encodeCommand({ cla, ins, p1, p2, data, le }: CommandApdu): Bytes {
  if (data.length > 255) throw new FormatError('apdu.data', `at most 255 bytes, got ${data.length}`)
  if (le !== undefined && !(le >= 1 && le <= 256)) {
    throw new FormatError('apdu.le', `expected 1..256, got ${le}`)
  }
  return concat(
    Uint8Array.of(cla, ins, p1, p2),
    data.length > 0 ? Uint8Array.of(data.length) : NO_DATA,
    data,
    le === undefined ? NO_DATA : Uint8Array.of(le % 256),
  )
}

/** Reads cases 1, 2, 3 and 4 short. @throws {FormatError} if it is none of them. */
export function decodeCommand(bytes: Uint8Array): CommandApdu {
  const [cla, ins, p1, p2, p3] = bytes
  if (cla === undefined || ins === undefined || p1 === undefined || p2 === undefined) {
    throw new FormatError('apdu', `expected at least 4 bytes, got ${bytes.length}`)
  }
  if (p3 === undefined) return command(cla, ins, p1, p2)
  if (bytes.length === 5) return command(cla, ins, p1, p2, NO_DATA, p3 === 0 ? 256 : p3)
  if (p3 === 0) throw new FormatError('apdu', 'extended length is not supported')
  const data = bytes.slice(5, 5 + p3)
  const rest = bytes.slice(5 + p3)
  if (data.length < p3 || rest.length > 1) {
    throw new FormatError('apdu', `Lc is ${p3}, and ${bytes.length - 5} bytes follow`)
  }
  const [le] = rest
  return command(cla, ins, p1, p2, data, le === undefined ? undefined : le === 0 ? 256 : le)
}

export function encodeResponse({ data, sw }: ResponseApdu): Bytes {
  return concat(data, Uint8Array.of(sw >> 8, sw & 0xff))
}

export function response(sw: StatusWord, data: Bytes = NO_DATA): ResponseApdu {
  return { data, sw }
}
