import { sql } from 'kysely'
import { Field } from '../../../src/card/field.ts'
import { IsoCard, isoCardNvm } from '../../../src/card/iso-card.ts'
import type { Nvm } from '../../../src/card/nvm.ts'
import type { Bytes } from '../../../src/kernel/bytes.ts'
import { invariant } from '../../../src/kernel/errors.ts'
import type { CardId } from '../../../src/kernel/ids.ts'
import type { Amount } from '../../../src/kernel/money.ts'
import { Unreachable, type Transport, type TransportRequest } from '../../../src/kernel/ports.ts'
import { issueCard } from '../../../src/office/issue.ts'
import { addPerson } from '../../../src/office/registry/people.ts'
import { openSession } from '../../../src/office/registry/sessions.ts'
import { SESSION_COOKIE } from '../../../src/office/routes/session.ts'
import { injectTransport } from '../../../src/office/transport.ts'
import { deposit } from '../../../src/office/wallets/online.ts'
import { CardTorn, type Channel } from '../../../src/reader/channel.ts'
import { inProcessChannel } from '../../../src/reader/in-process.ts'
import { walletChip } from '../../../src/schemes/wallet/chips.ts'
import { chipKey, writeCardPlan } from '../../../src/schemes/wallet/issuing.ts'
import type { PhoneMemory } from '../../../src/schemes/wallet/phone/memory.ts'
import type { Result } from '../../../src/schemes/wallet/phone/results.ts'
import { Phone } from '../../../src/schemes/wallet/phone.ts'
import {
  PhoneGone,
  plainWire,
  type Wire,
  type WireMessage,
} from '../../../src/schemes/wallet/phone/wire.ts'
import { WalletCard } from '../../../src/schemes/wallet/terminal.ts'
import {
  createTestOffice,
  RANDOM,
  type TestOffice,
  type TestOfficeOptions,
} from '../../support/office.ts'

/** Offices, people with cards and phones: all real, in one process. */
export const PIN = '4821'
/** Short, so that cards forget what they paid: ms. */
export const ASK_LIFE = 60_000

export class PhoneWorld {
  readonly office: TestOffice
  #people = 0

  private constructor(office: TestOffice) {
    this.office = office
  }

  static async create(options?: TestOfficeOptions): Promise<PhoneWorld> {
    return new PhoneWorld(await createTestOffice(options))
  }

  async close(): Promise<void> {
    await this.office.close()
  }

  /** Somebody with an online wallet, a card with nothing on it and a phone. */
  async person(online: Amount = 1000_00n): Promise<Holder> {
    const { db, clock, office, api } = this.office
    this.#people += 1
    const login = `holder${this.#people}`
    const at = clock.now()
    const { id: person } = await addPerson(
      db,
      { login, name: login, role: 'cardholder', merchant: undefined, passwordHash: 'none' },
      at,
    )
    const token = await openSession(db, person, RANDOM, at)
    await db.transaction().execute(async (trx) => {
      if (online > 0n) await deposit(office, trx, { person, currency: 'SEK', amount: online })
    })
    const nvm = isoCardNvm(walletChip)
    const field = new Field(new IsoCard(nvm, walletChip, RANDOM))
    field.powerOn()
    const channel = inProcessChannel(field)
    const uid = await chipKey(channel)
    invariant(uid, 'a blank chip makes a key')
    const order = {
      scheme: 'wallet',
      uid,
      currency: 'SEK',
      balance: 0n,
      label: undefined,
      holder: person,
      passcode: PIN,
    } as const
    const { card, plan } = await db.transaction().execute((trx) => issueCard(office, trx, order))
    invariant((await writeCardPlan(channel, plan)) === 'written', 'the chip takes its plan')
    field.powerOff()
    const sent: TransportRequest[] = []
    const direct = injectTransport(api)
    const transport: Transport = {
      async send(request) {
        sent.push(request)
        return direct.send(request)
      },
    }
    const headers = { cookie: `${SESSION_COOKIE}=${token}` }
    const parts = { person, login, card: card.id, nvm, field, sent }
    return new Holder(this, parts, { transport, headers })
  }

  /** What the office has of them, and that nothing was made or lost. */
  async books(...holders: readonly Holder[]): Promise<readonly Books[]> {
    return Promise.all(
      holders.map(async (holder) => {
        const online = await this.#balance('online', holder.person)
        const shadow = await this.#balance('shadow', holder.card)
        return { online, shadow, card: await holder.balance() }
      }),
    )
  }

  async #balance(kind: string, owner: string): Promise<Amount> {
    const { rows } = await sql<{ balance: bigint }>`
      select balance from account where kind = ${kind} and owner = ${owner}`.execute(this.office.db)
    return rows[0]?.balance ?? 0n
  }
}

