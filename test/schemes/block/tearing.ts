import { describe, expect, test } from 'vitest'
import { TEARS, type Tear } from '../../../src/card/nvm.ts'
import { countingFuse, PowerLost } from '../../../src/till/fuse.ts'
import type { Order } from '../../../src/till/scheme.ts'
import {
  arm,
  cutsOf,
  disarm,
  shareOf,
  Tally,
  upTo,
  type Breadth,
  type Cut,
  type Size,
} from '../../support/cuts.ts'
import { audit, pay, readRaw, viewOf, World, type Issued, type Till } from './world.ts'

/** The journal and the card, cut everywhere: what tears.ts and undoing.ts do with their flows. */
export const world = new World()
export const till = world.till(7)
const other = world.till(8)

/** A card, and an order that is cut on it. */
export interface Scene {
  readonly issued: Issued
  readonly order: Order
  /** An earlier order that was given up, and is undone on the way. */
  readonly givenUp?: Order
  /** What the balance may be after a cut. */
  readonly balances: readonly bigint[]
}

export async function usedCard(): Promise<Issued> {
  const issued = await world.card(1000n)
  expect((await till.tap(issued, pay(100n))).result).toBe('done')
  return issued
}

/** `writes`: into how many page writes of the card the first order got. */
export async function abandoned(order: Order, writes: number): Promise<Issued> {
  const issued = await usedCard()
  arm(issued.chip, { what: 'write', at: writes, tear: 'after' })
  expect((await till.tap(issued, order)).result).toBe('unfinished')
  till.giveUp(order)
  return issued
}

/** Nine pages of a block, then the first counter: that one commits. */
export const WRITES_BEGUN = 5
export const WRITES_COMMITTED = 10

export type Flow = () => Promise<Scene>

/** Of the card, in an order that nothing cuts. */
async function sizeOf(makeScene: Flow): Promise<Size> {
  const { issued, order } = await makeScene()
  return issued.chip.count(() => till.tap(issued, order))
}

/** What happens at the next taps. Each ends with every order carried out wholly or not at all. */
const RECOVERIES: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  async 'the same order again'({ issued, order, givenUp }) {
    expect((await till.tap(issued, order)).result).toBe('done')
    expect((await till.tap(issued, order)).result).toBe('done')
    const { net } = await audit(world, issued)
    expect(net.get(order.id)).toBe(effectOf(order))
    if (givenUp) expect(net.get(givenUp.id) ?? 0n).toBe(0n)
  },
  async 'another till first'({ issued, order, givenUp }) {
    const between = pay(50n)
    await tapWithEither(other, issued, between)
    await tapWithEither(till, issued, order)
    expect((await till.tap(issued, order)).result).toBe('done')
    const { net } = await audit(world, issued)
    expect(net.get(order.id)).toBe(effectOf(order))
    expect(net.get(between.id)).toBe(-50n)
    // Only its own till can undo it, and only while nothing stands on it.
    if (givenUp) expect([0n, effectOf(givenUp)]).toContain(net.get(givenUp.id) ?? 0n)
  },
  async 'the order given up'({ issued, order, givenUp }) {
    till.giveUp(order)
    const instead = pay(50n)
    expect((await till.tap(issued, instead)).result).toBe('done')
    const { net } = await audit(world, issued)
    expect(net.get(order.id) ?? 0n).toBe(0n)
    expect(net.get(instead.id)).toBe(-50n)
    if (givenUp) expect(net.get(givenUp.id) ?? 0n).toBe(0n)
  },
}

const FOLLOWING = Object.entries(RECOVERIES).map(([name, recover], index) => {
  return { name, recover, index }
})

/** The holder enters the old passcode, and if that is wrong the new one. */
async function tapWithEither(at: Till, issued: Issued, order: Order): Promise<void> {
  const result = await at.tap(issued, order)
  if (result.result === 'done') return
  expect(result).toMatchObject({ status: 'wrong_passcode' })
  expect((await at.tap(issued, { ...order, passcode: '1234' })).result).toBe('done')
}

