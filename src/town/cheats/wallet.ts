import { decodeCommand, encodeCommand, SW } from '../../kernel/apdu.ts'
import { concat, type Bytes } from '../../kernel/bytes.ts'
import {
  CLA,
  INS,
  record,
  RECORD_SIZE,
  request,
  REQUEST_SIZE,
  SIGNED_RECORD_SIZE,
} from '../../schemes/wallet/message.ts'
import type { Traffic } from './middleman.ts'

/** What a middleman makes of the commands and answers of a wallet: their layout is public. */
export const walletTraffic: Traffic = {
  asksToAct: isPay,

  withAmount(command, amount) {
    if (!isPay(command)) return command
    const apdu = decodeCommand(command)
    const content = request.decode(apdu.data.subarray(0, REQUEST_SIZE))
    const changed = request.encode({ ...content, amount })
    return encodeCommand({ ...apdu, data: concat(changed, apdu.data.subarray(REQUEST_SIZE)) })
  },

  withBalance(command, answer, balance) {
    if (!isPay(command) || !isRecord(answer)) return answer
    const content = record.decode(answer.subarray(0, RECORD_SIZE))
    return concat(record.encode({ ...content, balance }), answer.subarray(RECORD_SIZE))
  },
}

function isPay(bytes: Bytes): boolean {
  const { cla, ins } = decodeCommand(bytes)
  return cla === CLA && ins === INS.PAY
}

function isRecord(answer: Bytes): boolean {
  const [sw1, sw2] = answer.subarray(-2)
  return answer.length === SIGNED_RECORD_SIZE + 2 && (((sw1 ?? 0) << 8) | (sw2 ?? 0)) === SW.OK
}