export interface Books {
  readonly online: Amount
  readonly shadow: Amount
  readonly card: Amount
}

interface HolderParts {
  readonly person: string
  readonly login: string
  readonly card: CardId
  readonly nvm: Nvm
  readonly field: Field
  readonly sent: readonly TransportRequest[]
}

export class MapMemory implements PhoneMemory {
  readonly #map = new Map<string, Bytes>()

  async read(name: string): Promise<Bytes | undefined> {
    return this.#map.get(name)
  }

  async write(name: string, bytes: Bytes | undefined): Promise<void> {
    if (bytes) this.#map.set(name, bytes)
    else this.#map.delete(name)
  }

  get size(): number {
    return this.#map.size
  }
}

type Line = ConstructorParameters<typeof Phone>[0]['office'] & object

/** A person with a card and a phone. */
export class Holder {
  readonly world: PhoneWorld
  readonly person: string
  readonly login: string
  readonly card: CardId
  readonly nvm: Nvm
  readonly field: Field
  /** What the phone has asked the office so far. */
  readonly sent: readonly TransportRequest[]
  readonly line: Line
  readonly memory = new MapMemory()
  wire: Wire = plainWire

  constructor(world: PhoneWorld, parts: HolderParts, line: Line) {
    this.world = world
    this.person = parts.person
    this.login = parts.login
    this.card = parts.card
    this.nvm = parts.nvm
    this.field = parts.field
    this.sent = parts.sent
    this.line = line
  }

  phone(): Phone {
    const { clock } = this.world.office
    const wire: Wire = (message) => this.wire(message)
    return new Phone({ clock, random: RANDOM, memory: this.memory, wire, office: this.line })
  }

  /** Holds the card to a phone: this person's, or somebody else's. */
  async tap<T>(work: (phone: Phone, channel: Channel) => Promise<T>, phone = this.phone()) {
    this.field.powerOn()
    try {
      return await work(phone, inProcessChannel(this.field))
    } finally {
      this.field.powerOff()
    }
  }

  async synchronise() {
    return this.tap((phone, channel) => phone.synchronise(channel, PIN))
  }

  async load(amount: Amount) {
    return this.tap((phone, channel) => phone.load(channel, PIN, amount))
  }

  async unload(amount: Amount) {
    return this.tap((phone, channel) => phone.unload(channel, PIN, amount))
  }

  async ask(amount: Amount, phone?: Phone) {
    return this.tap((own, channel) => own.ask(channel, { amount, life: ASK_LIFE }), phone)
  }

  async pay(message: Bytes, pin = PIN, phone?: Phone) {
    return this.tap((own, channel) => own.pay(channel, pin, message), phone)
  }

  async receive(message: Bytes, phone?: Phone) {
    return this.tap((own, channel) => own.receive(channel, message), phone)
  }

  async refuse(request: Bytes) {
    return this.tap((phone, channel) => phone.refuse(channel, request))
  }

  async refund(message: Bytes) {
    return this.tap((phone, channel) => phone.refund(channel, message))
  }

  /** What the card says of itself, in base64. */
  async statement(): Promise<string> {
    this.field.powerOn()
    const card = await WalletCard.connect(inProcessChannel(this.field), RANDOM)
    const said = await card?.statement(RANDOM.bytes(8))
    this.field.powerOff()
    invariant(said?.ok, 'a card in use says how it stands')
    return Buffer.from(said.value.bytes).toString('base64')
  }

  /** Has the card carry out an order, and tells nobody. */
  async execute(order: Bytes): Promise<boolean> {
    this.field.powerOn()
    const card = await WalletCard.connect(inProcessChannel(this.field), RANDOM)
    const executed = await card?.execute(order)
    this.field.powerOff()
    return executed?.ok ?? false
  }

  /** Without anything in between. */
  async state() {
    const { wire } = this
    this.wire = plainWire
    try {
      return done(await this.tap((phone, channel) => phone.show(channel))).state
    } finally {
      this.wire = wire
    }
  }

  async balance(): Promise<Amount> {
    return (await this.state()).balance
  }
}

/** What came of a contact. Fails if it did not come to its end. */
export function done<T>(result: Result<T>): { readonly status: 'done' } & T {
  if (result.status === 'done') return result
  throw new Error(`it is done, and not ${JSON.stringify(result)}`)
}

/** What a message on that leg says when it is lost. */
export function lost({ leg }: WireMessage): Error {
  if (leg === 'card') return new CardTorn('lost')
  return leg === 'office' ? new Unreachable('lost') : new PhoneGone('lost')
}
