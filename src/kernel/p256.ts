import {
  createECDH,
  createPrivateKey,
  createPublicKey,
  createSign,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  sign as nodeSign,
  verify as nodeVerify,
  type ECDH,
  type KeyObject,
} from 'node:crypto'
import { seal, unseal } from './aes.ts'
import { concat, fromHex, toHex, utf8, type Bytes } from './bytes.ts'
import { FormatError } from './errors.ts'
import { sha256 } from './hash.ts'
import type { RandomSource } from './ports.ts'

/** r ‖ s, 32 bytes each, big endian (IEEE P1363). */
export const SIGNATURE_SIZE = 64
/** x ‖ y, 32 bytes each, big endian: an uncompressed point (SEC 1, 2.3.3) without its leading 04. */
export const PUBLIC_KEY_SIZE = 64
const COORDINATE_SIZE = 32
/** Before the coordinates of a point (SEC 1, 2.3.3). */
const UNCOMPRESSED = Uint8Array.of(0x04)
/** The scalar of the base point: nobody’s key. */
const ONE = fromHex('01'.padStart(2 * COORDINATE_SIZE, '0'))

export interface PublicKey {
  readonly kind: 'p256-public'
  readonly bytes: Bytes
  readonly handle: KeyObject
}

export interface PrivateKey {
  readonly kind: 'p256-private'
  readonly handle: KeyObject
  readonly publicKey: PublicKey
}

/**
 * A private key for the moment. There is no handle of it: OpenSSL would wipe what that holds only when it
 * is collected.
 */
export interface FleetingKey {
  readonly kind: 'p256-fleeting'
  readonly scalar: Bytes
  readonly pkcs8: Bytes
}

/** @throws {FormatError} if `bytes` is not a point on the curve P-256. */
export function publicKeyFrom(bytes: Uint8Array, field = 'publicKey'): PublicKey {
  if (bytes.length !== PUBLIC_KEY_SIZE) {
    throw new FormatError(field, `expected ${PUBLIC_KEY_SIZE} bytes, got ${bytes.length}`)
  }
  const coordinate = (start: number) =>
    Buffer.from(bytes.subarray(start, start + COORDINATE_SIZE)).toString('base64url')
  try {
    const jwk = { kty: 'EC', crv: 'P-256', x: coordinate(0), y: coordinate(COORDINATE_SIZE) }
    const handle = createPublicKey({ key: jwk, format: 'jwk' })
    return { kind: 'p256-public', bytes: new Uint8Array(bytes), handle }
  } catch {
    throw new FormatError(field, 'not a point on the curve P-256')
  }
}

/** SubjectPublicKeyInfo (RFC 5480) as PEM: what OpenSSL and other programs read. */
export function publicKeyToPem({ handle }: PublicKey): string {
  return handle.export({ type: 'spki', format: 'pem' })
}

/** The first 16 bytes of its SHA-256, in groups of four digits: what people compare by eye or ear. */
export function fingerprintOf({ bytes }: PublicKey): string {
  return toHex(sha256(bytes).subarray(0, 16)).replaceAll(/(.{4})(?=.)/g, '$1 ')
}

/** @throws {FormatError} if `pem` is not a P-256 public key as {@link publicKeyToPem} writes it. */
export function publicKeyFromPem(pem: string, field = 'publicKey'): PublicKey {
  try {
    // OpenSSL would make a public key of a private one, and nobody should get used to that.
    const handle = pem.includes('PRIVATE') ? undefined : createPublicKey(pem)
    if (handle?.asymmetricKeyDetails?.namedCurve === 'prime256v1') return publicKeyOf(handle)
  } catch {
    // Falls through to the one error: OpenSSL's own text names no field.
  }
  throw new FormatError(field, 'not a P-256 public key in PEM')
}

function publicKeyOf(handle: KeyObject): PublicKey {
  const jwk = handle.export({ format: 'jwk' })
  const bytes = concat(
    new Uint8Array(Buffer.from(String(jwk.x), 'base64url')),
    new Uint8Array(Buffer.from(String(jwk.y), 'base64url')),
  )
  return publicKeyFrom(bytes)
}

function privateKeyOf(handle: KeyObject): PrivateKey {
  return { kind: 'p256-private', handle, publicKey: publicKeyOf(createPublicKey(handle)) }
}

/** The operating system's randomness, always: OpenSSL takes no other. */
export function generatePrivateKey(): PrivateKey {
  return privateKeyOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
}

/** PKCS #8 (RFC 5208), DER. Secret. */
export function exportPrivateKey(key: PrivateKey): Bytes {
  return new Uint8Array(key.handle.export({ format: 'der', type: 'pkcs8' }))
}

/** @throws {FormatError} if `pkcs8` is not a P-256 private key in PKCS #8, DER. */
export function importPrivateKey(pkcs8: Uint8Array, field = 'privateKey'): PrivateKey {
  try {
    const key = Buffer.from(pkcs8.buffer, pkcs8.byteOffset, pkcs8.length)
    const handle = createPrivateKey({ key, format: 'der', type: 'pkcs8' })
    if (handle.asymmetricKeyDetails?.namedCurve === 'prime256v1') return privateKeyOf(handle)
  } catch {
    // Falls through to the one error: OpenSSL's own text names no field.
  }
  throw new FormatError(field, 'not a P-256 private key in PKCS #8')
}

