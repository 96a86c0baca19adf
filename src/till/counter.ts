import { toHex } from '../kernel/bytes.ts'
import type { Amount } from '../kernel/money.ts'
import type { Clock, Instant, RandomSource } from '../kernel/ports.ts'
import type { Channel } from '../reader/channel.ts'
import { Bell } from './loops.ts'
import type { OrderState } from './orders.ts'
import type {
  AnyOrder,
  JournalRecord,
  ProductLine,
  Refusal,
  RefundOrder,
  ShowResult,
  TapResult,
} from './scheme.ts'
import type { SyncReport } from './sync.ts'
import type { CashedUp, Till } from './till.ts'

/** An order as people enter it: the counter gives it its id. */
export type OrderRequest =
  | {
      readonly kind: 'pay'
      /** Undefined: what the products cost. */
      readonly amount: Amount | undefined
      readonly products: readonly ProductLine[]
      readonly passcode: string
    }
  | { readonly kind: 'load'; readonly amount: Amount; readonly passcode: string }
  | { readonly kind: 'passcode'; readonly passcode: string; readonly newPasscode: string }
  | RefundRequest

/** Which payment is to be paid back: by its receipt or its order; the last one if neither is said. */
export interface RefundRequest {
  readonly kind: 'refund'
  readonly receipt: number | undefined
  readonly order: string | undefined
}

/** Why an order cannot be begun. The order is the order of the checks. */
export const ORDER_PROBLEMS = [
  'unknown_product',
  'amount_missing',
  'amount_not_positive',
  'unknown_payment',
  'not_refundable',
  'order_unfinished',
] as const
export type OrderProblem = (typeof ORDER_PROBLEMS)[number]

const PROBLEM_TEXTS: Readonly<Record<OrderProblem, string>> = {
  unknown_product: 'This till has no such product. Choose another, or synchronise.',
  amount_missing: 'Enter an amount or choose products.',
  amount_not_positive: 'Enter an amount above zero.',
  unknown_payment: 'This till took no such payment.',
  not_refundable:
    'This payment cannot be paid back: it was before, or it is not finished, or its card takes nothing back.',
  order_unfinished:
    'The last order is unfinished: its card left too early. Tap that card again, or give the order up.',
}

/** Nothing changed. The message is for people. */
export class OrderRefused extends Error {
  override readonly name = 'OrderRefused'
  readonly problem: OrderProblem

  constructor(problem: OrderProblem) {
    super(PROBLEM_TEXTS[problem])
    this.problem = problem
  }
}

/** What came of the last card. */
export type Answer =
  | {
      readonly kind: 'tap'
      readonly at: Instant
      readonly order: AnyOrder
      readonly result: TapResult
    }
  | { readonly kind: 'show'; readonly at: Instant; readonly result: ShowResult }

export interface LastSync {
  /** By the till's clock. */
  readonly at: Instant
  readonly report: SyncReport
}

/**
 * What cashier and customer have before them: one order at a time, the last answer, the last
 * synchronisation. In memory only, and with it every passcode; what matters is in the journal.
 */
export class Counter {
  /** Rung when there is something to upload. */
  readonly news = new Bell()
  readonly #till: Till
  readonly #clock: Clock
  readonly #random: RandomSource
  readonly #watchers = new Set<() => void>()
  #order: AnyOrder | undefined
  #answer: Answer | undefined
  #lastSync: LastSync | undefined
  #syncing: Promise<SyncReport> | undefined

  constructor(till: Till, { clock, random }: { clock: Clock; random: RandomSource }) {
    this.#till = till
    this.#clock = clock
    this.#random = random
  }

  get isEnrolled(): boolean {
    return this.#till.status.identity !== undefined
  }

  /** What the next card is tapped for; undefined: it is only shown. */
  get order(): AnyOrder | undefined {
    return this.#order
  }

  get answer(): Answer | undefined {
    return this.#answer
  }

  get lastSync(): LastSync | undefined {
    return this.#lastSync
  }

