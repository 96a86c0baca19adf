import { bytesEqual, concat, toHex, utf8, type Bytes } from '../../kernel/bytes.ts'
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
  type ValueOf,
} from '../../kernel/message.ts'
import { sum, type Amount } from '../../kernel/money.ts'
import { PUBLIC_KEY_SIZE, SIGNATURE_SIZE } from '../../kernel/p256.ts'
import { openMessage, type Signed } from '../../kernel/signed-message.ts'
import { PIN_SIZE } from '../../kernel/pin.ts'
import { TOKEN_SIZE } from '../../kernel/token.ts'
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

export const value = (description: string, min = 0n) =>
  amount(4, { min, max: VALUE_MAX }, description)
export const certificate = (description: string) => varOctets({ max: CERTIFICATE_MAX }, description)

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

export const signedTransfer = (description: string) =>
  varOctets({ max: TRANSFER_SIZE_MAX }, description)

/** A coin with the chain of its holders, oldest first. */
const heldCoinFields = {
  coin: octets(SIGNED_COIN_SIZE, 'coin with its bank’s signature'),
  hops: list(signedTransfer('transfer with its giver’s signature'), { max: HOPS_KEPT }),
}
export const heldCoin = message('heldCoin', heldCoinFields)
export type HeldCoin = ValueOf<typeof heldCoin>
export const HELD_COIN_MAX = SIGNED_COIN_SIZE + 2 + HOPS_KEPT * (2 + TRANSFER_SIZE_MAX)
const heldCoins = list(struct(heldCoinFields), { max: COINS_MAX })

/** So many coins of one value. */
export const denomination = struct({
  value: value('denomination, minor units', 1n),
  count: uint8({ min: 1 }),
})

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
  float: list(denomination, { max: FLOAT_MAX }),
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
  tokens: list(octets(TOKEN_SIZE, 'token'), { max: 100 }),
  outcome: list(
    struct({
      sealed: varOctets({ max: EVIDENCE_MAX }, 'evidence, sealed to the office'),
      settlement: varOctets({ max: PAYMENT_MAX }, 'sealed to the coin element'),
    }),
    { max: 1 },
  ),
})
export type TillRecord = ValueOf<typeof tillRecord>

/** What one bank shows another: what a vendor element has sealed to its own office. */
export const bankRecord = message('bankRecord', {
  version: constant(2),
  evidence: varOctets({ max: EVIDENCE_MAX }, 'as the vendor element signed it'),
})

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

/** Whether a transfer moves these coins, each once, and no others. */
export function namesExactly({ coins: ids }: Transfer, coins: readonly ReadCoin[]): boolean {
  const distinct = new Set(coins.map((read) => toHex(coinId(read.coin.content))))
  return (
    ids.length === coins.length &&
    distinct.size === ids.length &&
    coins.every(({ digest }, index) => bytesEqual(digest, ids[index] ?? new Uint8Array()))
  )
}

/** The coin as whoever took it by that transfer has it. */
export function passedOn({ coin: signed, hops }: HeldCoin, { bytes }: Signed<Transfer>): HeldCoin {
  return { coin: signed, hops: [...hops, bytes] }
}

export function valueOf(coins: readonly ReadCoin[]): Amount {
  return sum(coins.map(({ coin: { content } }) => content.value))
}
