import { afterAll, describe, expect, test } from 'vitest'
import { openDisclosure } from '../../../src/kernel/disclosure.ts'
import { generatePrivateKey } from '../../../src/kernel/p256.ts'
import { SLOT_SECTORS, sectorKeys } from '../../../src/schemes/block/card.ts'
import { chipKeys, evidence, openBlock, sealBlock } from '../../../src/schemes/block/message.ts'
import { StorageCard } from '../../../src/reader/storage-card.ts'
import { countingFuse, PowerLost } from '../../../src/till/fuse.ts'
import { JournalRefusal } from '../../../src/till/journal.ts'
import type { Order } from '../../../src/till/scheme.ts'
import { arm, disarm } from '../../support/cuts.ts'
import { abandoned, till, usedCard, world, WRITES_BEGUN, WRITES_COMMITTED } from './tearing.ts'
import {
  audit,
  changePasscode,
  load,
  PASSCODE,
  pay,
  readRaw,
  type Issued,
  type Till,
} from './world.ts'

/**
 * What a till does at a card of which it signed a record that it does not know the card to have
 * taken. Every card here starts at sequence 1 with 9.00; passcode 4821.
 */
afterAll(() => world.close())
const other = world.tills.get(8) as Till
const NEW = '1234'
const WRONG = '0000'
const WRITES = 11

async function cut(issued: Issued, order: Order, write: number, at = till): Promise<void> {
  arm(issued.chip, { what: 'write', at: write, tear: 'after' })
  expect((await at.tap(issued, order)).result).toBe('unfinished')
  disarm(issued.chip)
}

async function statusOf(issued: Issued, order: Order): Promise<string> {
  const result = await till.tap(issued, order)
  return 'status' in result ? result.status : result.result
}

function kinds(issued: Issued): string[] {
  return till.records(issued.card).map(({ kind, state }) => `${kind} ${state}`)
}

const begunPay = () => abandoned(pay(300n), WRITES_BEGUN)
const committedPay = () => abandoned(pay(300n), WRITES_COMMITTED)
const begunLoad = () => abandoned(load(300n), WRITES_BEGUN)
const begunChange = () => abandoned(changePasscode(PASSCODE, NEW), WRITES_BEGUN)
const committedChange = () => abandoned(changePasscode(PASSCODE, NEW), WRITES_COMMITTED)

/** The undoing of what was committed is cut as well, in this write. */
async function cutUndoing(scene: () => Promise<Issued>, write: number): Promise<Issued> {
  const issued = await scene()
  // One write more, where the counters have to be brought together first.
  await cut(issued, pay(100n), 1 + write)
  return issued
}
const begunUndoing = () => cutUndoing(committedPay, WRITES_BEGUN)
const committedUndoing = () => cutUndoing(committedPay, WRITES_COMMITTED)
const begunChangeBack = () => cutUndoing(committedChange, WRITES_BEGUN)

const PAID = 'pay confirmed'
const UNDONE = 'reversal confirmed'
const CHANGED = 'passcode confirmed'

/** Each row: where the card stands, the passcode that is entered, and what follows, after the first payment. */
const ROWS: readonly (readonly [
  string,
  string,
  string,
  () => Promise<Issued>,
  readonly string[],
])[] = [
  ['a payment begun', PASSCODE, 'done', begunPay, [PAID, UNDONE, PAID]],
  ['a payment begun', WRONG, 'wrong_passcode', begunPay, ['pay intended']],
  ['a payment committed', PASSCODE, 'done', committedPay, [PAID, UNDONE, PAID]],
  ['a payment committed', WRONG, 'wrong_passcode', committedPay, ['pay intended']],
  ['a load begun', PASSCODE, 'done', begunLoad, ['load confirmed', UNDONE, PAID]],
  ['a change begun', PASSCODE, 'done', begunChange, [CHANGED, UNDONE, PAID]],
  ['a change begun', NEW, 'done', begunChange, [CHANGED, PAID]],
  ['a change begun', WRONG, 'wrong_passcode', begunChange, ['passcode intended']],
  ['a change committed', PASSCODE, 'done', committedChange, [CHANGED, UNDONE, PAID]],
  ['a change committed', NEW, 'done', committedChange, [CHANGED, PAID]],
  ['a change committed', WRONG, 'wrong_passcode', committedChange, ['passcode intended']],
  ['an undoing begun', PASSCODE, 'done', begunUndoing, [PAID, UNDONE, PAID]],
  ['an undoing begun', WRONG, 'wrong_passcode', begunUndoing, [PAID, 'reversal intended']],
  ['an undoing committed', PASSCODE, 'done', committedUndoing, [PAID, UNDONE, PAID]],
  ['an undoing committed', WRONG, 'wrong_passcode', committedUndoing, [PAID, UNDONE]],
  ['a change back begun', PASSCODE, 'done', begunChangeBack, [CHANGED, UNDONE, PAID]],
  ['a change back begun', NEW, 'wrong_passcode', begunChangeBack, [CHANGED, 'reversal intended']],
  ['a change back begun', WRONG, 'wrong_passcode', begunChangeBack, [CHANGED, 'reversal intended']],
]

