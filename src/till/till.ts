import { encodeBatches } from '../kernel/batch.ts'
import type { Bytes } from '../kernel/bytes.ts'
import type { Policy } from '../kernel/documents.ts'
import { FormatError } from '../kernel/errors.ts'
import type { Clock, RandomSource, Transport } from '../kernel/ports.ts'
import { CardTorn, type Channel } from '../reader/channel.ts'
import {
  acknowledgedRecord,
  applyAcknowledgement,
  countUnacknowledged,
  lastBatchNumber,
  makeBatches,
  pendingBatches,
  readAcknowledged,
  type Acknowledged,
  type AcknowledgementOutcome,
  type StoredBatch,
} from './batch.ts'
import { documentsOf, type DocumentResult, type Documents } from './documents.ts'
import { enrol } from './enrol.ts'
import type { Fuse } from './fuse.ts'
import { readIdentity, type Identity } from './identity.ts'
import {
  checkOrderId,
  findLastPayment,
  findRecord,
  findRefusal,
  giveUpOrder,
  journalOf,
  JournalRefusal,
  lastStamp,
  listRecords,
} from './journal.ts'
import { explainLimit, findLimit, type Usage } from './limits.ts'
import { isOrderOf, orderView, type OrderState, type OrderView } from './orders.ts'
import { passcodeTries } from './passcodes.ts'
import { badOrder, refusal } from './refusals.ts'
import type {
  AnyOrder,
  CardView,
  CashUp,
  Desk,
  Float,
  Journal,
  JournalRecord,
  NewRecord,
  RefundOrder,
  Refusal,
  ShowResult,
  TapResult,
  TillScheme,
} from './scheme.ts'
import { openStore, type Store } from './store.ts'
import { batchContext, makeDueBatches, syncOnce, type SyncReport } from './sync.ts'
import { usageMeter } from './usage.ts'

export interface TillOptions {
  /** Of the till's one file. */
  readonly path: string
  /** 32 bytes that open the file; kept elsewhere. */
  readonly storageKey: Bytes
  readonly clock: Clock
  readonly random: RandomSource
  readonly transport: Transport
  /** Asked in this order whose card it is. */
  readonly schemes: readonly TillScheme[]
  /** The card that is in the security module's slot now; without, the till has no such slot. */
  readonly module?: () => Channel | undefined
  /** SHA-256 of the program, told to the office. */
  readonly software: Bytes
  readonly fuse?: Fuse
}

/** Asked of a till that is not enrolled. */
export class NotEnrolled extends Error {
  override readonly name = 'NotEnrolled'

  constructor() {
    super('this till is not enrolled: enter the code that the office gave for it')
  }
}

export interface TillStatus {
  /** Undefined until enrolled. */
  readonly identity: Identity | undefined
  readonly policy: Policy | undefined
  /** Records that the office does not hold for good: what would be lost with the till. */
  readonly queued: number
  /** 0 for none. */
  readonly lastBatch: number
  readonly acknowledged: Acknowledged | undefined
  readonly usage: Usage
  /** Milliseconds that the till's clock is behind the office's, negative if ahead. */
  readonly clockBehind: number | undefined
  /** Whether a card is in the slot of the security module; undefined: there is no such slot. */
  readonly hasModule: boolean | undefined
}

/** A clock further off than this, either way, is told to the cashier: milliseconds. */
export const CLOCK_TOLERANCE = 120_000

/**
 * One till over one file. After a {@link PowerLost} it is dead: open another.
 * Two taps at once take turns, so that a stamp is used before the next one is taken.
 */
export class Till {
  readonly #options: TillOptions
  readonly #store: Store
  readonly #journal: Journal
  readonly #meter: ReturnType<typeof usageMeter>
  #office: Office | undefined
  #lastTap: Promise<unknown> = Promise.resolve()

