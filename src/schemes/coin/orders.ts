import { DIGEST_SIZE } from '../../kernel/hash.ts'
import { PIN_SIZE } from '../../kernel/pin.ts'
import { ELEMENT_ID_SIZE } from './certificates.ts'
import {
  amount,
  choice,
  constant,
  instant,
  list,
  message,
  octets,
  uint16,
  uint32,
  varOctets,
  type ValueOf,
} from '../../kernel/message.ts'
import {
  denomination,
  EVIDENCE_MAX,
  NONCE_SIZE,
  PAYMENT_MAX,
  REGISTERS,
  REQUEST_MAX,
  SEAL_SIZE,
  value,
  certificate,
  signedTransfer,
} from './message.ts'

/** From identity element to coin element, over the interface inside the card. */
export const preparation = message('preparation', {
  version: constant(1),
  bank: list(certificate('as in the presentation'), { max: 1 }),
  vendor: certificate('as in the presentation'),
  nonce: octets(NONCE_SIZE, 'of this session'),
  pin: choice(['not given', 'verified']),
  inner: varOctets({ max: REQUEST_MAX + SEAL_SIZE }, 'the signed request, sealed'),
})
export const prepared = message('prepared', {
  kind: choice(
    ['fresh', 'again'],
    '0: a transfer to countersign, 1: the payment of before, sealed',
  ),
  bytes: varOctets({ max: PAYMENT_MAX + SEAL_SIZE }),
})

/** What a coin element tells its bank of a payment that no vendor settled. */
export const claim = message('claim', {
  version: constant(1),
  request: varOctets({ max: REQUEST_MAX }, 'the signed request'),
  transfer: signedTransfer('kind pay, signed by the coin element'),
})

/** A till to its vendor element: ask that card for that. */
export const requestOrder = message('requestOrder', {
  version: constant(1),
  bank: list(certificate('of the card’s bank'), { max: 1 }),
  identity: certificate('of the identity element'),
  element: certificate('of the coin element'),
  nonce: octets(NONCE_SIZE, 'of the identity element'),
  number: uint32({ min: 1 }, 'more than any before'),
  amount: value('minor units', 1n),
  madeAt: instant('by the till’s clock'),
  pin: list(octets(PIN_SIZE, 'PIN block'), { max: 1 }),
})
export const requested = message('requested', {
  version: constant(1),
  request: octets(DIGEST_SIZE, 'SHA-256 of the request'),
  presentation: varOctets({ max: 2048 }, 'for the identity element'),
})

/** A till to its vendor element: here is what the card answered. */
export const acceptOrder = message('acceptOrder', {
  version: constant(1),
  mode: choice(['take', 'return'], '0: for the order, 1: nobody wants it any more'),
  bank: list(certificate('of the card’s bank'), { max: 1 }),
  identity: certificate('of the identity element'),
  element: certificate('of the coin element'),
  sealed: varOctets({ max: PAYMENT_MAX + SEAL_SIZE }, 'payment, sealed to this vendor element'),
})
/** What became of it: the vendor element keeps it until the till has it safe. */
export const outcome = message('outcome', {
  version: constant(1),
  kind: choice(['paid', 'returned', 'surrendered']),
  request: octets(DIGEST_SIZE, 'SHA-256 of the request; of a surrender of its transfer'),
  element: octets(ELEMENT_ID_SIZE, 'coin element; 00 of a surrender'),
  amount: amount(8, {}, 'that the vendor has, minor units'),
  change: amount(8, {}, 'that went back, minor units'),
  settlement: varOctets({ max: PAYMENT_MAX + SEAL_SIZE }, 'sealed to the coin element'),
  evidence: varOctets({ max: EVIDENCE_MAX }, 'sealed to the office'),
})
export type Outcome = ValueOf<typeof outcome>

/** What a vendor element says to its till. */
export const vendorStatus = message('vendorStatus', {
  version: constant(1),
  till: uint32({ min: 1 }),
  currency: uint16({}, 'ISO 4217 number'),
  number: uint32({}, 'of its newest request'),
  total: amount(8, {}, 'of the coins in its registers, minor units'),
  coins: uint16({ max: REGISTERS }, 'how many'),
  outcome: choice(['none', 'waiting'], '1: the till has not said that it has the newest outcome'),
  float: list(denomination, { max: REGISTERS }),
})
export type VendorStatus = ValueOf<typeof vendorStatus>
