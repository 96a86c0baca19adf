import { command, SW, type StatusWord } from '../kernel/apdu.ts'
import { concat } from '../kernel/bytes.ts'
import { pinBlock } from '../kernel/pin.ts'
import type { RandomSource } from '../kernel/ports.ts'
import { CardTorn, exchange, type Channel } from '../reader/channel.ts'
import { CoinCard } from '../schemes/coin/terminal.ts'
import { COIN_SW } from '../schemes/coin/instructions.ts'
import { CLA, INS, PURSE_AID, PURSE_SW } from '../schemes/purse/message.ts'
import { selectApplet } from '../schemes/purse/terminal.ts'
import { WalletCard } from '../schemes/wallet/terminal.ts'

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
  codes: { readonly code: string; readonly passcode: string },
  random: RandomSource,
) => Promise<UnblockStatus>

export const unblockPurse = untilTorn(async (channel, { code, passcode }) => {
  if (!(await selectApplet(channel, PURSE_AID))) return 'unknown_card'
  const data = concat(pinBlock(code), pinBlock(passcode))
  const { sw } = await exchange(channel, command(CLA, INS.UNBLOCK_PIN, 0, 0, data))
  return statusOf(sw, PURSE_SW.BLOCKED)
})

export const unblockWallet = untilTorn(async (channel, { code, passcode }, random) => {
  const card = await WalletCard.connect(channel, random)
  const answer = await card?.unblockPin(code, passcode)
  if (!answer) return 'unknown_card'
  if (answer.ok) return 'unblocked'
  if (answer.refusal === 'blocked') return 'code_blocked'
  return answer.refusal === 'wrong_pin' ? 'wrong_code' : 'unknown_card'
})

export const unblockCoins = untilTorn(async (channel, { code, passcode }) => {
  const card = await CoinCard.connect(channel)
  const answer = await card?.unblockPin(pinBlock(code), pinBlock(passcode))
  return answer ? statusOf(answer.sw, COIN_SW.BLOCKED) : 'unknown_card'
})

function untilTorn(unblock: Unblocking): Unblocking {
  return async (...taken) => {
    try {
      return await unblock(...taken)
    } catch (error) {
      if (error instanceof CardTorn) return 'torn'
      throw error
    }
  }
}

function statusOf(sw: StatusWord, blocked: StatusWord): UnblockStatus {
  if (sw === SW.OK) return 'unblocked'
  if (sw === blocked) return 'code_blocked'
  return sw >> 4 === 0x63c ? 'wrong_code' : 'unknown_card'
}

/** Whichever of them it is. */
export const unblockCard: Unblocking = async (channel, codes, random) => {
  for (const unblock of [unblockPurse, unblockCoins, unblockWallet]) {
    const status = await unblock(channel, codes, random)
    if (status !== 'unknown_card') return status
  }
  return 'unknown_card'
}
