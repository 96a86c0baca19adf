import type { Bytes } from '../kernel/bytes.ts'
import { cardIdOf, type CardId, type TillNumber } from '../kernel/ids.ts'
import { currencyByNumber, formatAmount, type Amount, type Currency } from '../kernel/money.ts'
import { CardTorn, type Channel } from '../reader/channel.ts'
import { offerCoins, type ChipKind } from '../schemes/coin/issuing.ts'
import { CoinCard, VendorElement, VendorGone } from '../schemes/coin/terminal.ts'
import { CommandFailed } from './io.ts'

/** What holds coins, as it shows itself to anybody: a card, or a till’s vendor element. */
export type Holding = {
  /** Of the card; of a vendor element its own. */
  readonly id: CardId
  readonly currency: Currency
  readonly total: Amount
  readonly coins: number
} & (
  | { readonly kind: Extract<ChipKind, 'card'> }
  | { readonly kind: Extract<ChipKind, 'vendor element'>; readonly till: TillNumber }
)

/** @throws {CommandFailed} if it is no such thing, or goes away. */
export async function heldBy(channel: Channel): Promise<Holding> {
  const holding = await holdingIn(channel)
  if (holding) return holding
  throw new CommandFailed(
    'this is neither a card for coins nor a vendor element: `kontant card --help` says how both are made',
  )
}

/** Undefined if it is no such thing, or not in use. @throws {CommandFailed} if it goes away. */
export async function holdingIn(channel: Channel): Promise<Holding | undefined> {
  try {
    return (await cardIn(channel)) ?? (await vendorIn(channel))
  } catch (error) {
    if (error instanceof CardTorn || error instanceof VendorGone) throw new CommandFailed(TORN)
    throw error
  }
}

async function cardIn(channel: Channel): Promise<Holding | undefined> {
  const status = await (await CoinCard.connect(channel))?.status()
  if (!status) return undefined
  const { card: id, total, coins } = status
  return { kind: 'card', id, currency: currencyByNumber(status.currency), total, coins }
}

async function vendorIn(channel: Channel): Promise<Holding | undefined> {
  const vendor = await VendorElement.connect(channel)
  if (!vendor) return undefined
  const { till, total, coins, currency } = await vendor.status()
  const id = cardIdOf(vendor.id)
  return { kind: 'vendor element', id, till, currency: currencyByNumber(currency), total, coins }
}

/**
 * Offers it coins that were made for it: those that it had before, it leaves.
 *
 * @returns for how many it had no room.
 * @throws {CommandFailed} if it goes away.
 */
export async function offer(
  channel: Channel,
  { kind }: Pick<Holding, 'kind'>,
  registers: readonly Bytes[],
): Promise<number> {
  const statuses = await offerCoins(channel, kind, registers)
  if (statuses === 'torn') throw new CommandFailed(TORN)
  if (typeof statuses === 'string') throw new CommandFailed('it takes no coins')
  return statuses.filter((status) => status === 'no_room' || status === 'refused').length
}

const TORN = 'it went away: do the same again, nothing is bought twice'

export function holdingLine(holding: Holding): string {
  const { kind, id, currency, total, coins } = holding
  const what = kind === 'card' ? `card ${id}` : `vendor element ${id} of till ${holding.till}`
  return `${what}: ${formatAmount(total, currency)} ${currency.code} in ${countOf(coins)}`
}

export function countOf(coins: number): string {
  return coins === 1 ? '1 coin' : `${coins} coins`
}

/** Amounts in minor units. */
export function holdingJson(holding: Holding) {
  const { kind, id, currency, total, coins } = holding
  const till = kind === 'card' ? null : holding.till
  return { kind, id, till, currency: currency.code, total: String(total), coins }
}
