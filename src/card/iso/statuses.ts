import { SW, type StatusWord } from '../../kernel/apdu.ts'
import type { Refusal } from '../files/refusals.ts'

/** Status words of ISO/IEC 7816-4 (5.1.3) that only files have. */
export const STATUS = {
  DEACTIVATED: 0x6283,
  END_OF_FILE: 0x6282,
  WRONG_KIND: 0x6981,
  BLOCKED: 0x6983,
  NO_RECORD: 0x6a83,
  NO_SPACE: 0x6a84,
  NO_SECRET: 0x6a88,
  ID_TAKEN: 0x6a89,
} as const

/** Of what this personality does not do, too: it has no values, and seeks no pattern. */
export const STATUS_OF: Readonly<Record<Refusal, StatusWord>> = {
  'no-file': SW.NOT_ALLOWED,
  'wrong-kind': STATUS.WRONG_KIND,
  'not-a-purse': STATUS.WRONG_KIND,
  invalidated: SW.CONDITIONS_NOT_SATISFIED,
  'access-refused': SW.SECURITY_NOT_SATISFIED,
  'no-secret': STATUS.NO_SECRET,
  blocked: STATUS.BLOCKED,
  'wrong-secret': triesLeft(0),
  'no-such-file': SW.NOT_FOUND,
  'id-taken': STATUS.ID_TAKEN,
  'bad-size': SW.WRONG_DATA,
  'bad-offset': SW.WRONG_P1_P2,
  'no-record': STATUS.NO_RECORD,
  'no-pattern': STATUS.NO_RECORD,
  'below-minimum': SW.CONDITIONS_NOT_SATISFIED,
  'above-maximum': SW.CONDITIONS_NOT_SATISFIED,
  'no-space': STATUS.NO_SPACE,
}

/** Wrong, and so many tries are left: at most 15 can be told. */
export function triesLeft(tries: number): StatusWord {
  return 0x63c0 | Math.min(tries, 0x0f)
}
