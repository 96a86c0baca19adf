import { Field } from '../../../src/card/field.ts'
import { IsoCard, isoCardNvm, type IsoCardDesign } from '../../../src/card/iso-card.ts'
import type { Nvm } from '../../../src/card/nvm.ts'
import { Silicon } from '../../../src/card/puf/silicon.ts'
import { type Bytes } from '../../../src/kernel/bytes.ts'
import { invariant } from '../../../src/kernel/errors.ts'
import { currency, type Amount } from '../../../src/kernel/money.ts'
import { generatePrivateKey } from '../../../src/kernel/p256.ts'
import { pinBlock } from '../../../src/kernel/pin.ts'
import type { Instant, RandomSource } from '../../../src/kernel/ports.ts'
import type { Channel } from '../../../src/reader/channel.ts'
import { inProcessChannel } from '../../../src/reader/in-process.ts'
import {
  bankCertificate,
  makeCard,
  makeCoins,
  makeVendor,
  rootCertificate,
  type Bank,
  type Enrolment,
} from '../../../src/schemes/coin/office/bank.ts'
import { coinChip, vendorChip } from '../../../src/schemes/coin/chips.ts'
import { loadCoins, readChip, writePlan, type ChipKind } from '../../../src/schemes/coin/issuing.ts'
import { openMessage } from '../../../src/kernel/signed-message.ts'
import { CONTEXT, evidence } from '../../../src/schemes/coin/message.ts'
import { type Outcome } from '../../../src/schemes/coin/orders.ts'
import { cardPlan, vendorPlan } from '../../../src/schemes/coin/plans.ts'
import { openSealed } from '../../../src/kernel/p256.ts'
import { CoinCard, VendorElement } from '../../../src/schemes/coin/terminal.ts'
import { keystream } from '../../card/puf/silicon.ts'

/** A root, its banks, their elements and vendors: all real, and in the test's own process. */
export const EUR = currency('EUR')
export const PASSCODE = '4821'
export const START: Instant = Date.UTC(2026, 8, 8, 12)
const FROM: Instant = Date.UTC(2026, 0, 1)
const TO: Instant = Date.UTC(2030, 11, 31)
export const COINS_EXPIRE: Instant = Date.UTC(2028, 0, 1)
export const DENOMINATIONS = [1n, 2n, 5n, 10n, 20n, 50n, 100n, 200n, 500n, 1000n, 2000n]

export class World {
  readonly random: RandomSource
  readonly rootKey = generatePrivateKey()
  readonly root = rootCertificate(this.rootKey, { from: FROM, to: TO })
  readonly officeKey = generatePrivateKey()
  readonly bitErrorRate: number
  now: Instant = START
  #elements = 0
  #serials = 1
  readonly banks = new Map<number, Bank>()

  constructor(seed = 'coins', { bitErrorRate = 0.05 } = {}) {
    this.random = keystream(seed)
    this.bitErrorRate = bitErrorRate
  }

  bank(number = 1): Bank {
    const known = this.banks.get(number)
    if (known) return known
    const key = generatePrivateKey()
    const certificate = bankCertificate(number, key.publicKey, this.rootKey, { from: FROM, to: TO })
    const bank = { number, key, certificate, root: this.root }
    this.banks.set(number, bank)
    return bank
  }

  nextId(): Bytes {
    this.#elements += 1
    const id = new Uint8Array(8)
    new DataView(id.buffer).setUint32(4, this.#elements)
    id[0] = 0xc0
    return id
  }

  silicon(control?: Silicon): Silicon {
    return new Silicon({
      structure: this.random.bytes(32),
      noise: this.random,
      bitErrorRate: this.bitErrorRate,
      ...(control && { control: control.control.snapshot() }),
    })
  }

  serials(count: number): number {
    const first = this.#serials
    this.#serials += count
    return first
  }

  async customer(options: Partial<CustomerOptions> = {}): Promise<Customer> {
    const { bank = 1, passcode = PASSCODE, pinFreeMax = 100_000n } = options
    const customer = new Customer(this, this.bank(bank))
    await customer.make(passcode, pinFreeMax)
    if (options.coins) await customer.buy(options.coins, options.bound)
    return customer
  }

  async vendor(options: Partial<VendorOptions> = {}): Promise<Vendor> {
    const { bank = 1, till = 7, keepMax = 4, otherBanks = [] } = options
    const vendor = new Vendor(this, this.bank(bank), till)
    await vendor.make(
      keepMax,
      otherBanks.map((number) => this.bank(number).certificate),
    )
    if (options.float) await vendor.buy(options.float)
    return vendor
  }
}

export interface CustomerOptions {
  readonly bank: number
  readonly passcode: string
  readonly pinFreeMax: Amount
  readonly coins: readonly Amount[]
  readonly bound: 'bound' | 'free'
}

export interface VendorOptions {
  readonly bank: number
  readonly till: number
  readonly keepMax: number
  readonly otherBanks: readonly number[]
  readonly float: readonly Amount[]
}

/** All that a chip is, what cannot be copied of a real one included. */
export interface ChipImage {
  readonly structure: Bytes
  /** The memory of its PUF’s control logic. */
  readonly control: Bytes
  readonly nvm: Bytes
}

/** A chip, its silicon and a reader before it. */
export class Chip {
  readonly world: World
  readonly structure: Bytes
  readonly silicon: Silicon
  readonly design: IsoCardDesign
  readonly nvm: Nvm
  readonly field: Field

