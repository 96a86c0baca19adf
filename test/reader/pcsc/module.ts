import { afterAll, beforeAll, expect, test } from 'vitest'
import { CardTorn, type Channel } from '../../../src/reader/channel.ts'
import { purseTill } from '../../../src/schemes/purse/till.ts'
import { audit, pay, World } from '../../schemes/purse/world.ts'
import { linkCuts, type Breadth, type Cut } from '../../support/cuts.ts'
import { skippedLoudly } from './lab.ts'
import { Places, type Place } from './paying.ts'
import { Pool } from './pool.ts'
import { Watching } from './watching.ts'

const isSkipped = skippedLoudly('a till’s security module in a PC/SC reader, pulled everywhere')

const world = new World()
let places: Places
let tills = 0

/** @param breadth each APDU of the module cut once, in the ways in turn, or in every way. */
export function defineModule(breadth: Breadth): void {
  beforeAll(async () => {
    if (!isSkipped) places = await Places.open()
  })
  afterAll(async () => {
    world.close()
    await places?.stop()
  })

  test.skipIf(isSkipped)(
    'a purse card and a security module in two readers: paid once, wherever the module is pulled',
    async () => {
      const uncut = await sell(undefined)
      expect(uncut.results).toEqual(['done'])
      const cuts = linkCuts(uncut.apdus, breadth)
      // Two readers each.
      const pairs = new Pool([1, 2])
      const sales = await Promise.all(cuts.map((cut) => pairs.use(() => sell(cut))))
      const unfinished = sales.filter(({ results }) => results[0] === 'unfinished').length
      console.log(
        `module over PC/SC: ${cuts.length} cuts (${uncut.apdus} APDUs), ` +
          `${unfinished} left the payment unfinished, all healed by the next tap`,
      )
      expect(unfinished).toBeGreaterThan(0)
      for (const { results } of sales) expect(results.at(-1)).toBe('done')
    },
  )
}

/** One sale; with a cut the module is put back and the same order tapped again. */
function sell(cut: Cut | undefined) {
  return places.free.use((forCard) =>
    places.free.use((forModule) => sellAt(forCard, forModule, cut)),
  )
}

async function sellAt(forCard: Place, forModule: Place, cut: Cut | undefined) {
  const { cards } = forCard
  tills += 1
  const number = tills
  const till = await world.till(number)
  const issued = await world.card(1000n)
  const [card, module] = [`card of ${number}`, `module of ${number}`]
  const atCard = new Watching(forCard.readers.slot(forCard.reader.name))
  const atModule = new Watching(forModule.readers.slot(forModule.reader.name))
  await cards.make(card, issued.chip.nvm.snapshot(), { kind: 'purse-card' })
  await cards.make(module, till.module.nvm.snapshot(), { kind: 'purse-module' })
  await cards.insert(card, forCard.reader.port)
  await cards.insert(module, forModule.reader.port)
  const order = pay(300n)
  const tap = async (channel: Channel) => {
    world.now += 1000
    try {
      const { result } = await purseTill.perform(channel, order, till.desk(await atModule.card()))
      return result
    } catch (error) {
      if (error instanceof CardTorn) return 'torn'
      throw error
    }
  }
  const before = await cards.look(module)
  if (cut) await cards.arm(module, cut)
  const results = [await tap(await atCard.card())]
  const after = await cards.look(module)
  if (cut) {
    await cards.arm(module, undefined)
    await atModule.empty()
    await cards.insertSeen(module, forModule.reader.port)
    results.push(await tap(await atCard.card()))
  }
  await cards.pull(card)
  await cards.pull(module)
  await Promise.all([atCard.empty(), atModule.empty()])
  issued.chip.nvm.restore((await cards.look(card)).memory)
  till.module.nvm.restore((await cards.look(module)).memory)
  const { balance } = await audit(world, issued)
  expect(balance).toBe(700n)
  expect(await till.cashUp()).toMatchObject({ count: 1, paid: 300n })
  return { results, apdus: after.apdus - before.apdus }
}
