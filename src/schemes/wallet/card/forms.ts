import { SW, type CommandApdu, type StatusWord } from '../../../kernel/apdu.ts'
import { PUBLIC_KEY_SIZE } from '../../../kernel/p256.ts'
import { PIN_SIZE } from '../../../kernel/pin.ts'
import {
  ASKING_SIZE,
  CARRIED_BLOCK_MAX,
  CARRIED_BLOCKS,
  CARRIED_PIECE,
  CERTIFICATES,
  CLA,
  DECLINING_SIZE,
  INS,
  ISO_CLA,
  LOG_SIZE,
  NONCE_SIZE,
  RECORD_PARTS,
  SIGNED_RECORD_SIZE,
  SIGNED_REFUSAL_SIZE,
  SIGNED_REQUEST_SIZE,
  WALLET_SW,
} from '../message.ts'

/** What `sealTo` adds to what it seals: ephemeral key, nonce and tag. */
const SEAL_SIZE = PUBLIC_KEY_SIZE + 12 + 16
export const SEALED_PIN_SIZE = PIN_SIZE + SEAL_SIZE
/** Two codes: the old and the new. */
const SEALED_PINS_SIZE = 2 * PIN_SIZE + SEAL_SIZE

/** What one instruction takes. */
interface Form {
  readonly cla: number
  readonly p1: readonly number[]
  readonly p2: readonly number[]
  /** Sizes of its data; undefined: whatever can be read, at least 1. */
  readonly sizes: readonly number[] | undefined
}

const NONE = [0] as const

function own(sizes: readonly number[] | undefined, p1 = [0], p2 = [0]): Form {
  return { cla: CLA, p1, p2, sizes }
}

function iso(p1: number, p2: readonly number[], sizes: readonly number[] | undefined): Form {
  return { cla: ISO_CLA, p1: [p1], p2, sizes }
}

const PIECES = upTo(Math.ceil(CARRIED_BLOCK_MAX / CARRIED_PIECE))

const FORMS: ReadonlyMap<number, Form> = new Map([
  [INS.GENERATE, own(NONE)],
  [INS.PERSONALISE, own(undefined, [0, 1, 2])],
  [INS.GET_DATA, iso(0x00, Object.values(CERTIFICATES), NONE)],
  [INS.VERIFY_CERTIFICATE, iso(0x00, [0xbe], undefined)],
  [INS.PAY, own([SIGNED_REQUEST_SIZE, SIGNED_REQUEST_SIZE + SEALED_PIN_SIZE])],
  [INS.REQUEST, own([ASKING_SIZE])],
  [INS.RECEIVE, own([SIGNED_RECORD_SIZE])],
  [INS.REFUSE, own([DECLINING_SIZE])],
  [INS.REFUND, own([SIGNED_REFUSAL_SIZE])],
  [INS.EXECUTE, own(undefined)],
  [INS.STATEMENT, own([NONCE_SIZE])],
  [INS.VERIFY_PIN, own([SEALED_PIN_SIZE])],
  [INS.CHANGE_PIN, own([SEALED_PINS_SIZE])],
  [INS.UNBLOCK_PIN, own([SEALED_PINS_SIZE])],
  [INS.READ_RECORD, own(NONE, upTo(LOG_SIZE), Object.values(RECORD_PARTS))],
  [INS.CARRY, own(undefined, upTo(CARRIED_BLOCKS), PIECES)],
  [INS.READ_CARRIED, own(NONE, upTo(CARRIED_BLOCKS), PIECES)],
])

/** What the applet says to a command before it looks at its data; undefined if nothing is wrong. */
export function refusalOfForm({ cla, ins, p1, p2, data }: CommandApdu): StatusWord | undefined {
  if (cla !== CLA && cla !== ISO_CLA) return SW.CLA_NOT_SUPPORTED
  const form = FORMS.get(ins)
  if (form?.cla !== cla) return SW.INS_NOT_SUPPORTED
  if (!form.p1.includes(p1) || !form.p2.includes(p2)) return SW.WRONG_P1_P2
  const fits = form.sizes ? form.sizes.includes(data.length) : data.length > 0
  return fits ? undefined : WALLET_SW.WRONG_LENGTH
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}
