import { concat, utf8, type Bytes } from '../../kernel/bytes.ts'
import { DIGEST_SIZE } from '../../kernel/hash.ts'
import { CARD_ID_SIZE } from '../../kernel/ids.ts'
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
  varOctets,
  type ValueOf,
} from '../../kernel/message.ts'
import type { Amount } from '../../kernel/money.ts'
import { PUBLIC_KEY_SIZE, SIGNATURE_SIZE } from '../../kernel/p256.ts'
import { party } from '../../kernel/party.ts'
import { PIN_SIZE } from '../../kernel/pin.ts'
import { TOKEN_SIZE } from '../../kernel/token.ts'

/**
 * What passes between wallet card, till, phone, office and notary. docs/protocol/wallet.md is this file
 * in words.
 */
export const SCHEME = 'wallet'
/** Proprietary AID (ISO/IEC 7816-4, 8.2.1.2: first nibble F): `F0 KONTANT 03`. */
export const WALLET_AID: Bytes = concat(Uint8Array.of(0xf0), utf8('KONTANT'), Uint8Array.of(0x03))
export const VALUE_MAX: Amount = 0xffff_ffffn
export const NONCE_SIZE = 8
/** Wrong PINs until the card blocks it, and wrong unblocking codes until that is blocked too. */
export const PIN_TRIES = 3
/** Records that a card keeps until they are acknowledged. */
export const LOG_SIZE = 16
/** Requests that a card remembers: those it made and are open, and those it paid and could be asked for again. */
export const OPEN_REQUESTS = 4
export const PAID_REQUESTS = 16
/** Longest a request may be good, by the clock of whoever makes it: a day in ms. */
export const REQUEST_LIFE_MAX = 24 * 3600 * 1000
export const CERTIFICATE_SIZE_MAX = 255
/** Of refusals of requests that a card has not paid, the newest: it will not pay those. */
export const REFUSALS_KEPT = 8
/** Records of others that a card carries for its holder: so many, of so many bytes, in pieces. */
export const CARRIED_BLOCKS = 4
export const CARRIED_BLOCK_MAX = 1536
export const CARRIED_PIECE = 255

const value = (description: string) => amount(4, { max: VALUE_MAX }, description)

export const RECORD_KINDS = [
  /** Put on the card by an instruction of its office. */
  'load',
  'pay',
  /** From another card. */
  'receive',
  /** A payment that the payee would not have. */
  'refund',
  /** A payment to the card’s own office. */
  'unload',
  /** Put right by an instruction of its office. */
  'restore',
] as const
export type RecordKind = (typeof RECORD_KINDS)[number]

/** One change of a card’s balance, signed by the card. Its digest is the payment’s id if it is one. */
export const record = message('record', {
  version: constant(1),
  kind: choice(RECORD_KINDS),
  currency: uint16({}, 'ISO 4217 number'),
  office: uint16({}, 'number of the card’s office'),
  card: octets(CARD_ID_SIZE, 'card id'),
  sequence: uint32({ min: 1 }, 'of the card, 1 for its first'),
  amount: value('minor units'),
  balance: value('on the card afterwards'),
  counterparty: party('the payee, the payer, or the office'),
  cause: octets(
    DIGEST_SIZE,
    'digest of the request (pay, unload), payment (receive), refusal (refund) or instruction (load, restore)',
  ),
  madeAt: instant(
    'as the cause says, by the clock of whoever made that; receive: as its payment says',
  ),
  previous: octets(
    DIGEST_SIZE,
    'digest of the record before; of the first: SHA-256 of the card’s certificate',
  ),
})
export type WalletRecord = ValueOf<typeof record>
export const RECORD_SIZE = 109
export const SIGNED_RECORD_SIZE = RECORD_SIZE + SIGNATURE_SIZE

