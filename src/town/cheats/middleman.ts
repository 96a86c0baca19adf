import { encodeResponse, response, SW } from '../../kernel/apdu.ts'
import { bytesEqual, type Bytes } from '../../kernel/bytes.ts'
import type { Amount } from '../../kernel/money.ts'
import type { Channel } from '../../reader/channel.ts'

/**
 * What somebody between till and card makes of their bytes. He has a laptop and docs/protocol, and not
 * one key.
 */
export interface Traffic {
  /** Whether this command asks the card to take a transaction. */
  asksToAct(command: Bytes): boolean
  /** The same command about another amount; as it is if it is about none. */
  withAmount(command: Bytes, amount: Amount): Bytes
  /** The same answer, in which the card shows another balance; as it is if it shows none. */
  withBalance(command: Bytes, answer: Bytes, balance: Amount): Bytes
}

export interface Exchanged {
  readonly command: Bytes
  readonly answer: Bytes
}

/** From where on the laptop answers and the card hears nothing. */
export const MIDDLEMAN_STARTS = ['start', 'act'] as const
export type MiddlemanStart = (typeof MIDDLEMAN_STARTS)[number]

/** What he does during one tap; amounts in minor units. */
export type Middling =
  | { readonly listen: Exchanged[] }
  | { readonly replay: readonly Exchanged[]; readonly from: MiddlemanStart }
  | { readonly say9000: true; readonly from: MiddlemanStart }
  | { readonly changeCommand: Amount }
  | { readonly changeAnswer: Amount }

/** The channel that the till then has. */
export function behindMiddleman(card: Channel, does: Middling, traffic: Traffic): Channel {
  return { atr: card.atr, transmit: transmitter(card, does, traffic) }
}

function transmitter(card: Channel, does: Middling, traffic: Traffic): Channel['transmit'] {
  if ('listen' in does) {
    return async (command) => {
      const answer = await card.transmit(command)
      does.listen.push({ command, answer })
      return answer
    }
  }
  if ('changeCommand' in does) {
    return async (command) => card.transmit(traffic.withAmount(command, does.changeCommand))
  }
  if ('changeAnswer' in does) {
    return async (command) =>
      traffic.withBalance(command, await card.transmit(command), does.changeAnswer)
  }
  const speak = 'replay' in does ? repeating(does.replay) : async () => OK
  let cardIsCutOff = does.from === 'start'
  return async (command) => {
    cardIsCutOff ||= traffic.asksToAct(command)
    return cardIsCutOff ? speak(command) : card.transmit(command)
  }
}

const OK = encodeResponse(response(SW.OK))
/** CLA, INS, P1 and P2: what makes two commands the same but for their data. */
const HEADER_SIZE = 4

/** To each command what was answered to it on the tape, or to the last one like it. */
function repeating(tape: readonly Exchanged[]): (command: Bytes) => Promise<Bytes> {
  const left = [...tape]
  return async (command) => {
    const header = command.subarray(0, HEADER_SIZE)
    const found = left.findIndex(({ command: heard }) =>
      bytesEqual(heard.subarray(0, HEADER_SIZE), header),
    )
    const [exchanged] = found === -1 ? [] : left.splice(found, 1)
    return exchanged?.answer ?? OK
  }
}
