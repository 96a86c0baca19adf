import { describe, expect, test } from 'vitest'
import { IsoCard } from '../../../src/card/iso-card.ts'
import { CHALLENGES } from '../../../src/card/puf/erasable-puf.ts'
import type { Bytes } from '../../../src/kernel/bytes.ts'
import { openMessage } from '../../../src/kernel/signed-message.ts'
import { coinElement } from '../../../src/schemes/coin/element/coin-element.ts'
import { ElementCore, isRefused } from '../../../src/schemes/coin/element/core.ts'
import { DECIDED_WINDOW } from '../../../src/schemes/coin/element/outbox.ts'
import { COIN_SW, INS } from '../../../src/schemes/coin/instructions.ts'
import {
  COIN_AID,
  HOPS_MAX,
  REGISTERS,
  settlement,
  transfer,
  VALUE_MAX,
  VENDOR_AID,
  type Coin,
  type HeldCoin,
} from '../../../src/schemes/coin/message.ts'
import { ask, selectApplet, VendorElement } from '../../../src/schemes/coin/terminal.ts'
import { crackedKey } from './bench.ts'
import { Forger, requestIn } from './forger.ts'
import { Counter, openEvidence, paid, World, type Customer, type Vendor } from './world.ts'

/** What gets into registers, what may come back, and when there is no room. Rows differ by one thing. */
const world = new World('change')
world.bank(2)
const person = await world.customer({ coins: [10n, 10n] })
const foreigner = await world.customer({ bank: 2, coins: [10n] })
const shop = await world.vendor({ otherBanks: [2], keepMax: 2 })
const forger = new Forger(world)
/** Half of the challenges are the bank’s. */
const OWN_SEEDS = CHALLENGES / 2
const FREE_SEED = 200

async function load(holder: Customer | Vendor, held: HeldCoin, seed = FREE_SEED): Promise<number> {
  const register = forger.register(holder, held, seed)
  return holder.chip.tapped(async (channel) => {
    await selectApplet(channel, holder.kind === 'card' ? COIN_AID : VENDOR_AID)
    return (await ask(channel, INS.LOAD, register)).sw
  })
}

interface Loading {
  readonly name: string
  readonly coin?: Partial<Coin>
  readonly seed?: number
  readonly expected: number
}

describe('loading', () => {
  const ROWS: readonly Loading[] = [
    { name: 'as it should be', expected: 0x9000 },
    { name: 'the last seed that is the bank’s', seed: OWN_SEEDS - 1, expected: 0x9000 },
    { name: 'the first seed that is its own', seed: OWN_SEEDS, expected: COIN_SW.DEAD_REGISTER },
    { name: 'the last one', seed: CHALLENGES - 1, expected: COIN_SW.DEAD_REGISTER },
    { name: 'of another currency', coin: { currency: 752 }, expected: COIN_SW.BAD_COIN },
    { name: 'of a bank that it does not know', coin: { bank: 9 }, expected: COIN_SW.BAD_COIN },
    { name: 'of another holder', coin: { holder: foreigner.id }, expected: COIN_SW.BAD_COIN },
    {
      name: 'bound to somebody else',
      coin: { identity: foreigner.identity },
      expected: COIN_SW.BAD_COIN,
    },
  ]
  const bound: Loading = { name: 'bound to its holder', expected: 0x9000 }

  test.for([...ROWS, { ...bound, coin: { identity: person.identity } }])(
    'a card takes a coin or not: $name',
    async ({ coin, seed, expected }) => {
      const customer = person.clone()
      const held = forger.coin({ holder: customer.id, ...coin })
      expect(await load(customer, held, seed)).toBe(expected)
      const { total } = await customer.status()
      expect(total).toBe(expected === 0x9000 ? 30n : 20n)
    },
  )

  test.for([
    ...ROWS,
    { name: 'of another bank that it knows', coin: { bank: 2 }, expected: 0x9000 },
  ])('a vendor element takes a coin or not: $name', async ({ coin, seed, expected }) => {
    const vendor = shop.clone()
    const held = forger.coin({ holder: vendor.id, ...coin })
    expect(await load(vendor, held, seed)).toBe(expected)
  })

  test('not where there is no room; and what was spent is gone, room or not', async () => {
    const customer = person.clone()
    paid(await new Counter(customer, shop.clone()).pay(10n))
    await fill(customer)
    const coin = () => forger.coin({ holder: customer.id })
    expect(await load(customer, coin(), 200)).toBe(COIN_SW.NO_ROOM)
    const again = [await load(customer, coin(), 0), await load(customer, coin(), 1)]
    expect(new Set(again), 'one is there, and one was spent').toEqual(
      new Set([0x9000, COIN_SW.DEAD_REGISTER]),
    )
  })
})

