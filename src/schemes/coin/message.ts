import { bytesEqual, concat, utf8, type Bytes } from '../../kernel/bytes.ts'
import { FormatError } from '../../kernel/errors.ts'
import { DIGEST_SIZE, sha256 } from '../../kernel/hash.ts'
import {
  amount,
  choice,
  constant,
  instant,
  list,
  message,
  octets,
  struct,
  uint16,
  uint32,
  uint8,
  varOctets,
  type Message,
  type ValueOf,
} from '../../kernel/message.ts'
import { sum, type Amount } from '../../kernel/money.ts'
import {
  PUBLIC_KEY_SIZE,
  sign,
  SIGNATURE_SIZE,
  verify,
  type PrivateKey,
  type PublicKey,
} from '../../kernel/p256.ts'
import { PIN_SIZE } from '../../kernel/pin.ts'
import { CHALLENGES } from '../../card/puf/erasable-puf.ts'
import { fuzzyExtractor } from '../../card/puf/fuzzy-extractor.ts'
import { ELEMENT_ID_SIZE } from './certificates.ts'

/**
 * What passes between identity element, coin element, vendor element, till, bank and office.
 * docs/protocol/coin.md is this file in words.
 */
export const SCHEME = 'coin'
const aid = (last: number): Bytes =>
  concat(Uint8Array.of(0xf0), utf8('KONTANT'), Uint8Array.of(last))
/** Proprietary AIDs (ISO/IEC 7816-4, 8.2.1.2: first nibble F): `F0 KONTANT 04`, `05` and `84`. */
export const IDENTITY_AID: Bytes = aid(0x04)
export const COIN_AID: Bytes = aid(0x05)
export const VENDOR_AID: Bytes = aid(0x84)

export const VALUE_MAX: Amount = 0xffff_ffffn
export const NONCE_SIZE = 8
export const COIN_ID_SIZE = 8
export const HELD_DIGEST_SIZE = 16
export const REQUEST_ID_SIZE = 16
/** Coins that one transfer may move. */
export const COINS_MAX = 10
/** Times that a coin may change hands before whoever has it must be paid out by a bank. */
export const HOPS_MAX = 4
/** One that was paid at that limit and returned has one more. */
export const HOPS_KEPT = HOPS_MAX + 1
/** Coins that an element holds. */
export const REGISTERS = 42
/** Payments that a coin element remembers; none is forgotten while it is open. */
export const SLOTS = 4
/** Wrong PINs until the identity element blocks it, and wrong unblocking codes until that is blocked. */
export const PIN_TRIES = 3
/** Denominations, and banks, that a request names. */
export const FLOAT_MAX = 12
export const BANKS_MAX = 6
export const CERTIFICATE_MAX = 255
export const ROOT_CERTIFICATE_MAX = 480
export const HELPER_SIZE: number = fuzzyExtractor().helperSize
export const RESPONSE_SIZE: number = Math.ceil(fuzzyExtractor().responseBits / 8)

const value = (description: string, min = 0n) => amount(4, { min, max: VALUE_MAX }, description)
const certificate = (description: string) => varOctets({ max: CERTIFICATE_MAX }, description)

/** A body and its signature. */
export interface Signed<T> {
  readonly content: T
  /** Body ‖ signature, as received. */
  readonly bytes: Bytes
  readonly body: Bytes
}

export function signMessage<T>(layout: Message<T>, content: T, key: PrivateKey): Bytes {
  const body = layout.encode(content)
  return concat(body, sign(key, body))
}

/** @throws {FormatError} if it is not a body of that layout and a signature. Whose is not checked here. */
export function openMessage<T>(layout: Message<T>, bytes: Uint8Array): Signed<T> {
  const size = bytes.length - SIGNATURE_SIZE
  if (size < 0) {
    throw new FormatError(layout.name, `expected a signature of ${SIGNATURE_SIZE} bytes`)
  }
  const body = bytes.slice(0, size)
  return { content: layout.decode(body), bytes: bytes.slice(), body }
}

export function isSignedBy({ bytes, body }: Signed<unknown>, key: PublicKey): boolean {
  return verify(key, body, bytes.subarray(body.length))
}

