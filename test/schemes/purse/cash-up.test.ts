import { afterAll, expect, test } from 'vitest'
import { purseTill } from '../../../src/schemes/purse/till.ts'
import { pay, World, type Till } from './world.ts'

const world = new World()
afterAll(() => world.close())

function close(till: Till, module = till.module) {
  return module.tapped(async (channel) => purseTill.cashUp?.(till.desk(channel)))
}

test('a day is closed with what cards have stamped since the last', async () => {
  const till = await world.till(1)
  const card = await world.card(5000n)
  await till.tap(card, pay(300n))
  await till.tap(card, pay(200n))
  expect(await close(till)).toMatchObject({ result: 'closed', batch: 1, count: 2, paid: 500n })
  await till.tap(card, pay(100n))
  expect(await close(till)).toMatchObject({ result: 'closed', batch: 2, count: 1, paid: 100n })
  expect(await close(till)).toMatchObject({ result: 'closed', batch: 3, count: 0, paid: 0n })
})

test('a day is not closed in an empty slot, nor in another till’s module', async () => {
  const [till, other] = [await world.till(2), await world.till(3)]
  expect(await purseTill.cashUp?.(till.desk(undefined))).toMatchObject({ status: 'module_missing' })
  expect(await close(till, other.module)).toMatchObject({ status: 'module_refused' })
  till.module.field.powerOff()
  const card = await world.card(5000n)
  expect(await close(till, card.chip)).toMatchObject({ status: 'module_refused' })
})
