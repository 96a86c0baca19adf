import { afterAll, beforeAll, expect, test } from 'vitest'
import { undisturbed, type Channel } from '../../../src/reader/channel.ts'
import { loadPcsc } from '../../../src/reader/pcsc/load.ts'
import { PcscReaders } from '../../../src/reader/pcsc/readers.ts'
import { Cards } from './cards.ts'
import { Lab, skippedLoudly, type LabReader } from './lab.ts'
import { Pool } from './pool.ts'
import { SCHEMES, type Scheme } from './schemes.ts'
import { Watching } from './watching.ts'

/** A reader, with those that move its cards. */
export interface Place {
  readonly reader: LabReader
  readonly readers: PcscReaders
  readonly cards: Cards
}

/**
 * Four readers at which a till waits: the till is this process, then come the service, the virtual
 * reader and the cards' process.
 */
export class Places {
  readonly free: Pool<Place>
  readonly #stop: () => Promise<void>

  private constructor(places: readonly Place[], stop: () => Promise<void>) {
    this.free = new Pool(places)
    this.#stop = stop
  }

  static async open(): Promise<Places> {
    const lab = await Lab.start({ names: ['Virtual PCD', 'Second PCD'] })
    const cards = await Cards.start(lab)
    const readers = await PcscReaders.open(await loadPcsc())
    const places = lab.readers.map((reader) => ({ reader, readers, cards }))
    return new Places(places, async () => {
      await readers.close()
      await cards.stop()
      await lab.stop()
    })
  }

  stop(): Promise<void> {
    return this.#stop()
  }
}

/**
 * A test of each scheme, at readers that are there while it runs.
 *
 * @param what is skipped where there is no card service.
 * @param title what comes true of it.
 */
export function testSchemes(
  what: string,
  title: string,
  run: (places: Places, scheme: Scheme, name: string) => Promise<void>,
): void {
  const isSkipped = skippedLoudly(what)
  let places: Places
  const opened: Scheme[] = []
  beforeAll(async () => {
    if (!isSkipped) places = await Places.open()
  })
  afterAll(async () => {
    for (const scheme of opened) scheme.close()
    await places?.stop()
  })
  test.skipIf(isSkipped).for(Object.entries(SCHEMES))(`%s: ${title}`, async ([name, open]) => {
    const scheme = open()
    opened.push(scheme)
    await run(places, scheme, name)
  })
}

/** How many places there are in an uncut payment. */
export async function rehearse(
  { free }: Places,
  scheme: Scheme,
): Promise<{ writes: number; apdus: number }> {
  return free.use(async ({ reader, readers, cards }) => {
    const watching = new Watching(readers.slot(reader.name))
    const sale = await scheme.sale()
    await cards.make(sale.card, sale.memory, sale.options)
    await cards.insert(sale.card, reader.port)
    const channel = await watching.card()
    const before = await cards.look(sale.card)
    expect(await tap(sale, channel)).toBe('done')
    const after = await cards.look(sale.card)
    await takeOut(cards, sale.card, watching)
    await sale.settled(after.memory, 1)
    return { writes: after.writes - before.writes, apdus: after.apdus - before.apdus }
  })
}

export function tap(
  sale: { tap(channel: Channel): Promise<string> },
  channel: Channel,
): Promise<string> {
  return undisturbed(channel, () => sale.tap(channel))
}

export async function takeOut(cards: Cards, card: string, watching: Watching): Promise<void> {
  await cards.pull(card)
  await watching.empty()
}
