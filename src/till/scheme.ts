import type { Bytes } from '../kernel/bytes.ts'
import type { CardId, Digest, TillNumber } from '../kernel/ids.ts'
import type { Amount, Currency } from '../kernel/money.ts'
import type { PrivateKey, PublicKey } from '../kernel/p256.ts'
import type { Clock, Instant, RandomSource } from '../kernel/ports.ts'
import type { Policy } from '../kernel/documents.ts'
import type { Token } from '../kernel/token.ts'
import type { Channel } from '../reader/channel.ts'

/** What a till engine asks of a scheme, and nothing more. One object a scheme, without state. */
export interface TillScheme {
  readonly name: string
  /**
   * By the answer to reset: whether this scheme's cards may look so. Several can; the first that does
   * not answer `unknown_card` gets the card.
   */
  recognises(atr: Bytes): boolean
  /** What the card says of itself. Nothing changes, on the card or in the journal. */
  show(channel: Channel, desk: Desk): Promise<ShowResult>
  /**
   * The same, when it has given the card what payments of before still owe it: for whoever comes for that
   * alone. Only of schemes whose payments can leave something at the till.
   */
  giveOwed?(channel: Channel, desk: Desk): Promise<ShowResult>
  /**
   * Carries out one order at one card. First finishes or undoes what this till left unfinished on it.
   * A repeated tap with the same order finishes that order and charges once.
   */
  perform(channel: Channel, order: Order, desk: Desk): Promise<TapResult>
  /** The cost of an order beforehand, for the air budget. */
  cost(order: Order): TapCost
  /** Only of schemes whose tills can pay back: a payee's signed word undoes a payment there. */
  readonly refunds?: Refunds
  /** Closes the day in the till's security module. Only of schemes whose tills have one. */
  cashUp?(desk: Desk): Promise<CashUp | Refusal>
  /**
   * Gives a card what a payment that is done still owes it: change, a receipt. Only of schemes whose
   * payments can leave something at the till. Undefined if it is not that payment's card.
   */
  settle?(channel: Channel, payment: JournalRecord, desk: Desk): Promise<TapResult | undefined>
  /** What the till's security module has left to give change with. Only of schemes that give change. */
  float?(desk: Desk): Promise<Float | Refusal>
}

/** What change a till can give. */
export interface Float {
  readonly result: 'float'
  readonly total: Amount
  /** Largest first. */
  readonly coins: readonly { readonly value: Amount; readonly count: number }[]
  /** For the person at the till, if it runs low. */
  readonly warning: string | undefined
}

/** What went over the counter where money is in pieces: `given` less `change` is the amount. */
export interface HandedOver {
  readonly given: Amount
  readonly change: Amount
}

/** How a scheme takes payments of its till back. */
export interface Refunds {
  /**
   * What this till says of a payment that it will not have, signed: without the card, which it may never
   * see again. From when the journal has it, the payer gets his money back.
   *
   * Undefined if this till cannot say so any more.
   *
   * @param order `refund`: one of its own; `reversal`: it undoes the payment's own order.
   */
  refuse(payment: JournalRecord, order: RefusalOrder, desk: Desk): NewRecord | undefined
  /** Refuses the payment and has its card take it back. The same order again finishes that. */
  perform(channel: Channel, order: RefundOrder, desk: Desk): Promise<TapResult>
}

export interface RefusalOrder {
  readonly id: string
  readonly as: 'refund' | 'reversal'
}

/** What a security module has counted since it was closed before. */
export interface CashUp {
  readonly result: 'closed'
  /** Of the module's own numbering: 1 for its first day. */
  readonly batch: number
  /** Transactions that cards have stamped; of coins, how many were surrendered. */
  readonly count: number
  readonly paid: Amount
  /** Payments taken back. */
  readonly paidBack: Amount
  readonly loaded: Amount
  readonly loadedBack: Amount
  /** The module's own words with its MAC: the office can check them. */
  readonly proof: Bytes
}

export interface TapCost {
  readonly apdus: number
  readonly bytesOut: number
  readonly bytesIn: number
}

/** What the cashier wants done. `id` stays the same over all taps until the order is done or given up. */
export type Order =
  | {
      readonly kind: 'pay'
      readonly id: string
      readonly amount: Amount
      /** Units to sell, for which tokens must be spent; empty for a free amount. */
      readonly products: readonly ProductLine[]
      readonly passcode: string
    }
  | {
      readonly kind: 'load'
      readonly id: string
      readonly amount: Amount
      readonly passcode: string
    }
  | {
      readonly kind: 'passcode'
      readonly id: string
      readonly passcode: string
      readonly newPasscode: string
    }

/** A payment of this till is given back, whole, to the card that paid. */
export interface RefundOrder {
  readonly kind: 'refund'
  readonly id: string
  /** Number of the payment's record in this till's journal. */
  readonly payment: number
  readonly amount: Amount
}

export type AnyOrder = Order | RefundOrder

export interface ProductLine {
  readonly product: number
  readonly quantity: number
}

/** What a card says of itself to a till that shows it. */
export interface CardView {
  readonly card: CardId
  readonly currency: Currency
  readonly balance: Amount
  readonly sequence: number
  /** Undefined if the card does not say. */
  readonly lastMaker: TillNumber | undefined
  /** By the clock of `lastMaker`. */
  readonly lastAt: Instant | undefined
  /** How often it can pay until its holder has to synchronise it; undefined where there is no such limit. */
  readonly paymentsLeft?: number
  /** A record that was begun on the card and neither finished nor undone. */
  readonly unfinished: boolean
}

