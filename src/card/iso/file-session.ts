import {
  response,
  SW,
  type CommandApdu,
  type ResponseApdu,
  type StatusWord,
} from '../../kernel/apdu.ts'
import type { Bytes } from '../../kernel/bytes.ts'
import { encodeTlv } from '../../kernel/tlv.ts'
import type { AppletHost, CommandHandler } from '../applet.ts'
import type { Operation, PinNumber } from '../files/access.ts'
import { readBinary, updateBinary } from '../files/binary.ts'
import type { FileKind, StoredFile } from '../files/file.ts'
import {
  appendRecord,
  readRecord,
  RECORD_KINDS,
  recordNumber,
  updateRecord,
  type RecordPosition,
} from '../files/records.ts'
import { isRefusal, type Refusal } from '../files/refusals.ts'
import { changePin, PIN_FILE, PIN_SIZE, unblockPin, verifyPin } from '../files/secrets.ts'
import { FileSession, SECRET_FILES } from '../files/session.ts'
import { FileTree } from '../files/tree.ts'
import { decodeFcp, encodeFcp, TEMPLATE } from './fcp.ts'
import { STATUS, STATUS_OF, triesLeft } from './statuses.ts'

const INS = {
  DEACTIVATE_FILE: 0x04,
  VERIFY: 0x20,
  CHANGE_REFERENCE_DATA: 0x24,
  RESET_RETRY_COUNTER: 0x2c,
  ACTIVATE_FILE: 0x44,
  GET_CHALLENGE: 0x84,
  SELECT: 0xa4,
  READ_BINARY: 0xb0,
  READ_RECORD: 0xb2,
  UPDATE_BINARY: 0xd6,
  UPDATE_RECORD: 0xdc,
  CREATE_FILE: 0xe0,
  APPEND_RECORD: 0xe2,
  DELETE_FILE: 0xe4,
} as const

/** P1 of SELECT (ISO/IEC 7816-4, 7.1.1). */
const BY = {
  ID: 0x00,
  CHILD_DIRECTORY: 0x01,
  CHILD_FILE: 0x02,
  PARENT: 0x03,
  NAME: 0x04,
  PATH_FROM_MASTER_FILE: 0x08,
  PATH_FROM_DIRECTORY: 0x09,
} as const
/** P2 of SELECT: what to answer. */
const ANSWER = { FCI: 0x00, FCP: 0x04, NONE: 0x0c } as const

const SECURE_MESSAGING = 0x0c
/** P2 of record commands (7.3.2): the number is in P1, no short identifier. */
const BY_NUMBER = 0x04
const POSITIONS: readonly RecordPosition[] = ['first', 'last', 'next', 'previous']
/** In P1 of READ and UPDATE BINARY: a short identifier instead of an offset. */
const SHORT_ID = 0x80
/** Bytes that the chip draws in one go. */
const RANDOM_SIZE = 32

/** What is known from a reset, or the return from an applet, to the next. */
export class IsoFileSession implements CommandHandler {
  readonly #host: AppletHost
  readonly #session: FileSession

  constructor(host: AppletHost) {
    this.#host = host
    this.#session = new FileSession(new FileTree(host.memory))
  }

  process(command: CommandApdu): ResponseApdu {
    const { cla, ins } = command
    if ((cla & ~SECURE_MESSAGING) !== 0) return response(SW.CLA_NOT_SUPPORTED)
    if (cla !== 0) return response(SW.SECURE_MESSAGING_NOT_SUPPORTED)
    switch (ins) {
      case INS.SELECT:
        return this.#select(command)
      case INS.READ_BINARY:
        return this.#readBinary(command)
      case INS.UPDATE_BINARY:
        return this.#updateBinary(command)
      case INS.READ_RECORD:
        return this.#readRecord(command)
      case INS.UPDATE_RECORD:
        return this.#updateRecord(command)
      case INS.APPEND_RECORD:
        return this.#appendRecord(command)
      case INS.CREATE_FILE:
        return this.#createFile(command)
      case INS.DELETE_FILE:
        return this.#deleteFile(command)
      case INS.ACTIVATE_FILE:
        return this.#setActive(command, true)
      case INS.DEACTIVATE_FILE:
        return this.#setActive(command, false)
      case INS.VERIFY:
      case INS.CHANGE_REFERENCE_DATA:
      case INS.RESET_RETRY_COUNTER:
        return this.#pinCommand(command)
      case INS.GET_CHALLENGE:
        return this.#getChallenge(command)
      default:
        return response(SW.INS_NOT_SUPPORTED)
    }
  }