function effectOf(order: Order): bigint {
  if (order.kind === 'passcode') return 0n
  return order.kind === 'load' ? order.amount : -order.amount
}

/** After a cut: a till that knows nothing reads a balance that may be, and nothing was refused halfway. */
async function checkCut({ issued, balances, order }: Scene, result: { result: string }) {
  disarm(issued.chip)
  expect(balances).toContain(viewOf(await other.show(issued)).balance)
  const signed = till.records(issued.card).some(({ orderId }) => orderId === order.id)
  expect(signed ? ['unfinished'] : ['torn', 'refused', 'unfinished']).toContain(result.result)
}

async function checkSettled({ issued }: Scene): Promise<void> {
  const { counters, block } = await readRaw(world, issued)
  expect(counters).toEqual([block.sequence, block.sequence])
  expect(till.records(issued.card).filter(({ state }) => state === 'intended')).toEqual([])
}

function write(at: number, tears: readonly Tear[], index: number): Cut {
  return { what: 'write', at, tear: tears[index % tears.length] ?? 'half' }
}

export const tally = new Tally()

export interface FlowOptions {
  readonly breadth: Breadth
  /** In the pairs, only every so manieth first cut: they are many. */
  readonly step?: number
}

export function testFlow(name: string, makeScene: Flow, { breadth, step = 1 }: FlowOptions): void {
  describe.for([name])('%s', () => {
    test.for(FOLLOWING)('cut anywhere, then: $name', async ({ index, recover }) => {
      const cuts = cutsOf(await sizeOf(makeScene))
      const share = shareOf(cuts, { index, of: FOLLOWING.length }, breadth)
      for (const cut of share) {
        const scene = await makeScene()
        arm(scene.issued.chip, cut)
        await checkCut(scene, await till.tap(scene.issued, scene.order))
        await recover(scene)
        await checkSettled(scene)
      }
      expect(share.length).toBeGreaterThan(breadth === 'each place' ? 15 : 40)
      tally.add(`${name}: cut points of the card, and what follows`, share.length, cuts.length)
    })

    test('cut anywhere, and again in the recovery', async () => {
      const { writes } = await sizeOf(makeScene)
      const tears = TEARS.filter((tear) => tear !== 'before')
      let count = 0
      const firsts = upTo(writes).filter((at) => at % step === 0)
      for (const first of firsts.map((at, index) => write(at, tears, index))) {
        for (let second = 1; ; second++) {
          const scene = await makeScene()
          arm(scene.issued.chip, first)
          await checkCut(scene, await till.tap(scene.issued, scene.order))
          arm(scene.issued.chip, write(second, tears, count))
          const result = await till.tap(scene.issued, scene.order)
          if (result.result === 'done') break
          await checkCut(scene, result)
          await RECOVERIES['the same order again']?.(scene)
          await checkSettled(scene)
          count += 1
        }
      }
      expect(count * step).toBeGreaterThan(100)
      tally.add(`${name}: first cuts of pairs in page writes`, firsts.length, writes)
      tally.add(`${name}: pairs of cuts in page writes`, count)
    })

    test('the till loses power at any write of its journal', async () => {
      const rehearsal = await makeScene()
      const counting = countingFuse()
      till.restart(counting.fuse)
      await till.tap(rehearsal.issued, rehearsal.order)
      till.restart()
      for (const point of upTo(counting.passed.length)) {
        for (const recover of Object.values(RECOVERIES)) {
          const scene = await makeScene()
          till.restart(countingFuse(point).fuse)
          await expect(till.tap(scene.issued, scene.order)).rejects.toThrow(PowerLost)
          till.restart()
          expect(scene.balances).toContain(viewOf(await other.show(scene.issued)).balance)
          await recover(scene)
        }
      }
      tally.add(`${name}: cut points of the journal`, counting.passed.length)
    })
  })
}
