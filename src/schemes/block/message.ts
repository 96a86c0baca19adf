import { aesCbcDecrypter, aesCbcEncrypt, diversify } from '../../kernel/aes.ts'
import { concat, utf8, type Bytes } from '../../kernel/bytes.ts'
import { FormatError } from '../../kernel/errors.ts'
import { hmacSha256, isHmacSha256, sha256 } from '../../kernel/hash.ts'
import {
  CARD_ID_SIZE,
  cardIdBytes,
  cardIdOf,
  digestBy,
  type CardId,
  type Digest,
  type TillNumber,
} from '../../kernel/ids.ts'
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
  varOctets,
  type ValueOf,
} from '../../kernel/message.ts'
import type { Amount } from '../../kernel/money.ts'
import { sign, SIGNATURE_SIZE, verify, type PrivateKey, type PublicKey } from '../../kernel/p256.ts'
import type { Instant } from '../../kernel/ports.ts'
import { TOKEN_SIZE } from '../../kernel/token.ts'

/**
 * The card block of Shah et al. (figure 2, V A): 64 bytes encrypted, 8 of header, 64 of signature.
 * docs/protocol/block.md is this file in words.
 */
export const SCHEME = 'block'
export const UID_SIZE = 4
export const HEADER_SIZE = 8
export const CONTENT_SIZE = 64
export const BLOCK_SIZE = CONTENT_SIZE + HEADER_SIZE + SIGNATURE_SIZE
/** Sequence and balance are 16-bit: the document's layout leaves no more. */
export const SEQUENCE_MAX = 0xffff
export const BALANCE_MAX: Amount = 0xffffn
export const HMAC_KEY_SIZE = 8
const PASSCODE_HMAC_SIZE = 32

export const BLOCK_KINDS = ['issue', 'pay', 'load', 'passcode', 'reversal'] as const
export type BlockKind = (typeof BLOCK_KINDS)[number]

const header = message('header', {
  format: constant(1),
  kind: choice(BLOCK_KINDS),
  currency: uint16({}, 'ISO 4217 number'),
  generation: uint16({ min: 1 }, 'which key of the vendor signed'),
  reserved: constant('\0\0'),
})

/** The random key stands first: chained encryption then never repeats a block. */
const content = message('content', {
  hmacKey: octets(HMAC_KEY_SIZE, 'random, new in every block'),
  card: octets(CARD_ID_SIZE, 'card id'),
  vendor: uint32({}, 'number of the till that signed, 0 for the office'),
  timestamp: instant('by the clock of the vendor'),
  balance: amount(2, {}, 'on the card after this transaction, minor units'),
  sequence: uint16({}, '0 for the block the card was issued with'),
  passcodeHmac: octets(PASSCODE_HMAC_SIZE, 'HMAC-SHA-256 of the passcode under hmacKey'),
})

/** One transaction of one card, decrypted. */
export interface Block {
  readonly kind: BlockKind
  readonly currency: number
  readonly generation: number
  readonly card: CardId
  readonly vendor: TillNumber
  /** By the clock of `vendor`. */
  readonly timestamp: Instant
  readonly balance: Amount
  readonly sequence: number
  readonly hmacKey: Bytes
  readonly passcodeHmac: Bytes
}

/** The keys that open the blocks of one chip. */
export interface ChipKeys {
  readonly encryption: Bytes
  readonly iv: Bytes
}

/** @param uid of the chip, 4 bytes: what diversifies the master key. */
export function chipKeys(master: Uint8Array, uid: Uint8Array): ChipKeys {
  return {
    encryption: diversify(master, uid, 'block encryption'),
    iv: diversify(master, uid, 'block iv'),
  }
}

/** Encrypts, then signs header and ciphertext: {@link BLOCK_SIZE} bytes. */
export function sealBlock(block: Block, keys: ChipKeys, signer: PrivateKey): Bytes {
  const head = header.encode(block)
  const plain = content.encode({ ...block, card: cardIdBytes(block.card) })
  const encrypted = aesCbcEncrypt(keys.encryption, keys.iv, plain)
  return concat(encrypted, head, sign(signer, concat(head, encrypted)))
}

/**
 * Opens a block. Anyone with the chip's keys could have made the content;
 * only {@link blockSignedBy} says who did.
 *
 * @throws {FormatError} if these bytes, under these keys, are not a block.
 */
export function openBlock(bytes: Uint8Array, keys: ChipKeys): Block {
  return blockOpener(keys)(bytes)
}