  #select({ p1, p2, data }: CommandApdu): ResponseApdu {
    if (p2 !== ANSWER.FCI && p2 !== ANSWER.FCP && p2 !== ANSWER.NONE) {
      return response(SW.INCORRECT_P1_P2)
    }
    const found = this.#find(p1, data)
    if (typeof found === 'number') return response(found)
    this.#session.enter(found)
    const sw = found.active && this.#session.directory.active ? SW.OK : STATUS.DEACTIVATED
    if (p2 === ANSWER.NONE) return response(sw)
    const template = p2 === ANSWER.FCI ? TEMPLATE.FCI : TEMPLATE.FCP
    return response(sw, encodeTlv(template, encodeFcp(found)))
  }

  #find(p1: number, data: Bytes): StoredFile | StatusWord {
    const { directory, tree } = this.#session
    switch (p1) {
      case BY.ID:
        return data.length === 0 ? tree.root : this.#findId(data)
      case BY.CHILD_DIRECTORY:
        return this.#findChild(data, ({ kind }) => kind === 'directory')
      case BY.CHILD_FILE:
        return this.#findChild(data, ({ kind }) => kind !== 'directory')
      case BY.PARENT:
        return data.length === 0 ? tree.directoryOf(directory) : SW.WRONG_LENGTH
      case BY.NAME:
        return SW.NOT_FOUND
      case BY.PATH_FROM_MASTER_FILE:
        return this.#walk(tree.root, data)
      case BY.PATH_FROM_DIRECTORY:
        return this.#walk(directory, data)
      default:
        return SW.INCORRECT_P1_P2
    }
  }

  /** The master file, a file of the directory, the directory itself or the one above. */
  #findId(data: Bytes): StoredFile | StatusWord {
    if (data.length !== 2) return SW.WRONG_LENGTH
    const found = this.#session.select(idOf(data))
    return isRefusal(found) ? STATUS_OF[found] : found
  }

  #findChild(data: Bytes, isMeant: (file: StoredFile) => boolean): StoredFile | StatusWord {
    if (data.length !== 2) return SW.WRONG_LENGTH
    const found = this.#walk(this.#session.directory, data)
    return typeof found === 'number' || isMeant(found) ? found : SW.NOT_FOUND
  }

  /** Nothing in a deactivated directory is found. */
  #walk(start: StoredFile, path: Bytes): StoredFile | StatusWord {
    if (path.length === 0 || path.length % 2 !== 0) return SW.WRONG_LENGTH
    let file = start
    for (let at = 0; at < path.length; at += 2) {
      if (!file.active) return STATUS_OF.invalidated
      const child =
        file.kind === 'directory'
          ? this.#session.tree.child(file, idOf(path.subarray(at)))
          : undefined
      if (!child) return SW.NOT_FOUND
      file = child
    }
    return file
  }

  #readBinary({ p1, p2, data, le }: CommandApdu): ResponseApdu {
    if (data.length > 0 || le === undefined) return response(SW.WRONG_LENGTH)
    if ((p1 & SHORT_ID) !== 0) return response(SW.INCORRECT_P1_P2)
    const file = this.#opened(['transparent'], 'read')
    if (typeof file === 'number') return response(file)
    const offset = (p1 << 8) | p2
    if (offset >= file.size) return response(SW.WRONG_P1_P2)
    const size = Math.min(le, file.size - offset)
    const bytes = readBinary(this.#session, file, offset, size)
    if (isRefusal(bytes)) return refused(bytes)
    // 256 is what 00 asks for: as much as there is.
    return response(size < le && le < 256 ? STATUS.END_OF_FILE : SW.OK, bytes)
  }

  #updateBinary({ p1, p2, data }: CommandApdu): ResponseApdu {
    if (data.length === 0) return response(SW.WRONG_LENGTH)
    if ((p1 & SHORT_ID) !== 0) return response(SW.INCORRECT_P1_P2)
    const file = this.#opened(['transparent'], 'update')
    if (typeof file === 'number') return response(file)
    return done(updateBinary(this.#session, file, (p1 << 8) | p2, data))
  }

  #readRecord(command: CommandApdu): ResponseApdu {
    if (command.data.length > 0 || command.le === undefined) return response(SW.WRONG_LENGTH)
    return this.#withRecord(command, 'read', (file, number) =>
      response(SW.OK, readRecord(this.#session.tree, file, number)),
    )
  }

  #updateRecord(command: CommandApdu): ResponseApdu {
    if (command.data.length === 0) return response(SW.WRONG_LENGTH)
    return this.#withRecord(command, 'update', (file, number) =>
      done(updateRecord(this.#session.tree, file, number, command.data)),
    )
  }

  /** One that is named by its place becomes the current one, one that is named by its number does not. */
  #withRecord(
    { p1, p2 }: CommandApdu,
    operation: Operation,
    act: (file: StoredFile, number: number) => ResponseApdu,
  ): ResponseApdu {
    const position = positionOf(p1, p2)
    if (position === undefined) return response(SW.INCORRECT_P1_P2)
    const file = this.#opened(RECORD_KINDS, operation)
    if (typeof file === 'number') return response(file)
    const number = recordNumber(this.#session, file, position)
    if (isRefusal(number)) return refused(number)
    const answer = act(file, number)
    if (answer.sw === SW.OK && p2 !== BY_NUMBER) this.#session.record = number
    return answer
  }

  #appendRecord({ p1, p2, data }: CommandApdu): ResponseApdu {
    if (data.length === 0) return response(SW.WRONG_LENGTH)
    if (p1 !== 0 || p2 !== 0) return response(SW.INCORRECT_P1_P2)
    const file = this.#opened(RECORD_KINDS, 'append')
    if (typeof file === 'number') return response(file)
    const number = appendRecord(this.#session.tree, file, data)
    if (isRefusal(number)) return refused(number)
    this.#session.record = number
    return response(SW.OK)
  }

  #createFile({ p1, p2, data }: CommandApdu): ResponseApdu {
    if (data.length === 0) return response(SW.WRONG_LENGTH)
    if (p1 !== 0 || p2 !== 0) return response(SW.INCORRECT_P1_P2)
    const refusal = this.#refusalOf(this.#session.directory, 'create')
    if (refusal !== undefined) return response(refusal)
    const made = this.#session.create(decodeFcp(data))
    return isRefusal(made) ? refused(made) : response(SW.OK)
  }

  #deleteFile({ p1, p2, data }: CommandApdu): ResponseApdu {
    if (data.length !== 2) return response(SW.WRONG_LENGTH)
    if (p1 !== 0 || p2 !== 0) return response(SW.INCORRECT_P1_P2)
    const refusal = this.#refusalOf(this.#session.directory, 'delete')
    if (refusal !== undefined) return response(refusal)
    return done(this.#session.remove(idOf(data)))
  }

  #setActive({ p1, p2, data }: CommandApdu, active: boolean): ResponseApdu {
    if (data.length > 0) return response(SW.WRONG_LENGTH)
    if (p1 !== 0 || p2 !== 0) return response(SW.INCORRECT_P1_P2)
    const { target, tree } = this.#session
    const refusal = this.#refusalOf(target, active ? 'rehabilitate' : 'invalidate')
    if (refusal !== undefined) return response(refusal)
    tree.setActive(target, active)
    return response(SW.OK)
  }

  #pinCommand({ ins, p1, p2, data }: CommandApdu): ResponseApdu {
    if (p1 !== 0) return response(SW.INCORRECT_P1_P2)
    if (p2 !== 1 && p2 !== 2) return refused('no-secret')
    if (ins === INS.VERIFY) return this.#verify(p2, data)
    if (data.length !== 2 * PIN_SIZE) return response(SW.WRONG_LENGTH)
    const given = data.slice(0, PIN_SIZE)
    const newPin = data.slice(PIN_SIZE)
    // FF stands for any byte in a stored PIN.
    if (newPin.includes(0xff)) return response(SW.WRONG_DATA)
    const [work, at] =
      ins === INS.CHANGE_REFERENCE_DATA
        ? [changePin, PIN_FILE.PIN]
        : [unblockPin, PIN_FILE.UNBLOCKING]
    return this.#tried(p2, at, work(this.#session, p2, given, newPin))
  }

  /** Without data it tells how many tries are left. */
  #verify(number: PinNumber, data: Bytes): ResponseApdu {
    if (data.length === 0) return this.#tried(number, PIN_FILE.PIN, 'wrong-secret')
    if (data.length !== PIN_SIZE) return response(SW.WRONG_LENGTH)
    return this.#tried(number, PIN_FILE.PIN, verifyPin(this.#session, number, data))
  }

  #tried(number: PinNumber, at: number, refusal: Refusal | undefined): ResponseApdu {
    if (refusal !== 'wrong-secret') return done(refusal)
    const file = this.#session.secretFile(SECRET_FILES.PIN[number])
    if (!file) return refused('no-secret')
    const [left = 0] = this.#session.tree.read(file, at + PIN_SIZE + 1, 1)
    return left === 0 ? refused('blocked') : response(triesLeft(left))
  }

  #getChallenge({ p1, p2, data, le }: CommandApdu): ResponseApdu {
    if (data.length > 0 || le === undefined) return response(SW.WRONG_LENGTH)
    if (p1 !== 0 || p2 !== 0) return response(SW.INCORRECT_P1_P2)
    for (let drawn = 0; drawn < le; drawn += RANDOM_SIZE) this.#host.spend('random')
    return response(SW.OK, this.#host.random.bytes(le))
  }

  /** The selected file, if it is of one of these kinds and allows the operation. */
  #opened(kinds: readonly FileKind[], operation: Operation): StoredFile | StatusWord {
    const file = this.#session.opened(kinds)
    return isRefusal(file) ? STATUS_OF[file] : (this.#refusalOf(file, operation) ?? file)
  }

  #refusalOf(file: StoredFile, operation: Operation): StatusWord | undefined {
    const permission = this.#session.permit(file, operation)
    if (permission === 'granted') return undefined
    // No command here has a cryptogram.
    return STATUS_OF[isRefusal(permission) ? permission : 'access-refused']
  }
}

function positionOf(p1: number, p2: number): RecordPosition | undefined {
  if (p2 === BY_NUMBER) return p1 === 0 ? 'current' : p1
  return p1 === 0 ? POSITIONS[p2] : undefined
}

function done(refusal: Refusal | undefined): ResponseApdu {
  return refusal === undefined ? response(SW.OK) : refused(refusal)
}

function refused(refusal: Refusal): ResponseApdu {
  return response(STATUS_OF[refusal])
}

function idOf(bytes: Uint8Array): number {
  return ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)
}
