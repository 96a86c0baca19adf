import { response, SW, type ResponseApdu, type StatusWord } from '../../../kernel/apdu.ts'
import { bytesEqual, concat, type Bytes } from '../../../kernel/bytes.ts'
import { FormatError } from '../../../kernel/errors.ts'
import { CARD_ID_SIZE, cardIdOf } from '../../../kernel/ids.ts'
import { SIGNATURE_SIZE } from '../../../kernel/p256.ts'
import { party, sameParty, type Party } from '../../../kernel/party.ts'
import { slotsOf, type Signer } from './certificates.ts'
import { refusalByLimits } from './limits.ts'
import type { CardParts } from './parts.ts'
import { isUnbound } from './requests.ts'
import { ownRequestPart, paidPart, refusedPart, type OwnRequest } from './store.ts'
import { type Signed } from '../../../kernel/signed-message.ts'
import {
  asking,
  declining,
  NONCE_SIZE,
  OPEN_REQUESTS,
  record,
  RECORD_SIZE,
  refusal,
  REFUSAL_SIZE,
  REQUEST_LIFE_MAX,
  request,
  SIGNED_REQUEST_SIZE,
  WALLET_SW,
  type PaymentRefusal,
  type PaymentRequest,
  type WalletRecord,
} from '../message.ts'

/** What passes between cards and whom they pay, as far as cards have part in it. */
export class CardPayments {
  readonly #parts: CardParts

  constructor(parts: CardParts) {
    this.#parts = parts
  }

  /** Signed request [‖ sealed PIN]. The answer: the signed record. */
  pay(data: Bytes): ResponseApdu {
    const { log, chip, certificates } = this.#parts
    const asked = chip.open(request, data.slice(0, SIGNED_REQUEST_SIZE))
    checkPayer(asked.content)
    const paid = log.find(asked.digest, 'pay', 'unload')
    if (paid) return response(SW.OK, paid.signed)
    const signer = certificates.find(asked.content.payee)
    if (!signer) return response(WALLET_SW.UNKNOWN_SIGNER)
    const refused =
      this.#refusalOfRequest(asked, signer) ??
      this.#refusalOfPin(asked, data.slice(SIGNED_REQUEST_SIZE)) ??
      this.#refusalByLimits(asked.content)
    return refused === undefined ? this.#paid(asked, signer) : response(refused)
  }

