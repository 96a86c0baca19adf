import { command, SW } from '../kernel/apdu.ts'
import { concat } from '../kernel/bytes.ts'
import { CardTorn, exchange, type Channel } from '../reader/channel.ts'
import { CLA, INS, pinBlock, PURSE_AID, PURSE_SW, type Summary } from '../schemes/purse/message.ts'
import { Module, selectApplet } from '../schemes/purse/terminal.ts'

/** How unblocking went. The order is the order of the checks. */
export const UNBLOCK_STATUSES = [
  'unknown_card',
  'code_blocked',
  'wrong_code',
  'unblocked',
  'torn',
] as const
export type UnblockStatus = (typeof UNBLOCK_STATUSES)[number]

/** At a reader of the holder's: unblocking code and new passcode, 4 to 8 digits each. */
export type Unblocking = (
  channel: Channel,
  code: string,
  passcode: string,
) => Promise<UnblockStatus>

export const unblockPurse: Unblocking = async (channel, code, passcode) => {
  try {
    const id = await selectApplet(channel, PURSE_AID)
    if (!id) return 'unknown_card'
    const data = concat(pinBlock(code), pinBlock(passcode))
    const { sw } = await exchange(channel, command(CLA, INS.UNBLOCK_PIN, 0, 0, data))
    if (sw === SW.OK) return 'unblocked'
    if (sw === PURSE_SW.BLOCKED) return 'code_blocked'
    return sw >> 4 === 0x63c ? 'wrong_code' : 'unknown_card'
  } catch (error) {
    if (error instanceof CardTorn) return 'torn'
    throw error
  }
}

/** What a module has counted between two cash-ups; amounts in minor units. */
export type CashUp = Omit<Summary, 'till' | 'lastSequence'>

/** @throws {ModuleGone} if it goes away meanwhile. */
export async function cashUpPurse(channel: Channel): Promise<CashUp | undefined> {
  const module = await Module.connect(channel)
  return (await module?.cashUp('close'))?.summary
}
