import { concat, type Bytes } from '../../../kernel/bytes.ts'
import { FormatError } from '../../../kernel/errors.ts'
import { list, message, octets, uint16, type ValueOf } from '../../../kernel/message.ts'
import { sum, type Amount, type Currency } from '../../../kernel/money.ts'
import { publicKeyFrom, sign, type PrivateKey, type PublicKey } from '../../../kernel/p256.ts'
import { pinBlock } from '../../../kernel/pin.ts'
import type { Instant, RandomSource } from '../../../kernel/ports.ts'
import {
  bankSubject,
  certify,
  ELEMENT_ID_SIZE,
  NO_ELEMENT,
  ROOT,
  type BankNumber,
} from '../certificates.ts'
import { encloseCoin } from '../element/coin-reconstructor.ts'
import { coin, coinId, COIN_ID_SIZE, RESPONSE_SIZE } from '../message.ts'
import { cardPlan, chipReport, coinPlan, identityPlan, vendorPlan } from '../plans.ts'

/** Challenges that a bank reads of a chip before it gives it away: so many coins it can sell for it. */
export const ENROLLED = 256
const SERIAL_SIZE = COIN_ID_SIZE - 2

/** A bank that makes elements and coins. */
export interface Bank {
  readonly number: BankNumber
  readonly key: PrivateKey
  readonly certificate: Bytes
  readonly root: Bytes
}

export interface Validity {
  /** First and last day, midnights UTC. */
  readonly from: Instant
  readonly to: Instant
}

/** The root’s own certificate, and a bank’s under it. */
export function rootCertificate(key: PrivateKey, validity: Validity): Bytes {
  const authority = { subject: ROOT, key }
  return certify({ subject: ROOT, publicKey: key.publicKey, ...validity }, authority)
}

export function bankCertificate(
  bank: BankNumber,
  publicKey: PublicKey,
  root: PrivateKey,
  validity: Validity,
): Bytes {
  const authority = { subject: ROOT, key: root }
  return certify({ subject: bankSubject(bank), publicKey, ...validity }, authority)
}

/** What a bank knows of the PUF of an element: responses that no coin has used. Secret. */
export const enrolment = message('enrolment', {
  element: octets(ELEMENT_ID_SIZE, 'element'),
  identity: octets(ELEMENT_ID_SIZE, 'identity element of the same card; 00 if there is none'),
  next: uint16({}, 'the challenge that the first of them answers'),
  responses: list(octets(RESPONSE_SIZE), { max: ENROLLED }),
})
export type Enrolment = ValueOf<typeof enrolment>

/** Coins that somebody buys. */
export interface CoinOrder {
  readonly values: readonly Amount[]
  readonly currency: Currency
  readonly expires: Instant
  /** Whether only the identity element of that card may spend them. */
  readonly bound: 'bound' | 'free'
  /** Of the first coin; the others follow. */
  readonly firstSerial: number
}

export interface Sold {
  /** For that element, over any channel: nothing but its PUF opens them. */
  readonly registers: readonly Bytes[]
  readonly coins: readonly { readonly id: Bytes; readonly value: Amount }[]
  /** What the bank knows of it from now on. */
  readonly left: Enrolment
}

/**
 * Makes coins for one element, each in a register of its own.
 *
 * @throws {FormatError} if a coin cannot be, or there are more than enrolled responses.
 */
export function makeCoins(
  bank: Bank,
  known: Enrolment,
  order: CoinOrder,
  random: RandomSource,
): Sold {
  if (order.values.length > known.responses.length) {
    throw new FormatError('values', `expected at most ${known.responses.length} coins`)
  }
  const made = order.values.map((value, index) => {
    const content = {
      bank: bank.number,
      serial: serialOf(order.firstSerial + index),
      value,
      currency: order.currency.numeric,
      expires: order.expires,
      holder: known.element,
      identity: order.bound === 'bound' ? known.identity : NO_ELEMENT,
    }
    const body = coin.encode(content)
    const held = { coin: concat(body, sign(bank.key, body)), hops: [] }
    const response = known.responses[index] ?? new Uint8Array()
    const bytes = encloseCoin(held, known.next + index, response, random)
    return { bytes, id: coinId(content), value }
  })
  return {
    registers: made.map(({ bytes }) => bytes),
    coins: made.map(({ id, value }) => ({ id, value })),
    left: {
      ...known,
      next: known.next + made.length,
      responses: known.responses.slice(made.length),
    },
  }
}