  #paid({ content, digest, bytes }: Signed<PaymentRequest>, signer: Signer): ResponseApdu {
    const { log, store } = this.#parts
    const { payee, amount, madeAt } = content
    const signed = log.append(
      {
        kind: this.#isUnload(content) ? 'unload' : 'pay',
        amount,
        balance: store.state.balance - amount,
        counterparty: payee,
        cause: digest,
        madeAt,
      },
      { ...slotsOf(signer), cause: bytes, request: [] },
    )
    return response(SW.OK, signed)
  }

  #refusalOfRequest(asked: Signed<PaymentRequest>, signer: Signer): StatusWord | undefined {
    const { store, chip, certificates, requests } = this.#parts
    const { content, digest } = asked
    const { currency } = store.personalisation
    if (!chip.isSignedBy(asked, signer.key)) return WALLET_SW.BAD_SIGNATURE
    if (!this.#mayPay(content)) return WALLET_SW.NOT_ADDRESSED
    if (content.currency !== currency) return WALLET_SW.FOREIGN_CURRENCY
    if (!this.#isCurrent(content) || certificates.isExpired(signer)) return WALLET_SW.EXPIRED
    const isStale = isUnbound(content)
      ? requests.wasPaid(digest) !== undefined
      : !bytesEqual(content.payerNonce, store.state.nonce)
    if (isStale) return WALLET_SW.STALE
    return requests.isRefused(digest, content.payee) ? WALLET_SW.REFUSED : undefined
  }

  /** Asks this card, or any, and is not its own; of the offices, only its own is paid. */
  #mayPay(content: PaymentRequest): boolean {
    const { self, store } = this.#parts
    const isAsked = isUnbound(content) || bytesEqual(content.payer, store.personalisation.card)
    const isStranger = content.payee.kind === 'office' && !this.#isUnload(content)
    return isAsked && !isStranger && !sameParty(content.payee, self)
  }

  /** By the last time that its office told the card, which may be long ago. */
  #isCurrent({ madeAt, expires }: { madeAt: number; expires: number }): boolean {
    const life = expires - madeAt
    return expires >= this.#parts.store.state.time && life >= 0 && life <= REQUEST_LIFE_MAX
  }

  #isUnload({ payee }: PaymentRequest): boolean {
    return payee.kind === 'office' && payee.office === this.#parts.self.office
  }

  #refusalOfPin(
    { content, digest }: Signed<PaymentRequest>,
    sealed: Bytes,
  ): StatusWord | undefined {
    const { store, pin } = this.#parts
    const isNeeded =
      content.amount > store.policy.pinFreeMax || isUnbound(content) || this.#isUnload(content)
    if (sealed.length === 0 && !isNeeded) return undefined
    if (pin.isBlocked('pin')) return WALLET_SW.BLOCKED
    if (sealed.length === 0) return WALLET_SW.PIN_NEEDED
    return pin.refusalOf('pin', pin.unseal(sealed, digest))
  }

  #refusalByLimits(content: PaymentRequest): StatusWord | undefined {
    const { store, log, requests } = this.#parts
    const hasRoom = log.room > 0 && !(isUnbound(content) && requests.isFull())
    return refusalByLimits(store, log, { ...content, hasRoom })
  }

  /** What its holder wants. The answer: a request, signed by this card; while it is open, the same again. */
  request(data: Bytes): ResponseApdu {
    const { store, chip, requests } = this.#parts
    const wanted = asking.decode(data)
    const known = requests
      .open()
      .find(({ content }) => bytesEqual(asking.encode(content), asking.encode(wanted)))
    if (known) return response(SW.OK, known.slot.request)
    const { policy, state, personalisation } = store
    const expected = state.balance + requests.openAmount() + wanted.amount
    if (wanted.currency !== personalisation.currency) return response(WALLET_SW.FOREIGN_CURRENCY)
    if (!this.#isCurrent(wanted)) return response(WALLET_SW.EXPIRED)
    if (expected > policy.balanceMax) return response(WALLET_SW.BALANCE_TOO_HIGH)
    if (requests.open().length >= OPEN_REQUESTS) return response(WALLET_SW.TOO_MANY_REQUESTS)
    const made = chip.sign(request, {
      ...wanted,
      payee: this.#parts.self,
      nonce: chip.nonce(),
      payer: new Uint8Array(CARD_ID_SIZE),
      payerNonce: new Uint8Array(NONCE_SIZE),
    })
    store.write(
      ownRequestPart(requests.freeSlot(), {
        status: 'open',
        digest: made.digest,
        request: made.bytes,
        refusedAt: 0,
        signature: new Uint8Array(SIGNATURE_SIZE),
        refusal: 0,
      }),
    )
    return response(SW.OK, made.bytes)
  }

  /** A payer’s signed record. The answer: this card’s. */
  receive(data: Bytes): ResponseApdu {
    const { store, log, chip, certificates, requests } = this.#parts
    const payment = chip.open(record, data)
    const { content, digest, bytes } = payment
    const received = log.find(digest, 'receive')
    if (received) return response(SW.OK, received.signed)
    const payer = cardOf(content)
    const signer = certificates.find(payer)
    if (!signer) return response(WALLET_SW.UNKNOWN_SIGNER)
    const own = requests.own().find(({ slot }) => bytesEqual(slot.digest, content.cause))
    const refused = this.#refusalOfPayment(payment, signer)
    if (refused !== undefined) return response(refused)
    // A card of ours pays what it was asked for. Another amount was never asked for.
    if (own?.content.amount !== content.amount) return response(WALLET_SW.STALE)
    if (own.slot.status === 'refused') return response(WALLET_SW.REFUSED)
    const full = log.refusalOfMore(content.amount, 'card')
    if (full !== undefined) return response(full)
    const signed = log.append(
      {
        kind: 'receive',
        amount: content.amount,
        balance: store.state.balance + content.amount,
        counterparty: payer,
        cause: digest,
        madeAt: content.madeAt,
      },
      { ...slotsOf(signer), cause: bytes, request: [own.slot.request] },
      { parts: [ownRequestPart(own.index, { ...own.slot, status: 'free' })] },
    )
    return response(SW.OK, signed)
  }

  #refusalOfPayment(payment: Signed<WalletRecord>, signer: Signer): StatusWord | undefined {
    const { store, chip, self } = this.#parts
    const { kind, counterparty, currency } = payment.content
    if (!chip.isSignedBy(payment, signer.key)) return WALLET_SW.BAD_SIGNATURE
    if (kind !== 'pay' || !sameParty(counterparty, self)) return WALLET_SW.NOT_ADDRESSED
    return currency === store.personalisation.currency ? undefined : WALLET_SW.FOREIGN_CURRENCY
  }

  /** Closes a request of this card. The answer: a refusal that gives whoever paid it his money back. */
  refuse(data: Bytes): ResponseApdu {
    const { store, chip, requests } = this.#parts
    const wanted = declining.decode(data)
    const own = requests.own().find(({ slot }) => bytesEqual(slot.digest, wanted.request))
    if (own?.slot.status === 'refused') return response(SW.OK, this.#refusalOf(own.slot))
    if (this.#wasReceived(wanted.request)) return response(WALLET_SW.NOT_NOW)
    if (!own) return response(WALLET_SW.STALE)
    const made = chip.sign(refusal, { ...wanted, payee: this.#parts.self })
    const { refusals } = store.state
    const slot: OwnRequest = {
      ...own.slot,
      status: 'refused',
      refusedAt: wanted.madeAt,
      signature: made.bytes.slice(REFUSAL_SIZE),
      refusal: refusals,
    }
    store.commit({ refusals: refusals + 1 }, ownRequestPart(own.index, slot))
    return response(SW.OK, made.bytes)
  }

  #refusalOf({ digest, refusedAt, signature }: OwnRequest): Bytes {
    const content = { payee: this.#parts.self, request: digest, madeAt: refusedAt }
    return concat(refusal.encode(content), signature)
  }

  #wasReceived(digest: Bytes): boolean {
    return this.#parts.log.entries().some(({ content, slot }) => {
      if (content.kind !== 'receive') return false
      return bytesEqual(record.decode(slot.cause.subarray(0, RECORD_SIZE)).cause, digest)
    })
  }

  /** A payee’s refusal. The answer: the record that takes the payment back, or nothing if there was none. */
  refund(data: Bytes): ResponseApdu {
    const { log, chip, certificates, requests } = this.#parts
    const refused = chip.open(refusal, data)
    const { payee, request: digest } = refused.content
    const done = requests.refundOf(digest)
    if (done) return response(SW.OK, done.signed)
    const signer = certificates.find(payee)
    if (!signer) return response(WALLET_SW.UNKNOWN_SIGNER)
    if (!chip.isSignedBy(refused, signer.key)) return response(WALLET_SW.BAD_SIGNATURE)
    const payment = requests.paymentOf(digest)
    if (!sameParty(payment?.payee ?? payee, payee)) return response(WALLET_SW.NOT_ADDRESSED)
    if (!payment) return this.#remember(digest, payee)
    if (payment.status === 'refunded') return response(WALLET_SW.STALE)
    const full = log.refusalOfMore(payment.amount, 'card')
    return full === undefined ? this.#refunded(refused, signer, payment.amount) : response(full)
  }

  #refunded(
    { content, bytes, digest }: Signed<PaymentRefusal>,
    signer: Signer,
    amount: bigint,
  ): ResponseApdu {
    const { log, store, requests } = this.#parts
    const signed = log.append(
      {
        kind: 'refund',
        amount,
        balance: store.state.balance + amount,
        counterparty: content.payee,
        cause: digest,
        madeAt: content.madeAt,
      },
      { ...slotsOf(signer), cause: bytes, request: [] },
      { parts: [paidPart(requests.paidWithRefund(content.request))] },
    )
    return response(SW.OK, signed)
  }

  #remember(digest: Bytes, payee: Party): ResponseApdu {
    const { store, requests } = this.#parts
    if (!requests.isRefused(digest, payee)) {
      const name = party().write(payee, 'payee')
      store.write(refusedPart([{ request: digest, payee: name }, ...store.refused]))
    }
    return response(SW.OK)
  }
}

/** @throws {FormatError} if it asks whichever card pays for the nonce of one. */
function checkPayer(content: PaymentRequest): void {
  if (isUnbound(content) && content.payerNonce.some((byte) => byte !== 0)) {
    throw new FormatError('request.payerNonce', 'expected 00, as the payer is')
  }
}

function cardOf({ office, card }: WalletRecord): Party {
  return { kind: 'card', office, card: cardIdOf(card) }
}
