import { concat, secretsEqual, type Bytes } from '../../kernel/bytes.ts'
import { DES_BLOCK_SIZE, desCbcMac } from '../../kernel/des.ts'

/** Bytes of a cryptogram: the first of a DES block. */
export const CRYPTOGRAM_SIZE = 6
/** What can be protected: INS, P1, P2, the length of the data, the data. */
const PROTECTED_MAX = 24
/** INS, P1 and P2, which stay in the header of the command. */
const IN_HEADER = 3
const PADDING = 0xff
/** P3 of the longest protected form. */
export const PROTECTED_P3_MAX = PROTECTED_MAX - IN_HEADER + CRYPTOGRAM_SIZE

/** A command whose data is a protected form: `length 1 ‖ data ‖ FF … ‖ cryptogram 6`. */
export interface ProtectedCommand {
  readonly ins: number
  readonly p1: number
  readonly p2: number
  readonly data: Bytes
}

/** P3 of the protected form of a command with so much data, or undefined if that is too much. */
export function protectedLength(length: number): number | undefined {
  const whole = IN_HEADER + 1 + length
  if (whole > PROTECTED_MAX) return undefined
  return Math.ceil(whole / DES_BLOCK_SIZE) * DES_BLOCK_SIZE - IN_HEADER + CRYPTOGRAM_SIZE
}

/** The data within a protected form; less than it says if there is less. */
export function protectedData(data: Bytes): Bytes {
  return data.slice(1, 1 + (data[0] ?? 0))
}

/** What the cryptogram covers, as it was received. */
export function protectedMessage({ ins, p1, p2, data }: ProtectedCommand): Bytes {
  return concat(Uint8Array.of(ins, p1, p2), data.subarray(0, data.length - CRYPTOGRAM_SIZE))
}

/** First six bytes of the last block of DES-CBC, the challenge being the initial vector. */
export function cryptogram(key: Bytes, challenge: Bytes, message: Bytes): Bytes {
  return desCbcMac(key, challenge, message).slice(0, CRYPTOGRAM_SIZE)
}

/** Whether a command is padded as it must be and carries the cryptogram of this key and challenge. */
export function isProtected(command: ProtectedCommand, key: Bytes, challenge: Bytes): boolean {
  const { data } = command
  const given = data.slice(-CRYPTOGRAM_SIZE)
  const padding = data.subarray(1 + (data[0] ?? 0), data.length - CRYPTOGRAM_SIZE)
  return (
    secretsEqual(given, cryptogram(key, challenge, protectedMessage(command))) &&
    padding.every((byte) => byte === PADDING)
  )
}
