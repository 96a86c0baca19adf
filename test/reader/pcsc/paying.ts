import { expect } from 'vitest'
import { undisturbed, type Channel } from '../../../src/reader/channel.ts'
import type { PcscBinding } from '../../../src/reader/pcsc/binding.ts'
import { loadPcsc } from '../../../src/reader/pcsc/load.ts'
import { PcscReaders } from '../../../src/reader/pcsc/readers.ts'
import { Cards } from './cards.ts'
import { Lab, type LabReader } from './lab.ts'
import { Pool } from './pool.ts'
import type { Scheme } from './schemes.ts'
import { Watching } from './watching.ts'

/** A reader, with those that move its cards. */
export interface Place {
  readonly reader: LabReader
  readonly readers: PcscReaders
  readonly cards: Cards
}

/** A service shows four readers through our binding. Waiting for them is most of the time. */
const LABS = 3

/**
 * Readers at which a till waits: the till is this process, then come the service, the virtual reader
 * and the cards' process.
 */
export class Places {
  readonly free: Pool<Place>
  readonly #stops: readonly (() => Promise<void>)[]

  private constructor(places: readonly Place[], stops: readonly (() => Promise<void>)[]) {
    this.free = new Pool(places)
    this.#stops = stops
  }

  static async open(): Promise<Places> {
    const places: Place[] = []
    const stops: (() => Promise<void>)[] = []
    for (let count = 0; count < LABS; count += 1) {
      const lab = await Lab.start({ names: ['Virtual PCD', 'Second PCD'] })
      const cards = await Cards.start(lab)
      const readers = await PcscReaders.open(at(lab, await loadPcsc()))
      places.push(...lab.readers.map((reader) => ({ reader, readers, cards })))
      stops.push(async () => {
        await readers.close()
        await cards.stop()
        await lab.stop()
      })
    }
    return new Places(places, stops)
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops) await stop()
  }
}

let lastConnect: Promise<unknown> = Promise.resolve()

/** Of several services the environment says which one is meant: one connection is made at a time. */
function at(lab: Lab, binding: PcscBinding): PcscBinding {
  return {
    ...binding,
    async open(watcher) {
      const client = await binding.open(watcher)
      return {
        ...client,
        connect(reader) {
          const connecting = lastConnect.then(() => {
            process.env['PCSCLITE_CSOCK_NAME'] = lab.socket
            return client.connect(reader)
          })
          lastConnect = connecting.catch(() => {})
          return connecting
        },
      }
    },
  }
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
