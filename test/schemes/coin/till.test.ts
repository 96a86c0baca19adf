import { afterAll, expect, test } from 'vitest'
import type { Bytes } from '../../../src/kernel/bytes.ts'
import { inProcessChannel } from '../../../src/reader/in-process.ts'
import { COIN_SW } from '../../../src/schemes/coin/instructions.ts'
import { tillWords } from '../../../src/schemes/coin/office/redemption.ts'
import { recordOf } from '../../../src/schemes/coin/till/journal.ts'
import { countingFuse, PowerLost } from '../../../src/till/fuse.ts'
import { buy, closeTills, directoryOf, pay, Redemption, Till } from './till.ts'
import { World } from './world.ts'

const world = new World()
afterAll(closeTills)

test('a till takes coins, gives change, and the office pays its vendor for each coin once', async () => {
  const customer = await world.customer({ coins: [10n, 10n, 5n, 20n] })
  const vendor = await world.vendor({ float: [1n, 2n, 2n, 5n], keepMax: 1 })
  const till = new Till(world, vendor)
  expect(await till.tap(customer, pay(25n))).toMatchObject({
    result: 'done',
    view: { balance: 20n },
  })
  expect(await till.tap(customer, pay(13n))).toMatchObject({
    result: 'done',
    view: { balance: 7n },
  })
  expect(await till.tap(customer, pay(8n))).toMatchObject({ status: 'cannot_pay' })
  const kept = await vendor.status()
  expect(kept).toMatchObject({ outcome: 'none', number: 3 })
  const office = new Redemption(await directoryOf(world, [customer, vendor]))
  office.take(till.records())
  expect(office.total).toBe(45n + 10n - 7n - kept.total)
  expect(await till.closeDay()).toMatchObject({ result: 'closed', paid: kept.total })
  office.take(till.records())
  expect(office.total).toBe(48n)
  expect(office.cases).toEqual([])
  expect((await vendor.status()).coins).toBe(0)
})

test('a till whose journal is lost claims what its vendor element took, and does not say what it sold', async () => {
  const [payer, next] = [
    await world.customer({ coins: [10n] }),
    await world.customer({ coins: [1n] }),
  ]
  const vendor = await world.vendor({ till: 10 })
  const lost = new Till(world, vendor)
  lost.stock(10n)
  // Its power goes when it writes down what became of its request.
  lost.restart(countingFuse(3).fuse)
  await expect(lost.tap(payer, buy(10n))).rejects.toThrow(PowerLost)
  const till = new Till(world, vendor)
  expect(await till.tap(next, pay(1n))).toMatchObject({ result: 'done' })
  const told = till.records().map(({ evidence }) => tillWords(evidence))
  expect(told.map((words) => [words?.knows, words?.tokens.length])).toEqual([
    ['the outcome', 0],
    ['the order', 0],
  ])
  const office = new Redemption(await directoryOf(world, [payer, next, vendor]))
  office.take(till.records())
  expect(office.total + (await vendor.status()).total).toBe(11n)
})

const PAY = 0x54
const GET_RESPONSE = 0xc0
const isOfPay = (apdu: Bytes) => apdu[1] === PAY || apdu[1] === GET_RESPONSE

test('a payment that comes after its refusal is claimed, and uses up nothing that may be sold again', async () => {
  const payer = await world.customer({ coins: [10n] })
  const vendor = await world.vendor({ till: 9 })
  const till = new Till(world, vendor)
  till.stock(10n)

  // Somebody between till and card keeps the request back, refuses it, and has it paid then.
  payer.chip.field.powerOn()
  const card = inProcessChannel(payer.chip.field)
  const kept: Bytes[] = []
  const refusing = {
    atr: card.atr,
    async transmit(apdu: Bytes): Promise<Bytes> {
      if (!isOfPay(apdu)) return card.transmit(apdu)
      kept.push(apdu)
      const sw = apdu[2] === 0 ? 0x9000 : COIN_SW.PUF_FAILED
      return new Uint8Array([sw >> 8, sw & 0xff])
    },
  }
  expect(await till.tapAt(refusing, buy(10n))).toMatchObject({ status: 'tap_again' })
  expect(till.units).toBe(1)
  const answers: Bytes[] = []
  for (const apdu of kept) answers.push(await card.transmit(apdu))
  for (let last = answers.at(-1); last?.at(-2) === 0x61; last = answers.at(-1)) {
    answers.push(await card.transmit(new Uint8Array([0, GET_RESPONSE, 0, 0, last.at(-1) ?? 0])))
  }

  // Shown for the next request it does not pay that.
  payer.chip.field.powerOff()
  payer.chip.field.powerOn()
  const again = inProcessChannel(payer.chip.field)
  const showing = {
    atr: again.atr,
    transmit: async (apdu: Bytes) =>
      (isOfPay(apdu) ? answers.shift() : undefined) ?? (await again.transmit(apdu)),
  }
  expect(await till.tapAt(showing, buy(10n))).toMatchObject({ status: 'counterfeit_card' })
  const next = await world.customer({ coins: [1n] })
  expect(await till.tap(next, pay(1n))).toMatchObject({ result: 'done' })
  const office = new Redemption(await directoryOf(world, [payer, next, vendor]))
  office.take(till.records())
  const paid = till.records().filter(({ state }) => state === 'confirmed')
  expect(paid.map(({ amount, evidence }) => [amount, recordOf({ evidence }).tokens])).toEqual([
    [10n, []],
    [1n, []],
  ])
  expect(office.total + (await vendor.status()).total).toBe(11n)
})
