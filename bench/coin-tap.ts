import type { ChipOperation } from '../src/card/applet.ts'
import { Field } from '../src/card/field.ts'
import { contactless } from '../src/card/iso/link.ts'
import { IsoCard, isoCardNvm } from '../src/card/iso-card.ts'
import type { Amount } from '../src/kernel/money.ts'
import type { Channel } from '../src/reader/channel.ts'
import { coinChip } from '../src/schemes/coin/chips.ts'
import { coinTill } from '../src/schemes/coin/till.ts'
import { closeTills, pay, Till } from '../test/schemes/coin/till.ts'
import { World, type Chip, type Customer, type Vendor } from '../test/schemes/coin/world.ts'
import {
  counted,
  operationsLine,
  shareAtBothRates,
  shareLine,
  shareOf,
  spreadLine,
  spreadOf,
  totalOf,
  watched,
  whole,
  type Exchange,
  type Share,
  type Spread,
  type Watched,
} from './share.ts'

export interface CoinTapFigures {
  readonly what: string
  /** At 106 kbit/s. */
  readonly card: Share
  /** What `card.link` is at 424 kbit/s. */
  readonly fastLink: number
  readonly bytesToCard: number
  /** What the card's applets had the chip compute. */
  readonly operations: ReadonlyMap<ChipOperation, number>
  /** The vendor element's: the card waits for all of it in the field. */
  readonly vendor: Share
}

/** Milliseconds of payments of one coin. */
export interface CoinSoftware {
  /** Till, card and vendor element in this process, journal on the disk. */
  readonly all: Spread
  /** Of it the till alone. */
  readonly till: Spread
}

export interface CoinFigures {
  readonly taps: readonly CoinTapFigures[]
  readonly software: CoinSoftware
}

type AtChip = Exchange & { readonly chip: 'card' | 'vendor' }

const TEN = 10n
const tens = (count: number): readonly Amount[] => Array.from({ length: count }, () => TEN)

/** @param cards of 40 coins, that the till's software is timed with. */
export async function benchCoinTaps(cards: number): Promise<CoinFigures> {
  try {
    return { taps: await benchTaps(), software: await benchSoftware(cards) }
  } finally {
    closeTills()
  }
}

/** One tap each, at a till that has not met the card before. The model knows no chance. */
async function benchTaps(): Promise<readonly CoinTapFigures[]> {
  const world = new World('coin taps')
  const shop = await world.vendor()
  const changing = await world.vendor({ float: [1n, 2n, 2n, 5n] })
  const visits = [
    { what: 'of 1 coin', coins: 1, amount: TEN, vendor: shop },
    { what: 'of 5 coins', coins: 5, amount: 5n * TEN, vendor: shop },
    { what: 'of 10 coins', coins: 10, amount: 10n * TEN, vendor: shop },
    { what: 'of 1 coin, 2 come back', coins: 1, amount: 7n, vendor: changing },
  ]
  const figures: CoinTapFigures[] = []
  for (const { what, coins, amount, vendor } of visits) {
    const customer = await world.customer({ coins: tens(coins) })
    figures.push({ what, ...(await benchTap(customer, vendor.clone(), amount)) })
  }
  return figures
}

async function benchTap(
  customer: Customer,
  vendor: Vendor,
  amount: Amount,
): Promise<Omit<CoinTapFigures, 'what'>> {
  const operations = new Map<ChipOperation, number>()
  const card = countedCard(customer.chip, operations)
  const exchanges: AtChip[] = []
  card.field.powerOn()
  vendor.chip.field.powerOn()
  const [channel, slot] = [
    watched(card, (one) => exchanges.push({ ...one, chip: 'card' })),
    watched(vendor.chip, (one) => exchanges.push({ ...one, chip: 'vendor' })),
  ]
  const till = new Till(customer.world, vendor)
  const { result } = await coinTill.perform(channel, pay(amount), till.desk(slot))
  if (result !== 'done') throw new Error(`a tap was not done: ${result}`)
  const at = (chip: AtChip['chip']) => exchanges.filter((one) => one.chip === chip)
  const atCard = at('card')
  const slow = contactless(106)
  return {
    card: shareOf(atCard, customer.chip.design.link ?? slow),
    fastLink: shareOf(atCard, contactless(424)).link,
    bytesToCard: atCard.reduce((sum, { out }) => sum + out, 0),
    operations,
    vendor: shareOf(at('vendor'), vendor.chip.design.link ?? slow),
  }
}

/** The same chip, with everything that its applets compute written down. */
function countedCard(chip: Chip, operations: Map<ChipOperation, number>): Watched {
  const plain = coinChip(chip.silicon)
  const design = { ...plain, applets: plain.applets.map((applet) => counted(applet, operations)) }
  const nvm = isoCardNvm(design, chip.nvm.snapshot())
  return { nvm, field: new Field(new IsoCard(nvm, design, chip.world.random)) }
}

/** As many coins as a card has room for, and seeds. */
const CARD_OF_COINS = 40
const WARM_UP = 20

/** Sells for one coin after the other, to one card after the other. */
async function benchSoftware(cards: number): Promise<CoinSoftware> {
  const world = new World('coin software')
  const vendor = await world.vendor()
  const till = new Till(world, vendor)
  const [all, alone]: [number[], number[]] = [[], []]
  for (let n = 0; n < cards; n += 1) {
    const { chip } = await world.customer({ coins: tens(CARD_OF_COINS) })
    for (let coin = 0; coin < CARD_OF_COINS; coin += 1) {
      const chips = new Stopwatch()
      world.now += 1000
      const start = performance.now()
      const { result } = await chip.tapped((channel) =>
        vendor.chip.tapped((slot) =>
          coinTill.perform(chips.at(channel), pay(TEN), till.desk(chips.at(slot))),
        ),
      )
      const took = performance.now() - start
      if (result !== 'done') throw new Error(`a tap was not done: ${result}`)
      all.push(took)
      alone.push(took - chips.elapsed)
    }
  }
  return { all: spreadOf(all, WARM_UP), till: spreadOf(alone, WARM_UP) }
}

/** What the chips take, together. */
class Stopwatch {
  /** Milliseconds. */
  elapsed = 0

  at(channel: Channel): Channel {
    return {
      atr: channel.atr,
      transmit: async (apdu) => {
        const start = performance.now()
        const answer = await channel.transmit(apdu)
        this.elapsed += performance.now() - start
        return answer
      },
    }
  }
}

/** For people: four lines a tap, and two of the software. */
export function coinTapLines({
  taps,
  software,
}: CoinFigures): readonly (readonly [string, string])[] {
  return [
    ...taps.flatMap(tapLines),
    ["coin tap, of 1 coin: till's software, both chips emulated", spreadLine(software.all)],
    ['coin tap, of 1 coin: of it the till and its journal', spreadLine(software.till)],
  ]
}

function tapLines({
  what,
  card,
  fastLink,
  bytesToCard,
  operations,
  vendor,
}: CoinTapFigures): readonly (readonly [string, string])[] {
  const traffic = `${bytesToCard} B to the card, ${card.bytes - bytesToCard} B back`
  return [
    [`coin tap, ${what}: card`, shareAtBothRates(card, fastLink)],
    [`coin tap, ${what}: of it`, `${traffic}, ${operationsLine(operations)}`],
    [`coin tap, ${what}: vendor element`, shareLine(vendor)],
    [
      `coin tap, ${what}: both, one after the other`,
      `${whole(totalOf(card) + totalOf(vendor))} ms`,
    ],
  ]
}