  constructor(options: TillOptions) {
    this.#options = options
    this.#store = openStore(options)
    this.#journal = journalOf(this.#store, options.clock)
    this.#meter = usageMeter(this.#store)
    const identity = readIdentity(this.#store)
    this.#office = identity && { identity, documents: documentsOf(this.#store, identity) }
  }

  /** Undefined until enrolled. */
  get documents(): Documents | undefined {
    return this.#office?.documents
  }

  get status(): TillStatus {
    const acknowledged = readAcknowledged(this.#store)
    return {
      identity: this.#office?.identity,
      policy: this.#office?.documents.policy(),
      queued: countUnacknowledged(this.#store),
      lastBatch: lastBatchNumber(this.#store),
      acknowledged,
      usage: this.#usage(),
      clockBehind: this.#office && clockBehind(this.#office.identity, acknowledged),
      hasModule: this.#options.module && this.#options.module() !== undefined,
    }
  }

  /** @throws as {@link enrol}. */
  async enrol(code: string): Promise<Identity> {
    const { transport, clock } = this.#options
    const store = this.#store
    const held = this.#office?.identity
    const enrolled = await enrol(code, { store, transport, clock, held })
    const documents = documentsOf(store, enrolled.identity)
    this.#office = { identity: enrolled.identity, documents }
    for (const document of enrolled.documents) documents.apply(document)
    return enrolled.identity
  }

  /** Nothing changes, on the card or in the till. */
  async show(channel: Channel): Promise<ShowResult> {
    return this.#showBy(channel, ({ scheme, desk }) => scheme.show(channel, desk))
  }

  /** Shows a card that has got what this till still owed it. */
  async giveOwed(channel: Channel): Promise<ShowResult> {
    return this.#showBy(channel, ({ scheme, desk }) =>
      scheme.giveOwed ? scheme.giveOwed(channel, desk) : scheme.show(channel, desk),
    )
  }

  async #showBy(
    channel: Channel,
    show: (approached: Approached) => Promise<ShowResult>,
  ): Promise<ShowResult> {
    return this.#inTurn(async () => {
      const ready = this.#ready()
      if ('result' in ready) return ready
      try {
        return await this.#ask(channel, ready, show)
      } catch (error) {
        if (error instanceof CardTorn) return { result: 'torn' }
        throw error
      }
    })
  }

