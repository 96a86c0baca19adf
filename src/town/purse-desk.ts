import { command, SW } from '../kernel/apdu.ts'
import { cardIdOf, type CardId, type TillNumber } from '../kernel/ids.ts'
import { currencyByNumber, type Amount, type Currency } from '../kernel/money.ts'
import { exchange, type Channel } from '../reader/channel.ts'
import {
  CLA,
  INS,
  LOG_SIZES,
  openSigned,
  PURSE_AID,
  type PurseRecord,
} from '../schemes/purse/message.ts'
import { isPersonalised, Module, selectApplet } from '../schemes/purse/terminal.ts'

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