  constructor(world: World, kind: ChipKind, from?: Chip | ChipImage, rate: 106 | 424 = 106) {
    const image = from instanceof Chip ? from.image : from
    this.world = world
    this.structure = image?.structure ?? world.random.bytes(32)
    this.silicon = new Silicon({
      structure: this.structure,
      noise: world.random,
      bitErrorRate: world.bitErrorRate,
      ...(image && { control: image.control }),
    })
    this.design = kind === 'card' ? coinChip(this.silicon, rate) : vendorChip(this.silicon)
    this.nvm = isoCardNvm(this.design, image?.nvm)
    this.field = new Field(new IsoCard(this.nvm, this.design, world.random))
  }

  get image(): ChipImage {
    const { structure, silicon, nvm } = this
    return { structure, control: silicon.control.snapshot(), nvm: nvm.snapshot() }
  }

  async tapped<T>(work: (channel: Channel) => Promise<T>): Promise<T> {
    this.field.powerOn()
    try {
      return await work(inProcessChannel(this.field))
    } finally {
      this.field.powerOff()
    }
  }
}

abstract class Holder {
  readonly world: World
  readonly bank: Bank
  readonly kind: ChipKind
  readonly id: Bytes
  chip: Chip
  enrolment: Enrolment | undefined

  constructor(world: World, bank: Bank, kind: ChipKind, from?: Holder) {
    this.world = world
    this.bank = bank
    this.kind = kind
    this.id = from?.id ?? world.nextId()
    this.chip = new Chip(world, kind, from?.chip)
    this.enrolment = from?.enrolment
  }

  protected async report(): Promise<Bytes> {
    const report = await this.chip.tapped((channel) => readChip(channel, this.kind, 64))
    invariant(typeof report !== 'string', 'a blank chip reports')
    return report
  }

  protected async write(plan: Bytes): Promise<void> {
    const status = await this.chip.tapped((channel) => writePlan(channel, plan))
    invariant(status === 'written', `a chip that has reported is written: ${status}`)
  }

  /** Coins from its own bank. */
  async buy(values: readonly Amount[], bound: 'bound' | 'free' = 'free'): Promise<void> {
    const registers = this.sell(values, bound)
    const status = await this.chip.tapped((channel) => loadCoins(channel, this.kind, registers))
    invariant(status === 'written', `an element takes its coins: ${status}`)
  }

  /** What its bank makes for it. */
  sell(values: readonly Amount[], bound: 'bound' | 'free' = 'free', expires = COINS_EXPIRE) {
    invariant(this.enrolment, 'the chip has reported')
    const firstSerial = this.world.serials(values.length)
    const order = { values, currency: EUR, expires, bound, firstSerial }
    const sold = makeCoins(this.bank, this.enrolment, order, this.world.random)
    this.enrolment = sold.left
    return sold.registers
  }

  /** Another chip with all that can be copied of this one: its memory, not its silicon. */
  memoryIn(other: Chip): void {
    other.nvm.restore(this.chip.nvm.snapshot())
  }
}

export class Customer extends Holder {
  readonly identity: Bytes

  constructor(world: World, bank: Bank, from?: Customer) {
    super(world, bank, 'card', from)
    this.identity = from?.identity ?? world.nextId()
  }

  /** Another card with all that is in this one, its silicon too: what nobody can make. */
  clone(): Customer {
    return new Customer(this.world, this.bank, this)
  }

  async make(passcode: string, pinFreeMax: Amount): Promise<void> {
    const made = makeCard(this.bank, await this.report(), {
      identity: this.identity,
      element: this.id,
      currency: EUR,
      pinFreeMax,
      passcode,
      unblocking: '12345678',
      from: FROM,
      to: TO,
    })
    this.enrolment = made.enrolment
    await this.write(made.plan)
  }

