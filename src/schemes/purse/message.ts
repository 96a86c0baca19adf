import { aesCmac, diversify } from '../../kernel/aes.ts'
import { concat, secretsEqual, utf8, type Bytes } from '../../kernel/bytes.ts'
import { FormatError } from '../../kernel/errors.ts'
import { DIGEST_SIZE, sha256 } from '../../kernel/hash.ts'
import { CARD_ID_SIZE, cardIdOf, type CardId } from '../../kernel/ids.ts'
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
  uint8,
  type ValueOf,
} from '../../kernel/message.ts'
import type { Amount } from '../../kernel/money.ts'
import { sign, SIGNATURE_SIZE, verify, type PrivateKey, type PublicKey } from '../../kernel/p256.ts'
import { PIN_SIZE } from '../../kernel/pin.ts'
import { TOKEN_SIZE } from '../../kernel/token.ts'

/**
 * What passes between purse card, security module, till and office. docs/protocol/purse.md is this
 * file in words.
 */
export const SCHEME = 'purse'
/** Proprietary AIDs (ISO/IEC 7816-4, 8.2.1.2: first nibble F): `F0 KONTANT 01` and `81`. */
export const PURSE_AID: Bytes = concat(Uint8Array.of(0xf0), utf8('KONTANT'), Uint8Array.of(0x01))
export const MODULE_AID: Bytes = concat(Uint8Array.of(0xf0), utf8('KONTANT'), Uint8Array.of(0x81))
/** A purse holds 3 bytes, as a cyclic file of Multiflex does. */
export const VALUE_MAX: Amount = 0xff_ffffn
/** As GeldKarte's EF_BETRAG; a stamp names the file that it is about. */
export const PURSE_FILE = 0x0104
export const MAC_SIZE = 16
export const KEY_SIZE = 16
export const CHALLENGE_SIZE = 8
export const NONCE_SIZE = 8
export const LOCK_SIZE = 16
/** Wrong PINs until the card blocks it, and wrong unblocking codes until that is blocked too. */
export const PIN_TRIES = 3
/** Records of each sort that a card keeps: GeldKarte's EF_BLOG and EF_LLOG; the last change of PIN. */
export const LOG_SIZES = { payment: 15, load: 3, other: 1 } as const

export const PURSE_KINDS = [
  'issue',
  'pay',
  'load',
  'passcode',
  'pay-reversal',
  'load-reversal',
] as const
export type PurseKind = (typeof PURSE_KINDS)[number]

const value = (description: string) => amount(4, { max: VALUE_MAX }, description)

/** Positions are 32-bit with a sign at the office, and it looks at the one behind too. */
export const SEQUENCE_MAX = 0x7fff_fffe

/**
 * One transaction of one card. It is complete before the card acts, so that the till can keep it as an
 * intent; then the till has signed it, the module authorised it and, last, the card stamped it.
 */
export const record = message('record', {
  version: constant(1),
  kind: choice(PURSE_KINDS),
  currency: uint16({}, 'ISO 4217 number'),
  file: uint16({}, `the purse: ${PURSE_FILE.toString(16).padStart(4, '0')}`),
  card: octets(CARD_ID_SIZE, 'card id'),
  sequence: uint32({ max: SEQUENCE_MAX }, 'the card’s transaction counter; 0 for the issue'),
  loadSequence: uint16({}, 'loads and their reversals so far, with this one'),
  paymentSequence: uint16({}, 'payments and their reversals so far, with this one'),
  amount: value('paid, loaded or given back, minor units'),
  balance: value('on the card afterwards, minor units'),
  maker: uint32({}, 'number of the till, 0 for the office'),
  generation: uint16({ min: 1 }, 'which key of the maker signed'),
  madeAt: instant('by the clock of the maker'),
  moduleSequence: uint32({}, 'the module’s own count of what it authorised'),
  moduleBatch: uint32({}, 'the module’s sum sequence: between two cash-ups it stays'),
  challenge: octets(CHALLENGE_SIZE, 'the module’s random bytes'),
  cancelLock: octets(LOCK_SIZE, 'SHA-256 of the cancel key, first 16 bytes'),
  previous: octets(DIGEST_SIZE, 'digest of the card’s record before; 00 for the issue'),
})
export type PurseRecord = ValueOf<typeof record>
export const RECORD_SIZE = 108

