import { encodeResponse, response, SW } from '../../kernel/apdu.ts'
import { bytesEqual, type Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import type { Amount } from '../../kernel/money.ts'
import type { Channel } from '../../reader/channel.ts'

/**
 * What somebody between till and card makes of their bytes. He has a laptop and docs/protocol, and not
 * one key.
 */
export interface Traffic {
  /** Whether this command asks the card to take a transaction. */
  asksToAct(command: Bytes): boolean
  /**
   * The same command about another amount; as it is if it is about none. Undefined where nobody on the way
   * can read what is asked for.
   */
  readonly withAmount: ((command: Bytes, amount: Amount) => Bytes) | undefined
  /** The same answer, in which the card shows another balance; as it is if it shows none. */
  withBalance(command: Bytes, answer: Bytes, balance: Amount): Bytes
  /** A laptop that emulates the card with keys of its own; undefined where the town has none. */
  readonly withOwnKeys: ((card: Channel) => Channel) | undefined
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
  | { readonly spoil: number }
  | { readonly ownKeys: true }

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
  if ('ownKeys' in does) {
    const { withOwnKeys } = traffic
    invariant(withOwnKeys, 'the scenario was checked')
    const laptop = withOwnKeys(card)
    return async (command) => laptop.transmit(command)
  }
  if ('spoil' in does) return spoiling(card, does.spoil)
  if ('changeCommand' in does) {
    const { withAmount } = traffic
    invariant(withAmount, 'the scenario was checked')
    return async (command) => card.transmit(withAmount(command, does.changeCommand))
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

/** Commands and answers are counted together. */
function spoiling(card: Channel, which: number): Channel['transmit'] {
  let passed = 0
  const pass = (bytes: Bytes): Bytes => {
    passed++
    if (passed !== which) return bytes
    const spoilt = bytes.slice()
    const middle = bytes.length >> 1
    spoilt[middle] = (spoilt[middle] ?? 0) ^ 1
    return spoilt
  }
  return async (command) => pass(await card.transmit(pass(command)))
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
