import { contactless } from '../src/card/iso/link.ts'
import { moduleChip, purseChip } from '../src/schemes/purse/chips.ts'
import { INS } from '../src/schemes/purse/message.ts'
import { purseTill } from '../src/schemes/purse/till.ts'
import type { Order } from '../src/till/scheme.ts'
import { changePasscode, load, PASSCODE, pay, World } from '../test/schemes/purse/world.ts'
import {
  shareAtBothRates,
  shareLine,
  shareOf,
  watched,
  type Exchange,
  type Share,
} from './share.ts'

export interface PurseTapFigures {
  readonly what: string
  /** At 106 kbit/s. */
  readonly card: Share
  /** What `card.link` is at 424 kbit/s. */
  readonly fastLink: number
  /** Until EXECUTE: the card waits for it in the field. */
  readonly moduleBefore: Share
  /** After it: nobody waits. */
  readonly moduleAfter: Share
}

type AtChip = Exchange & { readonly chip: 'card' | 'module' }

/** One tap each, at a card that this till has served before. The model knows no chance. */
export async function benchPurseTaps(): Promise<readonly PurseTapFigures[]> {
  const world = new World()
  try {
    const orders: readonly (readonly [string, Order])[] = [
      ['pay', pay(1000n)],
      ['pay with PIN', pay(3000n, PASSCODE)],
      ['load', load(1000n)],
      ['change PIN', changePasscode()],
    ]
    const figures = []
    for (const [what, order] of orders) figures.push(await benchTap(world, what, order))
    return figures
  } finally {
    world.close()
  }
}

async function benchTap(world: World, what: string, order: Order): Promise<PurseTapFigures> {
  const till = await world.till(world.tills.size + 1)
  const issued = await world.card(10_000n)
  await till.tap(issued, pay(100n))
  const exchanges: AtChip[] = []
  issued.chip.field.powerOn()
  till.module.field.powerOn()
  const [card, module] = [
    watched(issued.chip, (one) => exchanges.push({ ...one, chip: 'card' })),
    watched(till.module, (one) => exchanges.push({ ...one, chip: 'module' })),
  ]
  const { result } = await purseTill.perform(card, order, till.desk(module))
  if (result !== 'done') throw new Error(`a tap was not done: ${result}`)
  const executed = exchanges.findIndex(({ ins }) => ins === INS.EXECUTE)
  const atCard = exchanges.filter(({ chip }) => chip === 'card')
  const atModule = (part: readonly AtChip[]) => part.filter(({ chip }) => chip === 'module')
  const cardLink = purseChip.link ?? contactless(106)
  const moduleLink = moduleChip.link ?? contactless(106)
  return {
    what,
    card: shareOf(atCard, cardLink),
    fastLink: shareOf(atCard, contactless(424)).link,
    moduleBefore: shareOf(atModule(exchanges.slice(0, executed)), moduleLink),
    moduleAfter: shareOf(atModule(exchanges.slice(executed)), moduleLink),
  }
}

/** For people: a line a tap and chip. */
export function purseTapLines(
  figures: readonly PurseTapFigures[],
): readonly (readonly [string, string])[] {
  return figures.flatMap(({ what, card, fastLink, moduleBefore, moduleAfter }) => [
    [`purse tap, ${what}: card`, shareAtBothRates(card, fastLink)],
    [`purse tap, ${what}: module before`, shareLine(moduleBefore)],
    [`purse tap, ${what}: module after`, shareLine(moduleAfter)],
  ])
}
