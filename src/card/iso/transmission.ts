import {
  decodeCommand,
  encodeResponse,
  response,
  SW,
  type CommandApdu,
  type ResponseApdu,
} from '../../kernel/apdu.ts'
import { type Bytes } from '../../kernel/bytes.ts'
import { FormatError } from '../../kernel/errors.ts'
import type { Protocol } from './link.ts'

const GET_RESPONSE = 0xc0

/** An answer of which the terminal has not fetched all. */
interface Pending {
  readonly answer: ResponseApdu
  readonly command: CommandApdu
  /** By GET RESPONSE, after 61xx, or by the command once more, after 6Cxx. */
  readonly fetch: 'rest' | 'again'
}

/**
 * From APDU to command and from answer to APDU (ISO/IEC 7816-4, 5.1 and 7.6.1; 7816-3, 12). No more is
 * sent than Le asks for: the rest waits, `61xx`, for GET RESPONSE. With T=0 a command with data has no
 * Le, and one without data has to name the size exactly, or is told it by `6Cxx`.
 *
 * A command is performed once, however its answer is fetched. What waits is dropped by any other
 * command.
 */
export class Transmission {
  readonly #protocol: Protocol
  #pending: Pending | undefined

  constructor(protocol: Protocol) {
    this.#protocol = protocol
  }

  reset(): void {
    this.#pending = undefined
  }

  /** Answers what is no APDU with 6700, and has `perform` answer the others. */
  process(apdu: Bytes, perform: (command: CommandApdu) => ResponseApdu): Bytes {
    const pending = this.#pending
    this.#pending = undefined
    const command = commandIn(apdu)
    if (!command) return encodeResponse(response(SW.WRONG_LENGTH))
    const answer = pending && asksFor(command, pending) ? pending.answer : perform(command)
    return encodeResponse(this.#limited(command, answer))
  }

  #limited(command: CommandApdu, answer: ResponseApdu): ResponseApdu {
    const { data, sw } = answer
    const exact = this.#protocol === 'T=0'
    const expected = exact && command.data.length > 0 ? 0 : (command.le ?? 0)
    if (data.length === 0 || data.length === expected) return answer
    if (data.length < expected) {
      if (!exact) return answer
      this.#pending = { answer, command, fetch: 'again' }
      return response(SW.WRONG_LE | sizeByte(data.length))
    }
    const rest = data.slice(expected)
    this.#pending = { answer: { data: rest, sw }, command, fetch: 'rest' }
    return response(SW.MORE_DATA | sizeByte(rest.length), data.slice(0, expected))
  }
}

function commandIn(apdu: Bytes): CommandApdu | undefined {
  try {
    return decodeCommand(apdu)
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}

function asksFor(command: CommandApdu, { answer, command: before, fetch }: Pending): boolean {
  if (command.data.length > 0 || command.le === undefined) return false
  const { cla, ins, p1, p2 } = command
  const sameClass = cla === before.cla
  if (fetch === 'rest') {
    return ins === GET_RESPONSE && p1 === 0 && p2 === 0 && (sameClass || cla === 0x00)
  }
  const sameHeader = sameClass && ins === before.ins && p1 === before.p1 && p2 === before.p2
  return sameHeader && command.le === answer.data.length
}

/** 00 is 256, or more. */
function sizeByte(size: number): number {
  return size >= 256 ? 0 : size
}