/** What a coin is: only a bank makes one, by signing it. */
export const coin = message('coin', {
  version: constant(1),
  bank: uint16({ min: 1 }, 'the bank that made it'),
  serial: octets(COIN_ID_SIZE - 2, 'of that bank’s coins, never given twice'),
  value: value('minor units', 1n),
  currency: uint16({}, 'ISO 4217 number'),
  expires: instant('by the bank’s clock: no vendor takes it afterwards'),
  holder: octets(ELEMENT_ID_SIZE, 'the coin element, or vendor element, that it was made for'),
  identity: octets(ELEMENT_ID_SIZE, 'the only identity element that may spend it; 00: any'),
})
export type Coin = ValueOf<typeof coin>
export const COIN_SIZE = 39
export const SIGNED_COIN_SIZE = COIN_SIZE + SIGNATURE_SIZE

export const TRANSFER_KINDS = [
  /** From a customer to a vendor, for a request. */
  'pay',
  /** From a vendor to the customer who has just paid: the vendor has taken the payment. */
  'change',
  /** From a vendor to the customer: the vendor has not taken the payment, and these are its coins. */
  'return',
  /** From an element to a bank, which pays out what they are worth. */
  'surrender',
] as const
export type TransferKind = (typeof TRANSFER_KINDS)[number]

/** Coins change hands: signed by the giver. It is receipt, hop and spend in one. */
export const transfer = message('transfer', {
  version: constant(1),
  kind: choice(TRANSFER_KINDS),
  giver: octets(ELEMENT_ID_SIZE, 'element'),
  taker: octets(ELEMENT_ID_SIZE, 'element; 00: the giver’s bank'),
  sequence: uint32({}, 'the giver’s own count, never used twice; 0 of a bank'),
  request: octets(REQUEST_ID_SIZE, 'id of the request that it answers'),
  coins: list(octets(HELD_DIGEST_SIZE, 'digest of a held coin, as it was given'), {
    max: COINS_MAX,
  }),
})
export type Transfer = ValueOf<typeof transfer>
export const TRANSFER_SIZE_MAX = 40 + COINS_MAX * HELD_DIGEST_SIZE + SIGNATURE_SIZE

const signedTransfer = (description: string) => varOctets({ max: TRANSFER_SIZE_MAX }, description)

/** A coin with the chain of its holders, oldest first. */
const heldCoinFields = {
  coin: octets(SIGNED_COIN_SIZE, 'coin with its bank’s signature'),
  hops: list(signedTransfer('transfer with its giver’s signature'), { max: HOPS_KEPT }),
}
export const heldCoin = message('heldCoin', heldCoinFields)
export type HeldCoin = ValueOf<typeof heldCoin>
export const HELD_COIN_MAX = SIGNED_COIN_SIZE + 2 + HOPS_KEPT * (2 + TRANSFER_SIZE_MAX)
const heldCoins = list(struct(heldCoinFields), { max: COINS_MAX })

/** What a vendor asks of one coin element, signed by the vendor element. */
export const request = message('request', {
  version: constant(1),
  vendor: octets(ELEMENT_ID_SIZE, 'vendor element'),
  till: uint32({ min: 1 }, 'the till that it stands in'),
  identity: octets(ELEMENT_ID_SIZE, 'identity element'),
  element: octets(ELEMENT_ID_SIZE, 'coin element'),
  nonce: octets(NONCE_SIZE, 'the identity element’s, of this session'),
  number: uint32({ min: 1 }, 'the vendor element’s own count, never used twice'),
  amount: value('minor units', 1n),
  currency: uint16({}, 'ISO 4217 number'),
  madeAt: instant('by the till’s clock'),
  banks: list(uint16({ min: 1 }, 'bank whose coins it can check'), { max: BANKS_MAX }),
  float: list(struct({ value: value('denomination, minor units', 1n), count: uint8({ min: 1 }) }), {
    max: FLOAT_MAX,
  }),
})
export type Request = ValueOf<typeof request>
export const REQUEST_MAX = 61 + 2 + 2 * BANKS_MAX + 2 + 5 * FLOAT_MAX + SIGNATURE_SIZE
/** What {@link sealTo} adds: an ephemeral key, a nonce, a tag. */
export const SEAL_SIZE = PUBLIC_KEY_SIZE + 12 + 16

