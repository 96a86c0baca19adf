import { bytesEqual, type Bytes } from '../../../kernel/bytes.ts'
import { verify } from '../../../kernel/p256.ts'
import {
  arePaired,
  isGoodAt,
  NO_ELEMENT,
  readCertificate,
  type Confirmed,
} from '../certificates.ts'
import { confirmedBank, isGoodCoin, type ElementCore, type Refused } from './core.ts'
import { COIN_SW } from '../instructions.ts'
import { openMessage, type Signed } from '../../../kernel/signed-message.ts'
import {
  authorisation,
  HOPS_MAX,
  namesExactly,
  payment,
  readCoin,
  request,
  requestId,
  transfer,
  valueOf,
  type ReadCoin,
  type Request,
  type Transfer,
} from '../message.ts'
import { vendorPlan } from '../plans.ts'

/** The elements of a card and their bank, all confirmed. */
export interface Customer {
  readonly identity: Confirmed
  readonly element: Confirmed
  readonly bank: Confirmed
}

/** A payment that is as it should be. */
export interface Received {
  readonly customer: Customer
  readonly bytes: Bytes
  readonly asked: Signed<Request>
  readonly digest: Bytes
  readonly paid: Signed<Transfer>
  readonly coins: readonly ReadCoin[]
}

/** What a vendor element looks at before it asks, and before it takes. */
export class PaymentCheck {
  readonly #core: ElementCore
  readonly #own: VendorData

  constructor(core: ElementCore, own: VendorData) {
    this.#core = core
    this.#own = own
  }

  /** Both certificates of a card, signed by a bank that the root has signed, and made for each other. */
  customerOf(
    shown: { readonly bank: readonly Bytes[]; readonly identity: Bytes; readonly element: Bytes },
    at: number | undefined,
  ): Customer | Refused {
    const { banks, root } = this.#own
    const { crypto } = this.#core
    const [identity, element] = [readCertificate(shown.identity), readCertificate(shown.element)]
    const [bankBytes] = shown.bank
    const bank =
      banks.find((candidate) => candidate.bank === element.bank) ??
      (bankBytes && confirmedBank(bankBytes, root, crypto))
    const confirmed =
      bank &&
      arePaired(identity, element) &&
      crypto.isConfirmedBy(identity, bank) &&
      crypto.isConfirmedBy(element, bank) &&
      (at === undefined || [identity, element, bank].every((signer) => isGoodAt(signer, at)))
    return confirmed ? { identity, element, bank } : COIN_SW.UNCONFIRMED
  }

  /** What the elements of that card signed in answer to a request of ours. */
  read(bytes: Bytes, customer: Customer): Received | Refused {
    const content = payment.decode(bytes)
    const { crypto, host } = this.#core
    const asked = openMessage(request, content.request)
    const paid = openMessage(transfer, content.transfer)
    const { own } = this.#own
    const { identity, element } = customer
    if (!bytesEqual(asked.content.vendor, own.element)) return COIN_SW.NOT_FOR_ME
    if (!crypto.verify(asked, own.publicKey)) return COIN_SW.BAD_SIGNATURE
    const digest = asked.digest
    const authorised = authorisation.encode({
      identity: identity.element,
      element: element.element,
      request: digest,
    })
    host.spend('ecdsa-verify')
    const good =
      bytesEqual(asked.content.element, element.element) &&
      bytesEqual(asked.content.identity, identity.element) &&
      paid.content.kind === 'pay' &&
      bytesEqual(paid.content.giver, element.element) &&
      bytesEqual(paid.content.taker, own.element) &&
      bytesEqual(paid.content.request, requestId(digest)) &&
      crypto.verify(paid, element.publicKey) &&
      verify(identity.publicKey, authorised, content.countersignature)
    if (!good) return COIN_SW.BAD_SIGNATURE
    return { customer, bytes, asked, digest, paid, coins: content.coins.map(readCoin) }
  }

  /** In the order of {@link COIN_SW}. */
  refusalOfCoins({ coins, paid, asked, customer }: Received): Refused | undefined {
    const { element, identity, bank } = customer
    const banks = [...this.#own.banks, bank]
    const good =
      namesExactly(paid.content, coins) &&
      coins.every(
        (read) =>
          read.hops.length < HOPS_MAX &&
          read.coin.content.expires >= asked.content.madeAt &&
          (isUnbound(read) || bytesEqual(read.coin.content.identity, identity.element)) &&
          this.isGood(read, element.element, banks),
      )
    if (!good) return COIN_SW.BAD_COIN
    return valueOf(coins) < asked.content.amount ? COIN_SW.NOT_ENOUGH : undefined
  }

  isGood(read: ReadCoin, holder: Bytes, banks: readonly Confirmed[]): boolean {
    const { currency } = this.#own
    const bank = banks.find((candidate) => candidate.bank === read.coin.content.bank)
    return isGoodCoin(read, { holder, currency, bank, crypto: this.#core.crypto })
  }
}

/** What the bank has written on it. */
export type VendorData = ReturnType<typeof readVendorPlan>

/** @throws {FormatError} if it is no plan of a vendor element. */
export function readVendorPlan(bytes: Bytes) {
  const plan = vendorPlan.decode(bytes)
  return {
    ...plan,
    root: readCertificate(plan.root),
    banks: plan.banks.map((bank) => readCertificate(bank)),
    own: readCertificate(plan.own),
  }
}

export function isUnbound({ coin: { content } }: ReadCoin): boolean {
  return bytesEqual(content.identity, NO_ELEMENT)
}
