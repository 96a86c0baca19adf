import { expect } from 'vitest'
import type { Channel } from '../../../src/reader/channel.ts'
import { upTo } from '../../support/cuts.ts'
import { rehearse, takeOut, tap, testSchemes, type Place } from './paying.ts'
import type { Scheme } from './schemes.ts'
import { Watching } from './watching.ts'

/** @param most so many gaps between APDUs, all over the payment: every swap waits for the service to look. */
export function defineSwaps(most: number): void {
  testSchemes(
    'cards swapped in the middle of a payment over real PC/SC',
    'a card that is swapped between APDUs makes no money',
    async (places, scheme, name) => {
      const { apdus } = await rehearse(places, scheme)
      const all = upTo(apdus - 1)
      const step = Math.max(1, Math.ceil(all.length / most))
      const gaps = all.filter((gap) => gap % step === 0)
      const results = await Promise.all(
        gaps.map((after) => places.free.use((place) => swapAfter(scheme, place, after))),
      )
      console.log(
        `${name} over PC/SC: ${results.length} of ${all.length} swaps in the middle, none made money`,
      )
      expect(results.length).toBeGreaterThanOrEqual(Math.min(all.length, most) / 2)
    },
  )
}

/** Another customer's card comes in the middle of the payment, faster than the reader looks. */
async function swapAfter(scheme: Scheme, place: Place, apdus: number): Promise<void> {
  const { reader, readers, cards } = place
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
  await takeOut(cards, other.card, watching)
  await other.settled((await cards.look(other.card)).memory, 0)
  await cards.insert(sale.card, reader.port)
  expect(await tap(sale, await watching.card())).toBe('done')
  await takeOut(cards, sale.card, watching)
  await sale.settled((await cards.look(sale.card)).memory, 1)
}