/** {@link openBlock} for many blocks of one chip. */
export function blockOpener({ encryption, iv }: ChipKeys): (bytes: Uint8Array) => Block {
  const decrypt = aesCbcDecrypter(encryption, iv)
  return (bytes) => readBlock(bytes, decrypt)
}

function readBlock(bytes: Uint8Array, decrypt: (ciphertext: Uint8Array) => Bytes): Block {
  const { encrypted, head } = parts(bytes)
  const { kind, currency, generation } = header.decode(head)
  const plain = content.decodeInPlace(decrypt(encrypted))
  const { vendor, timestamp, balance, sequence, hmacKey, passcodeHmac: hmac } = plain
  return {
    kind,
    currency,
    generation,
    card: cardIdOf(plain.card),
    vendor,
    timestamp,
    balance,
    sequence,
    hmacKey,
    passcodeHmac: hmac,
  }
}

export function blockSignedBy(bytes: Uint8Array, key: PublicKey): boolean {
  const { encrypted, head, signature } = parts(bytes)
  // One buffer for all: nobody keeps it.
  toVerify.set(head)
  toVerify.set(encrypted, HEADER_SIZE)
  return verify(key, toVerify, signature)
}

const toVerify = new Uint8Array(HEADER_SIZE + CONTENT_SIZE)

/** Identifies a block by what was signed: a second signature over it makes no second block. */
export function blockDigest(bytes: Uint8Array): Bytes {
  return sha256(signedPart(bytes))
}

/** The same as a record’s name. */
export function recordDigest(bytes: Uint8Array): Digest {
  return digestBy(signedPart(bytes))
}

function signedPart(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, CONTENT_SIZE + HEADER_SIZE)
}

function parts(bytes: Uint8Array) {
  if (bytes.length !== BLOCK_SIZE) {
    throw new FormatError('block', `expected ${BLOCK_SIZE} bytes, got ${bytes.length}`)
  }
  return {
    encrypted: bytes.subarray(0, CONTENT_SIZE),
    head: bytes.subarray(CONTENT_SIZE, CONTENT_SIZE + HEADER_SIZE),
    signature: bytes.subarray(CONTENT_SIZE + HEADER_SIZE),
  }
}

export function passcodeHmac(passcode: string, hmacKey: Uint8Array): Bytes {
  return hmacSha256(hmacKey, utf8(passcode))
}

/** @param passcode its digits, or their UTF-8. */
export function passcodeFits(
  passcode: string | Uint8Array,
  { hmacKey, passcodeHmac: expected }: Pick<Block, 'hmacKey' | 'passcodeHmac'>,
): boolean {
  return isHmacSha256(hmacKey, typeof passcode === 'string' ? utf8(passcode) : passcode, expected)
}

/**
 * What a till shows the office for one block: the new block and the whole previous one as read from
 * the card, so that blame between two vendors is decidable.
 */
export const evidence = message('evidence', {
  version: constant(1),
  uid: octets(UID_SIZE, 'of the chip'),
  block: octets(BLOCK_SIZE, 'the block that the till signed'),
  previous: list(octets(BLOCK_SIZE, 'the block read from the card before; none for an issue'), {
    max: 1,
  }),
  amount: uint32({}, 'paid or loaded, minor units; 0 for a change of passcode'),
  policyVersion: uint32({}, 'of the policy that the till obeyed'),
  tokens: list(octets(TOKEN_SIZE, 'token'), { max: 100 }),
  newPasscode: varOctets(
    { max: 256 },
    'the new passcode, sealed to the office; empty if unchanged',
  ),
})
export type Evidence = ValueOf<typeof evidence>

/** The layouts, for docs/protocol/block.md and the test that holds it against them. */
export const LAYOUTS = { header, content, evidence } as const

/** The secrets of this scheme that a till gets at enrolment. */
export const tillSecrets = message('tillSecrets', {
  version: constant(1),
  master: octets(16, 'master key: diversified by the UID of a chip'),
})

const chip = struct({
  uid: octets(UID_SIZE),
  encryption: octets(16, 'key of its blocks'),
  iv: octets(16, 'their first vector'),
})

/**
 * What opens the blocks of some chips and of no other, in the place of {@link tillSecrets}: for
 * whoever has to check a case without being a till.
 */
export const readingKeys = message('readingKeys', {
  version: constant(2),
  chips: list(chip, { max: 255 }),
})