/** Asks a card for money; signed by the payee: a till, another card, or an office (unload). */
export const request = message('request', {
  version: constant(2),
  payee: party('who is to be paid'),
  currency: uint16({}, 'ISO 4217 number'),
  amount: amount(4, { min: 1n, max: VALUE_MAX }, 'minor units'),
  nonce: octets(NONCE_SIZE, 'the payee’s random bytes'),
  payer: octets(CARD_ID_SIZE, 'the card that is asked; 00: whichever pays'),
  payerNonce: octets(NONCE_SIZE, 'that card’s nonce, as SELECT gave it; 00 if the payer is 00'),
  madeAt: instant('by the payee’s clock; of a card: its phone’s'),
  expires: instant('by the same clock, at most a day later'),
})
export type PaymentRequest = ValueOf<typeof request>
export const REQUEST_SIZE = 58
export const SIGNED_REQUEST_SIZE = REQUEST_SIZE + SIGNATURE_SIZE

/** A payee will not have a payment for its request, whether it was paid or not. Signed by the payee. */
export const refusal = message('refusal', {
  version: constant(3),
  payee: party('who refuses'),
  request: octets(DIGEST_SIZE, 'digest of the request'),
  madeAt: instant('by the payee’s clock; of a card: its phone’s'),
})
export type PaymentRefusal = ValueOf<typeof refusal>
export const REFUSAL_SIZE = 52
export const SIGNED_REFUSAL_SIZE = REFUSAL_SIZE + SIGNATURE_SIZE

/** Data of REQUEST: of what its holder wants, the card makes a request. */
export const asking = message('asking', {
  currency: uint16({}, 'ISO 4217 number'),
  amount: amount(4, { min: 1n, max: VALUE_MAX }, 'minor units'),
  madeAt: instant('by the phone’s clock'),
  expires: instant('by the same clock, at most a day later'),
})
export type Asking = ValueOf<typeof asking>
export const ASKING_SIZE = 22

/** Data of REFUSE. */
export const declining = message('declining', {
  request: octets(DIGEST_SIZE, 'digest of the request'),
  madeAt: instant('by the phone’s clock'),
})
export type Declining = ValueOf<typeof declining>
export const DECLINING_SIZE = 40

export const RECEIVED_MONEY = ['after synchronisation', 'at once'] as const

/** What a card may do offline. Its office signs it and can change it at any contact. */
export const policy = message('policy', {
  version: uint32({ min: 1 }, 'a card refuses one that is not above its own'),
  paymentsMax: uint8({ max: LOG_SIZE }, 'payments since the last acknowledgement'),
  balanceMax: value('on the card'),
  paymentMax: value('in one payment'),
  amountMax: value('paid since the last acknowledgement'),
  daysMax: uint16({}, 'days since the last acknowledgement, by a request’s clock; 0: no limit'),
  pinFreeMax: value('payments up to this need no PIN'),
  receivedMoney: choice(RECEIVED_MONEY, 'when it may be spent: 0 after synchronisation, 1 at once'),
  hops: uint8({ max: 4 }, 'payments before it that a payment brings along; 0: none'),
})
export type WalletPolicy = ValueOf<typeof policy>
export const POLICY_SIZE = 25

/** The document’s limits (e-krona pilot phase 4, 3.3), and no others. */
export const DEFAULT_POLICY: WalletPolicy = {
  version: 1,
  paymentsMax: 5,
  balanceMax: 3000_00n,
  paymentMax: VALUE_MAX,
  amountMax: VALUE_MAX,
  daysMax: 0,
  pinFreeMax: 200_00n,
  receivedMoney: 'after synchronisation',
  hops: 0,
}

export const INSTRUCTION_KINDS = [
  /** Adds `amount`. */
  'load',
  /** Forgets the records up to `sequence`, sets a policy. */
  'acknowledge',
  /** Makes `amount` the balance of a card that stands at `sequence`. */
  'restore',
  /** Does nothing but take the number: of an instruction that never came. */
  'void',
  /** Gives the PIN its tries back. */
  'unblock',
] as const
export type InstructionKind = (typeof INSTRUCTION_KINDS)[number]