/** A record with its maker's signature: what a card keeps. */
export const SIGNED_SIZE = RECORD_SIZE + SIGNATURE_SIZE

export function signRecord(content: PurseRecord, key: PrivateKey): Bytes {
  const bytes = record.encode(content)
  return concat(bytes, sign(key, bytes))
}

/** @throws {FormatError} if it is not a record and a signature. Whose signature is not checked here. */
export function openSigned(bytes: Uint8Array): PurseRecord {
  if (bytes.length !== SIGNED_SIZE) {
    throw new FormatError('signed', `expected ${SIGNED_SIZE} bytes, got ${bytes.length}`)
  }
  return record.decode(bytes.subarray(0, RECORD_SIZE))
}

export function isSignedBy(signed: Uint8Array, key: PublicKey): boolean {
  return verify(key, signed.subarray(0, RECORD_SIZE), signed.subarray(RECORD_SIZE))
}

/** Identifies a record: a second signature over it makes no second record. */
export function recordDigest(signed: Uint8Array): Bytes {
  return sha256(signed.subarray(0, RECORD_SIZE))
}

export function cardOf({ card }: PurseRecord): CardId {
  return cardIdOf(card)
}

/** The keys of one card. Only `debit` and `pin` can be had from a till's module. */
export interface CardKeys {
  readonly debit: Bytes
  readonly load: Bytes
  readonly pin: Bytes
  readonly issuer: Bytes
}
export type KeyName = keyof CardKeys

export function cardKey(master: Uint8Array, card: Uint8Array, name: KeyName): Bytes {
  return diversify(master, card, `purse ${name}`)
}

/** Each purpose has its own first byte: no MAC of one is a MAC of another. */
const MAC_PURPOSES = {
  state: 1,
  authorisation: 2,
  stamp: 3,
  'issuer stamp': 4,
  pin: 5,
  cancel: 6,
  summary: 7,
}
export type MacPurpose = keyof typeof MAC_PURPOSES

export function mac(key: Uint8Array, purpose: MacPurpose, ...parts: readonly Uint8Array[]): Bytes {
  return aesCmac(key, concat(Uint8Array.of(MAC_PURPOSES[purpose]), ...parts))
}

export function isMac(expected: Uint8Array, received: Uint8Array): boolean {
  return secretsEqual(expected, received)
}

/**
 * The `bound` stamp: AES-CMAC by the card over the whole record, with challenge, card, file,
 * operation, amount, new value and transaction counter. A module can check it.
 */
export function boundStamp(debit: Uint8Array, recordBytes: Uint8Array): Bytes {
  return mac(debit, 'stamp', recordBytes)
}

/** The same for the office: no till and no module can make it or check it. */
export function issuerStamp(issuer: Uint8Array, recordBytes: Uint8Array): Bytes {
  return mac(issuer, 'issuer stamp', recordBytes)
}

/**
 * What hides a PIN between module and card. `unique`: the card's nonce ‖ the challenge for a PIN that is
 * entered, the record for a new one. Without the nonce who has overheard a PIN could enter it again.
 */
export function pinPad(pin: Uint8Array, ...unique: readonly Uint8Array[]): Bytes {
  return mac(pin, 'pin', ...unique).slice(0, PIN_SIZE)
}

export function xor(a: Uint8Array, b: Uint8Array): Bytes {
  return Uint8Array.from(a, (byte, index) => byte ^ (b[index] ?? 0))
}

/** Who knows `key` may take a transaction back: the module that made it, and nobody else. */
export function cancelLock(key: Uint8Array): Bytes {
  return sha256(key).slice(0, LOCK_SIZE)
}

/** The answer to SELECT of either applet: file control information (ISO/IEC 7816-4, 5.3.3). */
export const fci = message('fci', {
  template: constant(0x6f),
  templateSize: constant(0x1d),
  nameTag: constant(0x84),
  nameSize: constant(0x09),
  name: octets(PURSE_AID.length, 'AID'),
  proprietaryTag: constant(0x85),
  proprietarySize: constant(0x10),
  id: octets(CARD_ID_SIZE, 'card id; of a module 00000000 and the till; 00 if blank'),
  nonce: octets(NONCE_SIZE, 'random, new with every SELECT; 00 of a module'),
})
export const FCI_SIZE = 31

