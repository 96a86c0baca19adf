import { decodeCommand, SW, type CommandApdu, type ResponseApdu } from '../../kernel/apdu.ts'
import { concat, type Bytes } from '../../kernel/bytes.ts'
import { unlessMalformed } from '../../kernel/errors.ts'
import {
  Unreachable,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from '../../kernel/ports.ts'
import type { Channel } from '../../reader/channel.ts'

/** One message between two parties of the town, as people would tell it. */
export interface TraceLine {
  readonly from: string
  readonly to: string
  readonly message: string
}

export type Trace = (line: TraceLine) => void

/** A command to a card in words, and its answer; undefined if it says nothing worth telling. */
export interface Told {
  readonly asks: string
  readonly answers: string
}

/** What the messages of one scheme's cards mean. The answer is missing if it was lost. */
export type TellApdu = (command: CommandApdu, answer: ResponseApdu | undefined) => Told | undefined

export type TellRequest = (request: TransportRequest, answer: TransportResponse | undefined) => Told

/** A channel of which every message is told. What is cut short is told too. */
export function tracedChannel(
  card: Channel,
  [reader, name]: readonly [reader: string, card: string],
  tell: TellApdu,
  trace: Trace,
): Channel {
  const exchanges = new Exchanges((command, answer) => {
    const told = tell(command, answer)
    if (!told) return
    trace({ from: reader, to: name, message: told.asks })
    trace({ from: name, to: reader, message: told.answers })
  })
  return {
    ...card,
    atr: card.atr,
    async transmit(bytes) {
      exchanges.there(bytes)
      let answer: Bytes | undefined
      try {
        answer = await card.transmit(bytes)
        return answer
      } finally {
        exchanges.back(answer)
      }
    },
  }
}

/** The same for requests to an office or a notary. */
export function tracedTransport(
  line: Transport,
  [client, server]: readonly [client: string, server: string],
  tell: TellRequest,
  trace: Trace,
): Transport {
  return {
    async send(request) {
      let answer: TransportResponse | undefined
      let lost = false
      try {
        answer = await line.send(request)
        return answer
      } catch (error) {
        lost = error instanceof Unreachable
        throw error
      } finally {
        if (answer || lost) {
          const { asks, answers } = tell(request, answer)
          trace({ from: client, to: server, message: asks })
          trace({ from: server, to: client, message: answers })
        }
      }
    },
  }
}

const GET_RESPONSE = 0xc0
/** SW1 of an answer of which there is more (ISO/IEC 7816-4, 5.1.3). */
const MORE = 0x61

/** Commands and their whole answers, of what passes by in pieces. */
export class Exchanges {
  readonly #heard: (command: CommandApdu, answer: ResponseApdu | undefined) => void
  #asked: CommandApdu | undefined
  #begun: Uint8Array = new Uint8Array()

  /** @param heard the answer is missing if it was lost. */
  constructor(heard: (command: CommandApdu, answer: ResponseApdu | undefined) => void) {
    this.#heard = heard
  }

  there(bytes: Bytes): void {
    const command = unlessMalformed(() => decodeCommand(bytes))
    if (command?.ins === GET_RESPONSE && this.#begun.length > 0) return
    this.#asked = command
    this.#begun = new Uint8Array()
  }

  back(bytes: Bytes | undefined): void {
    const answer = bytes && responseOf(bytes)
    if (!this.#asked) return
    const data = concat(this.#begun, answer?.data ?? new Uint8Array())
    if (answer && answer.sw >> 8 === MORE) {
      this.#begun = data
      return
    }
    this.#heard(this.#asked, answer && { ...answer, data })
    this.#asked = undefined
  }
}

/** Undefined if the card went away: fewer bytes than a status word. */
function responseOf(answer: Bytes): ResponseApdu | undefined {
  const [sw1, sw2] = answer.subarray(-2)
  if (sw1 === undefined || sw2 === undefined) return undefined
  return { data: answer.slice(0, -2), sw: (sw1 << 8) | sw2 }
}

export const NO_ANSWER = '— nothing: the card has gone —'

/** What any card's status word says in any scheme. */
export function statusText({ sw }: ResponseApdu, names: Readonly<Record<string, number>>): string {
  if (sw === SW.OK) return 'done'
  if (sw >> 4 === 0x63c) return `refused: wrong PIN, ${sw & 0xf} tries left`
  const [name] = Object.entries(names).find(([, value]) => value === sw) ?? []
  const code = sw.toString(16).padStart(4, '0')
  return name === undefined
    ? `refused: ${code}`
    : `refused: ${name.toLowerCase().replaceAll('_', ' ')} (${code})`
}

/** A trace on paper: who to whom in two columns, the message behind. */
export function traceText(lines: readonly TraceLine[]): string {
  const left = lines.map(({ from, to }) => `${from} → ${to}`)
  const width = Math.max(0, ...left.map(({ length }) => length))
  return lines
    .map(({ message }, index) => `    ${(left[index] ?? '').padEnd(width)}  ${message}`)
    .join('\n')
}