/** Inside the outer of the two seals: for the identity element. */
export const envelope = message('envelope', {
  version: constant(1),
  nonce: octets(
    NONCE_SIZE,
    'the identity element’s, of this session: else the PIN is not looked at',
  ),
  pin: list(octets(PIN_SIZE, 'PIN block, if the holder entered one'), { max: 1 }),
  inner: varOctets(
    { max: REQUEST_MAX + SEAL_SIZE },
    'the signed request, sealed to the coin element',
  ),
})
const ENVELOPE_MAX = 1 + NONCE_SIZE + 2 + PIN_SIZE + 2 + REQUEST_MAX + SEAL_SIZE

/** The data of PAY: the vendor’s certificates, and the request under its two seals. */
export const presentation = message('presentation', {
  version: constant(1),
  bank: list(certificate('of the vendor’s bank, if it is not the card’s'), { max: 1 }),
  vendor: certificate('of the vendor element'),
  sealed: varOctets({ max: ENVELOPE_MAX + SEAL_SIZE }, 'envelope, sealed to the identity element'),
})

/** What an identity element signs once it knows its holder: that its coin element may pay that. */
export const authorisation = message('authorisation', {
  version: constant(1),
  identity: octets(ELEMENT_ID_SIZE, 'identity element'),
  element: octets(ELEMENT_ID_SIZE, 'coin element'),
  request: octets(DIGEST_SIZE, 'SHA-256 of the request'),
})

/** What a coin element answers, sealed to the vendor element. */
export const payment = message('payment', {
  version: constant(1),
  request: varOctets({ max: REQUEST_MAX }, 'the signed request'),
  transfer: signedTransfer('kind pay, signed by the coin element'),
  countersignature: octets(SIGNATURE_SIZE, 'of the authorisation, by the identity element'),
  coins: heldCoins,
})
export type Payment = ValueOf<typeof payment>
export const PAYMENT_MAX =
  8 + REQUEST_MAX + TRANSFER_SIZE_MAX + SIGNATURE_SIZE + COINS_MAX * HELD_COIN_MAX

/** What a vendor element gives a coin element back, sealed to it: receipt, and change if there is any. */
export const settlement = message('settlement', {
  version: constant(1),
  transfer: signedTransfer('kind change or return, signed by the vendor element'),
  coins: heldCoins,
})
export type Settlement = ValueOf<typeof settlement>

export const CONTEXT = {
  request: utf8('kontant coin request'),
  envelope: utf8('kontant coin envelope'),
  payment: utf8('kontant coin payment'),
  settlement: utf8('kontant coin settlement'),
  evidence: utf8('kontant coin evidence'),
} as const

export const EVIDENCE_KINDS = ['payment', 'surrender'] as const

/** What a vendor element tells the office, signed by it and sealed to the office. */
export const evidence = message('evidence', {
  version: constant(1),
  kind: choice(EVIDENCE_KINDS),
  vendor: octets(ELEMENT_ID_SIZE, 'vendor element that says so'),
  /** Empty of a surrender. */
  payment: list(varOctets({ max: PAYMENT_MAX }, 'as the coin element gave it'), { max: 1 }),
  /** Change, return or surrender. */
  settlement: varOctets({ max: PAYMENT_MAX }, 'settlement: what it gave, to whom'),
  kept: list(octets(COIN_ID_SIZE, 'coin that it keeps as change for others'), { max: COINS_MAX }),
  certificates: list(certificate('of identity element and coin element'), { max: 2 }),
})
export type Evidence = ValueOf<typeof evidence>
export const EVIDENCE_MAX = 2 * PAYMENT_MAX + 1024