function serialOf(number: number): Bytes {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(number))
  return bytes.slice(8 - SERIAL_SIZE)
}

/** The fewest coins of those denominations that are so much. @throws {FormatError} if none are. */
export function denominate(total: Amount, denominations: readonly Amount[]): readonly Amount[] {
  const values: Amount[] = []
  let left = total
  for (const value of denominations.toSorted((a, b) => (a > b ? -1 : 1))) {
    for (; value <= left; left -= value) values.push(value)
  }
  if (left > 0n || sum(values) !== total) {
    throw new FormatError('amount', `no coins are ${total}: ${left} is left`)
  }
  return values
}

export interface CardOrder extends Validity {
  readonly identity: Bytes
  readonly element: Bytes
  readonly currency: Currency
  readonly pinFreeMax: Amount
  readonly passcode: string
  readonly unblocking: string
}

export interface Made {
  /** For the desk that has the chip. */
  readonly plan: Bytes
  readonly enrolment: Enrolment
}

/** Certificates and PIN for a card whose chip has reported. @throws {FormatError} if it has not. */
export function makeCard(bank: Bank, report: Uint8Array, order: CardOrder): Made {
  const { identityKey, key, responses } = chipReport.decode(report)
  const [identityPublic] = identityKey
  if (!identityPublic) throw new FormatError('chipReport.identityKey', 'expected one')
  const { identity, element, currency } = order
  const identityCertificate = certifyElement(bank, order, identityPublic, {
    role: 'identity element',
    element: identity,
    partner: element,
  })
  const own = certifyElement(bank, order, key, {
    role: 'coin element',
    element,
    partner: identity,
  })
  const plan = cardPlan.encode({
    identity: [
      identityPlan.encode({
        bank: bank.certificate,
        own: identityCertificate,
        passcode: pinBlock(order.passcode),
        unblocking: pinBlock(order.unblocking),
      }),
    ],
    element: coinPlan.encode({
      root: bank.root,
      bank: bank.certificate,
      own,
      identity: identityCertificate,
      currency: currency.numeric,
      pinFreeMax: order.pinFreeMax,
    }),
    registers: [],
  })
  return { plan, enrolment: { element, identity, next: 0, responses } }
}

export interface VendorOrder extends Validity {
  readonly element: Bytes
  readonly till: number
  readonly currency: Currency
  readonly keepMax: number
  /** Certificates of other banks whose coins it takes. */
  readonly otherBanks: readonly Bytes[]
  readonly office: PublicKey
}

/** The same for a vendor element. */
export function makeVendor(bank: Bank, report: Uint8Array, order: VendorOrder): Made {
  const { identityKey, key, responses } = chipReport.decode(report)
  if (identityKey.length > 0) {
    throw new FormatError('chipReport.identityKey', 'expected none: this chip is a card')
  }
  const { element, till, currency, keepMax, otherBanks, office } = order
  const own = certifyElement(bank, order, key, {
    role: 'vendor element',
    element,
    partner: NO_ELEMENT,
  })
  const plan = cardPlan.encode({
    identity: [],
    element: vendorPlan.encode({
      root: bank.root,
      banks: [bank.certificate, ...otherBanks],
      own,
      till,
      currency: currency.numeric,
      keepMax,
      office: office.bytes,
    }),
    registers: [],
  })
  return { plan, enrolment: { element, identity: NO_ELEMENT, next: 0, responses } }
}

function certifyElement(
  bank: Bank,
  { from, to }: Validity,
  key: Bytes,
  subject: {
    readonly role: 'identity element' | 'coin element' | 'vendor element'
    readonly element: Bytes
    readonly partner: Bytes
  },
): Bytes {
  return certify(
    {
      subject: { ...subject, bank: bank.number },
      publicKey: publicKeyFrom(key, 'chipReport.key'),
      from,
      to,
    },
    { subject: bankSubject(bank.number), key: bank.key },
  )
}
