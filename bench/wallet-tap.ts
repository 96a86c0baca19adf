import type { ChipOperation } from '../src/card/applet.ts'
import { contactless } from '../src/card/iso/link.ts'
import { walletApplet } from '../src/schemes/wallet/card.ts'
import { walletChip } from '../src/schemes/wallet/chips.ts'
import { Card, Office, PIN } from '../test/schemes/wallet/card-world.ts'
import { Counter, pay } from '../test/schemes/wallet/till-world.ts'
import {
  counted,
  operationsLine,
  shareAtBothRates,
  shareOf,
  watched,
  type Exchange,
  type Share,
} from './share.ts'

export interface WalletTapFigures {
  readonly what: string
  /** At 106 kbit/s. */
  readonly card: Share
  /** What `card.link` is at 424 kbit/s. */
  readonly fastLink: number
  readonly bytesToCard: number
  /** What the applet had the chip compute. */
  readonly operations: ReadonlyMap<ChipOperation, number>
}

/** Payments at a real till that meets a card for the first time, and again. The model knows no chance. */
export async function benchWalletTaps(): Promise<readonly WalletTapFigures[]> {
  const office = new Office(1)
  const counter = new Counter(office, 7)
  try {
    return [
      ...(await benchVisits(counter, 'pay', '')),
      ...(await benchVisits(counter, 'pay with PIN', PIN)),
    ]
  } finally {
    counter.close()
  }
}

async function benchVisits(counter: Counter, what: string, pin: string) {
  const operations = new Map<ChipOperation, number>()
  const made = await counter.office.card(1000_00n)
  const design = { ...walletChip, applets: [counted(walletApplet, operations)] }
  const card = new Card(counter.office, made.id, made.nvm.snapshot(), design)
  const figures: WalletTapFigures[] = []
  for (const visit of ['first visit', 'later']) {
    operations.clear()
    const exchanges: Exchange[] = []
    card.field.powerOn()
    const channel = watched(card, (one) => exchanges.push(one))
    const { result } = await counter.tapAt(channel, pay(100_00n, pin))
    card.field.powerOff()
    if (result !== 'done') throw new Error(`a tap was not done: ${result}`)
    figures.push({
      what: `${what}, ${visit}`,
      card: shareOf(exchanges, walletChip.link ?? contactless(106)),
      fastLink: shareOf(exchanges, contactless(424)).link,
      bytesToCard: exchanges.reduce((sum, { out }) => sum + out, 0),
      operations: new Map(operations),
    })
  }
  return figures
}

/** For people: two lines a tap. */
export function walletTapLines(
  figures: readonly WalletTapFigures[],
): readonly (readonly [string, string])[] {
  return figures.flatMap(({ what, card, fastLink, bytesToCard, operations }) => [
    [`wallet tap, ${what}: card`, shareAtBothRates(card, fastLink)],
    [
      `wallet tap, ${what}: of it`,
      `${bytesToCard} B to the card, ${card.bytes - bytesToCard} B back, ${operationsLine(operations)}`,
    ],
  ])
}
