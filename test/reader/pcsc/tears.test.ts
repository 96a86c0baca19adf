import { afterAll, beforeAll, expect, test } from 'vitest'
import { LINK_CUTS } from '../../../src/card/field.ts'
import { TEARS } from '../../../src/card/nvm.ts'
import { undisturbed, type Channel } from '../../../src/reader/channel.ts'
import { loadPcsc } from '../../../src/reader/pcsc/load.ts'
import { PcscReaders } from '../../../src/reader/pcsc/readers.ts'
import { Cards, type Cut } from './cards.ts'
import { Lab, skippedLoudly, type LabReader } from './lab.ts'
import { Pool } from './pool.ts'
import { SCHEMES, type Scheme } from './schemes.ts'
import { Watching } from './watching.ts'

/**
 * Payments over real PC/SC: the till is this process, then come the service, the virtual reader and
 * the card's process. The card is pulled at every place, and put in again.
 */
const isSkipped = skippedLoudly('payments over real PC/SC, with the card pulled everywhere')

let lab: Lab
let cards: Cards
let readers: PcscReaders
let free: Pool<LabReader>
const opened: Scheme[] = []

beforeAll(async () => {
  if (isSkipped) return
  lab = await Lab.start({ names: ['Virtual PCD', 'Second PCD'] })
  cards = await Cards.start(lab)
  readers = await PcscReaders.open(await loadPcsc())
  free = new Pool(lab.readers)
})
afterAll(async () => {
  if (isSkipped) return
  for (const scheme of opened) scheme.close()
  await readers.close()
  await cards.stop()
  await lab.stop()
})

test.skipIf(isSkipped).for(Object.entries(SCHEMES))(
  '%s: a payment, with the card pulled at every place, is made once or not at all',
  async ([name, open]) => {
    const scheme = open()
    opened.push(scheme)
    const size = await rehearse(scheme)
    const cuts = cutsOf(size)
    const results = await Promise.all(
      cuts.map((cut) => free.use((reader) => payThrough(scheme, reader, cut))),
    )
    const count = (result: string) => results.filter((one) => one === result).length
    console.log(
      `${name} over PC/SC: ${cuts.length} cuts (${size.writes} page writes, ${size.apdus} APDUs), ` +
        `${count('unfinished')} left the payment unfinished, all healed by the next tap`,
    )
    expect(cuts.length).toBeGreaterThan(50)
    expect(count('unfinished')).toBeGreaterThan(10)
  },
)

test.skipIf(isSkipped).for(Object.entries(SCHEMES))(
  '%s: a card that is swapped between any two APDUs makes no money',
  async ([name, open]) => {
    const scheme = open()
    opened.push(scheme)
    const { apdus } = await rehearse(scheme)
    const places = Array.from({ length: apdus - 1 }, (_, index) => index + 1)
    const results = await Promise.all(
      places.map((after) => free.use((reader) => swapAfter(scheme, reader, after))),
    )
    console.log(`${name} over PC/SC: ${results.length} swaps in the middle, none made money`)
  },
)

/** Every page write torn, in the ways in turn, and the link cut in every APDU in every way. */
function cutsOf({ writes, apdus }: { writes: number; apdus: number }): readonly Cut[] {
  const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
  return [
    ...upTo(writes).map((at) => {
      return { what: 'write', at, tear: TEARS[at % TEARS.length] ?? 'half' } as const
    }),
    ...upTo(apdus).flatMap((at) => LINK_CUTS.map((cut) => ({ what: 'apdu', at, cut }) as const)),
  ]
}

/** How many places there are in an uncut payment. */
async function rehearse(scheme: Scheme): Promise<{ writes: number; apdus: number }> {
  return free.use(async (reader) => {
    const watching = new Watching(readers.slot(reader.name))
    const sale = await scheme.sale()
    await cards.make(sale.card, sale.memory, sale.options)
    await cards.insert(sale.card, reader.port)
    const channel = await watching.card()
    const before = await cards.look(sale.card)
    expect(await tap(sale, channel)).toBe('done')
    const after = await cards.look(sale.card)
    await takeOut(sale.card, watching)
    await sale.settled(after.memory, 1)
    return { writes: after.writes - before.writes, apdus: after.apdus - before.apdus }
  })
}

async function payThrough(scheme: Scheme, reader: LabReader, cut: Cut): Promise<string> {
  const watching = new Watching(readers.slot(reader.name))
  const sale = await scheme.sale()
  await cards.make(sale.card, sale.memory, sale.options)
  await cards.insert(sale.card, reader.port)
  const channel = await watching.card()
  await cards.arm(sale.card, cut)
  const result = await tap(sale, channel)
  expect(['torn', 'refused', 'unfinished']).toContain(result)
  await watching.empty()
  await cards.arm(sale.card, undefined)
  await cards.insert(sale.card, reader.port)
  const again = await watching.card()
  expect(await tap(sale, again)).toBe('done')
  expect(await tap(sale, again)).toBe('done')
  await takeOut(sale.card, watching)
  await sale.settled((await cards.look(sale.card)).memory, 1)
  return result
}

/** Another customer's card comes in the middle of the payment, faster than the reader looks. */
async function swapAfter(scheme: Scheme, reader: LabReader, apdus: number): Promise<void> {
  const watching = new Watching(readers.slot(reader.name))
  const sale = await scheme.sale()
  const other = await scheme.sale()
  await cards.make(sale.card, sale.memory, sale.options)
  await cards.make(other.card, other.memory, other.options)
  await cards.insert(sale.card, reader.port)
  const channel = await watching.card()
  let sent = 0
  const swapped: Channel = {
    atr: channel.atr,
    async transmit(apdu) {
      sent += 1
      if (sent === apdus + 1) {
        await cards.pull(sale.card)
        const seen = cards.insertSeen(other.card, reader.port)
        await channel.transmit(apdu).catch(() => {})
        await seen
      }
      return channel.transmit(apdu)
    },
  }
  const result = await sale.tap(swapped)
  expect(['torn', 'refused', 'unfinished']).toContain(result)
  await takeOut(other.card, watching)
  await other.settled((await cards.look(other.card)).memory, 0)
  await cards.insert(sale.card, reader.port)
  expect(await tap(sale, await watching.card())).toBe('done')
  await takeOut(sale.card, watching)
  await sale.settled((await cards.look(sale.card)).memory, 1)
}

function tap(sale: { tap(channel: Channel): Promise<string> }, channel: Channel): Promise<string> {
  return undisturbed(channel, () => sale.tap(channel))
}

async function takeOut(card: string, watching: Watching): Promise<void> {
  await cards.pull(card)
  await watching.empty()
}
