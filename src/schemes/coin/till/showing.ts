import { CardTorn, type Channel } from '../../../reader/channel.ts'
import type { Desk, ShowResult } from '../../../till/scheme.ts'
import { CoinCard, VendorGone } from '../terminal.ts'
import { deliver, isOpen, viewOf, type CardStatus } from './delivery.ts'
import { recover } from './journal.ts'
import { meetVendor } from './present.ts'
import { refused } from './statuses.ts'

/** What the card says of itself. */
export async function show(channel: Channel, desk: Desk): Promise<ShowResult> {
  return unlessTorn(async () => {
    const met = await readCard(channel, desk)
    return 'result' in met ? met : { result: 'shown', view: viewOf(met.status) }
  })
}

/**
 * The same, when it has what the vendor element has decided of its payments here: receipt and change, or its
 * coins back. A payment that is not decided stays open until the next payment: that decides it.
 */
export async function giveOwed(channel: Channel, desk: Desk): Promise<ShowResult> {
  return unlessTorn(async () => {
    const met = await readCard(channel, desk)
    if ('result' in met) return met
    const { card, status } = met
    if (status.open.length > 0) await hearVendor(desk)
    if (!(await give(card, status, desk))) return { result: 'shown', view: viewOf(status) }
    const now = await card.status()
    if (!now) return refused('damaged_card')
    const given = now.total - status.total
    // A receipt alone is nothing to tell anybody.
    return { result: 'shown', view: viewOf(now), ...(given > 0n && { given }) }
  })
}

/** @returns whether there was something to give. */
async function give(card: CoinCard, status: CardStatus, { journal }: Desk): Promise<boolean> {
  const returned = journal.open(status.card).filter(({ kind }) => kind === 'reversal')
  for (const reversal of returned) {
    if (await deliver(card, reversal)) journal.confirm(reversal.id)
  }
  const latest = journal.latest(status.card)
  const isOwed = latest?.kind === 'pay' && latest.state === 'confirmed' && isOpen(status, latest)
  if (isOwed) await deliver(card, latest)
  return isOwed || returned.length > 0
}

/** What it has decided and this till never wrote down. Without it, what is written down is given. */
async function hearVendor(desk: Desk): Promise<void> {
  try {
    const vendor = await meetVendor(desk)
    if (!('result' in vendor)) await recover(vendor, desk)
  } catch (error) {
    if (!(error instanceof VendorGone)) throw error
  }
}

async function readCard(channel: Channel, desk: Desk) {
  const card = await CoinCard.connect(channel)
  if (!card) return refused('unknown_card')
  const status = await card.status()
  if (!status) return refused('damaged_card')
  if (status.currency !== desk.currency.numeric) return refused('foreign_currency')
  return { card, status }
}

async function unlessTorn(work: () => Promise<ShowResult>): Promise<ShowResult> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof CardTorn) return { result: 'torn' }
    throw error
  }
}
