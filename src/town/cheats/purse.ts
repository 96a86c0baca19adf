import { decodeCommand, encodeCommand } from '../../kernel/apdu.ts'
import { concat, type Bytes } from '../../kernel/bytes.ts'
import type { Amount } from '../../kernel/money.ts'
import {
  cardState,
  CLA,
  INS,
  record,
  RECORD_SIZE,
  STATE_SIZE,
  type PurseRecord,
} from '../../schemes/purse/message.ts'
import { balanceAfter } from '../../schemes/purse/rules.ts'
import type { Traffic } from './middleman.ts'

/** What a middleman makes of the commands and answers of a purse card: their layout is public. */
export const purseTraffic: Traffic = {
  asksToAct: isExecute,

  withAmount(command, amount) {
    if (!isExecute(command)) return command
    const apdu = decodeCommand(command)
    const data = rewritten(apdu.data, ({ kind, amount: asked, balance }) => {
      const before = balance - (balanceAfter(balance, kind, asked) - balance)
      const after = balanceAfter(before, kind, amount)
      return { amount, balance: after < 0n ? 0n : after }
    })
    return encodeCommand({ ...apdu, data })
  },

  withBalance(command, answer, balance) {
    const { cla, ins } = decodeCommand(command)
    if (cla !== CLA || ins !== INS.INITIALIZE || answer.length < STATE_SIZE) return answer
    const state = cardState.decode(answer.subarray(0, STATE_SIZE))
    const last = rewritten(state.last, () => ({ balance }))
    return concat(cardState.encode({ ...state, last }), answer.subarray(STATE_SIZE))
  },

  withOwnKeys: undefined,
}

function isExecute(bytes: Bytes): boolean {
  const { cla, ins } = decodeCommand(bytes)
  return cla === CLA && ins === INS.EXECUTE
}

/** With other fields in the record that it begins with; signature and MAC stay what they were. */
function rewritten(
  bytes: Bytes,
  change: (content: PurseRecord) => { readonly balance: Amount; readonly amount?: Amount },
): Bytes {
  const content = record.decode(bytes.subarray(0, RECORD_SIZE))
  const changed = record.encode({ ...content, ...change(content) })
  return concat(changed, bytes.subarray(RECORD_SIZE))
}
