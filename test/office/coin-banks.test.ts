import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { orderReserve } from '../../src/notary/operator.ts'
import { readReport } from '../../src/notary/reports.ts'
import { notaryTransport } from '../../src/notary/transport.ts'
import { abroad } from '../../src/office/coins/banks/abroad.ts'
import { NoAnswer } from '../../src/office/inter-office-client.ts'
import { createInterOffice, type InterOffice } from '../../src/office/inter-office.ts'
import { joinOthers, requestMembership, signRequests } from '../../src/schemes/membership.ts'
import { SCHEME as WALLET } from '../../src/schemes/wallet/message.ts'
import { notarySeatOf } from '../../src/schemes/wallet/office/seat.ts'
import { Unreachable, type Transport } from '../../src/kernel/ports.ts'
import type { Amount } from '../../src/kernel/money.ts'
import { createWorld, type World } from '../notary/world.ts'
import { pay } from '../schemes/coin/till.ts'
import { CoinOffice, type OfficeCustomer, type Shop } from '../support/coin-office.ts'

/** Two offices that are banks, a notary between them, and a line that can be cut. */
class TestBank {
  readonly number: number
  readonly coins: CoinOffice
  readonly interOffice: InterOffice
  /** Which of the next messages is lost on its way there, or its answer on the way back. */
  cut: { readonly at: number; readonly what: 'request' | 'answer' } | undefined
  sent = 0

  private constructor(number: number, coins: CoinOffice, world: World) {
    this.number = number
    this.coins = coins
    const { office, evidence } = coins.office
    const seat = notarySeatOf(office.secretsOf(WALLET), () => office.clock.now())
    if (!seat) throw new Error('it has joined')
    const line = () => notaryTransport(world.notary)
    const transport: Transport = {
      send: async (request) => {
        this.sent += 1
        const isCut = this.cut?.at === this.sent
        if (isCut && this.cut?.what === 'request') throw new Unreachable('cut on the way there')
        const answer = await line().send(request)
        if (isCut) throw new Unreachable('cut on the way back')
        return answer
      },
    }
    this.interOffice = createInterOffice(
      { ...office, clock: world.clock },
      { seat, transport, evidence },
    )
  }

  static async create(number: number, world: World): Promise<TestBank> {
    const [notaryKey] = world.notary.keys
    const root = world.root.certificate.bytes
    const notary = notaryKey?.certificate?.bytes
    if (!notary) throw new Error('the notary was certified')
    const coins = await CoinOffice.create(`bank ${number}`, {
      join: (secretsOf) => {
        const requests = requestMembership(['wallet', 'coin'], number, secretsOf)
        const certificates = signRequests(requests, world.root, world.clock.now())
        return joinOthers(secretsOf, { certificates, root, notary }).secrets
      },
    })
    return new TestBank(number, coins, world)
  }

  /** False if nobody answered. */
  async exchange(): Promise<boolean> {
    this.sent = 0
    try {
      await this.interOffice.exchange()
      await this.coins.office.evidence.settled()
      return true
    } catch (error) {
      if (error instanceof NoAnswer) return false
      throw error
    }
  }
}

let world: World
let banks: readonly [TestBank, TestBank]
let customers: readonly [OfficeCustomer, OfficeCustomer]
let shops: readonly [Shop, Shop]

beforeAll(async () => {
  world = await createWorld()
  // It reads its own certificate when it starts.
  await world.restart()
  banks = [await TestBank.create(1, world), await TestBank.create(2, world)]
  const [one, two] = banks
  for (const { coins } of banks) coins.office.clock.instant = world.clock.now()
  for (const { coins } of banks) coins.world.now = world.clock.now()
  for (const bank of [one, two, one]) await bank.exchange()
  for (const { number } of banks) await deposit(number, 1000n)
  customers = [await one.coins.customer(1000n), await two.coins.customer(1000n)]
  shops = [await one.coins.shop([]), await two.coins.shop([])]
})
afterAll(async () => {
  for (const { coins } of banks) await coins.office.close()
  await world.drop()
})
beforeEach(() => {
  for (const bank of banks) bank.cut = undefined
})

async function deposit(office: number, amount: Amount): Promise<void> {
  const order = { act: 'deposit', office, currency: 'EUR', amount } as const
  const words = { reason: 'test', reference: `deposit of ${office}` }
  const said = await orderReserve(world.opened.db, { ...order, ...words }, world.clock.now())
  expect(said).toBe('done')
}

async function exchangeAll(): Promise<void> {
  for (const bank of [...banks, ...banks, ...banks]) await bank.exchange()
}

