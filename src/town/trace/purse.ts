import { SW, type CommandApdu, type ResponseApdu } from '../../kernel/apdu.ts'
import { bytesEqual } from '../../kernel/bytes.ts'
import { unlessMalformed } from '../../kernel/errors.ts'
import type { Amount } from '../../kernel/money.ts'
import {
  CHALLENGE_SIZE,
  cardState,
  INS,
  openSigned,
  PURSE_AID,
  PURSE_SW,
  SIGNED_SIZE,
  STATE_SIZE,
  type PurseRecord,
} from '../../schemes/purse/message.ts'
import { NO_ANSWER, statusText, type TellApdu } from './trace.ts'

const SELECT = 0xa4

/** The messages of purse cards in words. */
export function tellPurse(money: (amount: Amount) => string): TellApdu {
  return (command, answer) => {
    const ask = asks(command, money)
    if (ask === undefined) return undefined
    return { asks: ask, answers: answer ? answers(command, answer, money) : NO_ANSWER }
  }
}

function asks({ ins, data }: CommandApdu, money: (amount: Amount) => string): string | undefined {
  switch (ins) {
    case SELECT:
      return bytesEqual(data, PURSE_AID) ? 'who is there?' : undefined
    case INS.PERSONALISE:
      return 'become this card'
    case INS.INITIALIZE:
      return data.length > CHALLENGE_SIZE ? 'challenge, with the PIN, hidden' : 'challenge'
    case INS.EXECUTE: {
      const content = unlessMalformed(() => openSigned(data.slice(0, SIGNED_SIZE)))
      return content
        ? `${recordText(content, money)}, signed by the till, authorised by its module`
        : 'something unreadable'
    }
    case INS.GET_PREVIOUS_SIGNATURE:
      return 'your stamps of that record again?'
    case INS.READ_LOG:
      return 'that record of yours?'
    case INS.UNBLOCK_PIN:
      return 'unblocking code and new PIN'
    default:
      return undefined
  }
}

function answers(
  { ins }: CommandApdu,
  answer: ResponseApdu,
  money: (amount: Amount) => string,
): string {
  if (answer.sw !== SW.OK) return statusText(answer, PURSE_SW)
  switch (ins) {
    case SELECT:
      return 'a purse card, and a nonce'
    case INS.INITIALIZE: {
      const last = unlessMalformed(() =>
        openSigned(cardState.decode(answer.data.slice(0, STATE_SIZE)).last),
      )
      return last ? `${money(last.balance)} at record ${last.sequence}, with a MAC` : 'a state'
    }
    case INS.EXECUTE:
    case INS.GET_PREVIOUS_SIGNATURE:
      return 'done: a stamp for the module and one for the office'
    default:
      return 'done'
  }
}

function recordText(
  { kind, amount, balance, sequence }: PurseRecord,
  money: (amount: Amount) => string,
): string {
  return `${kind} ${money(amount)}, ${money(balance)} left, record ${sequence}`
}
