import type { StatusWord } from '../../kernel/apdu.ts'
import { concat, secretsEqual, type Bytes } from '../../kernel/bytes.ts'
import { DES_BLOCK_SIZE, desEncrypt } from '../../kernel/des.ts'
import type { RandomSource } from '../../kernel/ports.ts'
import type { ChipOperation } from '../applet.ts'
import { readBinary, updateBinary } from '../files/binary.ts'
import type { StoredFile } from '../files/file.ts'
import {
  appendRecord,
  readRecord,
  recordNumber,
  seekRecord,
  updateRecord,
  type RecordPosition,
} from '../files/records.ts'
import type { Refusal } from '../files/refusals.ts'
import {
  authenticate,
  changePin,
  externalKeySize,
  internalKey,
  PIN_SIZE,
  unblockPin,
  verifyKey,
  verifyPin,
} from '../files/secrets.ts'
import type { FileSession } from '../files/session.ts'
import { changeValue, decodeValue, encodeValue, type ValueChange } from '../files/values.ts'
import type { CommandName } from './commands.ts'
import { decodeCreateFile, describeFile, listFile, sizeAndId } from './header.ts'
import { CRYPTOGRAM_SIZE } from './protection.ts'
import { STATUS, withCount } from './status.ts'

/** Internal key that makes the stamps; no document says which. */
const STAMP_KEY = 0
/** P3 of the form of Directory that tells one file at a time. */
const NEXT_ENTRY = 4

/** A command that has passed the checks that all commands have in common. */
export interface Call {
  readonly p1: number
  readonly p2: number
  /** Without what protects it. */
  readonly data: Bytes
  /** Bytes expected, 1 to 256. */
  readonly le: number
  /** What the command works on. */
  readonly file: StoredFile
}

/** What lives from a reset to the next. */
export interface Working {
  readonly session: FileSession
  readonly random: RandomSource
  readonly spend: (operation: ChipOperation) => void
  /** Of the Get Challenge just before. */
  challenge: Bytes | undefined
  /** Of the Give Challenge before a stamped command. */
  given: Bytes | undefined
  /** Where the next Directory of one entry goes on. */
  listed: number
}

export interface Outcome {
  readonly sw: StatusWord
  /** Sent at once. */
  readonly data?: Bytes
  /** Fetched by a Get Response right after. */
  readonly waiting?: Bytes
  /** A challenge for the next command. */
  readonly challenge?: Bytes
  readonly given?: Bytes
}

/** A number of bytes that P3 should have been, or a refusal, or what came of it. */
export type Action = (working: Working, call: Call) => Outcome | Refusal | WrongLength

export interface WrongLength {
  readonly length: number
}

const OK: Outcome = { sw: STATUS.OK }

