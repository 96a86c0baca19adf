import { invariant } from '../../../kernel/errors.ts'
import { CardRefused, CardTorn } from '../../../reader/channel.ts'
import type {
  CardView,
  Desk,
  JournalRecord,
  Order,
  RefundOrder,
  Refusal,
  TapResult,
} from '../../../till/scheme.ts'
import { type Signed } from '../../../kernel/signed-message.ts'
import { SCHEME, type WalletRecord } from '../message.ts'
import { checkPayment } from './plan.ts'
import { NO_LOADS, refused, refusedByCard } from './statuses.ts'
import type { WalletRefusal } from '../terminal.ts'
import { viewOf, type Met } from './meeting.ts'
import {
  intendedPayment,
  isAsExpected,
  isRefundFor,
  refundEvidence,
  refusalIn,
  refusalOf,
  requestIn,
  withSignature,
  type PayOrder,
} from './records.ts'

/**
 * What became of a refusal at its card: it took the payment back; it never can, and its office gives the
 * money back; or not today.
 */
type Settled = 'taken' | 'by the office' | 'not now'

const LATER: Readonly<Record<Exclude<Settled, 'taken'>, string>> = {
  'by the office':
    'The card has handed the payment in already. The money comes to it when it is synchronised the next time.',
  'not now':
    'The card cannot take the money now. It gets it when it is synchronised, or held here again after that.',
}

/** The holder may enter a PIN, and pay the same request. */
const WAITING: ReadonlySet<WalletRefusal> = new Set(['pin_needed', 'wrong_pin'])

/** The card says that this request is dead: by its nonce, its time, or because it was refused. */
const DEAD: ReadonlySet<WalletRefusal> = new Set(['stale', 'refused', 'expired'])

/**
 * A tap of a genuine card from the point on where something changes.
 *
 * What keeps the payer's money safe whatever is lost: the intent is in the journal before the request
 * leaves; the same order sends the same request; and a request that is not waited for any more is
 * refused, signed and in the journal, before another is made. So a request counts only while the till
 * still wants it, whoever has heard it and whenever its card pays it.
 */
export class Tap {
  readonly #met: Met
  readonly #desk: Desk
  /** The order's own, from its intent on. */
  #record: JournalRecord | undefined

  constructor(met: Met, desk: Desk) {
    this.#met = met
    this.#desk = desk
  }