/** What an office tells one card, once. */
export const instruction = message('instruction', {
  version: constant(4),
  kind: choice(INSTRUCTION_KINDS),
  office: uint16({}, 'number of the card’s office'),
  card: octets(CARD_ID_SIZE, 'card id'),
  number: uint32({ min: 1 }, 'one above the last that the card carried out'),
  madeAt: instant('by the office’s clock: the card takes the time from it'),
  expires: instant('by the office’s clock'),
  currency: uint16({}, 'ISO 4217 number'),
  amount: value('load: to add; restore: the balance; else 0'),
  sequence: uint32({}, 'acknowledge: up to here; restore: where the card stands; else 0'),
  record: octets(DIGEST_SIZE, 'digest of that record; 00 if there is none'),
  policy: list(varOctets({ max: POLICY_SIZE }, 'policy'), { max: 1 }),
})
export type Instruction = ValueOf<typeof instruction>

/** As it goes to a card: signed by its office, and by the notary where cards ask for that. */
export const order = message('order', {
  instruction: varOctets({ max: 176 }, 'instruction ‖ signature of the office'),
  permit: list(octets(SIGNATURE_SIZE, 'the notary’s signature over instruction ‖ signature'), {
    max: 1,
  }),
})
export type Order = ValueOf<typeof order>

/** What a card says of itself, signed by it. */
export const statement = message('statement', {
  version: constant(5),
  office: uint16({}, 'number of the card’s office'),
  card: octets(CARD_ID_SIZE, 'card id'),
  nonce: octets(NONCE_SIZE, 'of whoever asks'),
  sequence: uint32({}, 'of the newest record'),
  last: octets(DIGEST_SIZE, 'its digest; SHA-256 of the certificate before the first'),
  balance: value('minor units'),
  instruction: uint32({}, 'number of the last instruction carried out'),
  instructionDigest: octets(DIGEST_SIZE, 'its digest; 00 before the first'),
  acknowledged: uint32({}, 'sequence up to which the office has acknowledged'),
  policyVersion: uint32(),
})
export type Statement = ValueOf<typeof statement>
export const STATEMENT_SIZE = 103
export const SIGNED_STATEMENT_SIZE = STATEMENT_SIZE + SIGNATURE_SIZE

/** What anybody at the card is told, in the answer to SELECT. */
export const cardState = message('cardState', {
  version: constant(1),
  phase: choice(['blank', 'in use']),
  office: uint16(),
  card: octets(CARD_ID_SIZE, 'card id; 00 of a blank card'),
  nonce: octets(
    NONCE_SIZE,
    'stays until a record is made, an instruction carried out or a PIN shown by itself',
  ),
  currency: uint16({}, 'ISO 4217 number'),
  sequence: uint32(),
  last: octets(DIGEST_SIZE, 'digest of the newest record'),
  balance: value('minor units'),
  spendable: value('of it'),
  paymentsLeft: uint8({}, 'until the card must be synchronised'),
  pinFreeMax: value('payments up to this need no PIN'),
  pinTries: uint8({ max: PIN_TRIES }, 'left'),
  open: uint8({ max: OPEN_REQUESTS }, 'requests of this card that are neither paid nor refused'),
})
export type CardState = ValueOf<typeof cardState>
export const CARD_STATE_SIZE = 73

/** The answer to SELECT: file control information (ISO/IEC 7816-4, 5.3.3). */
export const fci = message('fci', {
  template: constant(0x6f),
  templateSize: constant(0x56),
  nameTag: constant(0x84),
  nameSize: constant(0x09),
  name: octets(WALLET_AID.length, 'AID'),
  proprietaryTag: constant(0x85),
  proprietarySize: constant(CARD_STATE_SIZE),
  state: octets(CARD_STATE_SIZE, 'cardState'),
})
export const FCI_SIZE = 88

