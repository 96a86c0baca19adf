import { bytesEqual, concat, fromHex, utf8, type Bytes } from './bytes.ts'
import { FormatError } from './errors.ts'
import {
  PUBLIC_KEY_SIZE,
  publicKeyFrom,
  sign,
  SIGNATURE_SIZE,
  verify,
  type PrivateKey,
  type PublicKey,
} from './p256.ts'
import type { Instant } from './ports.ts'
import { decodeTlv, decodeTlvs, encodeTlv, type Tlv } from './tlv.ts'

/**
 * Card-verifiable certificates of BSI TR-03110 part 3, appendix C, with ECDSA on P-256 and SHA-256:
 * small enough that a card reads one in a short APDU.
 */
export interface Certificate {
  /** Who signed it, as their own certificate calls them. */
  readonly authority: string
  /** Whose it is: 2 letters of a country, up to 9 characters, 5 digits or letters. */
  readonly holder: string
  readonly publicKey: PublicKey
  /** Content octets of the object identifier that says what `rights` means. */
  readonly role: Bytes
  readonly rights: Bytes
  /** First and last day on which it is good: midnights, UTC. */
  readonly from: Instant
  readonly to: Instant
}

/** A certificate as it came: what was signed is its body, byte for byte. */
export interface ReadCertificate extends Certificate {
  readonly body: Bytes
  readonly signature: Bytes
}

const TAG = {
  CERTIFICATE: 0x7f21,
  BODY: 0x7f4e,
  PROFILE: 0x5f29,
  AUTHORITY: 0x42,
  PUBLIC_KEY: 0x7f49,
  HOLDER: 0x5f20,
  AUTHORISATION: 0x7f4c,
  FROM: 0x5f25,
  TO: 0x5f24,
  SIGNATURE: 0x5f37,
  OBJECT_IDENTIFIER: 0x06,
  POINT: 0x86,
  RIGHTS: 0x53,
} as const

const PROFILE: Bytes = Uint8Array.of(0)
/** id-TA-ECDSA-SHA-256, 0.4.0.127.0.7.2.2.2.2.3 (appendix A.7.1). */
const ECDSA_SHA_256: Bytes = fromHex('04007f00070202020203')
const UNCOMPRESSED = 0x04

