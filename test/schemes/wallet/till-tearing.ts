import { afterAll, expect, test } from 'vitest'
import { countingFuse, PowerLost } from '../../../src/till/fuse.ts'
import type { AnyOrder, JournalRecord, TapResult } from '../../../src/till/scheme.ts'
import {
  arm,
  cutsOf,
  disarm,
  shareOf,
  Tally,
  type Breadth,
  type Cut,
  type Size,
} from '../../support/cuts.ts'
import { Office, PIN, taken, type Card } from './card-world.ts'
import { audit, Counter, pay, recordOf, refund, said } from './till-world.ts'

/**
 * Card and journal, cut everywhere. After every cut, whatever is done next: an order that is done has
 * taken its amount once, every other has taken nothing, or its refusal is signed and in the journal.
 */
const office = new Office(1)
const till = new Counter(office, 7)
const other = new Counter(office, 8)
const tally = new Tally()

interface Scene {
  readonly card: Card
  readonly order: AnyOrder
  /** What is refunded. */
  readonly payment?: JournalRecord
  /** An order that was given up before, and is undone on the way. */
  readonly givenUp?: string
}
type Flow = () => Promise<Scene>

/** One card for many scenes: making one takes longer than all the rest. */
let shared: Card | undefined

async function regular(): Promise<Card> {
  const card = await office.card(1000_000_00n, { paymentsMax: 16, balanceMax: 0xffff_ffffn })
  for (const counter of [till, other]) expect(said(await counter.tap(card, pay(1n)))).toBe('done')
  return card
}

async function usedCard(): Promise<Card> {
  shared ??= await regular()
  // What the scene before left behind must not be part of this one.
  if (till.states().some((state) => state.endsWith('intended'))) await till.tap(shared, pay(1n))
  taken(await shared.acknowledge())
  return shared
}

/** Neither knows the other: certificates are shown on the way. */
async function strangers(): Promise<Card> {
  return (await office.card(1000_00n)).clone()
}

async function abandoned(cut: 'before' | 'answer-lost'): Promise<Scene> {
  const card = await usedCard()
  const order = pay(2_00n)
  card.field.arm({ atApdu: 2, cut })
  await till.tap(card, order)
  card.field.arm(undefined)
  till.engine.giveUp(order.id)
  return { card, order: pay(1_00n), givenUp: order.id }
}

const FLOWS: Readonly<Record<string, Flow>> = {
  pay: async () => ({ card: await usedCard(), order: pay(1_00n) }),
  'pay with PIN': async () => ({ card: await usedCard(), order: pay(1_00n, PIN) }),
  'pay for the first time': async () => ({ card: await strangers(), order: pay(1_00n) }),
  async refund() {
    const card = await usedCard()
    const payment = recordOf(await till.tap(card, pay(1_00n)))
    return { card, order: refund(payment), payment }
  },
  'pay after an order that was given up and had not come': () => abandoned('before'),
  'pay after an order that was given up and had been paid': () => abandoned('answer-lost'),
}

type Recovery = (scene: Scene) => Promise<void>

/** What happens next. */
const RECOVERIES: Readonly<Record<string, Recovery>> = {
  'the same order again': finish,
  async 'another till first'(scene) {
    expect(said(await other.tap(scene.card, pay(3_00n)))).toBe('done')
    await finish(scene)
  },
  async 'the order given up, and another one'({ card, order }) {
    till.engine.giveUp(order.id)
    expect(said(await till.tap(card, pay(4_00n)))).toBe('done')
  },
  async 'the order given up, and the card never seen again'({ order }) {
    till.engine.giveUp(order.id)
  },
}

const FOLLOWING = Object.values(RECOVERIES)

async function finish({ card, order }: Scene): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) expect(said(await till.tap(card, order))).toBe('done')
}