describe('an order that was given up', () => {
  test.for(ROWS)('%s, %s entered: %s', async ([, passcode, status, scene, expected]) => {
    const issued = await scene()
    expect(await statusOf(issued, pay(50n, passcode))).toBe(status)
    expect(kinds(issued).slice(1)).toEqual(expected)
    const { balance } = await audit(world, issued)
    expect(status === 'done' ? balance : 850n).toBe(850n)
  })

  test('is undone though the order on top is refused, if the card took it', async () => {
    for (const scene of [committedPay, begunUndoing]) {
      const issued = await scene()
      expect(await statusOf(issued, pay(901n))).toBe('insufficient_funds')
      expect(kinds(issued).slice(1)).toEqual([PAID, UNDONE])
      expect((await audit(world, issued)).balance).toBe(900n)
    }
  })

  test('is left alone if the card did not take it and the order on top is refused', async () => {
    const issued = await begunPay()
    const before = issued.chip.nvm.snapshot()
    expect(await statusOf(issued, pay(901n))).toBe('insufficient_funds')
    expect(kinds(issued).slice(1)).toEqual(['pay intended'])
    expect(issued.chip.nvm.snapshot()).toEqual(before)
  })

  test('leaves room to undo the order on top as well', async () => {
    const sequences = [
      [0xfffb, 'done'],
      [0xfffc, 'sequence_exhausted'],
    ] as const
    for (const [sequence, status] of sequences) {
      const issued = await cardAt(sequence)
      const givenUp = pay(300n)
      await cut(issued, givenUp, WRITES_BEGUN)
      till.giveUp(givenUp)
      expect(await statusOf(issued, pay(50n))).toBe(status)
    }
  })
})

/** A card that another till has brought so far. */
async function cardAt(sequence: number): Promise<Issued> {
  const issued = await world.card(900n)
  const keys = chipKeys(world.master, issued.uid)
  const { block, slot } = await readRaw(world, issued)
  const moved = sealBlock(
    { ...block, kind: 'pay', vendor: other.number, sequence },
    keys,
    other.key,
  )
  await writeSlot(issued, sequence % 2 === 0 ? slot : 'B', moved)
  await issued.chip.tapped(async (channel) => {
    const chip = new StorageCard(channel, issued.chip.profile)
    await chip.authenticate(4, sectorKeys(world.master, issued.uid, 1).A, 'A')
    await chip.decrement(5, sequence)
    await chip.decrement(6, sequence)
  })
  return issued
}

/** As a vendor can: he has every key. */
async function writeSlot(issued: Issued, slot: 'A' | 'B', block: Uint8Array): Promise<void> {
  const content = new Uint8Array(144)
  content.set(block)
  await issued.chip.tapped(async (channel) => {
    const chip = new StorageCard(channel, issued.chip.profile)
    for (const [index, sector] of SLOT_SECTORS[slot].entries()) {
      await chip.authenticate(sector * 4, sectorKeys(world.master, issued.uid, sector).B, 'B')
      await chip.writeBlocks(sector * 4, content.slice(index * 48, (index + 1) * 48))
    }
  })
}