/** What a till tells the office of one order: the request as it went out, then what became of it. */
export const tillRecord = message('tillRecord', {
  version: constant(1),
  vendor: octets(ELEMENT_ID_SIZE, 'vendor element'),
  element: octets(ELEMENT_ID_SIZE, 'coin element; 00 of a surrender'),
  request: octets(DIGEST_SIZE, 'SHA-256 of the request'),
  presentation: varOctets({ max: 2048 }, 'what was shown the card, to show it again'),
  policyVersion: uint32({}, 'of the policy that the till obeyed'),
  outcome: list(
    struct({
      sealed: varOctets({ max: EVIDENCE_MAX }, 'evidence, sealed to the office'),
      settlement: varOctets({ max: PAYMENT_MAX }, 'sealed to the coin element'),
    }),
    { max: 1 },
  ),
})
export type TillRecord = ValueOf<typeof tillRecord>

/** The answer to SELECT of all three: file control information (ISO/IEC 7816-4, 5.3.3). */
export const fci = message('fci', {
  template: constant(0x6f),
  templateSize: constant(0x1d),
  nameTag: constant(0x84),
  nameSize: constant(0x09),
  name: octets(COIN_AID.length, 'AID'),
  proprietaryTag: constant(0x85),
  proprietarySize: constant(0x10),
  id: octets(ELEMENT_ID_SIZE, 'element id; 00 if blank'),
  nonce: octets(NONCE_SIZE, 'random, new with every SELECT'),
})
export const FCI_SIZE = 31

/** What a card with coins says to anybody. */
export const status = message('status', {
  version: constant(1),
  element: octets(ELEMENT_ID_SIZE, 'coin element'),
  currency: uint16({}, 'ISO 4217 number'),
  total: amount(8, {}, 'of all coins, minor units'),
  coins: uint16({ max: REGISTERS }, 'how many'),
  sequence: uint32({}, 'payments so far'),
  lastTill: uint32({}, 'of the newest payment; 0 if there is none'),
  lastAt: instant('by the clock of that till'),
  open: list(
    struct({
      request: octets(REQUEST_ID_SIZE, 'payment without a settlement'),
      vendor: octets(ELEMENT_ID_SIZE, 'vendor element that has to settle it'),
    }),
    { max: SLOTS },
  ),
})
export type Status = ValueOf<typeof status>

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
  amount: value('that the vendor has, minor units'),
  change: value('that went back, minor units'),
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
})
export type VendorStatus = ValueOf<typeof vendorStatus>

/** Identifies a request: a second signature over it makes no second request. */
export function requestDigest({ body }: Pick<Signed<Request>, 'body'>): Bytes {
  return sha256(body)
}

export function requestId(digest: Uint8Array): Bytes {
  return new Uint8Array(digest.subarray(0, REQUEST_ID_SIZE))
}

export function coinId({ bank, serial }: Pick<Coin, 'bank' | 'serial'>): Bytes {
  return concat(uint16().write(bank, 'bank'), serial)
}

/**
 * What a transfer calls a coin: the first 16 bytes of SHA-256 of the held coin as its giver had it. So
 * whoever passes a coin on signs for all of its chain.
 */
export function heldDigest(held: HeldCoin): Bytes {
  return new Uint8Array(sha256(heldCoin.encode(held)).subarray(0, HELD_DIGEST_SIZE))
}

/** A coin and its chain, read. */
export interface ReadCoin {
  readonly coin: Signed<Coin>
  readonly hops: readonly Signed<Transfer>[]
  readonly held: HeldCoin
  readonly digest: Bytes
}

/** @throws {FormatError} if it is no coin, or its hops are no transfers. Signatures are not checked here. */
export function readCoin(held: HeldCoin): ReadCoin {
  return {
    coin: openMessage(coin, held.coin),
    hops: held.hops.map((hop) => openMessage(transfer, hop)),
    held,
    digest: heldDigest(held),
  }
}

/** Who may spend it: the last taker, or whom its bank made it for. */
export function holderOf({ coin: { content }, hops }: ReadCoin): Bytes {
  return hops.at(-1)?.content.taker ?? content.holder
}

/** Whether each hop moves this very coin, as it was, from whoever had it. */
export function isChain(read: ReadCoin): boolean {
  return read.hops.every((_, index) => isHop(read, index))
}

/** The same of one of its hops. */
export function isHop({ coin: { content }, hops, held }: ReadCoin, index: number): boolean {
  const hop = hops[index]
  const holder = hops[index - 1]?.content.taker ?? content.holder
  const before = heldDigest({ coin: held.coin, hops: held.hops.slice(0, index) })
  return hop !== undefined && bytesEqual(hop.content.giver, holder) && moves(hop.content, before)
}