  /** Calls back after every change, until the function that it returns is called. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /**
   * Makes this the order that the next card is tapped for. In place of one that no card was touched
   * for; one that is unfinished goes on, with the passcode as entered now.
   *
   * @throws {OrderRefused}
   */
  begin(request: OrderRequest): AnyOrder {
    const open = this.#order
    const fresh = this.#makeOrder(request, open)
    if (!open || this.#till.order(open.id).state !== 'unfinished') this.#order = fresh
    else if (isSame(open, fresh)) this.#order = { ...fresh, id: open.id }
    else throw new OrderRefused('order_unfinished')
    this.changed()
    return this.#order ?? fresh
  }

  /** One card: taps it for the order, or shows it if there is none. */
  async present(channel: Channel): Promise<Answer> {
    const order = this.#order
    if (!order) return this.show(channel)
    const result = await this.#till.tap(channel, order)
    this.#afterTap(order, result)
    return this.#keep({ kind: 'tap', at: this.#clock.now(), order, result })
  }

  /** One card, whatever order there is: it gets what this till still owes it. */
  async show(channel: Channel): Promise<Answer> {
    const result = await this.#till.giveOwed(channel)
    if (result.result === 'shown' && result.given !== undefined) this.#ring()
    return this.#keep({ kind: 'show', at: this.#clock.now(), result })
  }

  /** Undefined if there was no order. */
  giveUp(): OrderState | undefined {
    const order = this.#order
    if (!order) return undefined
    const { state } = this.#till.order(order.id)
    this.#order = undefined
    // Of an order that touched no card nothing remains to be remembered.
    const now = state === 'new' ? state : this.#till.giveUp(order.id)
    this.changed()
    return now
  }

  /** Synchronises; whoever asks while it runs gets the same report. */
  async sync(): Promise<SyncReport> {
    this.#syncing ??= this.#syncOnce()
    return this.#syncing
  }

  /** Closes the day in the security module; what that leaves for the office goes there like a sale. */
  async cashUp(): Promise<CashedUp | Refusal> {
    const answer = await this.#till.cashUp()
    if (answer.result === 'closed') this.#ring()
    this.changed()
    return answer
  }

  changed(): void {
    for (const watcher of this.#watchers) watcher()
  }

  async #syncOnce(): Promise<SyncReport> {
    try {
      const report = await this.#till.syncOnce()
      this.#lastSync = { at: this.#clock.now(), report }
      return report
    } finally {
      this.#syncing = undefined
      this.changed()
    }
  }

  #keep(answer: Answer): Answer {
    this.#answer = answer
    this.changed()
    return answer
  }

  #afterTap(order: AnyOrder, result: TapResult): void {
    if (result.result === 'done' && this.#order?.id === order.id) this.#order = undefined
    if (result.result !== 'refused') this.#ring()
  }

  /** Without a network every sale would cut the pauses short that spare it. */
  #ring(): void {
    if (this.#lastSync?.report.result === 'synchronised') this.news.ring()
  }

  #makeOrder(request: OrderRequest, open: AnyOrder | undefined): AnyOrder {
    const id = toHex(this.#random.bytes(16))
    if (request.kind === 'passcode') return { ...request, id }
    if (request.kind === 'refund') return this.#makeRefund(request, id, open)
    const amount = request.kind === 'pay' ? this.#payAmount(request) : request.amount
    if (amount <= 0n) throw new OrderRefused('amount_not_positive')
    return { ...request, id, amount }
  }

  #makeRefund(request: RefundRequest, id: string, open: AnyOrder | undefined): RefundOrder {
    const payment = this.#findPayment(request)
    if (!payment) throw new OrderRefused('unknown_payment')
    const isBegun = open?.kind === 'refund' && open.payment === payment.id
    if (!isBegun && !this.#till.isRefundable(payment)) throw new OrderRefused('not_refundable')
    return { kind: 'refund', id, payment: payment.id, amount: payment.amount }
  }

  #findPayment({ receipt, order }: RefundRequest): JournalRecord | undefined {
    const named = receipt !== undefined || order !== undefined
    if (!named) return this.#till.lastPayment()
    const record =
      receipt === undefined ? this.#till.order(order ?? '').record : this.#till.record(receipt)
    return record?.kind === 'pay' ? record : undefined
  }

  #payAmount({ amount, products }: Extract<OrderRequest, { kind: 'pay' }>): Amount {
    const known = this.#till.documents?.products() ?? []
    const prices = products.map(({ product, quantity }) => {
      const price = known.find(({ id }) => id === product)?.price
      if (price === undefined) throw new OrderRefused('unknown_product')
      return price * BigInt(quantity)
    })
    if (amount !== undefined) return amount
    if (products.length === 0) throw new OrderRefused('amount_missing')
    return prices.reduce((sum, price) => sum + price, 0n)
  }
}

function isSame(a: AnyOrder, b: AnyOrder): boolean {
  if (a.kind === 'refund') return b.kind === 'refund' && a.payment === b.payment
  if (b.kind === 'refund' || a.kind !== b.kind) return false
  if (a.kind === 'passcode' || b.kind === 'passcode') return true
  return a.amount === b.amount && JSON.stringify(linesOf(a)) === JSON.stringify(linesOf(b))
}

function linesOf(order: AnyOrder): readonly ProductLine[] {
  return order.kind === 'pay' ? order.products : []
}
