import { bytesEqual, toHex, type Bytes } from '../../../kernel/bytes.ts'
import { invariant } from '../../../kernel/errors.ts'
import { sum, type Amount } from '../../../kernel/money.ts'
import type { Instant } from '../../../kernel/ports.ts'
import { party, type Party } from '../../../kernel/party.ts'
import { refundedRequests, refusedRequest } from './limits.ts'
import type { CardLog, LogEntry } from './log.ts'
import { OWN_REQUESTS, type CardStore, type PaidRequest, type OwnRequest } from './store.ts'
import { PAID_REQUESTS, request, REQUEST_SIZE, type PaymentRequest } from '../message.ts'

/** A request that this card made, by its slot. */
export interface OwnRequestEntry {
  readonly index: number
  readonly slot: OwnRequest
  readonly content: PaymentRequest
}

const SLOTS = Array.from({ length: OWN_REQUESTS }, (_, index) => index)

export type Payment = Pick<PaidRequest, 'status' | 'amount' | 'payee'>

/** The requests of a card: its own, and those of others that it paid or that were refused. */
export class CardRequests {
  readonly #store: CardStore
  readonly #log: CardLog

  constructor(store: CardStore, log: CardLog) {
    this.#store = store
    this.#log = log
  }

  /** Open ones, and refused ones to be refused again. */
  own(): readonly OwnRequestEntry[] {
    return SLOTS.flatMap((index) => {
      const slot = this.#store.ownRequest(index)
      if (slot.status === 'free') return []
      return [{ index, slot, content: read(slot.request) }]
    })
  }

  open(): readonly OwnRequestEntry[] {
    return this.own().filter(({ slot }) => slot.status === 'open')
  }

  /** What is asked for in all. */
  openAmount(): Amount {
    return sum(this.open().map(({ content }) => content.amount))
  }

  /** Where the next goes: where none is, or over the one that was refused first. */
  freeSlot(): number {
    const own = this.own()
    const taken = new Set(own.map(({ index }) => index))
    const free = SLOTS.find((index) => !taken.has(index))
    const [oldest] = own
      .filter(({ slot }) => slot.status === 'refused')
      .toSorted((a, b) => a.slot.refusal - b.slot.refusal)
    const found = free ?? oldest?.index
    invariant(found !== undefined, 'not all requests of a card are open')
    return found
  }

  /** Whether an unbound request was paid, and its record is not in the log any more. */
  wasPaid(digest: Bytes): PaidRequest | undefined {
    return this.#store.paid.find((paid) => bytesEqual(paid.request, digest))
  }

  /** Whether no other unbound request can be remembered. */
  isFull(): boolean {
    const { time } = this.#store.state
    const kept = this.#store.paid.filter(({ expires }) => expires >= time)
    return kept.length + this.#unbound().length >= PAID_REQUESTS
  }

  /** What to remember once the records up to `sequence` are gone, at that time. */
  paidAfter(sequence: number, time: Instant): readonly PaidRequest[] {
    const refunded = refundedRequests(this.#log.entries())
    const leaving = this.#unbound()
      .filter(({ entry }) => entry.content.sequence <= sequence)
      .map(({ entry: { content }, expires }): PaidRequest => ({
        status: refunded.has(toHex(content.cause)) ? 'refunded' : 'paid',
        request: content.cause,
        expires,
        amount: content.amount,
        payee: content.counterparty,
      }))
    return [...this.#store.paid, ...leaving].filter(({ expires }) => expires >= time)
  }

  isRefused(digest: Bytes, payee: Party): boolean {
    const name = party().write(payee, 'payee')
    return this.#store.refused.some(
      (refused) => bytesEqual(refused.request, digest) && bytesEqual(refused.payee, name),
    )
  }

  /** The payment that a refusal is about, in the log or remembered. */
  paymentOf(digest: Bytes): Payment | undefined {
    const entry = this.#log.find(digest, 'pay', 'unload')
    if (!entry) return this.wasPaid(digest)
    return { status: 'paid', amount: entry.content.amount, payee: entry.content.counterparty }
  }

  /** What to remember once that payment is refunded. */
  paidWithRefund(digest: Bytes): readonly PaidRequest[] {
    return this.#store.paid.map((paid) =>
      bytesEqual(paid.request, digest) ? { ...paid, status: 'refunded' } : paid,
    )
  }

  /** The refund of that request, whichever refusal it was for. */
  refundOf(digest: Bytes): LogEntry | undefined {
    return this.#log
      .entries()
      .find(
        ({ content, slot }) =>
          content.kind === 'refund' && bytesEqual(refusedRequest(slot.cause), digest),
      )
  }

  /** Payments in the log whose requests name no card: nothing but memory keeps them from being paid again. */
  #unbound(): readonly { readonly entry: LogEntry; readonly expires: Instant }[] {
    return this.#log.entries().flatMap((entry) => {
      if (entry.content.kind !== 'pay' && entry.content.kind !== 'unload') return []
      const content = read(entry.slot.cause)
      return isUnbound(content) ? [{ entry, expires: content.expires }] : []
    })
  }
}

/** Whether it asks whichever card pays: from person to person. */
export function isUnbound({ payer }: PaymentRequest): boolean {
  return payer.every((byte) => byte === 0)
}

function read(signed: Bytes): PaymentRequest {
  return request.decode(signed.subarray(0, REQUEST_SIZE))
}