/** Whatever was cut: what each order has taken from the payer is what its till says. */
async function check({ card, order, payment, givenUp }: Scene): Promise<void> {
  const { taken: paid } = await audit(card, [till, other])
  const { state } = till.engine.order(order.id)
  expect(['done', 'given_up', ...(order.kind === 'refund' ? ['unfinished'] : [])]).toContain(state)
  if (order.kind === 'pay') {
    expect(paid.get(order.id) ?? 0n).toBe(state === 'done' ? order.amount : 0n)
  }
  if (givenUp !== undefined) expect(paid.get(givenUp)).toBeUndefined()
  if (!payment) return
  // From its intent on a refund stands.
  const isRefused = till.records(card.id).some(({ refuses }) => refuses === payment.id)
  expect(paid.get(payment.orderId) ?? 0n).toBe(isRefused ? 0n : payment.amount)
}

async function sizeOf(flow: Flow): Promise<Size> {
  const { card, order } = await flow()
  const [writes, apdus] = [card.nvm.writes, card.field.traffic.apdus]
  expect(said(await till.tap(card, order))).toBe('done')
  return { writes: card.nvm.writes - writes, apdus: card.field.traffic.apdus - apdus }
}

async function tapCut({ card, order }: Scene, cut: Cut): Promise<TapResult> {
  arm(card, cut)
  const result = await till.tap(card, order)
  disarm(card)
  return result
}

function testFlow(name: string, flow: Flow, breadth: Breadth): void {
  test(`${name}, cut anywhere at the card`, async () => {
    const cuts = cutsOf(await sizeOf(flow))
    let count = 0
    for (const [index, recover] of FOLLOWING.entries()) {
      for (const cut of shareOf(cuts, { index, of: FOLLOWING.length }, breadth)) {
        const scene = await flow()
        const { result } = await tapCut(scene, cut)
        expect(result).toBe('unfinished')
        await recover(scene)
        await check(scene)
        count += 1
      }
    }
    expect(count).toBeGreaterThan(5)
    tally.add(
      `${name}: cut points of the card, and what follows`,
      count,
      cuts.length * FOLLOWING.length,
    )
  })

  test(`${name}: the till loses power at any write of its journal`, async () => {
    const rehearsal = await flow()
    const counting = countingFuse()
    till.restart(counting.fuse)
    await till.tap(rehearsal.card, rehearsal.order)
    till.restart()
    const points = [...counting.passed.keys()]
    let count = 0
    for (const [index, recover] of FOLLOWING.entries()) {
      const share = points.filter(
        (point) => breadth === 'all' || point % FOLLOWING.length === index,
      )
      for (const point of share) {
        const scene = await flow()
        till.restart(countingFuse(point + 1).fuse)
        await expect(till.tap(scene.card, scene.order)).rejects.toThrow(PowerLost)
        till.restart()
        await recover(scene)
        await check(scene)
        count += 1
      }
    }
    tally.add(
      `${name}: cut points of the journal, and what follows`,
      count,
      points.length * FOLLOWING.length,
    )
  })
}

/** Flows that are a part of every other. */
const SIMPLE: ReadonlySet<string> = new Set(['pay', 'refund'])

/** Cuts of every flow at the card and the journal. */
export function defineTillTears({
  simple,
  others,
}: {
  readonly simple: Breadth
  readonly others: Breadth
}): void {
  afterAll(() => {
    till.close()
    other.close()
    tally.print()
  })

  for (const [name, flow] of Object.entries(FLOWS)) {
    testFlow(name, flow, SIMPLE.has(name) ? simple : others)
  }

  test('giving up: the till loses power before or after it', async () => {
    for (const point of [1, 2]) {
      const card = await usedCard()
      const order = pay(1_00n)
      card.field.arm({ atApdu: 2, cut: 'answer-lost' })
      await till.tap(card, order)
      card.field.arm(undefined)
      till.restart(countingFuse(point).fuse)
      expect(() => till.engine.giveUp(order.id)).toThrow(PowerLost)
      till.restart()
      const isRefused = till.engine.order(order.id).state === 'given_up'
      expect(isRefused).toBe(point === 2)
      expect((await audit(card, [till, other])).taken.get(order.id)).toBe(
        isRefused ? undefined : 1_00n,
      )
    }
  })
}
