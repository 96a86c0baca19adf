import { SW } from '../../../kernel/apdu.ts'
import { bytesEqual } from '../../../kernel/bytes.ts'
import { currencyByNumber } from '../../../kernel/money.ts'
import { CardTorn, type Channel } from '../../../reader/channel.ts'
import type { CardView, Desk, HandedOver, JournalRecord, TapResult } from '../../../till/scheme.ts'
import { COIN_SW } from '../instructions.ts'
import { requestId } from '../message.ts'
import type { Outcome } from '../orders.ts'
import { CoinCard, VendorElement, VendorGone } from '../terminal.ts'
import { recordOf } from './journal.ts'

export type CardStatus = NonNullable<Awaited<ReturnType<CoinCard['status']>>>

/**
 * Receipt and change for a card that left before it had them, of a payment that is done. Undefined if it
 * is another card.
 */
export async function settle(
  channel: Channel,
  record: JournalRecord,
  desk: Desk,
): Promise<TapResult | undefined> {
  try {
    const card = await CoinCard.connect(channel)
    const status = await card?.status()
    if (!card || status?.card !== record.card) return undefined
    if (isOpen(status, record) && !(await deliver(card, record))) return unfinished(record)
    const now = await card.status()
    return now ? done(record, now, await lastHandedOver(record, desk)) : unfinished(record)
  } catch (error) {
    if (error instanceof CardTorn) return unfinished(record)
    throw error
  }
}

/**
 * Gives the card its settlement: receipt and change in one, or its coins back. May be repeated.
 *
 * @returns whether it has it now.
 * @throws {CardTorn}
 */
export async function deliver(card: CoinCard, record: JournalRecord): Promise<boolean> {
  const [settled] = recordOf(record).outcome
  if (!settled) return false
  const { sw } = await card.settle(settled.settlement)
  // A card that knows nothing of it has settled it so long ago that it has forgotten.
  return sw === SW.OK || sw === COIN_SW.NOT_FOUND
}

/** Whether the card waits for what became of it. */
export function isOpen({ open }: CardStatus, record: JournalRecord): boolean {
  const id = requestId(recordOf(record).request)
  return open.some(({ request }) => bytesEqual(request, id))
}

export function done(
  record: JournalRecord,
  status: CardStatus,
  handedOver: HandedOver | undefined,
): TapResult {
  return { result: 'done', record, view: viewOf(status), ...(handedOver && { handedOver }) }
}

export function unfinished(record: JournalRecord): TapResult {
  return { result: 'unfinished', record }
}

export function handedOverIn({ amount, change }: Outcome): HandedOver {
  return { given: amount + change, change }
}

/** As long as the vendor element has decided nothing else since; a till keeps no more than it needs. */
async function lastHandedOver(record: JournalRecord, desk: Desk): Promise<HandedOver | undefined> {
  try {
    const vendor = desk.module && (await VendorElement.connect(desk.module))
    const last = await vendor?.outcome()
    const isIt = last && bytesEqual(last.request, recordOf(record).request)
    return isIt ? handedOverIn(last) : undefined
  } catch (error) {
    if (error instanceof VendorGone) return undefined
    throw error
  }
}

export function viewOf(status: CardStatus): CardView {
  const { card, currency, total, sequence, lastTill, lastAt, open } = status
  return {
    card,
    currency: currencyByNumber(currency),
    balance: total,
    sequence,
    lastMaker: lastTill === 0 ? undefined : lastTill,
    lastAt: lastTill === 0 ? undefined : lastAt,
    unfinished: open.length > 0,
  }
}