/** Coins of 1, until it has so many coins. */
async function fill(holder: Customer | Vendor, upTo = REGISTERS): Promise<void> {
  const { coins } = await holder.status()
  await holder.buy(Array.from({ length: upTo - coins }, () => 1n))
}

test('change waits until there is room for it', async () => {
  const customer = person.clone()
  const vendor = shop.clone()
  await vendor.buy([2n])
  const counter = new Counter(customer, vendor)
  const { sealed, shown } = await counter.with(async (card, element) => {
    const asked = await counter.ask(card, element, 8n)
    return { ...asked, sealed: (await card.pay(asked.presentation)).data }
  })
  await fill(customer)
  const sw = await counter.with(async (card, element) => {
    const { bank, identity, element: own } = shown
    const order = { mode: 'take', bank: [bank], identity, element: own, sealed } as const
    const outcome = await element.accept(order)
    if (typeof outcome === 'number') throw new Error('it is taken')
    await element.confirm(outcome)
    const settle = async () => (await card.settle(outcome.settlement)).sw
    return { settle: await settle(), again: await settle() }
  })
  expect(sw).toEqual({ settle: COIN_SW.NO_ROOM, again: COIN_SW.NO_ROOM })
  expect((await customer.status()).open).toHaveLength(1)
  // A coin less, and there is room.
  paid(await new Counter(customer, await world.vendor()).pay(1n))
  const outcome = await counter.with(async (_, element) => element.outcome())
  const settled = await counter.with((card) => card.settle(outcome?.settlement ?? new Uint8Array()))
  expect(settled).toMatchObject({ sw: 0x9000 })
  expect(await customer.status()).toMatchObject({ open: [], coins: REGISTERS })
})

test('a full card pays exactly: what could not come back is not asked for', async () => {
  const customer = person.clone()
  await fill(customer)
  const vendor = shop.clone()
  await vendor.buy([2n])
  const { outcome } = paid(await new Counter(customer, vendor).pay(8n))
  expect(outcome.change).toBe(0n)
})

test('coins that come one after the other get registers and seeds of their own', async () => {
  const [customer, vendor] = [person.clone(), shop.clone()]
  await vendor.buy([2n, 2n])
  const counter = new Counter(customer, vendor)
  for (const left of [12n, 4n]) {
    paid(await counter.pay(8n))
    expect(await customer.status()).toMatchObject({ total: left })
    expect(await vendor.status()).toMatchObject({ total: 24n - left })
  }
  // Of two alike the other one is still there.
  paid(await counter.pay(2n))
  expect(await customer.status()).toMatchObject({ total: 2n, coins: 1 })
  const rich = await world.customer({ coins: [20n] })
  paid(await new Counter(rich, vendor).pay(10n))
  expect(await vendor.status()).toMatchObject({ total: 32n, coins: 3 })
})

test('an element that has used up its seeds takes no change, and says so beforehand', async () => {
  for (const [left, expected] of [
    [1, 0x9000],
    [0, COIN_SW.CANNOT_PAY],
  ] as const) {
    const customer = person.clone()
    withCore(customer, (core) => {
      core.puf.notes.write(core.countPart({ ownSeeds: OWN_SEEDS - left }))
      const coins = [forger.coin({ holder: customer.id }), forger.coin({ holder: customer.id })]
      expect(core.room).toBe(left)
      expect(isRefused(core.enclose(coins.slice(0, left)))).toBe(false)
      expect(core.enclose(coins.slice(0, left + 1))).toBe(COIN_SW.NO_ROOM)
    })
    const vendor = shop.clone()
    await vendor.buy([2n])
    const result = await new Counter(customer, vendor).pay(8n)
    expect(typeof result === 'number' ? result : 0x9000).toBe(expected)
  }
})

/** What is inside the coin element of a card, for whoever has taken it to pieces. */
function withCore({ chip }: Customer, work: (core: ElementCore) => void): void {
  const { silicon, design, nvm } = chip
  const open: typeof own.open = (host) => {
    work(new ElementCore(host, { name: COIN_AID, silicon }))
    return own.open(host)
  }
  const own = coinElement(silicon)
  const applets = design.applets.map((applet) =>
    applet.aid === own.aid ? { ...own, open } : applet,
  )
  const card = new IsoCard(nvm, { ...design, applets }, world.random)
  card.powerOn()
  const select = Uint8Array.of(0x00, 0xa4, 0x04, 0x00, COIN_AID.length, ...COIN_AID, 0x00)
  expect(card.process(select).subarray(-2)).toEqual(Uint8Array.of(0x90, 0x00))
}

