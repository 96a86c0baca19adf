import { expect, test } from 'vitest'
import { TEARS } from '../../../src/card/nvm.ts'
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
} from '../../support/cuts.ts'
import {
  audit,
  PASSCODE,
  pay,
  viewOf,
  World,
  type Chain,
  type Chip,
  type Issued,
  type Till,
} from './world.ts'

/** Card, module and journal, cut everywhere: what tears.ts and undoing.ts do with their flows. */
export const world = new World()
export const till = await world.till(7)
const other = await world.till(8)

/** What holders change their PIN to. */
export const NEW_PASSCODE = '1234'

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
  const issued = await world.card(5000n)
  expect((await till.tap(issued, pay(100n))).result).toBe('done')
  return issued
}

/** At which APDU of its tap an order was cut that was then given up. */
export const ABANDONED = {
  /** Signed, and the card never heard of it. */
  begun: { chip: 'card', at: 3, cut: 'before' },
  /** The card took it. */
  taken: { chip: 'card', at: 3, cut: 'answer-lost' },
  /** The till knows that it did, and the module has not counted it. */
  uncounted: { chip: 'module', at: 5, cut: 'before' },
} as const

export type Where = (typeof ABANDONED)[keyof typeof ABANDONED]

export async function abandoned(order: Order, { chip, at, cut }: Where): Promise<Issued> {
  const issued = await usedCard()
  chipOf(chip, issued).field.arm({ atApdu: at, cut })
  expect((await till.tap(issued, order)).result).toBe('unfinished')
  till.giveUp(order)
  return issued
}

export type Flow = () => Promise<Scene>

const CHIPS = ['card', 'module'] as const

function chipOf(name: (typeof CHIPS)[number], { chip }: Issued): Chip {
  return name === 'card' ? chip : till.module
}

/** What happens at the next taps. Each ends with every order carried out wholly or not at all. */
const RECOVERIES: Readonly<Record<string, (scene: Scene) => Promise<Chain>>> = {
  'the same order again': sameAgain,
  async 'another till first'({ issued, order, givenUp }) {
    const between = pay(50n)
    expect((await other.tap(issued, between)).result).toBe('done')
    await finish(issued, order)
    const chain = await audit(world, issued)
    expect(chain.net.get(order.id)).toBe(effectOf(order))
    expect(chain.net.get(between.id)).toBe(-50n)
    // Only its own till can undo it, and only while nothing stands on it.
    if (givenUp) expect([0n, effectOf(givenUp)]).toContain(chain.net.get(givenUp.id) ?? 0n)
    return chain
  },
  async 'the order given up'({ issued, order, givenUp }) {
    till.giveUp(order)
    const instead = pay(50n)
    await finish(issued, instead)
    const chain = await audit(world, issued)
    expect(chain.net.get(order.id) ?? 0n).toBe(0n)
    expect(chain.net.get(instead.id)).toBe(-50n)
    if (givenUp) expect(chain.net.get(givenUp.id) ?? 0n).toBe(0n)
    return chain
  },
}

const FOLLOWING = Object.entries(RECOVERIES).map(([name, recover], index) => {
  return { name, recover, index }
})

async function sameAgain({ issued, order, givenUp }: Scene): Promise<Chain> {
  await finish(issued, order)
  const chain = await audit(world, issued)
  expect(chain.net.get(order.id)).toBe(effectOf(order))
  if (givenUp) expect(chain.net.get(givenUp.id) ?? 0n).toBe(0n)
  return chain
}

/** Taps until it is done, and once more. The holder enters what he is asked for: the old PIN, or the new. */
async function finish(issued: Issued, order: Order): Promise<void> {
  const result = await till.tap(issued, order)
  if ('status' in result) {
    const passcode = { passcode_needed: PASSCODE, wrong_passcode: NEW_PASSCODE }[result.status]
    expect(passcode, `asked for a PIN: ${result.status}`).toBeDefined()
    return finish(issued, { ...order, passcode: passcode ?? '' })
  }
  expect(result.result).toBe('done')
  expect((await till.tap(issued, order)).result).toBe('done')
}

function effectOf(order: Order): bigint {
  if (order.kind === 'passcode') return 0n
  return order.kind === 'load' ? order.amount : -order.amount
}

/** After a cut: a till that knows nothing reads a balance that may be, and it is not called done. */
async function checkCut({ issued, balances }: Scene, result: { result: string }): Promise<void> {
  disarm(issued.chip)
  disarm(till.module)
  expect(balances).toContain(viewOf(await other.show(issued)).balance)
  expect(['torn', 'refused', 'unfinished']).toContain(result.result)
}

/** Whoever signed a record leaves no tap before it is carried out, but for one that went wrong early. */
function checkFirst({ issued, order }: Scene, { result }: { result: string }): void {
  const signed = till.records(issued.card).some(({ orderId }) => orderId === order.id)
  if (signed) expect(result).toBe('unfinished')
}

