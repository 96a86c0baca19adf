import { command, SW } from '../kernel/apdu.ts'
import { concat } from '../kernel/bytes.ts'
import { cardIdOf, type CardId, type TillNumber } from '../kernel/ids.ts'
import { currencyByNumber, type Amount, type Currency } from '../kernel/money.ts'
import { pinBlock } from '../kernel/pin.ts'
import { CardTorn, exchange, type Channel } from '../reader/channel.ts'
import {
  CLA,
  INS,
  LOG_SIZES,
  openSigned,
  PURSE_AID,
  PURSE_SW,
  type PurseRecord,
} from '../schemes/purse/message.ts'
import { isPersonalised, Module, selectApplet } from '../schemes/purse/terminal.ts'

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
    if (!(await selectApplet(channel, PURSE_AID))) return 'unknown_card'
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

/** What a purse card tells anybody. Only a module can tell whether it is genuine. */
export interface PurseView {
  readonly card: CardId
  readonly currency: Currency
  readonly balance: Amount
  /** Transactions since its issue. */
  readonly sequence: number
}

/** Undefined if it is not in use. @throws {FormatError} if a record of it is none. */
export async function readPurse(channel: Channel): Promise<PurseView | undefined> {
  const selected = await selectApplet(channel, PURSE_AID)
  if (!selected || !isPersonalised(selected)) return undefined
  const newestOfLogs: PurseRecord[] = []
  for (let log = 0; log < LOG_COUNT; log++) {
    const { data, sw } = await exchange(channel, { ...READ_NEWEST, p1: log })
    if (sw === SW.OK) newestOfLogs.push(openSigned(data))
  }
  const [last] = newestOfLogs.toSorted((a, b) => b.sequence - a.sequence)
  if (!last) return undefined
  const { currency, balance, sequence } = last
  return { card: cardIdOf(selected.id), currency: currencyByNumber(currency), balance, sequence }
}

const LOG_COUNT = Object.keys(LOG_SIZES).length
const READ_NEWEST = command(CLA, INS.READ_LOG, 0, 0, undefined, 256)

/** The number of the till that a module was made for; undefined if it is blank. */
export async function readModule(channel: Channel): Promise<TillNumber | undefined> {
  return (await Module.connect(channel))?.till
}