/** PKCS #8 with a key of RFC 5915 without its public half, up to the scalar. */
const PKCS8_BEFORE_SCALAR = fromHex(
  '3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420',
)

/** Order of the curve (FIPS 186-5; SEC 2, 2.4.2). */
const CURVE_ORDER = fromHex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')

/** Whether it is 32 bytes, from 1 to the order of the curve less 1. */
export function isScalar(bytes: Uint8Array): boolean {
  return (
    bytes.length === COORDINATE_SIZE &&
    bytes.some((byte) => byte !== 0) &&
    Buffer.compare(bytes, CURVE_ORDER) < 0
  )
}

/**
 * Hands `work` the key of a scalar that somebody has computed, and nothing after it: all that was made of
 * the scalar is wiped.
 *
 * @throws {FormatError} if {@link isScalar} says that it is none: OpenSSL would take some of those.
 */
export function withScalar<T>(scalar: Uint8Array, work: (key: FleetingKey) => T): T {
  if (!isScalar(scalar)) throw new FormatError('scalar', 'is not a scalar of the curve P-256')
  const pkcs8 = concat(PKCS8_BEFORE_SCALAR, scalar)
  const own = pkcs8.subarray(PKCS8_BEFORE_SCALAR.length)
  try {
    return work({ kind: 'p256-fleeting', scalar: own, pkcs8 })
  } finally {
    pkcs8.fill(0)
  }
}

export function publicKeyOfFleeting({ scalar }: FleetingKey): PublicKey {
  return withAgreement(scalar, (agreement) => publicKeyFrom(agreement.getPublicKey().subarray(1)))
}

/** Of a pair that is handed in and out again: its next private key overwrites this one. */
function withAgreement<T>(scalar: Bytes, work: (agreement: ECDH) => T): T {
  const agreement = createECDH('prime256v1')
  agreement.setPrivateKey(scalar)
  try {
    return work(agreement)
  } finally {
    agreement.setPrivateKey(ONE)
  }
}

/** ECDSA with SHA-256 (FIPS 186-5) over `message`; {@link SIGNATURE_SIZE} bytes. */
export function sign(key: PrivateKey | FleetingKey, message: Uint8Array): Bytes {
  const dsaEncoding = 'ieee-p1363'
  if (key.kind === 'p256-private') {
    return new Uint8Array(nodeSign('sha256', message, { key: key.handle, dsaEncoding }))
  }
  const pkcs8 = Buffer.from(key.pkcs8.buffer, key.pkcs8.byteOffset, key.pkcs8.length)
  // Unlike the function for all of it, this makes no handle of the key.
  const signing = createSign('sha256').update(message)
  return new Uint8Array(signing.sign({ key: pkcs8, format: 'der', type: 'pkcs8', dsaEncoding }))
}

/** Whether `signature` is `key`'s over exactly these bytes. */
export function verify(key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_SIZE) return false
  return nodeVerify('sha256', message, { key: key.handle, dsaEncoding: 'ieee-p1363' }, signature)
}

/**
 * Seals a secret to whoever holds a private key: ephemeral ECDH, HKDF-SHA-256 (RFC 5869), then
 * AES-256-GCM. `ephemeral public key 64 ‖ nonce 12 ‖ ciphertext ‖ tag 16`.
 */
export function sealTo(
  recipient: PublicKey,
  plaintext: Uint8Array,
  context: Uint8Array,
  random: RandomSource,
): Bytes {
  const ephemeral = generatePrivateKey()
  const key = sharedKey(ephemeral, recipient, ephemeral.publicKey.bytes)
  const sealed = seal(key, plaintext, context, random)
  key.fill(0)
  return concat(ephemeral.publicKey.bytes, sealed)
}

/** @throws {FormatError} if `sealed` was not made by {@link sealTo} for this key and context. */
export function openSealed(
  recipient: PrivateKey | FleetingKey,
  sealed: Uint8Array,
  context: Uint8Array,
): Bytes {
  const ephemeral = publicKeyFrom(sealed.subarray(0, PUBLIC_KEY_SIZE), 'sealed.ephemeral')
  const key = sharedKey(recipient, ephemeral, ephemeral.bytes)
  try {
    return unseal(key, sealed.subarray(PUBLIC_KEY_SIZE), context)
  } finally {
    key.fill(0)
  }
}

function sharedKey(own: PrivateKey | FleetingKey, other: PublicKey, salt: Uint8Array): Bytes {
  const secret = agree(own, other)
  const key = hkdfSync('sha256', secret, salt, utf8('kontant seal'), 32)
  secret.fill(0)
  return new Uint8Array(key)
}

function agree(own: PrivateKey | FleetingKey, other: PublicKey): Uint8Array {
  if (own.kind === 'p256-private') {
    return diffieHellman({ privateKey: own.handle, publicKey: other.handle })
  }
  const point = concat(UNCOMPRESSED, other.bytes)
  return withAgreement(own.scalar, (agreement) => agreement.computeSecret(point))
}