/** What an issuer fixes on a card for good. */
export const parameters = message('parameters', {
  card: octets(CARD_ID_SIZE, 'card id'),
  currency: uint16({}, 'ISO 4217 number'),
  balanceMax: value('never more on the card'),
  paymentMax: value('never more in one payment'),
  pinFreeMax: value('payments up to this need no PIN'),
  expires: instant('by the office’s clock: no payment after it'),
})
export type Parameters = ValueOf<typeof parameters>
export const PARAMETERS_SIZE = 30

/** The first of two messages that make a blank card a purse. */
export const personalisation = message('personalisation', {
  version: constant(1),
  parameters: octets(PARAMETERS_SIZE, 'parameters'),
  debit: octets(KEY_SIZE, 'key'),
  load: octets(KEY_SIZE, 'key'),
  pin: octets(KEY_SIZE, 'key'),
  issuer: octets(KEY_SIZE, 'key'),
  passcode: octets(PIN_SIZE, 'PIN block'),
  unblocking: octets(PIN_SIZE, 'PIN block that unblocks the PIN'),
})
export const PERSONALISATION_SIZE = 1 + PARAMETERS_SIZE + 4 * KEY_SIZE + 2 * PIN_SIZE

/** Everything that an issuing desk writes on one card. Secret, of use for that card only. */
export const cardPlan = message('cardPlan', {
  version: constant(1),
  personalisation: octets(PERSONALISATION_SIZE, 'personalisation'),
  first: octets(SIGNED_SIZE, 'the record of the issue, signed by the office'),
})

/** The card’s answer to INITIALIZE, before its MAC. */
export const cardState = message('cardState', {
  version: constant(1),
  parameters: octets(PARAMETERS_SIZE, 'parameters'),
  pin: choice(['not given', 'verified']),
  pinTries: uint8({ max: PIN_TRIES }, 'left'),
  last: octets(SIGNED_SIZE, 'the newest record'),
})
export type CardState = ValueOf<typeof cardState>
export const STATE_SIZE = 1 + PARAMETERS_SIZE + 2 + SIGNED_SIZE

/** What the office tells one module: which till it is, and the keys that such a till may use. */
export const modulePlan = message('modulePlan', {
  version: constant(1),
  till: uint32({ min: 1 }, 'the till’s number'),
  currency: uint16({}, 'ISO 4217 number'),
  debit: octets(KEY_SIZE, 'master key'),
  pin: octets(KEY_SIZE, 'master key'),
  own: octets(KEY_SIZE, 'the module’s own key'),
  load: list(octets(KEY_SIZE, 'master key; only of a load terminal'), { max: 1 }),
})
export type ModulePlan = ValueOf<typeof modulePlan>

/** What a till asks its module to authorise. */
export const draft = message('draft', {
  kind: choice(PURSE_KINDS),
  amount: value('minor units'),
  generation: uint16({ min: 1 }, 'of the till’s key that signs'),
  madeAt: instant('by the till’s clock'),
})

/** The module’s answer: with it the till can write the whole record. */
export const authorisation = message('authorisation', {
  moduleSequence: uint32(),
  moduleBatch: uint32(),
  challenge: octets(CHALLENGE_SIZE, 'the one that the card was opened with'),
  cancelLock: octets(LOCK_SIZE, 'of the new record'),
  mac: octets(MAC_SIZE, 'under the card’s debit key, or its load key for a load'),
  extra: list(octets(KEY_SIZE, 'reversal: cancel key of the record; passcode: PIN pad ‖ 00'), {
    max: 1,
  }),
})
export type Authorisation = ValueOf<typeof authorisation>

/** What a module has counted between two cash-ups. */
export const summary = message('summary', {
  version: constant(1),
  till: uint32({ min: 1 }),
  batch: uint32({}, 'sum sequence'),
  count: uint32({}, 'transactions that cards stamped'),
  paid: amount(8, {}, 'minor units'),
  paidBack: amount(8, {}, 'payments taken back, minor units'),
  loaded: amount(8, {}, 'minor units'),
  loadedBack: amount(8, {}, 'loads taken back, minor units'),
  lastSequence: uint32({}, 'the module’s newest sequence'),
})
export type Summary = ValueOf<typeof summary>
export const SUMMARY_SIZE = 49

