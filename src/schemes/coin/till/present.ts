import type { Channel } from '../../../reader/channel.ts'
import type { Desk, Refusal } from '../../../till/scheme.ts'
import { CoinCard, VendorElement } from '../terminal.ts'
import type { CardStatus } from './delivery.ts'
import { recover } from './journal.ts'
import { refused } from './statuses.ts'

/** A card and a vendor element, before anything is done with them. */
export interface Present {
  readonly card: CoinCard
  readonly status: CardStatus
  readonly vendor: VendorElement
}

/** The statuses up to `damaged_card`. */
export async function meet(channel: Channel, desk: Desk): Promise<Present | Refusal> {
  const card = await CoinCard.connect(channel)
  if (!card) return refused('unknown_card')
  const vendor = await meetVendor(desk)
  if ('result' in vendor) return vendor
  await recover(vendor, desk)
  const status = await card.status()
  return status ? { card, status, vendor } : refused('damaged_card')
}

export async function meetVendor(desk: Desk): Promise<VendorElement | Refusal> {
  const vendor = desk.module && (await VendorElement.connect(desk.module))
  if (!desk.module) return refused('module_missing')
  if (!vendor) return refused('module_refused')
  const { till, currency } = await vendor.status()
  const isOurs = till === desk.till && currency === desk.currency.numeric
  return isOurs ? vendor : refused('module_refused')
}
