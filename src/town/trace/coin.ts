import { SW, type CommandApdu, type ResponseApdu } from '../../kernel/apdu.ts'
import { bytesEqual, concat, type Bytes } from '../../kernel/bytes.ts'
import { unlessMalformed } from '../../kernel/errors.ts'
import { CLA, COIN_SW, INS, MORE } from '../../schemes/coin/instructions.ts'
import { COIN_AID, IDENTITY_AID, status, VENDOR_AID } from '../../schemes/coin/message.ts'
import {
  acceptOrder,
  outcome,
  requested,
  requestOrder,
  vendorStatus,
} from '../../schemes/coin/orders.ts'
import { NO_ANSWER, statusText, type TellApdu } from './trace.ts'
import type { Words } from './wallet.ts'

const SELECT = 0xa4

/** Commands whose data go in parts. */
const IN_PARTS: readonly number[] = [
  INS.PERSONALISE,
  INS.LOAD,
  INS.PAY,
  INS.SETTLE,
  INS.REQUEST,
  INS.ACCEPT,
]

/**
 * The messages of coin cards and vendor elements in words, with how long they are and who alone can read
 * what is in them: docs/protocol/coin.md, A payment.
 */
export function tellCoin(words: Words): TellApdu {
  let begun: Bytes = new Uint8Array()
  return (part, answer) => {
    const isPart = part.cla === CLA && IN_PARTS.includes(part.ins)
    const data = isPart ? concat(begun, part.data) : part.data
    begun = isPart && part.p1 === MORE && answer ? data : new Uint8Array()
    // Parts that were taken say nothing by themselves.
    if (begun.length > 0 && answer?.sw === SW.OK) return undefined
    const command = { ...part, data }
    const ask = asks(command, words)
    if (ask === undefined) return undefined
    return { asks: ask, answers: answer ? answers(command, answer, words) : NO_ANSWER }
  }
}

function asks({ ins, p1, data }: CommandApdu, { money }: Words): string | undefined {
  const size = `${data.length} bytes`
  switch (ins) {
    case SELECT:
      return selected(data)
    case INS.STATUS:
      return 'how do you stand?'
    case INS.CERTIFICATE:
      return `certificate of ${['the identity element', 'the coin element', 'their bank'][p1] ?? '?'}?`
    case INS.PAY:
      return `pay: { PIN, { request }coin element }identity element, ${size}`
    case INS.SETTLE:
      return `settle: { receipt and change }coin element, ${size}`
    case INS.REQUEST: {
      const order = unlessMalformed(() => requestOrder.decode(data))
      return `ask this card for ${order ? money(order.amount) : 'something unreadable'}: certificates, time, PIN`
    }
    case INS.ACCEPT: {
      const order = unlessMalformed(() => acceptOrder.decode(data))
      return `accept: { payment }vendor element, ${order?.sealed.length ?? 0} bytes`
    }
    case INS.OUTCOME:
      return 'what did you decide last?'
    case INS.CONFIRM:
      return 'the outcome is in the journal'
    case INS.SURRENDER:
      return 'give your coins to the bank'
    case INS.LOAD:
      return `load: { coin }PUF, ${size}`
    case INS.UNBLOCK_PIN:
      return 'unblocking code and new PIN'
    case INS.CLAIM:
      return 'claim of a payment whose vendor is gone?'
    default: {
      const [name] = Object.entries(INS).find(([, value]) => value === ins) ?? []
      return name && `${name.toLowerCase().replaceAll('_', ' ')}, ${size}`
    }
  }
}

function selected(aid: Bytes): string | undefined {
  if (bytesEqual(aid, IDENTITY_AID)) return 'identity element?'
  if (bytesEqual(aid, COIN_AID)) return 'coin element?'
  return bytesEqual(aid, VENDOR_AID) ? 'vendor element?' : undefined
}

function answers({ ins }: CommandApdu, answer: ResponseApdu, words: Words): string {
  const { data } = answer
  if (answer.sw !== SW.OK) return statusText(answer, COIN_SW)
  const size = `${data.length} bytes`
  switch (ins) {
    case SELECT:
      return 'here, and a nonce'
    case INS.STATUS:
      return standing(data, words)
    case INS.CERTIFICATE:
      return `certificate, signed, ${size}`
    case INS.PAY:
      return `coins computed on the fly and erased: { payment }vendor element, ${size}`
    case INS.REQUEST: {
      const asked = unlessMalformed(() => requested.decode(data))
      return `{ PIN, { request }coin element }identity element, ${asked?.presentation.length ?? 0} bytes`
    }
    case INS.ACCEPT:
    case INS.OUTCOME:
    case INS.SURRENDER:
      return decided(data, words)
    default:
      return data.length === 0 ? 'done' : size
  }
}

function standing(data: Bytes, { money }: Words): string {
  const read =
    unlessMalformed(() => status.decode(data)) ?? unlessMalformed(() => vendorStatus.decode(data))
  return read ? `${money(read.total)} in ${read.coins} coins` : 'something unreadable'
}

function decided(data: Bytes, { money }: Words): string {
  const read = unlessMalformed(() => outcome.decode(data))
  if (!read) return 'something unreadable'
  const { kind, amount, change, settlement, evidence } = read
  const sealed =
    settlement.length === 0
      ? ''
      : `, { receipt and change }coin element, ${settlement.length} bytes`
  return `${kind}: ${money(amount)}, ${money(change)} back: { evidence }office, ${evidence.length} bytes${sealed}`
}
