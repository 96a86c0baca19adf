import { decodeCommand, encodeCommand, SW } from '../../kernel/apdu.ts'
import { concat, type Bytes } from '../../kernel/bytes.ts'
import type { Amount } from '../../kernel/money.ts'
import type { Party } from '../../kernel/party.ts'
import { openMessage } from '../../kernel/signed-message.ts'
import {
  CLA,
  INS,
  instruction,
  order,
  record,
  RECORD_SIZE,
  request,
  REQUEST_SIZE,
  SIGNED_RECORD_SIZE,
  type PaymentRequest,
} from '../../schemes/wallet/message.ts'
import type { Traffic } from './middleman.ts'

/** What a middleman makes of the commands and answers of a wallet: their layout is public. */
export const walletTraffic: Traffic = {
  asksToAct: isPay,

  withAmount(command, amount) {
    if (!isPay(command)) return command
    const apdu = decodeCommand(command)
    return encodeCommand({ ...apdu, data: withRequestAmount(apdu.data, amount) })
  },

  withBalance(command, answer, balance) {
    if (!isPay(command) || !isRecord(answer)) return answer
    const content = record.decode(answer.subarray(0, RECORD_SIZE))
    return concat(record.encode({ ...content, balance }), answer.subarray(RECORD_SIZE))
  },

  withOwnKeys: undefined,
}

/** The data of PAY about another amount; signature and PIN stay what they were. */
export function withRequestAmount(data: Bytes, amount: Amount): Bytes {
  return withRequest(data, (content) => ({ ...content, amount }))
}

/** The same for the benefit of somebody else. */
export function withPayee(data: Bytes, payee: Party): Bytes {
  return withRequest(data, (content) => ({ ...content, payee }))
}

/** The data of EXECUTE about another amount. */
export function withOrderAmount(data: Bytes, amount: Amount): Bytes {
  const { instruction: signed, ...rest } = order.decode(data)
  const { content, body } = openMessage(instruction, signed)
  const changed = instruction.encode({ ...content, amount })
  return order.encode({ ...rest, instruction: concat(changed, signed.subarray(body.length)) })
}

function withRequest(data: Bytes, change: (content: PaymentRequest) => PaymentRequest): Bytes {
  const changed = request.encode(change(request.decode(data.subarray(0, REQUEST_SIZE))))
  return concat(changed, data.subarray(REQUEST_SIZE))
}

function isPay(bytes: Bytes): boolean {
  const { cla, ins } = decodeCommand(bytes)
  return cla === CLA && ins === INS.PAY
}

function isRecord(answer: Bytes): boolean {
  const [sw1, sw2] = answer.subarray(-2)
  return answer.length === SIGNED_RECORD_SIZE + 2 && (((sw1 ?? 0) << 8) | (sw2 ?? 0)) === SW.OK
}
