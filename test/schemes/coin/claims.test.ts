import { expect, test } from 'vitest'
import type { Bytes } from '../../../src/kernel/bytes.ts'
import { generatePrivateKey, sealTo, type PrivateKey } from '../../../src/kernel/p256.ts'
import { NO_ELEMENT, readCertificate } from '../../../src/schemes/coin/certificates.ts'
import { COIN_SW } from '../../../src/schemes/coin/instructions.ts'
import { isSignedBy, openMessage, signMessage } from '../../../src/kernel/signed-message.ts'
import {
  CONTEXT,
  request,
  requestId,
  settlement,
  transfer,
  type Transfer,
} from '../../../src/schemes/coin/message.ts'
import { claim } from '../../../src/schemes/coin/orders.ts'
import { Counter, paid, World } from './world.ts'

const world = new World('claims')
const NOTHING: Bytes = new Uint8Array()

/** A customer whose payment no vendor settled, and what his bank says to it. */
async function interrupted() {
  const customer = await world.customer({ coins: [10n, 5n] })
  const vendor = await world.vendor()
  const counter = new Counter(customer, vendor)
  const asked = await counter.with(async (card, element) => {
    const made = await counter.ask(card, element, 10n)
    expect(await card.pay(made.presentation)).toMatchObject({ sw: 0x9000 })
    return made
  })
  const [, certificate = NOTHING] = await customer.certificates()
  const { publicKey } = readCertificate(certificate)
  const close = (change: Partial<Transfer> = {}, key: PrivateKey = world.bank().key) => {
    const content: Transfer = {
      kind: 'return',
      giver: NO_ELEMENT,
      taker: customer.id,
      sequence: 0,
      request: requestId(asked.request),
      coins: [],
      ...change,
    }
    const plain = settlement.encode({ transfer: signMessage(transfer, content, key), coins: [] })
    const sealed = sealTo(publicKey, plain, CONTEXT.settlement, world.random)
    return counter.with(async (card) => (await card.settle(sealed)).sw)
  }
  return { customer, counter, asked, publicKey, close }
}

test('a bank sees what was given to whom, and closes it when nobody can redeem it', async () => {
  const { customer, counter, asked, publicKey, close } = await interrupted()
  const { data, sw } = await counter.with((card) => card.claim(0))
  expect(sw).toBe(0x9000)
  const shown = claim.decode(data)
  const given = openMessage(transfer, shown.transfer)
  expect(isSignedBy(given, publicKey)).toBe(true)
  expect(given.content).toMatchObject({ kind: 'pay', giver: customer.id, taker: counter.vendor.id })
  expect(given.content.coins).toHaveLength(1)
  expect(openMessage(request, shown.request).digest).toEqual(asked.request)
  expect(await counter.with((card) => card.claim(1))).toMatchObject({ sw: COIN_SW.NOT_FOUND })

  expect(await close()).toBe(0x9000)
  expect(await customer.status()).toMatchObject({ open: [], total: 5n })
  // The vendor gets it from the card no more.
  const again = await counter.with((card) => card.pay(asked.presentation))
  expect(again).toMatchObject({ sw: COIN_SW.STALE })
  await customer.buy([10n])
  paid(await counter.pay(15n))
})

test('nobody else closes it, and a bank gives nothing that way', async () => {
  const { customer, close } = await interrupted()
  expect(await close({}, generatePrivateKey())).toBe(COIN_SW.BAD_SIGNATURE)
  expect(await close({ kind: 'change' })).toBe(COIN_SW.BAD_COIN)
  expect(await close({ coins: [new Uint8Array(16)] })).toBe(COIN_SW.BAD_COIN)
  expect(await close({ request: new Uint8Array(16) })).toBe(COIN_SW.NOT_FOUND)
  expect(await close({ taker: world.nextId() })).toBe(COIN_SW.NOT_FOUND)
  expect(await close({ giver: world.nextId() })).toBe(COIN_SW.NOT_FOUND)
  expect((await customer.status()).open).toHaveLength(1)
})

test('four open payments are remembered, and each goes on', async () => {
  const customer = await world.customer({ coins: [1n, 1n, 1n, 1n, 1n] })
  const shops = [
    await world.vendor(),
    await world.vendor(),
    await world.vendor(),
    await world.vendor(),
  ]
  const open = []
  for (const shop of shops) {
    const counter = new Counter(customer, shop)
    open.push(
      await counter.with(async (card, element) => {
        const asked = await counter.ask(card, element, 1n)
        const { data, sw } = await card.pay(asked.presentation)
        expect(sw).toBe(0x9000)
        return { counter, asked, data }
      }),
    )
  }
  expect((await customer.status()).open).toHaveLength(4)
  expect(await new Counter(customer, await world.vendor()).pay(1n)).toBe(COIN_SW.FULL)
  for (const { counter, asked, data } of open.toReversed()) {
    const { identity, element, bank } = asked.shown
    const sw = await counter.with(async (card, vendor) => {
      expect(await card.pay(asked.presentation)).toEqual({ sw: 0x9000, data })
      const order = { mode: 'take', bank: [bank], identity, element, sealed: data } as const
      const outcome = await vendor.accept(order)
      return typeof outcome === 'number' ? outcome : (await card.settle(outcome.settlement)).sw
    })
    expect(sw).toBe(0x9000)
  }
  expect(await customer.status()).toMatchObject({ open: [], total: 1n, sequence: 4 })
  paid(await new Counter(customer, await world.vendor()).pay(1n))
})
