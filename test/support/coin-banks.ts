import { expect } from 'vitest'
import type { Amount } from '../../src/kernel/money.ts'
import { Unreachable, type Transport } from '../../src/kernel/ports.ts'
import { orderReserve } from '../../src/notary/operator.ts'
import { readReport } from '../../src/notary/reports.ts'
import { notaryTransport } from '../../src/notary/transport.ts'
import { NoAnswer } from '../../src/office/inter-office-client.ts'
import { createInterOffice, type InterOffice } from '../../src/office/inter-office.ts'
import { joinOthers, requestMembership, signRequests } from '../../src/schemes/membership.ts'
import { SCHEME as WALLET } from '../../src/schemes/wallet/message.ts'
import { notarySeatOf } from '../../src/schemes/wallet/office/seat.ts'
import { createWorld, type World } from '../notary/world.ts'
import { CoinOffice } from './coin-office.ts'

/** An office that is one bank of several, and its line to their notary, which can be cut. */
export class TestBank {
  readonly number: number
  readonly coins: CoinOffice
  readonly #world: World
  #interOffice: InterOffice
  /** Which of the next messages is lost on its way there, or its answer on the way back. */
  cut: { readonly at: number; readonly what: 'request' | 'answer' } | undefined
  sent = 0

  private constructor(number: number, coins: CoinOffice, world: World) {
    this.number = number
    this.coins = coins
    this.#world = world
    this.#interOffice = this.#open()
  }

  /** The process is killed, between two transactions, and started anew: it knows what its database does. */
  restart(): void {
    this.#interOffice = this.#open()
  }

  #open(): InterOffice {
    const { office, evidence } = this.coins.office
    const seat = notarySeatOf(office.secretsOf(WALLET), () => office.clock.now())
    if (!seat) throw new Error('it has joined')
    const transport: Transport = {
      send: async (request) => {
        this.sent += 1
        const isCut = this.cut?.at === this.sent
        if (isCut && this.cut?.what === 'request') throw new Unreachable('cut on the way there')
        const answer = await notaryTransport(this.#world.notary).send(request)
        if (isCut) throw new Unreachable('cut on the way back')
        return answer
      },
    }
    return createInterOffice(office, { seat, transport, evidence })
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
    coins.office.clock.instant = world.clock.now()
    coins.world.now = world.clock.now()
    return new TestBank(number, coins, world)
  }

  /** False if nobody answered. */
  async exchange(): Promise<boolean> {
    this.sent = 0
    try {
      await this.#interOffice.exchange()
      await this.coins.office.evidence.settled()
      return true
    } catch (error) {
      if (error instanceof NoAnswer) return false
      throw error
    }
  }

  /** What it owes each other bank, and each other bank it: nothing, once all is settled. */
  async owed(others: readonly TestBank[]): Promise<readonly Amount[]> {
    return Promise.all(
      others
        .filter((other) => other !== this)
        .map(({ number }) => this.coins.balance('reserve', `bank ${number}`)),
    )
  }
}

/** Banks whose coins are taken by each other’s vendors, under one root and with one notary. */
export class CoinBanks {
  readonly world: World
  readonly all: TestBank[] = []

  private constructor(world: World) {
    this.world = world
  }

  /** They know each other, and have paid in that much each. */
  static async create(count: number, reserve: Amount): Promise<CoinBanks> {
    const world = await createWorld()
    // It reads its own certificate when it starts.
    await world.restart()
    const banks = new CoinBanks(world)
    for (let number = 1; number <= count; number++) await banks.join(reserve)
    await banks.exchangeAll()
    return banks
  }

  /** Another one, which the others hear of with their next exchange. */
  async join(reserve: Amount): Promise<TestBank> {
    const number = this.all.length + 1
    const bank = await TestBank.create(number, this.world)
    this.all.push(bank)
    expect(await bank.exchange()).toBe(true)
    await this.deposit(number, reserve)
    return bank
  }

  async deposit(office: number, amount: Amount): Promise<void> {
    const order = { act: 'deposit', office, currency: 'EUR', amount } as const
    const words = { reason: 'test', reference: `deposit of ${office}` }
    const { opened, clock } = this.world
    expect(await orderReserve(opened.db, { ...order, ...words }, clock.now())).toBe('done')
  }

  /** Until nobody has anything to say any more: who makes an element known, who asks, who decides, who hears. */
  async exchangeAll(): Promise<void> {
    for (let round = 0; round <= this.all.length; round++) {
      for (const bank of this.all) await bank.exchange()
    }
  }

  /** Everywhere at once. */
  async pass(milliseconds: number): Promise<void> {
    this.world.clock.pass(milliseconds)
    for (const { coins } of this.all) {
      coins.office.clock.instant = this.world.clock.now()
      coins.world.now = this.world.clock.now()
      await coins.office.signInAgain()
    }
  }

  /** What each bank has at the notary. */
  async free(): Promise<readonly Amount[]> {
    const { offices, wrong, sums } = await readReport(this.world.opened.db)
    expect(wrong).toEqual([])
    for (const { sum } of sums) expect(sum).toBe(0n)
    return offices.map((office) => office.free)
  }

  /** No bank owes another anything, and everybody’s books agree. */
  async checkSettled(): Promise<void> {
    for (const bank of this.all) {
      await bank.coins.checkBooks()
      for (const owed of await bank.owed(this.all)) expect(owed).toBe(0n)
    }
    await this.free()
  }

  async close(): Promise<void> {
    for (const { coins } of this.all) await coins.office.close()
    await this.world.drop()
  }
}
