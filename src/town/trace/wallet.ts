import { SW, type CommandApdu, type ResponseApdu } from '../../kernel/apdu.ts'
import { bytesEqual, type Bytes } from '../../kernel/bytes.ts'
import { unlessMalformed } from '../../kernel/errors.ts'
import { cardIdOf } from '../../kernel/ids.ts'
import type { Amount } from '../../kernel/money.ts'
import type { Party } from '../../kernel/party.ts'
import { decodeTemplate, decodeTlv } from '../../kernel/tlv.ts'
import { readCertificate } from '../../schemes/wallet/certificates.ts'
import { openMessage } from '../../kernel/signed-message.ts'
import {
  cardState,
  CERTIFICATES,
  INS,
  instruction,
  order,
  record,
  RECORD_PARTS,
  refusal,
  request,
  SIGNED_RECORD_SIZE,
  SIGNED_REQUEST_SIZE,
  SIGNED_STATEMENT_SIZE,
  statement,
  WALLET_AID,
  WALLET_SW,
} from '../../schemes/wallet/message.ts'
import { NO_ANSWER, statusText, type TellApdu } from './trace.ts'

/** How the town calls people and money. */
export interface Words {
  readonly party: (party: Party) => string
  readonly money: (amount: Amount) => string
}

/** The messages of wallet cards in words: the e-krona report’s figures 3 to 8 are made of them. */
export function tellWallet(words: Words): TellApdu {
  return (command, answer) => {
    const ask = asks(command, words)
    if (ask === undefined || isEndOfList(command, answer)) return undefined
    return { asks: ask, answers: answer ? answers(command, answer, words) : NO_ANSWER }
  }
}

const READING: readonly number[] = [INS.READ_RECORD, INS.READ_CARRIED]

/** Whoever reads a list asks once more than there is. */
function isEndOfList({ ins }: CommandApdu, answer: ResponseApdu | undefined): boolean {
  return READING.includes(ins) && answer?.sw === WALLET_SW.NOT_FOUND
}

const SELECT = 0xa4

function asks(command: CommandApdu, words: Words): string | undefined {
  const { ins, p1, p2, data } = command
  switch (ins) {
    case SELECT:
      return bytesEqual(data, WALLET_AID) ? 'who is there?' : undefined
    case INS.GENERATE:
      return 'make a key'
    case INS.PERSONALISE:
      return ['become this card', 'this is your office', 'this is your certificate'][p1] ?? '?'
    case INS.GET_DATA:
      return p2 === CERTIFICATES.own ? 'your certificate?' : 'your office’s certificate?'
    case INS.VERIFY_CERTIFICATE:
      return `certificate of ${certified(data, words)}`
    case INS.VERIFY_PIN:
      return 'PIN, sealed to the card'
    case INS.CHANGE_PIN:
      return 'old PIN and new one, sealed to the card'
    case INS.UNBLOCK_PIN:
      return 'unblocking code and new PIN, sealed to the card'
    case INS.PAY:
      return payText(data, words)
    case INS.REQUEST:
      return 'request money'
    case INS.RECEIVE:
      return `receive: ${recordText(data, words)}`
    case INS.REFUSE:
      return 'refuse what that request asks for'
    case INS.REFUND:
      return `take back: ${refusalText(data, words)}`
    case INS.EXECUTE:
      return orderText(data, words)
    case INS.READ_RECORD:
      return readingText(p1, p2)
    case INS.STATEMENT:
      return 'how do you stand? with your signature'
    case INS.CARRY:
      return 'carry this payment that came before'
    case INS.READ_CARRIED:
      return 'what do you carry?'
    default:
      return undefined
  }
}

function answers({ ins, p2 }: CommandApdu, answer: ResponseApdu, words: Words): string {
  if (answer.sw !== SW.OK) return statusText(answer, WALLET_SW)
  const { data } = answer
  switch (ins) {
    case SELECT:
      return stateText(data, words)
    case INS.GET_DATA:
      return `certificate of ${certified(data, words)}`
    case INS.PAY:
    case INS.RECEIVE:
    case INS.REFUND:
      return data.length === 0 ? 'done' : recordText(data, words)
    case INS.REQUEST:
      return requestText(data, words)
    case INS.REFUSE:
      return refusalText(data, words)
    case INS.EXECUTE:
      return executedText(data, words)
    case INS.READ_RECORD:
      return partText(data, p2, words)
    case INS.STATEMENT:
      return statementText(data, words)
    default:
      return 'done'
  }
}

function readingText(p1: number, part: number): string {
  const which = `record ${p1 + 1} of those not acknowledged`
  switch (part) {
    case RECORD_PARTS.record:
      return `${which}?`
    case RECORD_PARTS.cause:
      return `${which}: what made it?`
    case RECORD_PARTS.counterparty:
      return `${which}: with whom?`
    case RECORD_PARTS.counterpartyOffice:
      return `${which}: of which office?`
    case RECORD_PARTS.request:
      return `${which}: what had been asked?`
    default:
      return `request ${p1 + 1} of those that are open?`
  }
}