export type ShowResult =
  | {
      readonly result: 'shown'
      readonly view: CardView
      /** What it has just got of what this till owed it; undefined if that was nothing. */
      readonly given?: Amount
    }
  | Refusal
  | { readonly result: 'torn' }

/**
 * `done`: the card took it, now or at an earlier tap.
 * `refused`: the card is as it was.
 * `unfinished`: the card left in the middle; which of the two it is, the next tap of that card shows.
 */
export type TapResult =
  | {
      readonly result: 'done'
      /** Undefined of what leaves no record: a change of PIN where only the card keeps it. */
      readonly record: JournalRecord | undefined
      readonly view: CardView
      /** What the customer should know besides. */
      readonly note?: string
      readonly handedOver?: HandedOver
    }
  | Refusal
  | { readonly result: 'unfinished'; readonly record: JournalRecord | undefined }

export interface Refusal {
  readonly result: 'refused'
  /** One of the scheme's closed, ordered list. */
  readonly status: string
  /** For the person at the till: what is wrong and what to do. */
  readonly explanation: string
  /** Amounts that would go instead, where the one that was asked for does not work out. */
  readonly otherAmounts?: readonly Amount[]
}

/** What the engine hands a scheme for one tap. */
export interface Desk {
  readonly till: TillNumber
  readonly generation: number
  readonly key: PrivateKey
  readonly currency: Currency
  readonly policy: Policy
  readonly policyVersion: number
  readonly clock: Clock
  readonly random: RandomSource
  /** The scheme's secrets, as the office gave them at enrolment. */
  readonly secrets: Bytes
  /** The till's security module, in a slot of its own; undefined if none is there. */
  readonly module: Channel | undefined
  /** What is sealed to this key only the office can open. */
  readonly officeKey: PublicKey
  /** A maker's public key, if the directory has it and it was good at that instant of its own clock. */
  keyOf(maker: TillNumber, generation: number, at: Instant): PublicKey | undefined
  isHot(card: CardId): boolean
  /** Which limit of the policy would stop this amount now, as a sentence for people. */
  stoppedBy(order: Order, balanceAfter: Amount): string | undefined
  /** Counts wrong passcodes a card; see {@link Policy}. */
  readonly passcodes: PasscodeTries
  readonly journal: Journal
}

export interface PasscodeTries {
  isPaused(card: CardId): boolean
  wrong(card: CardId): void
  right(card: CardId): void
}

/**
 * The till's memory of what it signed. Each call is durable when it returns.
 * For one card and sequence a till signs one record and never another: that makes two of them proof.
 */
export interface Journal {
  /** The record with the highest sequence that this till ever signed for that card. */
  latest(card: CardId): JournalRecord | undefined
  /** Those of that card that it has neither taken nor gone on without, oldest first. */
  open(card: CardId): readonly JournalRecord[]
  record(id: number): JournalRecord | undefined
  /** What takes this record back, if anything does. */
  refusalOf(id: number): JournalRecord | undefined
  /** Unused tokens for these units, or undefined if some are missing. Takes none. */
  tokensFor(lines: readonly ProductLine[]): readonly SpendableToken[] | undefined
  /**
   * Writes the intent, before the card changes, and spends its tokens. From here on the record exists
   * and is reported to the office, whatever becomes of it.
   */
  intend(record: NewRecord): JournalRecord
  /**
   * The card was seen to hold it. `evidence`: the same record with what the card itself says of it,
   * to be shown instead of what was known when it was begun.
   */
  confirm(id: number, evidence?: Bytes): JournalRecord
  /**
   * The card was seen to have gone on without it. Of what was only expected the tokens are unused again:
   * nobody has signed that they were.
   */
  void(id: number): JournalRecord
  /** An instant of this till's clock that no record of it has and that is after all of them. */
  stamp(): Instant
  /** Whether the cashier gave this order up after a tap left it unfinished. */
  isGivenUp(orderId: string): boolean
}

export interface SpendableToken {
  readonly token: Token
  readonly bytes: Bytes
}

export interface NewRecord {
  readonly orderId: string
  readonly scheme: string
  readonly card: CardId
  /** Of a refusal: the sequence of the payment. */
  readonly sequence: number
  /**
   * This till only expects that the card will make the record, and what it signed itself takes no
   * position on the card. Without, it signs the position: one record and never another.
   */
  readonly isExpected?: boolean
  /** The record of a payment that this one takes back. */
  readonly refuses?: number
  readonly kind: RecordKind
  readonly amount: Amount
  readonly balanceAfter: Amount
  /** As {@link Journal.stamp} gave it. */
  readonly madeAt: Instant
  readonly digest: Digest
  /** What the office will be shown: bytes that prove the record. */
  readonly evidence: Bytes
  readonly tokens: readonly SpendableToken[]
}

export type RecordKind = 'pay' | 'load' | 'passcode' | 'reversal' | 'refund'

export interface JournalRecord extends NewRecord {
  readonly id: number
  readonly state: 'intended' | 'confirmed' | 'void'
}