/** A coin that has come to its holder after so many transfers, to and fro. */
function travelled(hops: number, holder: Bytes, other: Bytes, change: Partial<Coin> = {}) {
  const first = forger.coin({ holder: hops % 2 === 0 ? holder : other, ...change })
  const takers = Array.from({ length: hops }, (_, at) => ((hops - at) % 2 === 0 ? other : holder))
  return forger.passed(first, takers)
}

/** What this card may be given back, of 3 that the vendor has. */
async function offered(held: HeldCoin, customer: Customer): Promise<boolean> {
  const vendor = shop.clone()
  expect(await load(vendor, held)).toBe(0x9000)
  const keys = {
    identity: crackedKey(customer.chip, 'identity element'),
    coin: crackedKey(customer.chip, 'coin element'),
  }
  const counter = new Counter(customer, vendor)
  const { presentation } = await counter.with(async (card, element) =>
    counter.ask(card, element, 7n),
  )
  const { float } = requestIn(presentation, keys).content
  return float.some(({ value }) => value === 3n)
}

describe('a vendor element offers as change', () => {
  const three = (change: Partial<Coin> = {}) =>
    forger.coin({ holder: shop.id, value: 3n, ...change })
  const after = (hops: number) => travelled(hops, shop.id, person.id, { value: 3n })

  test.for([
    ['what its bank made', () => three(), person, true],
    ['nothing that has expired', () => three({ expires: world.now }), person, false],
    ['what is good until then', () => three({ expires: world.now + 1000 }), person, true],
    ['what can be paid once more', () => after(HOPS_MAX - 2), person, true],
    ['nothing that cannot', () => after(HOPS_MAX - 1), person, false],
    ['no coin of a bank that the card does not know', () => three({ bank: 2 }), person, false],
    ['one of the card’s bank', () => three({ bank: 2 }), foreigner, true],
    ['one of its own bank, to whom shows that', () => three(), foreigner, true],
  ] as const)('%s', async ([, held, customer, expected]) => {
    expect(await offered(held(), customer.clone())).toBe(expected)
  })
})

describe('a vendor element keeps as change for others', () => {
  const ofPerson = (change: Partial<Coin> = {}) => forger.coin({ holder: person.id, ...change })
  const from = (hops: number) => travelled(hops, person.id, shop.id)

  test.for([
    ['what comes from a bank', () => [ofPerson()], 1],
    ['what has two transfers to go', () => [from(HOPS_MAX - 3)], 1],
    ['nothing that has one', () => [from(HOPS_MAX - 2)], 0],
    ['nothing that is bound', () => [ofPerson({ identity: person.identity })], 0],
    ['up to two of a kind', () => [ofPerson(), ofPerson(), ofPerson()], 2],
  ] as const)('%s', async ([, coins, expected]) => {
    const customer = person.clone()
    paid(await new Counter(customer, shop.clone()).pay(20n))
    const held = coins()
    for (const [index, coin] of held.entries()) {
      expect(await load(customer, coin, FREE_SEED + index)).toBe(0x9000)
    }
    const vendor = shop.clone()
    paid(await new Counter(customer, vendor).pay(10n * BigInt(held.length)))
    expect(await vendor.status()).toMatchObject({ coins: expected })
  })
})

test('a vendor element keeps as much as it has room for', async () => {
  const vendor = shop.clone()
  await fill(vendor, REGISTERS - 1)
  paid(await new Counter(person.clone(), vendor).pay(20n))
  expect(await vendor.status()).toMatchObject({ coins: REGISTERS })
})

test('a vendor element signs no two transfers with one number', async () => {
  const vendor = shop.clone()
  await fill(vendor, 11)
  const outcomes = [paid(await new Counter(person.clone(), vendor).pay(20n)).outcome]
  await vendor.chip.tapped(async (slot) => {
    const element = await VendorElement.connect(slot)
    for (let outcome = await element?.surrender(); outcome; outcome = await element?.surrender()) {
      outcomes.push(outcome)
      await element?.confirm(outcome)
    }
  })
  outcomes.push(paid(await new Counter(person.clone(), vendor).pay(20n)).outcome)
  const numbers = outcomes.map((outcome) => {
    const { content } = openEvidence(world, outcome.evidence)
    return openMessage(transfer, settlement.decode(content.settlement).transfer).content.sequence
  })
  expect(numbers).toEqual([1, 2, 3, 4])
})

