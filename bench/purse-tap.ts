import { SECURE_ELEMENT } from '../src/card/chip-times.ts'
import { contactless, type Link } from '../src/card/iso/link.ts'
import type { Bytes } from '../src/kernel/bytes.ts'
import { inProcessChannel } from '../src/reader/in-process.ts'
import { moduleChip, purseChip } from '../src/schemes/purse/chips.ts'
import { INS } from '../src/schemes/purse/message.ts'
import { purseTill } from '../src/schemes/purse/till.ts'
import type { Order } from '../src/till/scheme.ts'
import {
  changePasscode,
  load,
  PASSCODE,
  pay,
  World,
  type Chip,
} from '../test/schemes/purse/world.ts'

/** Where the time of one chip goes, modelled milliseconds. */
export interface Share {
  readonly apdus: number
  readonly bytes: number
  readonly link: number
  readonly reader: number
  readonly memory: number
  /** Commands, AES-CMAC, SHA-256, random numbers. */
  readonly computing: number
}

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

interface Exchange {
  readonly chip: 'card' | 'module'
  readonly ins: number
  readonly out: number
  readonly back: number
  readonly reader: number
  readonly memory: number
  readonly total: number
}

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
  const exchanges: Exchange[] = []
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
  const atModule = (part: readonly Exchange[]) => part.filter(({ chip }) => chip === 'module')
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

/** A channel to a chip that tells of each exchange. */
function watched(chip: Chip, tell: (exchange: Omit<Exchange, 'chip'>) => void) {
  return inProcessChannel({
    atr: chip.field.atr,
    transmit(apdu: Bytes) {
      const before = { field: chip.field.traffic.modelledMs, card: chip.field.card.modelledMs }
      const writes = chip.nvm.writes
      const answer = chip.field.transmit(apdu)
      const total = chip.field.traffic.modelledMs - before.field
      tell({
        ins: apdu[1] ?? 0,
        out: apdu.length,
        back: answer.length,
        reader: total - (chip.field.card.modelledMs - before.card),
        memory: (chip.nvm.writes - writes) * SECURE_ELEMENT.pageWriteMs,
        total,
      })
      return answer
    },
  })
}

function shareOf(exchanges: readonly Exchange[], used: Link): Share {
  const sum = (part: (exchange: Exchange) => number) =>
    exchanges.reduce((total, exchange) => total + part(exchange), 0)
  const [link, reader, memory] = [
    sum(({ out, back }) => used.exchangeMs(out, back)),
    sum((exchange) => exchange.reader),
    sum((exchange) => exchange.memory),
  ]
  return {
    apdus: exchanges.length,
    bytes: sum(({ out, back }) => out + back),
    link,
    reader,
    memory,
    computing: sum(({ total }) => total) - link - reader - memory,
  }
}

/** For people: a line a tap and chip. */
export function purseTapLines(
  figures: readonly PurseTapFigures[],
): readonly (readonly [string, string])[] {
  return figures.flatMap(({ what, card, fastLink, moduleBefore, moduleAfter }) => [
    [
      `purse tap, ${what}: card`,
      `${shareLine(card)}; ${whole(totalOf(card) - card.link + fastLink)} ms at 424 kbit/s`,
    ],
    [`purse tap, ${what}: module before`, shareLine(moduleBefore)],
    [`purse tap, ${what}: module after`, shareLine(moduleAfter)],
  ])
}

function shareLine(share: Share): string {
  const { apdus, bytes, link, reader, memory, computing } = share
  const parts = `link ${whole(link)}, reader ${whole(reader)}, memory ${whole(memory)}, computing ${whole(computing)}`
  return `${whole(totalOf(share))} ms, ${apdus} APDUs, ${bytes} B: ${parts}`
}

function totalOf({ link, reader, memory, computing }: Share): number {
  return link + reader + memory + computing
}

function whole(ms: number): string {
  return ms.toFixed(0)
}