/** Nothing is open, and the modules have counted what cards stamped: each transaction once. */
async function checkSettled({ issued }: Scene, { entries }: Chain): Promise<void> {
  const open = till.records(issued.card).filter(({ state }) => state === 'intended')
  expect(open).toEqual([])
  for (const at of [till, other]) await checkCounted(at, entries)
}

async function checkCounted(at: Till, entries: Chain['entries']): Promise<void> {
  const own = entries.filter(({ maker }) => maker === at.number)
  const sum = (kind: string, reversed?: string) =>
    own
      .filter((entry) => entry.kind === kind && (!reversed || entry.predecessor?.kind === reversed))
      .reduce((total, { amount }) => total + amount, 0n)
  expect(await at.cashUp()).toMatchObject({
    count: own.length,
    paid: sum('pay'),
    paidBack: sum('reversal', 'pay'),
    loaded: sum('load'),
    loadedBack: sum('reversal', 'load'),
  })
}

async function sizesOf(makeScene: Flow) {
  const { issued, order } = await makeScene()
  let module = { writes: 0, apdus: 0 }
  const card = await issued.chip.count(async () => {
    module = await till.module.count(() => till.tap(issued, order))
  })
  await emptySums()
  return { card, module }
}

/** Scenes are counted one by one. */
async function emptySums(): Promise<void> {
  await till.cashUp()
  await other.cashUp()
}

function write(at: number, index: number): Cut {
  const tears = TEARS.filter((tear) => tear !== 'before')
  return { what: 'write', at, tear: tears[index % tears.length] ?? 'half' }
}

export const tally = new Tally()

/** Of the cuts of either chip. */
export type Breadths = Readonly<Record<(typeof CHIPS)[number], Breadth>>

/** Every cut of a tap, and the ways out of it. */
export function testCuts(name: string, makeScene: Flow, breadth: Breadths): void {
  test.for(FOLLOWING)(`${name}, cut anywhere, then: $name`, async ({ index, recover }) => {
    const sizes = await sizesOf(makeScene)
    for (const chip of CHIPS) {
      const cuts = cutsOf(sizes[chip])
      const share = shareOf(cuts, { index, of: FOLLOWING.length }, breadth[chip])
      for (const cut of share) {
        const scene = await makeScene()
        arm(chipOf(chip, scene.issued), cut)
        const result = await till.tap(scene.issued, scene.order)
        await checkCut(scene, result)
        checkFirst(scene, result)
        await checkSettled(scene, await recover(scene))
      }
      expect(share.length).toBeGreaterThan(5)
      tally.add(`${name}: cut points of the ${chip}, and what follows`, share.length, cuts.length)
    }
  })
}

export function testPairs(name: string, makeScene: Flow, step: number): void {
  test(`${name}, cut in any page write, and again in the recovery`, async () => {
    const sizes = await sizesOf(makeScene)
    let count = 0
    const all = CHIPS.flatMap((chip) => upTo(sizes[chip].writes).map((at) => [chip, at] as const))
    const firsts = all.filter((_, index) => index % step === 0)
    for (const [firstChip, first] of firsts) {
      for (const secondChip of CHIPS) {
        for (let second = 1; ; second++) {
          const scene = await makeScene()
          arm(chipOf(firstChip, scene.issued), write(first, count))
          await checkCut(scene, await till.tap(scene.issued, scene.order))
          arm(chipOf(secondChip, scene.issued), write(second, count + 1))
          const result = await till.tap(scene.issued, scene.order)
          const isOver = result.result === 'done' || isAskedFor(result)
          if (!isOver) await checkCut(scene, result)
          else disarm(chipOf(secondChip, scene.issued))
          await checkSettled(scene, await sameAgain(scene))
          if (isOver) break
          count += 1
        }
      }
    }
    expect(count).toBeGreaterThan(10)
    tally.add(`${name}: first cuts of pairs in page writes`, firsts.length, all.length)
    tally.add(`${name}: pairs of cuts in page writes`, count)
  })
}

/** Nothing was cut any more: the holder has changed his PIN, and the order has the old one. */
function isAskedFor(result: object): boolean {
  return 'status' in result && result.status === 'wrong_passcode'
}

export function testJournal(name: string, makeScene: Flow): void {
  test(`${name}: the till loses power at any write of its journal`, async () => {
    const rehearsal = await makeScene()
    const counting = countingFuse()
    till.restart(counting.fuse)
    await till.tap(rehearsal.issued, rehearsal.order)
    till.restart()
    await emptySums()
    for (const point of upTo(counting.passed.length)) {
      for (const recover of Object.values(RECOVERIES)) {
        const scene = await makeScene()
        till.restart(countingFuse(point).fuse)
        await expect(till.tap(scene.issued, scene.order)).rejects.toThrow(PowerLost)
        till.restart()
        expect(scene.balances).toContain(viewOf(await other.show(scene.issued)).balance)
        await checkSettled(scene, await recover(scene))
      }
    }
    tally.add(`${name}: cut points of the journal`, counting.passed.length)
  })
}
