import { bytesEqual, fromHex, toHex, type Bytes } from '../../kernel/bytes.ts'
import {
  decodeCertificate,
  isIssuedBy,
  issueCertificate,
  isValidAt,
  type ReadCertificate,
} from '../../kernel/cvc.ts'
import { FormatError } from '../../kernel/errors.ts'
import { coded, message, octets, uint16 } from '../../kernel/message.ts'
import type { PrivateKey, PublicKey } from '../../kernel/p256.ts'
import type { Instant } from '../../kernel/ports.ts'

/**
 * The common standard under which banks sell their own elements: card-verifiable certificates of BSI
 * TR-03110, root → bank → element.
 */
export const ROLES = ['root', 'bank', 'identity element', 'coin element', 'vendor element'] as const
export type Role = (typeof ROLES)[number]

/** A bank's number, 1 to 65535. */
export type BankNumber = number
export const ELEMENT_ID_SIZE = 8
/** In the place of an element where there is none. */
export const NO_ELEMENT: Bytes = new Uint8Array(ELEMENT_ID_SIZE)

/** Whose certificate it is. */
export interface Subject {
  readonly role: Role
  /** 0 for the root. */
  readonly bank: BankNumber
  /** {@link NO_ELEMENT} for root and banks. */
  readonly element: Bytes
  /** The element on the same card; {@link NO_ELEMENT} where there is none. */
  readonly partner: Bytes
}

/**
 * `2.25.` and the UUID 3c1f9a64-75d2-4b0e-8c97-d60f2ab8154e as a number (ITU-T X.667): an arc of our own
 * that nobody has to register.
 */
export const ROLE_OID: Bytes = fromHex('69f89fcd998edd92ac9d8ccbf5c1f2d5e0aa4e')

/**
 * The two highest bits are the standard’s own (appendix C.4: 11 CVCA, 10 document verifier, 00 terminal):
 * whoever does not know our roles sees by them where a chain begins and where it ends.
 */
const ROLE_CODES: Readonly<Record<Role, number>> = {
  root: 0xc0,
  bank: 0x80,
  'identity element': 0x00,
  'coin element': 0x01,
  'vendor element': 0x02,
}

/** The element’s id is its name: so a certificate fits into a short APDU. */
export const rights = message('rights', {
  role: coded(ROLES, ROLE_CODES),
  bank: uint16({}, 'bank’s number, 0 for the root'),
  partner: octets(ELEMENT_ID_SIZE, 'the other element of its card, 00 if it has none'),
})

export interface CertificateOrder {
  readonly subject: Subject
  readonly publicKey: PublicKey
  /** First and last day, midnights UTC. */
  readonly from: Instant
  readonly to: Instant
}

/** Who signs; for a root, the same as who is signed. */
export interface Authority {
  readonly subject: Subject
  readonly key: PrivateKey
}

export interface Confirmed extends Subject {
  readonly certificate: ReadCertificate
  readonly publicKey: PublicKey
  readonly bytes: Bytes
}

export const ROOT: Subject = { role: 'root', bank: 0, element: NO_ELEMENT, partner: NO_ELEMENT }

export function bankSubject(bank: BankNumber): Subject {
  return { role: 'bank', bank, element: NO_ELEMENT, partner: NO_ELEMENT }
}

/** A certificate, with its tag 7F21. @throws {FormatError} if there is no such name or day. */
export function certify(order: CertificateOrder, authority: Authority): Bytes {
  const { subject, publicKey, from, to } = order
  const { role, bank, partner } = subject
  const content = {
    authority: nameOf(authority.subject),
    holder: nameOf(subject),
    publicKey,
    role: ROLE_OID,
    rights: rights.encode({ role, bank, partner }),
    from,
    to,
  }
  return issueCertificate(content, authority.key)
}

/** @throws {FormatError} if it is not a certificate of this system. Who signed it is not checked here. */
export function readCertificate(bytes: Uint8Array): Confirmed {
  const certificate = decodeCertificate(bytes)
  if (!bytesEqual(certificate.role, ROLE_OID)) {
    throw new FormatError('certificate.role', 'expected a role of this scheme')
  }
  const { role, bank, partner } = rights.decode(certificate.rights)
  const element = isElement(role) ? elementIn(certificate.holder) : NO_ELEMENT
  const subject: Subject = { role, bank, element, partner }
  if (nameOf(subject) !== certificate.holder) {
    throw new FormatError('certificate.holder', 'expected the name of whom the rights name')
  }
  const { publicKey } = certificate
  return { ...subject, certificate, publicKey, bytes: new Uint8Array(bytes) }
}

/** Whether `issuer` signed it and may: the root its banks, a bank its own elements. */
export function isConfirmedBy(subject: Confirmed, issuer: Confirmed): boolean {
  const may =
    subject.role === 'root' || subject.role === 'bank'
      ? issuer.role === 'root'
      : issuer.role === 'bank' && issuer.bank === subject.bank
  return may && isIssuedBy(subject.certificate, issuer.certificate)
}

/** Whether a root with this key signed it and may, whatever certificate the root has of itself. */
export function isConfirmedByKey({ role, certificate }: Confirmed, root: PublicKey): boolean {
  const issuer = { ...certificate, holder: nameOf(ROOT), publicKey: root }
  return (role === 'root' || role === 'bank') && isIssuedBy(certificate, issuer)
}

export function isGoodAt({ certificate }: Confirmed, at: Instant): boolean {
  return isValidAt(certificate, at)
}

/** Whether two elements are those of one card. */
export function arePaired(identity: Subject, coin: Subject): boolean {
  return (
    identity.role === 'identity element' &&
    coin.role === 'coin element' &&
    identity.bank === coin.bank &&
    bytesEqual(identity.partner, coin.element) &&
    bytesEqual(coin.partner, identity.element)
  )
}

const LETTERS: Readonly<Record<Role, string>> = {
  root: 'R',
  bank: 'B',
  'identity element': 'I',
  'coin element': 'C',
  'vendor element': 'V',
}
const BASE = 36n
const DIGITS = 13
const NAME_AT = 3

/** Country ZZ, for users to assign (ISO 3166); a letter; element id or bank’s number in base 36. */
function nameOf({ role, bank, element }: Subject): string {
  const number = isElement(role) ? BigInt(`0x${toHex(element)}`) : BigInt(bank)
  const digits = number.toString(Number(BASE)).toUpperCase().padStart(DIGITS, '0')
  return `ZZ${LETTERS[role]}${digits}`
}

function isElement(role: Role): boolean {
  return role !== 'root' && role !== 'bank'
}

/** @throws {FormatError} if it is no number of 8 bytes. */
function elementIn(name: string): Bytes {
  const digits = name.slice(NAME_AT)
  if (!/^[0-9A-Z]{13}$/.test(digits))
    throw new FormatError('certificate.holder', 'names no element')
  const number = Array.from(digits).reduce(
    (sum, digit) => sum * BASE + BigInt(parseInt(digit, 36)),
    0n,
  )
  return fromHex(
    number.toString(16).padStart(2 * ELEMENT_ID_SIZE, '0'),
    'certificate.holder',
    ELEMENT_ID_SIZE,
  )
}
