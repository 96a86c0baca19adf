import type { StatusWord } from '../../kernel/apdu.ts'
import type { Refusal } from '../files/refusals.ts'

/** What a Multiflex answers beside 9000; SW2 of the first and the two lengths is a number of bytes. */
export const STATUS = {
  OK: 0x9000,
  WAITING: 0x6100,
  INVALIDATED: 0x6283,
  WRONG_SECRET: 0x6300,
  TOO_LONG_TO_PROTECT: 0x6500,
  WRONG_P3: 0x6700,
  NO_SECRET: 0x6981,
  ACCESS_REFUSED: 0x6982,
  BLOCKED: 0x6983,
  NO_CHALLENGE: 0x6985,
  NO_FILE: 0x6986,
  WRONG_DATA: 0x6a80,
  NO_SUCH_FILE: 0x6a82,
  NO_RECORD: 0x6a83,
  NO_SPACE: 0x6a84,
  WRONG_P1_P2: 0x6b00,
  WRONG_LE: 0x6c00,
  UNKNOWN_INS: 0x6d00,
  UNKNOWN_CLA: 0x6e00,
  OUT_OF_RANGE: 0x9850,
} as const

/** The status word of what the tree of files refuses. */
export const REFUSED: Readonly<Record<Refusal, StatusWord>> = {
  'no-file': STATUS.NO_FILE,
  'wrong-kind': STATUS.WRONG_DATA,
  'not-a-purse': STATUS.NO_FILE,
  invalidated: STATUS.INVALIDATED,
  'access-refused': STATUS.ACCESS_REFUSED,
  'no-secret': STATUS.NO_SECRET,
  blocked: STATUS.BLOCKED,
  'wrong-secret': STATUS.WRONG_SECRET,
  'no-such-file': STATUS.NO_SUCH_FILE,
  'id-taken': STATUS.WRONG_DATA,
  'bad-size': STATUS.WRONG_DATA,
  'bad-offset': STATUS.WRONG_P1_P2,
  'no-record': STATUS.NO_RECORD,
  'no-pattern': STATUS.WRONG_DATA,
  // Documented for Decrease only; Increase has no other word for it.
  'below-minimum': STATUS.OUT_OF_RANGE,
  'above-maximum': STATUS.OUT_OF_RANGE,
  'no-space': STATUS.NO_SPACE,
}

/** SW2 says how many bytes; 00 is 256, which is also said of more. */
export function withCount(status: StatusWord, count: number): StatusWord {
  return status | (count >= 256 ? 0 : count)
}
