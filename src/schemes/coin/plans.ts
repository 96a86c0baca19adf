import type { Bytes } from '../../kernel/bytes.ts'
import { PUBLIC_KEY_SIZE } from '../../kernel/p256.ts'
import { PIN_SIZE } from '../../kernel/pin.ts'
import { CHALLENGES } from '../../card/puf/erasable-puf.ts'
import {
  constant,
  instant,
  list,
  message,
  octets,
  uint16,
  uint32,
  uint8,
  varOctets,
  type ValueOf,
} from '../../kernel/message.ts'
import {
  BANKS_MAX,
  CERTIFICATE_MAX,
  HELD_COIN_MAX,
  HELPER_SIZE,
  HOPS_KEPT,
  REGISTERS,
  RESPONSE_SIZE,
  ROOT_CERTIFICATE_MAX,
  value,
  certificate,
} from './message.ts'

/** A coin as a register holds it, and as a bank delivers it: nothing but that PUF opens it. */
export const register = message('register', {
  version: constant(1),
  seed: uint16({ max: CHALLENGES - 1 }, 'coin seed: the challenge'),
  value: value('of the coin, minor units', 1n),
  bank: uint16({ min: 1 }, 'of the coin'),
  expires: instant('of the coin'),
  hops: uint8({ max: HOPS_KEPT }, 'of the coin'),
  helper: octets(HELPER_SIZE, 'coin helper'),
  sealed: varOctets(
    { max: 12 + HELD_COIN_MAX + 16 },
    'held coin by AES-256-GCM under the key that the PUF gives',
  ),
})
export type Register = ValueOf<typeof register>
export const REGISTER_MAX = 20 + HELPER_SIZE + 28 + HELD_COIN_MAX

/** What the sealed coin of a register is bound to: all that stands beside it. */
export function registerContext(content: Register): Bytes {
  return register.encode({ ...content, sealed: new Uint8Array() })
}

/** What a chip tells its bank’s desk of an element, once its key is fixed. */
export const chipReport = message('chipReport', {
  version: constant(1),
  identityKey: list(octets(PUBLIC_KEY_SIZE, 'of the identity element'), { max: 1 }),
  key: octets(PUBLIC_KEY_SIZE, 'of the coin element or vendor element'),
  responses: list(octets(RESPONSE_SIZE, 'PUF response to challenge 0, 1, 2, …'), { max: 256 }),
})
export type ChipReport = ValueOf<typeof chipReport>

/** What a bank writes on an identity element. */
export const identityPlan = message('identityPlan', {
  version: constant(1),
  bank: certificate('of the bank'),
  own: certificate('of the identity element'),
  passcode: octets(PIN_SIZE, 'PIN block'),
  unblocking: octets(PIN_SIZE, 'PIN block that unblocks the PIN'),
})
export const IDENTITY_PLAN_MAX = 1 + 2 * (2 + CERTIFICATE_MAX) + 2 * PIN_SIZE

/** What a bank writes on a coin element. */
export const coinPlan = message('coinPlan', {
  version: constant(1),
  root: varOctets({ max: ROOT_CERTIFICATE_MAX }, 'certificate of the root'),
  bank: certificate('of the bank'),
  own: certificate('of the coin element'),
  identity: certificate('of the identity element'),
  currency: uint16({}, 'ISO 4217 number'),
  pinFreeMax: value('payments up to this need no PIN'),
})
export type CoinPlan = ValueOf<typeof coinPlan>

/** What a bank writes on a vendor element. */
export const vendorPlan = message('vendorPlan', {
  version: constant(1),
  root: varOctets({ max: ROOT_CERTIFICATE_MAX }, 'certificate of the root'),
  banks: list(certificate('of a bank whose coins it takes; its own first'), { max: BANKS_MAX }),
  own: certificate('of the vendor element'),
  till: uint32({ min: 1 }, 'the till that it is for'),
  currency: uint16({}, 'ISO 4217 number'),
  keepMax: uint8({}, 'coins of one denomination that it keeps as change'),
  office: octets(PUBLIC_KEY_SIZE, 'what is sealed to it only the office can open'),
})
export type VendorPlan = ValueOf<typeof vendorPlan>
export const ELEMENT_PLAN_MAX = 2560

/** Everything that a desk writes on one card, or one vendor element. Of use for that chip only. */
export const cardPlan = message('cardPlan', {
  version: constant(1),
  identity: list(varOctets({ max: IDENTITY_PLAN_MAX }, 'identity plan'), { max: 1 }),
  element: varOctets({ max: ELEMENT_PLAN_MAX }, 'coin plan or vendor plan'),
  registers: list(varOctets({ max: REGISTER_MAX }, 'register'), { max: REGISTERS }),
})
