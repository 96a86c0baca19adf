import { DOCUMENTS_PATH, decodeDocuments, signDocumentRequest } from '../kernel/documents.ts'
import { tillKeyId } from '../kernel/batch.ts'
import { utf8, type Bytes } from '../kernel/bytes.ts'
import { invariant } from '../kernel/errors.ts'
import { sha256 } from '../kernel/hash.ts'
import type { TillNumber } from '../kernel/ids.ts'
import { Unreachable, type Clock, type RandomSource } from '../kernel/ports.ts'
import type { Channel } from '../reader/channel.ts'
import { InProcessSlot } from '../reader/in-process.ts'
import { countingFuse, PowerLost, type Cut } from '../till/fuse.ts'
import type { Identity } from '../till/identity.ts'
import type {
  CashUp,
  JournalRecord,
  Order,
  Refusal,
  TapResult,
  TillScheme,
} from '../till/scheme.ts'
import { createTill, type Till } from '../till/till.ts'
import { Books, type Signing } from './cheats/books.ts'
import { Crook, type Cheating } from './cheats/crook.ts'
import type { Line } from './network.ts'
import type { TillRow } from './result.ts'
import type { CardTear, TownCard, TownChip } from './town-card.ts'

export interface PartyOptions {
  readonly name: string
  /** Directory of its journal. */
  readonly directory: string
  readonly schemes: readonly TillScheme[]
  readonly clock: Clock
  readonly random: RandomSource
  readonly line: Line
  /** What somebody makes of the channel to its module who listens. */
  readonly hearModule: (module: Channel) => Channel
  /** Whether it ever cheats. */
  readonly isCrook: boolean
}

/** Where a tap is cut short on the till's side: at this write of its journal, from 1. */
export interface TillTear {
  readonly write: number
  readonly cut: Cut
}

export interface Tap {
  readonly card: TownCard
  readonly order: Order
  readonly cheating: Cheating
  readonly accidents: Accidents
}

/** What else happens during a tap. */
export interface Accidents {
  readonly cardTear: CardTear | undefined
  readonly tillTear: TillTear | undefined
  /** What somebody between card and till makes of the channel. */
  readonly between: (card: Channel) => Channel
}

/** `crashed`: the till lost its power; it has to be started again. */
export type PartyResult = TapResult | { readonly result: 'crashed' }

/** How an upload ended. */
export type Upload =
  | { readonly result: 'acknowledged' }
  | { readonly result: 'unreachable' }
  | { readonly result: 'refused'; readonly status: string }

/** A batch on a stick. */
export interface CarriedBatch {
  readonly till: string
  readonly number: number
  readonly bytes: Bytes
}

/** A vendor with a till: the real engine over a real file, honest or with a second set of books. */
export class Party {
  readonly name: string
  readonly line: Line
  readonly crook: Crook | undefined
  readonly #options: PartyOptions
  readonly #fuse = countingFuse()
  /** Of the security module. */
  readonly #slot: InProcessSlot
  #module: TownChip | undefined
  #heardModule: Channel | undefined
  /** Undefined while it has no power. */
  #till: Till | undefined
  #lastOrder: Order | undefined
  #honestOrder: Order | undefined
  #customer: TownCard | undefined
  #number: TillNumber = 0

  constructor(options: PartyOptions) {
    this.name = options.name
    this.line = options.line
    this.crook = options.isCrook ? new Crook(new Books()) : undefined
    this.#options = options
    this.#slot = new InProcessSlot(`module of ${options.name}`)
    this.start()
  }