/** What an issuer writes on a blank card after its keys are made; then its certificates. */
export const personalisation = message('personalisation', {
  version: constant(1),
  office: uint16({ min: 1 }),
  card: octets(CARD_ID_SIZE, 'card id'),
  currency: uint16({}, 'ISO 4217 number'),
  root: octets(PUBLIC_KEY_SIZE, 'the root’s public key'),
  notary: list(octets(PUBLIC_KEY_SIZE, 'notary’s public key, if it must permit what makes money'), {
    max: 1,
  }),
  madeAt: instant('by the office’s clock: the card’s first time'),
  passcode: octets(PIN_SIZE, 'PIN block'),
  unblocking: octets(PIN_SIZE, 'PIN block that unblocks the PIN'),
  policy: octets(POLICY_SIZE, 'policy'),
})
export type Personalisation = ValueOf<typeof personalisation>

/** Everything that an issuing desk writes on one card. Secret, of use for that card only. */
export const cardPlan = message('cardPlan', {
  version: constant(1),
  publicKey: octets(PUBLIC_KEY_SIZE, 'of the chip that this is for'),
  personalisation: varOctets({ max: 255 }, 'personalisation'),
  office: varOctets({ max: CERTIFICATE_SIZE_MAX }, 'the office’s certificate'),
  certificate: varOctets({ max: CERTIFICATE_SIZE_MAX }, 'the card’s certificate'),
})
export type CardPlan = ValueOf<typeof cardPlan>

/** What shows a record to an office that knows nothing but the root. */
export const shownRecord = message('shownRecord', {
  version: constant(1),
  /** Without its signature it is only what a till expects of a card that went away. */
  record: octets(RECORD_SIZE, 'record'),
  signature: list(octets(SIGNATURE_SIZE, 'the card’s'), { max: 1 }),
  certificate: varOctets({ max: CERTIFICATE_SIZE_MAX }, 'the card’s certificate'),
  office: varOctets({ max: CERTIFICATE_SIZE_MAX }, 'its office’s certificate'),
  cause: varOctets(
    { max: 255 },
    'what the record names: request, payment, refusal or order, with signatures',
  ),
  /** Of whoever signed the cause, if it is no office of the card’s. */
  counterparty: list(varOctets({ max: CERTIFICATE_SIZE_MAX }, 'certificate, then its office’s'), {
    max: 2,
  }),
})
export type ShownRecord = ValueOf<typeof shownRecord>

/** What is handed in for one record: by a till, or by a card through any phone. */
export const evidence = message('evidence', {
  version: constant(1),
  shown: varOctets({ max: 2048 }, 'shownRecord'),
  /** A receive’s cause is a payment: the payer’s record, shown likewise. */
  payment: list(varOctets({ max: 2048 }, 'shownRecord of the payer'), { max: 1 }),
  /** What a payment is handed in with again when its payee will not have it. */
  refusal: list(octets(SIGNED_REFUSAL_SIZE, 'refusal of the payment that is shown'), { max: 1 }),
  policyVersion: uint32({}, 'of the policy that a till obeyed; 0 without a till'),
  tokens: list(octets(TOKEN_SIZE, 'token'), { max: 100 }),
})
export type Evidence = ValueOf<typeof evidence>

/** Instructions of the applet: class 80, but for GET DATA and VERIFY CERTIFICATE, which are ISO’s, class 00. */
export const INS = {
  GENERATE: 0xe0,
  PERSONALISE: 0xe2,
  GET_DATA: 0xca,
  VERIFY_CERTIFICATE: 0x2a,
  VERIFY_PIN: 0x20,
  CHANGE_PIN: 0x24,
  UNBLOCK_PIN: 0x2c,
  PAY: 0x50,
  REQUEST: 0x52,
  RECEIVE: 0x54,
  REFUSE: 0x56,
  REFUND: 0x58,
  EXECUTE: 0x5a,
  READ_RECORD: 0xb2,
  STATEMENT: 0x5c,
  CARRY: 0x5e,
  READ_CARRIED: 0xb4,
} as const
export const CLA = 0x80
export const ISO_CLA = 0x00