export function moves({ coins }: Transfer, digest: Uint8Array): boolean {
  return coins.some((moved) => bytesEqual(moved, digest))
}

/** The coin as whoever took it by that transfer has it. */
export function passedOn({ coin: signed, hops }: HeldCoin, { bytes }: Signed<Transfer>): HeldCoin {
  return { coin: signed, hops: [...hops, bytes] }
}

export function valueOf(coins: readonly ReadCoin[]): Amount {
  return sum(coins.map(({ coin: { content } }) => content.value))
}

/** Instructions, class 80. */
export const INS = {
  /** Blank: fixes the key, answers the public one. */
  GENERATE: 0x46,
  /** Blank: answers the response to challenge P1 ‖ P2. */
  ENROL: 0x48,
  PERSONALISE: 0xe2,
  LOAD: 0xe4,
  ACTIVATE: 0xe6,
  CERTIFICATE: 0xca,
  STATUS: 0x5c,
  PAY: 0x54,
  SETTLE: 0x56,
  CLAIM: 0x5a,
  UNBLOCK_PIN: 0x2c,
  REQUEST: 0x60,
  ACCEPT: 0x62,
  OUTCOME: 0x64,
  CONFIRM: 0x66,
  SURRENDER: 0x68,
  /** Inside a card only. */
  PAIR: 0x70,
  PREPARE: 0x72,
  RELEASE: 0x74,
} as const
export const CLA = 0x80
/** P1 of a command whose data are longer than one APDU. */
export const MORE = 0x00
export const LAST = 0x01
export const CHUNK_SIZE = 255

/**
 * Status words, beside 9000 and 63Cx (wrong PIN, x tries left). Before them come 6E00, 6D00 and 6B00.
 * The order is the order of the checks.
 */
export const COIN_SW = {
  WRONG_LENGTH: 0x6700,
  /** Blank and to be used, or in use and to be made; or not the command’s turn. */
  NOT_NOW: 0x6985,
  MALFORMED: 0x6a80,
  /** The PIN, or its unblocking code, is blocked. */
  BLOCKED: 0x6983,
  /** The PUF was read too badly: once in 10¹³ times at 5 % wrong bits. Again. */
  PUF_FAILED: 0x6f01,
  /** The record of what the PUF has erased was put there from outside. */
  TAMPERED: 0x6f02,
  /** Sealed for another element, or changed on its way. */
  NOT_FOR_ME: 0x6988,
  /** No bank signed that public key, or not for such an element. */
  UNCONFIRMED: 0x9481,
  BAD_SIGNATURE: 0x9482,
  /** A request of another session: it was not paid, and never will be. */
  STALE: 0x9483,
  WRONG_CURRENCY: 0x9484,
  PIN_NEEDED: 0x6982,
  /** Too many payments are open. */
  FULL: 0x9485,
  /** With 4 bytes: how much less could be paid; and 4: how much more, 0 if nothing could. */
  CANNOT_PAY: 0x9401,
  /** The vendor element has decided about that request already. */
  DECIDED: 0x9488,
  TOO_OLD: 0x9489,
  /** A coin that no bank made, not this giver’s, expired, or passed on too often. */
  BAD_COIN: 0x948a,
  NOT_ENOUGH: 0x948b,
  /** Its seed is erased, or its PUF has no such response. */
  DEAD_REGISTER: 0x948c,
  NO_ROOM: 0x6a84,
  NOT_FOUND: 0x6a83,
} as const

/** The layouts, for docs/protocol/coin.md and the test that holds it against them. */
export const LAYOUTS = {
  coin,
  transfer,
  heldCoin,
  request,
  envelope,
  presentation,
  authorisation,
  payment,
  settlement,
  evidence,
  tillRecord,
  fci,
  status,
  register,
  chipReport,
  identityPlan,
  coinPlan,
  vendorPlan,
  cardPlan,
  preparation,
  prepared,
  claim,
  requestOrder,
  requested,
  acceptOrder,
  outcome,
  vendorStatus,
} as const