/** What each command does. Get Response is the mask's. */
export const ACTIONS: Readonly<Record<Exclude<CommandName, 'Get Response'>, Action>> = {
  'Change PIN': ({ session }, { data }) =>
    changePin(session, 1, data.slice(0, PIN_SIZE), data.slice(PIN_SIZE)) ?? OK,

  'Create File': (working, { data, p2: records }) => {
    const spec = decodeCreateFile(data, records)
    if (!spec) return { sw: STATUS.WRONG_DATA }
    const made = working.session.create(spec)
    if (typeof made === 'string') return made
    working.listed = 0
    return OK
  },

  'Create Record': ({ session }, { file, data }) => {
    const number = appendRecord(session.tree, file, data)
    if (number === 'bad-size') return { length: file.recordSize }
    if (typeof number === 'string') return number
    session.record = number
    return OK
  },

  Decrease: (working, call) => changed(working, call, 'decrease'),

  'Delete File': (working, { data }) => {
    const refusal = working.session.remove(idOf(data))
    if (refusal !== undefined) return refusal
    working.listed = 0
    return OK
  },

  'External Authentication': (working, { data }) => {
    const { challenge, session } = working
    const [number = 0] = data
    const proof = data.slice(1)
    if (!challenge) return { sw: STATUS.NO_CHALLENGE }
    const proves = (key: Bytes) => secretsEqual(proof, encrypted(working, key, challenge))
    return authenticate(session, number, proves) ?? OK
  },

  'Get Challenge': ({ random, spend }, { le }) => {
    if (le !== DES_BLOCK_SIZE) return { length: DES_BLOCK_SIZE }
    spend('random')
    const challenge = random.bytes(DES_BLOCK_SIZE)
    return { sw: STATUS.OK, data: challenge, challenge }
  },

  Increase: (working, call) => changed(working, call, 'increase'),

  'Internal Authentication': (working, { p2: number, data }) => {
    const key = internalKey(working.session, number)
    return typeof key === 'string' ? key : announced(encrypted(working, key, data))
  },

  Invalidate: ({ session }, { file }) => {
    session.tree.setActive(file, false)
    return OK
  },

  'Read Binary': ({ session }, { file, p1, p2, le }) => {
    const offset = p1 * 256 + p2
    const left = file.size - offset
    if (left > 0 && le > left) return { length: left }
    const bytes = readBinary(session, file, offset, le)
    return typeof bytes === 'string' ? bytes : { sw: STATUS.OK, data: bytes }
  },

  'Read Record': ({ session }, { file, p1, p2, le }) => {
    const number = recordNumber(session, file, positionOf(p1, p2))
    if (typeof number === 'string') return number
    const record = readRecord(session.tree, file, number)
    if (record.length !== le) return { length: record.length }
    session.record = number
    return { sw: STATUS.OK, data: record }
  },

  Rehabilitate: ({ session }, { file }) => {
    session.tree.setActive(file, true)
    return OK
  },

  Seek: ({ session }, { file, p1: offset, p2, data }) => {
    const from = p2 === SEEK_FROM_NEXT ? (session.record ?? 0) + 1 : 1
    const number = seekRecord(session.tree, file, from, offset, data)
    if (typeof number === 'string') return number
    session.record = number
    return OK
  },

  Select: (working, { data }) => {
    const { session } = working
    const file = session.select(idOf(data))
    if (typeof file === 'string') return file
    working.listed = 0
    return announced(describeFile(session.tree, file))
  },

  'Unblock PIN': ({ session }, { data }) =>
    unblockPin(session, 1, data.slice(0, PIN_SIZE), data.slice(PIN_SIZE)) ?? OK,

  'Update Binary': ({ session }, { file, p1, p2, data }) =>
    updateBinary(session, file, p1 * 256 + p2, data) ?? OK,

  'Update Record': ({ session }, { file, p1, p2, data }) => {
    const position = positionOf(p1, p2)
    // As ISO/IEC 7816-4 has it: before the newest is the oldest, and written it is the newest.
    const appends = file.kind === 'cyclic' && position === 'previous'
    const number = appends ? 1 : recordNumber(session, file, position)
    if (typeof number === 'string') return number
    const done = appends
      ? appendRecord(session.tree, file, data)
      : updateRecord(session.tree, file, number, data)
    if (done === 'bad-size') return { length: readRecord(session.tree, file, number).length }
    if (typeof done === 'string') return done
    session.record = number
    return OK
  },

  'Verify PIN': ({ session }, { data }) => verifyPin(session, 1, data) ?? OK,

  'Verify Key': ({ session }, { p2: number, data }) => {
    const size = externalKeySize(session, number)
    if (typeof size === 'string') return size
    return data.length === size ? (verifyKey(session, number, data) ?? OK) : { length: size }
  },

  'Decrease Stamped': (working, call) => stamped(working, call, 'decrease'),

  'Increase Stamped': (working, call) => stamped(working, call, 'increase'),

  'Give Challenge': (_, { data }) => ({ sw: STATUS.OK, given: data }),

  /**
   * P3 00 is Multiflex's own: eight bytes a file, by Get Response (SCEZ, `multiflex.tex`). P3 04 is
   * what OpenSC sends to Multiflex and Cryptoflex alike: size and identifier of the next file, and
   * 6A82 behind the last.
   */
  Directory: (working, { file, le }) => {
    const { tree } = working.session
    const files = tree.children(file)
    if (le !== NEXT_ENTRY) return announced(concat(...files.map((one) => listFile(tree, one))))
    const next = files[working.listed]
    working.listed = next ? working.listed + 1 : 0
    return next ? { sw: STATUS.OK, data: sizeAndId(tree, next) } : 'no-such-file'
  },

  /** Cryptoflex's, and OpenSC sends it to all. Harmless: it can only take away what was shown. */
  Logout: ({ session }) => {
    session.forgetAll()
    return OK
  },
}

const SEEK_FROM_NEXT = 0x02
const POSITIONS: readonly RecordPosition[] = ['first', 'last', 'next', 'previous']

function positionOf(p1: number, p2: number): RecordPosition {
  return POSITIONS[p2] ?? (p1 === 0 ? 'current' : p1)
}

function idOf(data: Bytes): number {
  return ((data[0] ?? 0) << 8) | (data[1] ?? 0)
}

function announced(data: Bytes): Outcome {
  return data.length === 0 ? OK : { sw: withCount(STATUS.WAITING, data.length), waiting: data }
}

/** The first six bytes of a block under DES: what the card proves itself with, and others to it. */
function encrypted({ spend }: Working, key: Bytes, block: Bytes): Bytes {
  spend('des')
  return desEncrypt(key, block).slice(0, CRYPTOGRAM_SIZE)
}

/** The document shows 9000, others say that data may be there: both hold. */
function changed(working: Working, call: Call, change: ValueChange): Outcome | Refusal {
  const result = applied(working, call, change)
  return typeof result === 'string' ? result : { sw: STATUS.OK, waiting: result }
}

/** The cryptogram is over the challenge alone, as the document describes it; the amount is not in it. */
function stamped(working: Working, call: Call, change: ValueChange): Outcome | Refusal {
  if (!working.given) return { sw: STATUS.NO_CHALLENGE }
  const key = internalKey(working.session, STAMP_KEY)
  if (typeof key === 'string') return key
  const stamp = encrypted(working, key, working.given)
  const result = applied(working, call, change)
  return typeof result === 'string' ? result : announced(concat(result, stamp))
}

/** New value and amount, three bytes each. */
function applied({ session }: Working, { file, data }: Call, change: ValueChange): Bytes | Refusal {
  const value = changeValue(session.tree, file, change, decodeValue(data))
  if (typeof value === 'string') return value
  session.record = 1
  return concat(encodeValue(value), data)
}