async function free(): Promise<readonly Amount[]> {
  const { offices, wrong } = await readReport(world.opened.db)
  expect(wrong).toEqual([])
  return offices.map((office) => office.free)
}

async function owedBetween(): Promise<readonly Amount[]> {
  return Promise.all(banks.map(({ coins }, index) => coins.balance('reserve', `bank ${2 - index}`)))
}

test('coins of each are accepted and settled by the other’s vendors', async () => {
  const [one, two] = banks
  const [ada, bert] = customers
  await ada.buyCoins([10n, 20n, 5n])
  await bert.buyCoins([10n, 50n])
  expect(await shops[1].tap(ada, pay(15n))).toMatchObject({ result: 'done' })
  expect(await shops[0].tap(bert, pay(50n))).toMatchObject({ result: 'done' })
  for (const shop of shops) {
    await shop.closeDay()
    await shop.report()
  }
  // What the vendor kept and surrendered names an element of the other bank, which nobody here knows yet.
  const { db } = one.coins.office
  const waiting = await sql<{ reason: string }>`select reason from rejected_item`.execute(db)
  expect(waiting.rows).toContainEqual({ reason: 'unknown_element' })
  await two.exchange()
  await one.exchange()
  expect(
    (await sql`select from rejected_item where reason = 'unknown_element'`.execute(db)).rows,
  ).toEqual([])
  // Nothing is paid for coins of another bank before it has said anything.
  expect(await one.coins.balance('merchant', shops[0].merchant)).toBe(0n)
  expect(await abroad(one.coins.office.db, 1)).toMatchObject([
    { bank: 2, state: 'awaited', coins: 1, value: 50n },
  ])
  await exchangeAll()
  expect(await one.coins.balance('merchant', shops[0].merchant)).toBe(50n)
  expect(await two.coins.balance('merchant', shops[1].merchant)).toBe(15n)
  expect(await abroad(one.coins.office.db, 1)).toMatchObject([{ bank: 2, state: 'paid' }])
  expect(await owedBetween()).toEqual([0n, 0n])
  expect(await free()).toEqual([1035n, 965n])
  for (const { coins } of banks) {
    await coins.checkBooks()
    expect(await coins.cases()).toEqual([])
  }
})

test('a coin spent at both banks: paid once, and the case is against the card', async () => {
  const [one, two] = banks
  const [ada] = customers
  await ada.buyCoins([100n])
  const clone = ada.clone()
  expect(await shops[1].tap(ada, pay(100n))).toMatchObject({ result: 'done' })
  await shops[1].closeDay()
  await shops[1].report(shops[1].records().slice(-2))
  await exchangeAll()
  expect(await two.coins.balance('merchant', shops[1].merchant)).toBe(115n)
  // Its own bank hears of the second one later: what it has paid the other bank stays paid.
  expect(await shops[0].tap(clone, pay(100n))).toMatchObject({ result: 'done' })
  await shops[0].closeDay()
  await shops[0].report(shops[0].records().slice(-2))
  await exchangeAll()
  expect(await one.coins.balance('merchant', shops[0].merchant)).toBe(50n)
  expect(await two.coins.balance('merchant', shops[1].merchant)).toBe(115n)
  expect(await owedBetween()).toEqual([0n, 0n])
  const against = (await one.coins.cases()).map(({ strength, against: who }) => [strength, ...who])
  expect(against).toEqual([['proven', ada.card]])
  for (const { coins } of banks) await coins.checkBooks()
})

test('whichever message or answer is lost: everything is done once', async () => {
  const [one, two] = banks
  const [, bert] = customers
  let cuts = 0
  const before = await free()
  for (const bank of [one, two]) {
    for (let at = 1; at <= 7; at++) {
      for (const what of ['request', 'answer'] as const) {
        bank.cut = { at, what }
        if (!(await bank.exchange())) cuts += 1
        bank.cut = undefined
      }
    }
  }
  expect(cuts).toBe(12)
  expect(await free()).toEqual(before)
  await bert.buyCoins([10n])
  expect(await shops[0].tap(bert, pay(10n))).toMatchObject({ result: 'done' })
  await shops[0].closeDay()
  await shops[0].report(shops[0].records().slice(-2))
  for (let round = 0; round < 6; round++) {
    for (const bank of [one, two]) {
      bank.cut = { at: round + 2, what: round % 2 === 0 ? 'answer' : 'request' }
      await bank.exchange()
      bank.cut = undefined
    }
  }
  await exchangeAll()
  expect(await owedBetween()).toEqual([0n, 0n])
  expect(await free()).toEqual([(before[0] ?? 0n) + 10n, (before[1] ?? 0n) - 10n])
})
