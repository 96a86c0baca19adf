import { SW, type CommandApdu, type ResponseApdu } from '../../kernel/apdu.ts'
import { PSEUDO_INS } from '../../kernel/storage-apdu.ts'
import { NO_ANSWER, statusText, type TellApdu } from './trace.ts'

/** The messages of memory cards in words. What is in the blocks only their keys show. */
export const tellBlock: TellApdu = (command, answer) => {
  const ask = asks(command)
  if (ask === undefined) return undefined
  return { asks: ask, answers: answer ? answers(answer) : NO_ANSWER }
}

function asks({ ins, p2, data }: CommandApdu): string | undefined {
  switch (ins) {
    case PSEUDO_INS.GET_DATA:
      return 'your number?'
    case PSEUDO_INS.GENERAL_AUTHENTICATE:
      return `log in to block ${data[2] ?? p2}`
    case PSEUDO_INS.READ_BINARY:
      return `read block ${p2}`
    case PSEUDO_INS.UPDATE_BINARY:
      return `write block ${p2}`
    case PSEUDO_INS.READ_VALUE:
      return `read counter ${p2}`
    case PSEUDO_INS.VALUE_OPERATION:
    case PSEUDO_INS.CHANGE_VALUE:
      return `count down ${p2}`
    default:
      return undefined
  }
}

function answers(answer: ResponseApdu): string {
  if (answer.sw !== SW.OK) return statusText(answer, {})
  return answer.data.length > 0 ? `${answer.data.length} bytes` : 'done'
}