/** P1 of GET DATA. */
export const CERTIFICATES = { own: 0x01, office: 0x02 } as const
/** P2 of READ RECORD; P1 counts from 0, the oldest record that is not acknowledged. */
export const RECORD_PARTS = {
  record: 0x00,
  cause: 0x01,
  counterparty: 0x02,
  counterpartyOffice: 0x03,
  /** Of a receive: the request that its cause, a payment, answers. */
  request: 0x04,
  /** Of no record: a request of this card that is open, P1 counts those. */
  open: 0x05,
} as const

/**
 * Status words beside 9000 and 63Cx (wrong PIN, x tries left). Before them come 6E00, 6D00 and 6B00.
 * The order is the order of the checks; each limit has its own.
 */
export const WALLET_SW = {
  WRONG_LENGTH: 0x6700,
  /** Blank and to be used, or in use and to be made. */
  NOT_NOW: 0x6985,
  MALFORMED: 0x6a80,
  /** No certificate of the signer, or of its office, was shown to this card: VERIFY CERTIFICATE, then again. */
  UNKNOWN_SIGNER: 0x6a88,
  BAD_SIGNATURE: 0x6988,
  /** Not for this card, or not from its office. */
  NOT_ADDRESSED: 0x9410,
  FOREIGN_CURRENCY: 0x9411,
  /** By the last time that its office told the card. */
  EXPIRED: 0x9404,
  /** An instruction that is not the next, nor the last again. */
  OUT_OF_NUMBER: 0x9412,
  /** Not with the card’s nonce, paid and forgotten, or never asked for. */
  STALE: 0x9413,
  /** Refused by its payee, or received and refused after all. */
  REFUSED: 0x9414,
  NOT_PERMITTED: 0x9415,
  OLDER_POLICY: 0x9416,
  /** An acknowledgement of records that this card does not have, or a restore of another state. */
  OTHER_HISTORY: 0x9417,
  BLOCKED: 0x6983,
  PIN_NEEDED: 0x6982,
  /** Limits, each by name. */
  PAYMENT_TOO_HIGH: 0x9403,
  TOO_MANY_PAYMENTS: 0x9420,
  TOO_MUCH_PAID: 0x9421,
  TOO_LONG_OFFLINE: 0x9422,
  LOG_FULL: 0x9423,
  INSUFFICIENT_FUNDS: 0x9401,
  /** Enough in all, but some was received since the last synchronisation. */
  RECEIVED_NOT_SPENDABLE: 0x9424,
  BALANCE_TOO_HIGH: 0x9402,
  TOO_MANY_REQUESTS: 0x9425,
  SEQUENCE_EXHAUSTED: 0x9426,
  NOT_FOUND: 0x6a83,
} as const

/** What a PIN is sealed for where it is not for a payment: that one takes the digest of its request. */
export const PIN_SUBJECTS: Readonly<Record<'verify' | 'change' | 'unblock', Bytes>> = {
  verify: new Uint8Array(),
  change: Uint8Array.of(INS.CHANGE_PIN),
  unblock: Uint8Array.of(INS.UNBLOCK_PIN),
}

/** What a PIN is sealed for: one card, one nonce of it, one message. */
export function pinContext(nonce: Uint8Array, subject: Uint8Array): Bytes {
  return concat(utf8('kontant wallet pin'), nonce, subject)
}

/** The layouts, for docs/protocol/wallet.md and the test that holds it against them. */
export const LAYOUTS = {
  record,
  request,
  refusal,
  asking,
  declining,
  policy,
  instruction,
  order,
  statement,
  cardState,
  fci,
  personalisation,
  cardPlan,
  shownRecord,
  evidence,
} as const