  /** Over the file that it had before, if there is one. */
  start(): void {
    const { name, directory, schemes, clock, random, line } = this.#options
    this.#till ??= createTill({
      path: `${directory}/${name}.db`,
      storageKey: sha256(utf8(`storage key of ${name}`)),
      clock,
      random,
      transport: line,
      schemes: schemes.map((scheme) => this.crook?.scheme(scheme) ?? scheme),
      module: () => this.#heardModule,
      software: sha256(new Uint8Array()),
      fuse: this.#fuse.fuse,
    })
    this.#powerModule()
  }

  /** What was committed stays, the rest never was. */
  stop(): void {
    this.#till?.close()
    this.#powerless()
  }

  #powerless(): void {
    this.#till = undefined
    this.#slot.remove()
    this.#heardModule = undefined
  }

  #powerModule(): void {
    this.#slot.remove()
    this.#heardModule =
      this.#module && this.#till && this.#options.hearModule(this.#slot.insert(this.#module.field))
  }

  /** What is in the slot of the security module. */
  get module(): TownChip | undefined {
    return this.#module
  }

  /** Puts that into the slot, and takes out what was there. */
  putModule(module: TownChip | undefined): void {
    this.#module = module
    this.#powerModule()
  }

  /** Closes the day in the module. */
  async cashUp(): Promise<CashUp | Refusal> {
    return this.#running().cashUp()
  }

  /** All records, the newest first. */
  journal(): readonly JournalRecord[] {
    return this.#running().records(JOURNAL_MAX)
  }

  /** Undefined while it has no power. */
  get till(): Till | undefined {
    return this.#till
  }

  /** What the office knows it by; 0 until it is enrolled. */
  get number(): TillNumber {
    return this.#number
  }

  async enrol(code: string): Promise<void> {
    this.#number = (await this.#running().enrol(code)).till
  }

  async tap({ card, order, cheating, accidents }: Tap): Promise<PartyResult> {
    this.#honestOrder = order
    this.#customer = card
    const entered = this.crook?.plan(order, cheating) ?? order
    return this.#tap(card, entered, accidents)
  }

  /** The order of the last tap again, with a card of the customer's choice. */
  async retap(card: TownCard, accidents: Accidents): Promise<PartyResult> {
    if (!this.#lastOrder) {
      return {
        result: 'refused',
        status: 'no_order',
        explanation: 'nothing was begun at this till',
      }
    }
    return this.#tap(card, this.#lastOrder, accidents)
  }

  async #tap(
    card: TownCard,
    order: Order,
    { cardTear, tillTear, between }: Accidents,
  ): Promise<PartyResult> {
    const till = this.#running()
    this.#lastOrder = order
    // Two cut points a write: before it is durable and after.
    this.#fuse.arm(tillTear && 2 * tillTear.write - (tillTear.cut === 'before' ? 1 : 0))
    try {
      return await card.tap(cardTear, (channel) => till.tap(between(channel), order))
    } catch (error) {
      if (!(error instanceof PowerLost)) throw error
      this.#powerless()
      return { result: 'crashed' }
    } finally {
      this.#fuse.arm(undefined)
    }
  }

  /** Gives the last payment that this till took back to the card that paid it. */
  async refund(
    card: TownCard,
    id: string,
    heard: (channel: Channel) => Channel,
  ): Promise<PartyResult> {
    const till = this.#running()
    const payment = till.lastPayment()
    if (!payment) return NOTHING_TO_REFUND
    const order = { kind: 'refund', id, payment: payment.id, amount: payment.amount } as const
    return card.tap(undefined, (channel) => till.tap(heard(channel), order))
  }

  /** What the customer asked for last, whatever the vendor entered. */
  get honestOrder(): Order | undefined {
    return this.#honestOrder
  }

  /** Whose order that was: others who come again change nothing. */
  get customer(): TownCard | undefined {
    return this.#customer
  }

  giveUp(): 'done' | 'nothing' {
    if (!this.#lastOrder) return 'nothing'
    this.#running().giveUp(this.#lastOrder.id)
    return 'done'
  }

  async sync(): Promise<Upload> {
    return this.crook ? this.#syncAsCrook(this.crook) : this.#syncHonestly()
  }

  async #syncHonestly(): Promise<Upload> {
    const { result, problem } = await this.#running().syncOnce()
    if (result === 'synchronised') return { result: 'acknowledged' }
    if (result === 'unreachable') return { result }
    return { result: 'refused', status: problem ?? result }
  }

  async #syncAsCrook({ books }: Crook): Promise<Upload> {
    try {
      const taken = await books.upload(this.line, this.signing())
      await this.#fetchDocuments()
      return taken ? { result: 'acknowledged' } : { result: 'refused', status: 'batch' }
    } catch (error) {
      if (error instanceof Unreachable) return { result: 'unreachable' }
      throw error
    }
  }

  /** The engine would upload its own journal first, and that is not what a crook wants told. */
  async #fetchDocuments(): Promise<void> {
    const { identity, documents, now } = this.signing()
    const { till, generation, key } = identity
    const request = signDocumentRequest(key, tillKeyId(till, generation), {
      type: 'document-request',
      version: 1,
      till,
      generation,
      madeAt: now,
      holds: { ...documents },
    })
    const headers = { 'content-type': 'application/cose' }
    const path = DOCUMENTS_PATH
    const answer = await this.line.send({ method: 'POST', path, headers, body: request })
    if (answer.status !== 200) return
    for (const document of decodeDocuments(answer.body)) this.#running().applyDocument(document)
  }

  /** Everything that the office has not acknowledged, as batches for a stick. */
  carry(): readonly CarriedBatch[] {
    const batches =
      this.crook?.books
        .pending(this.signing())
        .map(({ batch: { number }, bytes }) => ({ number, bytes })) ??
      this.#running().pendingBatches()
    return batches.map(({ number, bytes }) => ({ till: this.name, number, bytes }))
  }

  /** What it takes to sign as this till. */
  signing(): Signing {
    const { documents } = this.#running()
    invariant(documents, 'a till of the town is enrolled')
    return {
      identity: this.#identity(),
      documents: documents.versions(),
      now: this.#options.clock.now(),
    }
  }

  row(): TillRow {
    const { name, crook } = this
    if (crook) return { name, queue: crook.books.queue, lastBatch: crook.books.lastBatch }
    if (!this.#till) return { name, queue: 0, lastBatch: 0 }
    const { queued: queue, lastBatch } = this.#till.status
    return { name, queue, lastBatch }
  }

  #identity(): Identity {
    const { identity } = this.#running().status
    invariant(identity, 'a till of the town is enrolled')
    return identity
  }

  #running(): Till {
    if (!this.#till) throw new WithoutPower(this.name)
    return this.#till
  }
}

/** More than any till of a scenario takes. */
const JOURNAL_MAX = 10_000

const NOTHING_TO_REFUND: Refusal = {
  result: 'refused',
  status: 'no_payment',
  explanation: 'this till took no payment',
}

/** A step asks a till that has no power. */
export class WithoutPower extends Error {
  override readonly name = 'WithoutPower'

  constructor(till: string) {
    super(`${till} has no power: it needs a step { restart: ${till} }`)
  }
}