  /** Identity element’s and coin element’s. */
  async certificates(): Promise<readonly Bytes[]> {
    return this.chip.tapped(async (channel) => {
      const shown = await (await CoinCard.connect(channel))?.introduce()
      invariant(shown, 'a card shows its certificates')
      return [shown.identity, shown.element]
    })
  }

  async status() {
    return this.chip.tapped(async (channel) => {
      const status = await (await CoinCard.connect(channel))?.status()
      invariant(status, 'it is a card with coins')
      return status
    })
  }
}

export class Vendor extends Holder {
  readonly till: number
  #certificate: Bytes | undefined

  constructor(world: World, bank: Bank, till: number, from?: Vendor) {
    super(world, bank, 'vendor element', from)
    this.till = till
    if (from) this.#certificate = from.#certificate
  }

  clone(): Vendor {
    return new Vendor(this.world, this.bank, this.till, this)
  }

  async make(keepMax: number, otherBanks: readonly Bytes[]): Promise<void> {
    const made = makeVendor(this.bank, await this.report(), {
      element: this.id,
      till: this.till,
      currency: EUR,
      keepMax,
      otherBanks,
      office: this.world.officeKey.publicKey,
      from: FROM,
      to: TO,
    })
    this.enrolment = made.enrolment
    this.#certificate = vendorPlan.decode(cardPlan.decode(made.plan).element).own
    await this.write(made.plan)
  }

  async certificates(): Promise<readonly Bytes[]> {
    return this.#certificate ? [this.#certificate] : []
  }

  async status() {
    return this.chip.tapped(async (channel) => {
      const vendor = await VendorElement.connect(channel)
      invariant(vendor, 'it is a vendor element')
      return vendor.status()
    })
  }
}

/** What two elements said to each other, step by step. */
export interface Exchange {
  readonly presentation: Bytes
  readonly payment: Bytes
  readonly outcome: Outcome
}

/** A payment without a till: what a till carries between the two. Undefined steps are refusals. */
export class Counter {
  readonly customer: Customer
  readonly vendor: Vendor

  constructor(customer: Customer, vendor: Vendor) {
    this.customer = customer
    this.vendor = vendor
  }

  /** Both chips present. */
  with<T>(work: (card: CoinCard, vendor: VendorElement) => Promise<T>): Promise<T> {
    return this.customer.chip.tapped((channel) =>
      this.vendor.chip.tapped(async (slot) => {
        const card = await CoinCard.connect(channel)
        const vendor = await VendorElement.connect(slot)
        invariant(card && vendor, 'both are in use')
        return work(card, vendor)
      }),
    )
  }

  async ask(card: CoinCard, vendor: VendorElement, amount: Amount, pin?: string) {
    const shown = await card.introduce()
    invariant(shown, 'a card shows its certificates')
    const { number } = await vendor.status()
    this.customer.world.now += 1000
    const asked = await vendor.request({
      bank: [shown.bank],
      identity: shown.identity,
      element: shown.element,
      nonce: card.nonce,
      number: number + 1,
      amount,
      madeAt: this.customer.world.now,
      pin: pin === undefined ? [] : [pinBlock(pin)],
    })
    invariant(typeof asked !== 'number', 'the vendor element asks')
    return { shown, ...asked }
  }

  /** All of it; the status word of the first refusal. */
  async pay(amount: Amount, pin?: string): Promise<Exchange | number> {
    return this.with(async (card, vendor) => {
      const { shown, presentation } = await this.ask(card, vendor, amount, pin)
      const answer = await card.pay(presentation)
      if (answer.sw !== 0x9000) return answer.sw
      const outcome = await vendor.accept({
        mode: 'take',
        bank: [shown.bank],
        identity: shown.identity,
        element: shown.element,
        sealed: answer.data,
      })
      if (typeof outcome === 'number') return outcome
      await vendor.confirm(outcome)
      const { sw } = await card.settle(outcome.settlement)
      return sw === 0x9000 ? { presentation, payment: answer.data, outcome } : sw
    })
  }
}

export function paid(result: Exchange | number): Exchange {
  invariant(typeof result !== 'number', `it was paid: ${Number(result).toString(16)}`)
  return result
}

/** What the office reads of what was sealed to it. */
export function openEvidence(world: World, sealed: Bytes) {
  return openMessage(evidence, openSealed(world.officeKey, sealed, CONTEXT.evidence))
}