/**
 * What a till shows the office for one record. Without a stamp it is an intent: the till’s word that it
 * asked the card, which counts once somebody has read the record from the card.
 */
export const evidence = message('evidence', {
  version: constant(1),
  signed: octets(SIGNED_SIZE, 'the record with the till’s signature'),
  previous: list(octets(SIGNED_SIZE, 'the record before, as the card gave it; none for an issue'), {
    max: 1,
  }),
  authorisation: octets(MAC_SIZE, 'by the module; 00 for an issue'),
  extra: list(octets(KEY_SIZE, 'what EXECUTE takes beside: hidden new PIN ‖ 00, or cancel key'), {
    max: 1,
  }),
  stamp: list(octets(MAC_SIZE, 'issuer stamp by the card'), { max: 1 }),
  policyVersion: uint32({}, 'of the policy that the till obeyed'),
  tokens: list(octets(TOKEN_SIZE, 'token'), { max: 100 }),
})
export type Evidence = ValueOf<typeof evidence>

/** The office’s secrets of this scheme: master keys. Till and cards get what stems from them. */
export const masters = message('masters', {
  version: constant(1),
  debit: octets(KEY_SIZE, 'in every module'),
  pin: octets(KEY_SIZE, 'in every module'),
  load: octets(KEY_SIZE, 'in modules of load terminals'),
  issuer: octets(KEY_SIZE, 'nowhere else'),
  module: octets(KEY_SIZE, 'nowhere else'),
})
export type Masters = ValueOf<typeof masters>

/** What a card does at EXECUTE after the record and its MAC. */
export const EXECUTE_P1 = { plain: 0x00, newPin: 0x01, cancel: 0x02 } as const

export function executeP1(kind: PurseKind): number {
  if (kind === 'passcode') return EXECUTE_P1.newPin
  return kind === 'pay-reversal' || kind === 'load-reversal' ? EXECUTE_P1.cancel : EXECUTE_P1.plain
}

/** Instructions of the two applets, class 80; those of the purse as EN 1546-3 has them. */
export const INS = {
  PERSONALISE: 0xe2,
  INITIALIZE: 0x50,
  EXECUTE: 0x54,
  GET_PREVIOUS_SIGNATURE: 0x5a,
  READ_LOG: 0xb2,
  UNBLOCK_PIN: 0x2c,
  OPEN: 0x60,
  CHECK: 0x62,
  AUTHORISE: 0x64,
  COMPLETE: 0x66,
  CASH_UP: 0x68,
} as const
export const CLA = 0x80

/**
 * Status words of the two applets, beside 9000 and 63Cx (wrong PIN, x tries left). Before them come
 * 6E00, 6D00 and 6B00. The order is the order of the checks.
 */
export const PURSE_SW = {
  WRONG_LENGTH: 0x6700,
  /** Blank and to be used, or in use and to be personalised; or not the command’s turn. */
  NOT_NOW: 0x6985,
  MALFORMED: 0x6a80,
  /** The PIN, or its unblocking code, is blocked. */
  BLOCKED: 0x6983,
  /** The record does not stand after the card’s newest, or a counter has run out. */
  DOES_NOT_FOLLOW: 0x6a88,
  /** Not from a module, or not from a card, of this system. */
  WRONG_MAC: 0x6988,
  /** The module has no key for it. */
  MAY_NOT: 0x9406,
  EXPIRED: 0x9404,
  PAYMENT_TOO_HIGH: 0x9403,
  PIN_NEEDED: 0x6982,
  INSUFFICIENT_FUNDS: 0x9401,
  BALANCE_TOO_HIGH: 0x9402,
  WRONG_BALANCE: 0x9407,
  /** It does not take back the newest record, or has not its key. */
  NOT_CANCELLABLE: 0x9405,
  BAD_NEW_PIN: 0x9408,
  RECORD_NOT_FOUND: 0x6a83,
} as const

/** The layouts, for docs/protocol/purse.md and the test that holds it against them. */
export const LAYOUTS = {
  record,
  fci,
  parameters,
  personalisation,
  cardPlan,
  cardState,
  modulePlan,
  draft,
  authorisation,
  summary,
  evidence,
} as const