/** P-256 (FIPS 186-5; SEC 2, 2.4.2), in a root's certificate only: p, a, b, G, n before the point, h after. */
const DOMAIN_BEFORE: readonly Tlv[] = [
  [0x81, 'ffffffff00000001000000000000000000000000ffffffffffffffffffffffff'],
  [0x82, 'ffffffff00000001000000000000000000000000fffffffffffffffffffffffc'],
  [0x83, '5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b'],
  [
    0x84,
    '046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296' +
      '4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5',
  ],
  [0x85, 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'],
].map(([tag, hex]) => ({ tag: Number(tag), value: fromHex(String(hex)) }))
const DOMAIN_AFTER: readonly Tlv[] = [{ tag: 0x87, value: Uint8Array.of(1) }]

const REFERENCE_MAX = 16
const REFERENCE_FORM = /^[A-Z]{2}[\x20-\x7e]{0,9}[0-9A-Za-z]{5}$/
const RIGHTS_MAX = 32
const DAY_MS = 24 * 3600 * 1000
const CENTURY = 2000

/**
 * A certificate over `content`, with its tag 7F21. Whoever signs for themselves is a root, and only a
 * root's has the domain parameters.
 *
 * @throws {FormatError} if a reference, a date or the rights have no such form.
 */
export function issueCertificate(content: Certificate, authority: PrivateKey): Bytes {
  const body = encodeBody(content)
  const signature = encodeTlv(TAG.SIGNATURE, sign(authority, body))
  return encodeTlv(TAG.CERTIFICATE, body, signature)
}

/**
 * Reads one. Whether anybody signed it says {@link isIssuedBy}.
 *
 * @throws {FormatError} if it is not the one encoding of a certificate.
 */
export function decodeCertificate(bytes: Uint8Array): ReadCertificate {
  const parts = decodeTlvs(decodeTlv(bytes, TAG.CERTIFICATE, 'certificate'), 'certificate')
  const [value, signature] = inOrder(parts, [TAG.BODY, TAG.SIGNATURE], 'certificate')
  if (signature.length !== SIGNATURE_SIZE) {
    throw new FormatError('certificate.signature', `expected ${SIGNATURE_SIZE} bytes`)
  }
  return { ...decodeBody(value), body: encodeTlv(TAG.BODY, value), signature }
}

/** Whether the bytes as they came were signed with this key, by somebody of the name that they say. */
export function isIssuedBy(certificate: ReadCertificate, issuer: Certificate): boolean {
  return (
    certificate.authority === issuer.holder &&
    verify(issuer.publicKey, certificate.body, certificate.signature)
  )
}

/** Whether the certificate is good on the day of that instant. */
export function isValidAt({ from, to }: Certificate, at: Instant): boolean {
  return at >= from && at < to + DAY_MS
}

function isRoot({ authority, holder }: Certificate): boolean {
  return authority === holder
}

function encodeBody(content: Certificate): Bytes {
  const { publicKey, role, rights, from, to } = content
  const point = encodeTlv(TAG.POINT, Uint8Array.of(UNCOMPRESSED), publicKey.bytes)
  const domain = (parameters: readonly Tlv[]) =>
    isRoot(content) ? parameters.map(({ tag, value }) => encodeTlv(tag, value)) : []
  checkRights(rights)
  return encodeTlv(
    TAG.BODY,
    encodeTlv(TAG.PROFILE, PROFILE),
    encodeTlv(TAG.AUTHORITY, encodeReference(content.authority, 'authority')),
    encodeTlv(
      TAG.PUBLIC_KEY,
      encodeTlv(TAG.OBJECT_IDENTIFIER, ECDSA_SHA_256),
      ...domain(DOMAIN_BEFORE),
      point,
      ...domain(DOMAIN_AFTER),
    ),
    encodeTlv(TAG.HOLDER, encodeReference(content.holder, 'holder')),
    encodeTlv(
      TAG.AUTHORISATION,
      encodeTlv(TAG.OBJECT_IDENTIFIER, role),
      encodeTlv(TAG.RIGHTS, rights),
    ),
    encodeTlv(TAG.FROM, encodeDay(from, 'from')),
    encodeTlv(TAG.TO, encodeDay(to, 'to')),
  )
}

const BODY_TAGS = [
  TAG.PROFILE,
  TAG.AUTHORITY,
  TAG.PUBLIC_KEY,
  TAG.HOLDER,
  TAG.AUTHORISATION,
  TAG.FROM,
  TAG.TO,
] as const

function decodeBody(value: Bytes): Certificate {
  const parts = decodeTlvs(value, 'body')
  const [profile, authority, key, holder, authorisation, from, to] = inOrder(
    parts,
    BODY_TAGS,
    'body',
  )
  if (!bytesEqual(profile, PROFILE)) throw new FormatError('body.profile', 'expected 00')
  const names = {
    authority: decodeReference(authority, 'body.authority'),
    holder: decodeReference(holder, 'body.holder'),
  }
  const [role, rights] = inOrder(
    decodeTlvs(authorisation, 'body.authorisation'),
    [TAG.OBJECT_IDENTIFIER, TAG.RIGHTS],
    'body.authorisation',
  )
  checkRights(rights)
  return {
    ...names,
    publicKey: decodeKey(key, names.authority === names.holder),
    role,
    rights,
    from: decodeDay(from, 'body.from'),
    to: decodeDay(to, 'body.to'),
  }
}

/** Domain parameters where they belong and nowhere else, and those of P-256 and no others. */
function decodeKey(value: Bytes, root: boolean): PublicKey {
  const parts = decodeTlvs(value, 'body.publicKey')
  const before = root ? DOMAIN_BEFORE : []
  const after = root ? DOMAIN_AFTER : []
  const tags = [...before, { tag: TAG.POINT }, ...after].map(({ tag }) => tag)
  const [algorithm, ...rest] = inOrder(parts, [TAG.OBJECT_IDENTIFIER, ...tags], 'body.publicKey')
  if (!algorithm || !bytesEqual(algorithm, ECDSA_SHA_256)) {
    throw new FormatError('body.publicKey.algorithm', 'expected ECDSA with SHA-256')
  }
  const point = rest[before.length]
  const given = rest.toSpliced(before.length, 1)
  if (
    ![...before, ...after].every((part, index) => bytesEqual(part.value, given[index] ?? PROFILE))
  ) {
    throw new FormatError('body.publicKey', 'is not on the curve P-256')
  }
  if (point?.[0] !== UNCOMPRESSED || point.length !== 1 + PUBLIC_KEY_SIZE) {
    throw new FormatError('body.publicKey.point', 'expected an uncompressed point')
  }
  return publicKeyFrom(point.subarray(1), 'body.publicKey.point')
}

/** The values of exactly these tags in this order. */
function inOrder<const T extends readonly number[]>(
  parts: readonly Tlv[],
  tags: T,
  name: string,
): { readonly [K in keyof T]: Bytes } {
  const wrong = tags.findIndex((tag, index) => parts[index]?.tag !== tag)
  if (wrong >= 0 || parts.length !== tags.length) {
    const tag = (wrong >= 0 ? tags[wrong] : parts[tags.length]?.tag) ?? 0
    const problem = wrong >= 0 ? 'is missing, or out of order' : 'is one too many'
    throw new FormatError(`${name}.${tag.toString(16)}`, problem)
  }
  return parts.map(({ value }) => value) as { readonly [K in keyof T]: Bytes }
}

function encodeReference(text: string, field: string): Bytes {
  if (!REFERENCE_FORM.test(text) || text.length > REFERENCE_MAX) {
    throw new FormatError(
      field,
      'expected 2 letters of a country, up to 9 characters, 5 digits or letters',
    )
  }
  return utf8(text)
}

function decodeReference(value: Bytes, field: string): string {
  const text = String.fromCharCode(...value)
  encodeReference(text, field)
  return text
}

function checkRights(rights: Bytes): void {
  if (rights.length < 1 || rights.length > RIGHTS_MAX) {
    throw new FormatError('rights', `expected 1 to ${RIGHTS_MAX} bytes, got ${rights.length}`)
  }
}

/** YYMMDD, a digit a byte: years 2000 to 2099 (appendix D.2.1.3). */
function encodeDay(at: Instant, field: string): Bytes {
  const date = new Date(at)
  if (at % DAY_MS !== 0 || Math.floor(date.getUTCFullYear() / 100) * 100 !== CENTURY) {
    throw new FormatError(field, 'expected a midnight, UTC, of the years 2000 to 2099')
  }
  const numbers = [date.getUTCFullYear() - CENTURY, date.getUTCMonth() + 1, date.getUTCDate()]
  return concat(...numbers.map((number) => Uint8Array.of(Math.floor(number / 10), number % 10)))
}

function decodeDay(value: Bytes, field: string): Instant {
  const [year = 0, month = 0, day = 0] = [0, 2, 4].map(
    (at) => (value[at] ?? 0) * 10 + (value[at + 1] ?? 0),
  )
  const at = Date.UTC(CENTURY + year, month - 1, day)
  // What is no day of the calendar is another one when it is written again.
  if (value.length !== 6 || !bytesEqual(encodeDay(at, field), value)) {
    throw new FormatError(field, 'expected a day, a digit a byte')
  }
  return at
}
