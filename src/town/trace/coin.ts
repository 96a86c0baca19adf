import { SW, type CommandApdu, type ResponseApdu } from '../../kernel/apdu.ts'
import { bytesEqual } from '../../kernel/bytes.ts'
import { COIN_SW, INS } from '../../schemes/coin/instructions.ts'
import { COIN_AID, IDENTITY_AID } from '../../schemes/coin/message.ts'
import { NO_ANSWER, statusText, type TellApdu } from './trace.ts'

const SELECT = 0xa4

/** The messages of coin cards in words: what is in them is sealed, to whom docs/protocol/coin.md says. */
export const tellCoin: TellApdu = (command, answer) => {
  const ask = asks(command)
  if (ask === undefined) return undefined
  return { asks: ask, answers: answer ? answers(command, answer) : NO_ANSWER }
}

function asks({ ins, data }: CommandApdu): string | undefined {
  if (ins === SELECT) {
    if (bytesEqual(data, IDENTITY_AID)) return 'identity element?'
    return bytesEqual(data, COIN_AID) ? 'coin element?' : undefined
  }
  const [name] = Object.entries(INS).find(([, value]) => value === ins) ?? []
  return name === undefined
    ? undefined
    : `${name.toLowerCase().replaceAll('_', ' ')}, ${data.length} bytes`
}

function answers({ ins }: CommandApdu, answer: ResponseApdu): string {
  if (answer.sw !== SW.OK) return statusText(answer, COIN_SW)
  if (ins === SELECT) return 'here'
  return answer.data.length === 0 ? 'done' : `${answer.data.length} bytes`
}