describe('sums that are more than one coin can be', () => {
  const LARGE = 3_000_000_000n

  /** Pays 4,000,000,000 with two coins, if there is change. */
  async function rich(float: readonly bigint[]) {
    const customer = await world.customer({ coins: [LARGE, LARGE], pinFreeMax: VALUE_MAX })
    const vendor = await world.vendor({ float })
    return { customer, vendor, counter: new Counter(customer, vendor) }
  }

  test('are paid, given back and surrendered', async () => {
    for (const mode of ['take', 'return'] as const) {
      const { customer, vendor, counter } = await rich([2_000_000_000n])
      const outcome = await counter.with(async (card, element) => {
        const { shown, presentation } = await counter.ask(card, element, 4_000_000_000n)
        const { data: sealed } = await card.pay(presentation)
        const { bank, identity, element: own } = shown
        const decided = await element.accept({ mode, bank: [bank], identity, element: own, sealed })
        if (typeof decided === 'number') throw new Error('it is decided')
        await element.confirm(decided)
        expect(await card.settle(decided.settlement)).toMatchObject({ sw: 0x9000 })
        return decided
      })
      const [amount, change] = mode === 'take' ? [4_000_000_000n, 2_000_000_000n] : [0n, 2n * LARGE]
      expect(outcome).toMatchObject({ amount, change })
      expect(await customer.status()).toMatchObject({ total: change, open: [] })
      if (mode === 'return') continue
      const surrendered = await vendor.chip.tapped(async (slot) =>
        (await VendorElement.connect(slot))?.surrender(),
      )
      expect(surrendered).toMatchObject({ amount: 2n * LARGE })
    }
  })

  test('a card says how much less it could pay, and not more than anybody can ask for', async () => {
    const { counter } = await rich([])
    const { sw, data } = await counter.with(async (card, element) => {
      const { presentation } = await counter.ask(card, element, 4_000_000_000n)
      return card.pay(presentation)
    })
    expect(sw).toBe(COIN_SW.CANNOT_PAY)
    const view = new DataView(data.buffer, data.byteOffset)
    expect([view.getUint32(0), view.getUint32(4)]).toEqual([1_000_000_000, 0])
  })
})

describe('a vendor element remembers 1024 requests', () => {
  /** Pays at request `first`, and hands the payment over once so many more have been asked. */
  async function later(requests: number) {
    const vendor = shop.clone()
    const counter = new Counter(person.clone(), vendor)
    const { sealed, shown, number } = await counter.with(async (card, element) => {
      const asked = await counter.ask(card, element, 10n)
      const { data } = await card.pay(asked.presentation)
      return { ...asked, sealed: data, number: (await element.status()).number }
    })
    await skipTo(vendor, number + requests)
    return counter.with(async (_, element) => {
      const { bank, identity, element: own } = shown
      const order = { mode: 'take', bank: [bank], identity, element: own, sealed } as const
      const outcome = await element.accept(order)
      return typeof outcome === 'number' ? outcome : outcome.kind
    })
  }

  async function skipTo(vendor: Vendor, number: number): Promise<void> {
    const counter = new Counter(person.clone(), vendor)
    await counter.with(async (card, element) => {
      const shown = await card.introduce()
      const none: Bytes = new Uint8Array()
      const {
        bank,
        identity,
        element: own,
      } = shown ?? { bank: none, identity: none, element: none }
      const asked = await element.request({
        bank: [bank],
        identity,
        element: own,
        nonce: card.nonce,
        number,
        amount: 1n,
        madeAt: world.now,
        pin: [],
      })
      expect(asked).toMatchObject({ request: expect.any(Uint8Array) })
    })
  }

  test('and decides about none that is older', async () => {
    expect(await later(DECIDED_WINDOW - 1)).toBe('paid')
    expect(await later(DECIDED_WINDOW)).toBe(COIN_SW.TOO_OLD)
  })

  test('and decides about one whose place was that of another', async () => {
    const vendor = shop.clone()
    const first = (await vendor.status()).number + 1
    paid(await new Counter(person.clone(), vendor).pay(10n))
    await skipTo(vendor, first + DECIDED_WINDOW - 1)
    paid(await new Counter(person.clone(), vendor).pay(10n))
    expect(await vendor.status()).toMatchObject({ number: first + DECIDED_WINDOW })
  })
})