  /**
   * Finishes what is unfinished on that card, then carries the order out: once, however often and with
   * whatever cards it is tapped. The result of an order that is done is given again.
   *
   * @throws {FormatError} if the order's id cannot be kept.
   */
  async tap(channel: Channel, order: AnyOrder): Promise<TapResult> {
    checkOrderId(order.id)
    return this.#inTurn(async () => {
      const ready = this.#ready()
      if ('result' in ready) return ready
      const known = answerFromJournal(this.order(order.id), order, ready.identity)
      if (known) return this.#settle(channel, known, ready)
      if (order.kind === 'refund') return this.#refund(channel, order, ready)
      return this.#ask(channel, ready, (approached) =>
        this.#perform(
          order,
          ({ scheme, desk }) => scheme.perform(channel, order, desk),
          approached,
        ),
      )
    })
  }

  /** What is done stays done; its card may still have to get what it was given. */
  async #settle(channel: Channel, known: TapResult, ready: Ready): Promise<TapResult> {
    if (known.result !== 'done' || !known.record) return known
    const approached = this.#schemeOf(known.record, ready)
    if (!approached?.scheme.recognises(channel.atr)) return known
    const { scheme, desk } = approached
    return (await scheme.settle?.(channel, known.record, desk)) ?? known
  }

  async #refund(channel: Channel, order: RefundOrder, ready: Ready): Promise<TapResult> {
    const payment = this.record(order.payment)
    if (payment?.kind !== 'pay' || payment.state !== 'confirmed') return refusal('unknown_payment')
    if (payment.amount !== order.amount) return refusal('unknown_payment')
    const approached = this.#schemeOf(payment, ready)
    const refunds = approached?.scheme.refunds
    if (!refunds) return refusal('no_refunds')
    if (!approached.scheme.recognises(channel.atr)) return refusal('unknown_card')
    return this.#perform(order, ({ desk }) => refunds.perform(channel, order, desk), approached)
  }

  /** Undefined if the scheme is none of this till's any more. */
  #schemeOf({ scheme: name }: JournalRecord, ready: Ready): Approached | undefined {
    const schemes = this.#options.schemes.filter((scheme) => scheme.name === name)
    return this.#enrolled(schemes, ready)[0]
  }

  /** The newest payment that its card took. */
  lastPayment(): JournalRecord | undefined {
    return findLastPayment(this.#store)
  }

  /** Whether a refund of it can be begun: a payment that its card took and nothing took back. */
  isRefundable(record: JournalRecord): boolean {
    const scheme = this.#options.schemes.find(({ name }) => name === record.scheme)
    return (
      record.kind === 'pay' &&
      record.state === 'confirmed' &&
      scheme?.refunds !== undefined &&
      !findRefusal(this.#store, record.id)
    )
  }

  /** Closes the day in the security module: of the first scheme whose module it is. */
  async cashUp(): Promise<CashedUp | Refusal> {
    return this.#askModule(async ({ scheme, desk }): Promise<CashedUp | Refusal | undefined> => {
      const closed = await scheme.cashUp?.(desk)
      return closed?.result === 'closed' ? { ...closed, scheme: scheme.name } : closed
    })
  }

  /** What is left to give change with, of the first scheme whose module is in the slot. */
  async float(): Promise<Float | Refusal> {
    return this.#askModule(async ({ scheme, desk }) => scheme.float?.(desk))
  }

  order(orderId: string): OrderView {
    return orderView(this.#store, orderId)
  }

  /**
   * For good, unless it is done: also if its card never comes back, where a till's word can undo it. Says
   * what holds then. A refund that was begun stands, whoever gives it up.
   */
  giveUp(orderId: string): OrderState {
    checkOrderId(orderId)
    const { state, record } = this.order(orderId)
    if (state === 'new') giveUpOrder(this.#store, orderId)
    if (state === 'unfinished' && record && record.kind !== 'refund') {
      giveUpOrder(this.#store, orderId, this.#undoing(record))
    }
    return this.order(orderId).state
  }

  #undoing(payment: JournalRecord): NewRecord | undefined {
    const ready = this.#ready()
    const approached = 'result' in ready ? undefined : this.#schemeOf(payment, ready)
    return approached?.scheme.refunds?.refuse(
      payment,
      { id: payment.orderId, as: 'reversal' },
      approached.desk,
    )
  }

  /** @throws {NotEnrolled} */
  async syncOnce(): Promise<SyncReport> {
    const parts = this.#syncParts()
    const made = await this.#inTurn(async () => makeDueBatches(parts))
    return syncOnce(parts, made)
  }

  /**
   * Every batch that the office does not hold for good, after making those that are due.
   *
   * @throws {NotEnrolled}
   */
  pendingBatches(): readonly StoredBatch[] {
    makeBatches(this.#store, batchContext(this.#syncParts()))
    return pendingBatches(this.#store)
  }

  /**
   * {@link pendingBatches} as one file, to be carried by hand. Whoever carries it need not be trusted;
   * carrying it twice, or an old one, is harmless.
   *
   * @throws {NotEnrolled}
   */
  exportBatches(): Bytes {
    return encodeBatches(this.pendingBatches().map(({ bytes }) => bytes))
  }

  /** An acknowledgement that came some other way than as an answer. @throws {NotEnrolled} */
  applyAcknowledgement(received: Bytes): AcknowledgementOutcome {
    const { identity, clock } = this.#syncParts()
    return applyAcknowledgement(this.#store, received, identity, { at: clock.now(), live: false })
  }

  /** @throws {NotEnrolled} */
  applyDocument(received: Bytes): DocumentResult {
    return this.#syncParts().documents.apply(received)
  }

  /** Newest first. */
  records(limit: number): readonly JournalRecord[] {
    return listRecords(this.#store, limit)
  }

  record(id: number): JournalRecord | undefined {
    return findRecord(this.#store, id)
  }

  close(): void {
    this.#store.close()
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lastTap.then(work)
    this.#lastTap = turn.catch(() => undefined)
    return turn
  }

  #ready(): Ready | Refusal {
    if (!this.#office) return refusal('not_enrolled')
    const policy = this.#office.documents.policy()
    return policy ? { ...this.#office, policy } : refusal('no_policy')
  }

  /** Asks each scheme whose card it may be, until one knows it. */
  async #ask<R extends { readonly result: string }>(
    channel: Channel,
    ready: Ready,
    ask: (approached: Approached) => Promise<R | Refusal>,
  ): Promise<R | Refusal> {
    const likely = this.#options.schemes.filter((scheme) => scheme.recognises(channel.atr))
    const enrolled = this.#enrolled(likely, ready)
    if (likely.length > 0 && enrolled.length === 0) return refusal('scheme_not_enrolled')
    for (const approached of enrolled) {
      const answer = await ask(approached)
      if (!isUnknown(answer)) return answer
    }
    return refusal('unknown_card')
  }

  /** Asks each scheme that has a say until one knows the module. */
  async #askModule<R extends { readonly result: string }>(
    ask: (approached: Approached) => Promise<R | Refusal | undefined>,
  ): Promise<R | Refusal> {
    return this.#inTurn(async () => {
      const ready = this.#ready()
      if ('result' in ready) return ready
      let answer: R | Refusal = refusal('no_module')
      for (const approached of this.#enrolled(this.#options.schemes, ready)) {
        const said = await ask(approached)
        if (said) answer = said
        if (said && said.result !== 'refused') break
      }
      return answer
    })
  }

  /** Those of the schemes whose secrets the office has given. */
  #enrolled(schemes: readonly TillScheme[], ready: Ready): readonly Approached[] {
    return schemes.flatMap((scheme) => {
      const secrets = ready.documents.secrets().get(scheme.name)
      return secrets ? [{ scheme, desk: this.#desk(ready, secrets) }] : []
    })
  }

  #desk({ identity, documents, policy }: Ready, secrets: Bytes): Desk {
    const { clock, random } = this.#options
    const { till, generation, key, currency, officeKey } = identity
    return {
      till,
      generation,
      key,
      currency,
      policy,
      policyVersion: documents.versions().policy,
      clock,
      random,
      secrets,
      module: this.#options.module?.(),
      officeKey,
      keyOf: documents.keyOf,
      isHot: documents.isHot,
      passcodes: passcodeTries(this.#store, clock, policy),
      journal: this.#journal,
      stoppedBy: (order, balanceAfter) => {
        const limit = findLimit({ policy, order, balanceAfter, usage: this.#usage() })
        return limit && explainLimit(limit, policy)
      },
    }
  }

  async #perform(
    order: AnyOrder,
    work: (approached: Approached) => Promise<TapResult>,
    approached: Approached,
  ): Promise<TapResult> {
    try {
      return await work(approached)
    } catch (error) {
      if (error instanceof CardTorn) {
        return { result: 'unfinished', record: this.order(order.id).record }
      }
      // Intents come before the card changes: it is as it was.
      if (error instanceof JournalRefusal) return refusal(error.conflict)
      // A cashier's slip, which must not stop the till. Schemes check an order before all else.
      if (error instanceof FormatError && this.order(order.id).state === 'new') {
        return badOrder(error)
      }
      throw error
    }
  }

  #usage(): Usage {
    const since = readAcknowledged(this.#store)?.at ?? this.#office?.identity.enrolledAt ?? 0
    // Setting the clock back makes no till younger than its own records.
    const now = Math.max(this.#options.clock.now(), lastStamp(this.#store))
    const { payments, amount } = this.#meter(acknowledgedRecord(this.#store))
    return { payments, amount, age: Math.max(0, now - since) }
  }

  #syncParts() {
    if (!this.#office) throw new NotEnrolled()
    const { clock, transport, software } = this.#options
    return { ...this.#office, store: this.#store, clock, transport, software }
  }
}

/** @throws {StoreBusy | StoreUnreadable} if the file cannot be had. */
export function createTill(options: TillOptions): Till {
  return new Till(options)
}

/** A day that was closed in the module of that scheme. */
export interface CashedUp extends CashUp {
  readonly scheme: string
}

interface Office {
  readonly identity: Identity
  readonly documents: Documents
}

interface Ready extends Office {
  readonly policy: Policy
}

interface Approached {
  readonly scheme: TillScheme
  readonly desk: Desk
}

function isUnknown(answer: { readonly result: string }): boolean {
  return 'status' in answer && answer.status === 'unknown_card'
}

function clockBehind(identity: Identity, acknowledged: Acknowledged | undefined): number {
  return acknowledged?.live
    ? acknowledged.officeTime - acknowledged.at
    : identity.officeTime - identity.enrolledAt
}

/** What need not be asked of any card, because the journal knows it for good. */
function answerFromJournal(
  { state, record }: OrderView,
  order: AnyOrder,
  identity: Identity,
): TapResult | undefined {
  if (state === 'given_up') return refusal('order_given_up')
  if (!record) return undefined
  if (!isOrderOf(record, order)) return refusal('order_changed')
  return state === 'done'
    ? { result: 'done', record, view: viewAfter(record, identity) }
    : undefined
}

function viewAfter(record: JournalRecord, { till, currency }: Identity): CardView {
  return {
    card: record.card,
    currency,
    balance: record.balanceAfter,
    sequence: record.sequence,
    lastMaker: till,
    lastAt: record.madeAt,
    unfinished: false,
  }
}