function partText(data: Bytes, part: number, words: Words): string {
  switch (part) {
    case RECORD_PARTS.record:
      return recordText(data, words)
    case RECORD_PARTS.counterparty:
    case RECORD_PARTS.counterpartyOffice:
      return `certificate of ${certified(data, words)}`
    default:
      return causeText(data, words)
  }
}

/** Request, payment, refusal or order: they differ in their first byte or their size. */
function causeText(data: Bytes, words: Words): string {
  const texts = [requestText, recordText, refusalText, orderText].map((text) => text(data, words))
  return texts.find((text) => text !== UNREADABLE) ?? UNREADABLE
}

const UNREADABLE = 'something unreadable'

function certified(data: Bytes, words: Words): string {
  const read = unlessMalformed(() => readCertificate(data))
  if (!read) return UNREADABLE
  return read.role === 'root' || read.role === 'notary'
    ? `the ${read.role}`
    : words.party(read.party)
}

function stateText(data: Bytes, { party, money }: Words): string {
  const state = unlessMalformed(() => {
    const template = decodeTemplate(decodeTlv(data, 0x6f, 'fci'), 'fci')
    return cardState.decode(template.get(0x85) ?? new Uint8Array())
  })
  if (!state) return UNREADABLE
  if (state.phase === 'blank') return 'a blank card'
  const { office, card, balance, spendable, paymentsLeft } = state
  const name = party({ kind: 'card', office, card: cardIdOf(card) })
  const held =
    balance === spendable ? money(balance) : `${money(balance)}, ${money(spendable)} to spend`
  return `${name}, holding ${held}; ${paymentsLeft} payments left`
}

function payText(data: Bytes, words: Words): string {
  const pin = data.length > SIGNED_REQUEST_SIZE ? ', with the PIN, sealed to the card' : ''
  return `pay: ${requestText(data.slice(0, SIGNED_REQUEST_SIZE), words)}${pin}`
}

function requestText(data: Bytes, { party, money }: Words): string {
  const read = unlessMalformed(() => openMessage(request, data).content)
  return read ? `request for ${money(read.amount)}, signed by ${party(read.payee)}` : UNREADABLE
}

function refusalText(data: Bytes, { party }: Words): string {
  const read = unlessMalformed(() => openMessage(refusal, data).content)
  return read ? `refusal, signed by ${party(read.payee)}` : UNREADABLE
}

function recordText(data: Bytes, { party, money }: Words): string {
  const read = unlessMalformed(() => openMessage(record, data).content)
  if (!read) return UNREADABLE
  const { kind, amount, balance, sequence, office, card, counterparty } = read
  const signer = party({ kind: 'card', office, card: cardIdOf(card) })
  const way = kind === 'pay' || kind === 'unload' ? 'to' : 'from'
  return `${kind} ${money(amount)} ${way} ${party(counterparty)}, ${money(balance)} left, record ${sequence}, signed by ${signer}`
}

function orderText(data: Bytes, { money }: Words): string {
  const read = unlessMalformed(() => {
    const { instruction: signed, permit } = order.decode(data)
    return { ...openMessage(instruction, signed).content, permit }
  })
  if (!read) return UNREADABLE
  const { kind, number, amount, sequence, policy, permit } = read
  const what = {
    load: `load ${money(amount)}`,
    restore: `restore the balance to ${money(amount)}`,
    acknowledge: `acknowledged up to record ${sequence}`,
    void: 'nothing, in the place of one that never came',
    unblock: 'give the PIN its tries back',
  }[kind]
  const extra = policy.length > 0 ? ', with a new policy' : ''
  return `instruction ${number}: ${what}${extra}, signed by the office${permit.length > 0 ? ' and the notary' : ''}`
}

function executedText(data: Bytes, words: Words): string {
  const size = SIGNED_STATEMENT_SIZE
  const told = statementText(data.slice(-size), words)
  return data.length === SIGNED_RECORD_SIZE + size
    ? `${recordText(data.slice(0, SIGNED_RECORD_SIZE), words)}; ${told}`
    : told
}

function statementText(data: Bytes, { party, money }: Words): string {
  const read = unlessMalformed(() => openMessage(statement, data).content)
  if (!read) return UNREADABLE
  const { office, card, balance, sequence, instruction: last, acknowledged } = read
  const name = party({ kind: 'card', office, card: cardIdOf(card) })
  return `statement: ${money(balance)} at record ${sequence}, acknowledged up to ${acknowledged}, instruction ${last}, signed by ${name}`
}
