import type { Order, TapResult } from '../src/till/scheme.ts'
import { changePasscode, load, pay, World } from '../test/schemes/block/world.ts'
import { spreadOf, type Spread } from './share.ts'

export interface TapFigures {
  readonly what: string
  readonly apdus: number
  readonly bytesToCard: number
  readonly bytesFromCard: number
  /** Card, air at 106 kbit/s and reader, by published times. */
  readonly modelledMs: number
  /** What the till's software takes: card in this process, journal on the disk. */
  readonly software: Spread
}

const WARM_UP = 50

/** One order after the other at one till, each at a card of its own turn. */
export async function benchTaps(taps: number): Promise<readonly TapFigures[]> {
  const world = new World()
  try {
    return [
      await benchTap(world, 'pay', taps, () => pay(1n)),
      await benchTap(world, 'load', taps, () => load(1n)),
      await benchTap(world, 'change passcode', taps, (n) =>
        n % 2 === 0 ? changePasscode('4821', '1234') : changePasscode('1234', '4821'),
      ),
    ]
  } finally {
    world.close()
  }
}

async function benchTap(
  world: World,
  what: string,
  taps: number,
  order: (n: number) => Order,
): Promise<TapFigures> {
  const till = world.till(world.tills.size + 1)
  const card = await world.card(30_000n)
  const before = { ...card.chip.field.traffic }
  const times: number[] = []
  for (let n = 0; n < taps; n += 1) {
    const start = performance.now()
    const result: TapResult | { result: 'torn' } = await till.tap(card, order(n))
    times.push(performance.now() - start)
    if (result.result !== 'done') throw new Error(`a tap was not done: ${JSON.stringify(result)}`)
  }
  const { traffic } = card.chip.field
  return {
    what,
    apdus: (traffic.apdus - before.apdus) / taps,
    bytesToCard: (traffic.bytesToCard - before.bytesToCard) / taps,
    bytesFromCard: (traffic.bytesFromCard - before.bytesFromCard) / taps,
    modelledMs: (traffic.modelledMs - before.modelledMs) / taps,
    software: spreadOf(times, WARM_UP),
  }
}