describe('the order on the screen', () => {
  test('is finished with its own passcode only', async () => {
    const issued = await usedCard()
    const order = pay(300n)
    await cut(issued, order, WRITES_BEGUN)
    expect(await statusOf(issued, { ...order, passcode: WRONG })).toBe('wrong_passcode')
    expect(await statusOf(issued, order)).toBe('done')
    expect(kinds(issued)).toEqual([PAID, PAID])
  })

  test('stays unfinished, with its record, however often it is cut', async () => {
    const issued = await usedCard()
    const order = pay(300n)
    for (const write of [3, 5, 9]) {
      arm(issued.chip, { what: 'write', at: write, tear: 'half' })
      expect(await till.tap(issued, order)).toMatchObject({
        result: 'unfinished',
        record: { orderId: order.id, state: 'intended' },
      })
    }
    disarm(issued.chip)
    expect(await statusOf(issued, order)).toBe('done')
    expect(kinds(issued)).toEqual([PAID, PAID])
  })

  test('is done if the card has gone on from it', async () => {
    const issued = await usedCard()
    const order = pay(300n)
    await cut(issued, order, WRITES_COMMITTED)
    expect((await other.tap(issued, pay(10n))).result).toBe('done')
    expect(await statusOf(issued, order)).toBe('done')
    expect(kinds(issued)).toEqual([PAID, PAID])
    expect((await audit(world, issued)).balance).toBe(590n)
  })

  test('is carried out anew if the card has gone on without it', async () => {
    const issued = await usedCard()
    const order = pay(300n)
    await cut(issued, order, WRITES_BEGUN)
    for (const amount of [10n, 20n]) await other.tap(issued, pay(amount))
    expect(await statusOf(issued, order)).toBe('done')
    expect(kinds(issued)).toEqual([PAID, 'pay void', PAID])
    expect((await audit(world, issued)).balance).toBe(570n)
  })

  test('is not carried out again if what stands before is nobody’s', async () => {
    const issued = await usedCard()
    const order = pay(300n)
    await cut(issued, order, WRITES_COMMITTED)
    await other.tap(issued, pay(10n))
    const { slots, slot } = await readRaw(world, issued)
    const before = slots.find((candidate) => candidate.slot !== slot)
    const keys = chipKeys(world.master, issued.uid)
    const forged = { ...openBlock(before?.bytes ?? new Uint8Array(), keys), balance: 900n }
    await writeSlot(issued, slot === 'A' ? 'B' : 'A', sealBlock(forged, keys, generatePrivateKey()))
    expect(await statusOf(issued, order)).toBe('unfinished')
    expect(kinds(issued)).toEqual([PAID, 'pay intended'])
  })

  test('is not carried out again while what stood before is overwritten', async () => {
    const issued = await usedCard()
    const order = pay(300n)
    await cut(issued, order, WRITES_COMMITTED)
    await other.tap(issued, pay(10n))
    await cut(issued, pay(20n), WRITES - 2, other)
    expect(await statusOf(issued, order)).toBe('unfinished')
    expect(kinds(issued)).toEqual([PAID, 'pay intended'])
    expect((await audit(world, issued)).balance).toBe(590n)
  })

  test('is undone for another, wherever the till loses its power', async () => {
    for (const writes of [WRITES_BEGUN, WRITES_COMMITTED]) {
      for (let point = 1; ; point++) {
        const issued = await usedCard()
        const first = pay(300n)
        await cut(issued, first, writes)
        const order = pay(100n)
        const counting = countingFuse(point)
        till.restart(counting.fuse)
        const result = await till.tap(issued, order).catch((error: unknown) => error)
        till.restart()
        if (!(result instanceof PowerLost)) break
        expect(await statusOf(issued, order)).toBe('done')
        const { net } = await audit(world, issued)
        expect([net.get(first.id), net.get(order.id)]).toEqual([0n, -100n])
      }
    }
  })

  test('that was undone for another is not done', async () => {
    const issued = await usedCard()
    const order = pay(300n)
    await cut(issued, order, WRITES_COMMITTED)
    await cut(issued, pay(100n), 1 + WRITES_BEGUN)
    await expect(till.tap(issued, order)).rejects.toThrow(JournalRefusal)
    expect(kinds(issued).slice(1)).toEqual([PAID, UNDONE])
    expect((await audit(world, issued)).net.get(order.id)).toBe(0n)
  })
})

test('a change of passcode that is undone tells the office which one is back', async () => {
  const issued = await committedChange()
  expect(await statusOf(issued, pay(50n))).toBe('done')
  const told = till.records(issued.card).map(({ kind, evidence: bytes }) => {
    const { newPasscode } = evidence.decode(bytes)
    if (newPasscode.length === 0) return [kind]
    const code = openDisclosure(world.officeKey, issued.card, newPasscode)
    return [kind, new TextDecoder().decode(code)]
  })
  expect(told).toEqual([['pay'], ['passcode', NEW], ['reversal', PASSCODE], ['pay']])
})

test('a right passcode forgets the wrong ones before it', async () => {
  const issued = await usedCard()
  for (const passcode of [WRONG, WRONG, PASSCODE, WRONG, WRONG]) {
    await till.tap(issued, pay(10n, passcode))
  }
  expect(await statusOf(issued, pay(10n))).toBe('done')
})