  async perform(order: Order): Promise<TapResult> {
    if (order.kind === 'load') return refused('not_allowed', NO_LOADS)
    return this.#unlessTorn(() =>
      order.kind === 'passcode' ? this.#changePin(order) : this.#pay(order),
    )
  }

  async refund(order: RefundOrder): Promise<TapResult> {
    const payment = this.#desk.journal.record(order.payment)
    invariant(payment, 'the engine knows the payment')
    if (payment.card !== this.#met.card.card) return refused('other_card')
    return this.#unlessTorn(async () => {
      await this.#settleOthers(order.id)
      const refund = this.#begun(order.id) ?? this.#refuse(payment, order.id)
      if ('result' in refund) return refund
      this.#record = refund
      const settled = await this.#settle(refund)
      if (settled === 'by the office') this.#desk.journal.confirm(refund.id)
      const now = this.#desk.journal.record(refund.id) ?? refund
      const view = await this.#view()
      return settled === 'taken'
        ? { result: 'done', record: now, view }
        : { result: 'done', record: now, view, note: LATER[settled] }
    })
  }

  /** Whatever has begun is finished by the next tap. */
  async #unlessTorn(work: () => Promise<TapResult>): Promise<TapResult> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof CardTorn || error instanceof CardRefused) {
        return { result: 'unfinished', record: this.#record }
      }
      throw error
    }
  }

  async #changePin({ passcode, newPasscode }: Extract<Order, { kind: 'passcode' }>) {
    if (passcode === '') return refused('passcode_needed')
    const answer = await this.#met.card.changePin(passcode, newPasscode)
    if (!answer.ok) return refusedByCard(answer.refusal, answer.triesLeft)
    return { result: 'done', record: undefined, view: await this.#view() } as const
  }

  async #pay(order: PayOrder): Promise<TapResult> {
    await this.#settleOthers(order.id)
    const begun = this.#begun(order.id)
    const again = begun && (await this.#ask(begun, order))
    if (again) return again
    const { card, certificates, papers } = this.#met
    const tokens = checkPayment(card.state, order, this.#desk)
    if ('result' in tokens) return tokens
    const shopper = { state: card.state, certificates }
    const wanted = intendedPayment(shopper, order, tokens, papers, this.#desk)
    const intent = this.#desk.journal.intend(wanted)
    return (await this.#ask(intent, order)) ?? refused('card_refused')
  }

  /** Has the card pay the request of this record. Undefined if that request is dead. */
  async #ask(payment: JournalRecord, order: PayOrder): Promise<TapResult | undefined> {
    this.#record = payment
    const { card, certificates, papers, introduction } = this.#met
    const { passcode } = order
    const pin = passcode === '' ? undefined : passcode
    const asked = { pin, payee: papers.introduced, introduction }
    const answer = await card.pay(requestIn(payment), asked)
    if (!answer.ok) return this.#refusedBy(payment, answer)
    const taken = answer.value
    if (!isAsExpected(taken, payment, certificates.card.certificate.publicKey)) {
      this.#abandon(payment)
      return refused('counterfeit_card')
    }
    const record = this.#confirm(payment, taken)
    return { result: 'done', record, view: this.#viewAfter(record, taken) }
  }

  async #refusedBy(
    payment: JournalRecord,
    { refusal, triesLeft }: { readonly refusal: WalletRefusal; readonly triesLeft?: number },
  ): Promise<Refusal | undefined> {
    if (WAITING.has(refusal)) return refusedByCard(refusal, triesLeft)
    this.#abandon(payment)
    this.#record = undefined
    if (!DEAD.has(refusal)) return refusedByCard(refusal, triesLeft)
    // The card stands elsewhere than where the request was for.
    await this.#met.card.refresh()
    return refusal === 'expired' ? refusedByCard(refusal) : undefined
  }

  #confirm(payment: JournalRecord, taken: Signed<WalletRecord>): JournalRecord {
    return this.#desk.journal.confirm(payment.id, withSignature(payment, taken))
  }

  /** The request is refused for good. If the card has paid it nevertheless, its office pays that back. */
  #abandon(payment: JournalRecord): void {
    const refusal = this.#refuse(payment)
    this.#desk.journal.void(payment.id)
    if (!('result' in refusal)) this.#desk.journal.void(refusal.id)
  }

  /** @param orderId of a refund; without, it undoes the payment's own order. */
  #refuse(payment: JournalRecord, orderId?: string): JournalRecord | Refusal {
    const order =
      orderId === undefined
        ? ({ id: payment.orderId, as: 'reversal' } as const)
        : ({ id: orderId, as: 'refund' } as const)
    const wanted = refusalOf(payment, order, this.#desk)
    return wanted ? this.#desk.journal.intend(wanted) : refused('older_key')
  }

  #begun(orderId: string): JournalRecord | undefined {
    return this.#open().find((record) => record.orderId === orderId && record.kind !== 'reversal')
  }

  #open(): readonly JournalRecord[] {
    return this.#desk.journal.open(this.#met.card.card).filter(({ scheme }) => scheme === SCHEME)
  }

  /** What earlier orders left behind on this card, which nobody waits for any more. */
  async #settleOthers(orderId: string): Promise<void> {
    const { journal } = this.#desk
    for (const record of this.#open()) {
      const isOwn = record.orderId === orderId && record.kind !== 'reversal'
      if (isOwn || journal.record(record.id)?.state !== 'intended') continue
      if (record.refuses !== undefined) await this.#settle(record)
      else if (!journal.refusalOf(record.id)) {
        const refusal = this.#refuse(record)
        if ('result' in refusal) journal.void(record.id)
        else await this.#settle(refusal)
      }
    }
  }

  /** Has the card take a refusal. */
  async #settle(refusal: JournalRecord): Promise<Settled> {
    const { card, certificates, papers } = this.#met
    const { journal } = this.#desk
    const payment = journal.record(refusal.refuses ?? 0)
    invariant(payment, 'a refusal is of a payment')
    const answer = await card.refund(refusalIn(refusal), papers.introduced)
    if (!answer.ok && answer.refusal !== 'stale') return 'not now'
    const taken = answer.ok ? answer.value : undefined
    if (!taken) {
      if (payment.state === 'intended') journal.void(payment.id)
      if (refusal.kind === 'reversal') journal.void(refusal.id)
      return 'by the office'
    }
    if (!isRefundFor(taken, refusal, certificates.card.certificate.publicKey)) return 'not now'
    if (payment.state === 'intended') await this.#learn(payment)
    journal.confirm(refusal.id, refundEvidence(refusal, taken, papers, this.#desk))
    await card.refresh()
    return 'taken'
  }

  /** The card took back what it must have paid: it still has the record of that. */
  async #learn(payment: JournalRecord): Promise<void> {
    const { card, certificates } = this.#met
    const answer = await card.pay(requestIn(payment))
    const key = certificates.card.certificate.publicKey
    if (answer.ok && isAsExpected(answer.value, payment, key)) this.#confirm(payment, answer.value)
    else this.#desk.journal.void(payment.id)
  }

  async #view(): Promise<CardView> {
    return viewOf(await this.#met.card.refresh(), this.#desk)
  }

  /** What the card holds now, without asking it again. */
  #viewAfter({ madeAt }: JournalRecord, { content }: Signed<WalletRecord>): CardView {
    const { state } = this.#met.card
    const isFresh = content.sequence > state.sequence
    return {
      ...viewOf(state, this.#desk),
      balance: isFresh ? content.balance : state.balance,
      sequence: isFresh ? content.sequence : state.sequence,
      lastMaker: this.#desk.till,
      lastAt: madeAt,
      paymentsLeft: Math.max(0, state.paymentsLeft - (isFresh ? 1 : 0)),
    }
  }
}
