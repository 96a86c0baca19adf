import { bytesEqual, fromHex, type Bytes } from '../../kernel/bytes.ts'
import {
  decodeCertificate,
  isIssuedBy,
  issueCertificate,
  type ReadCertificate,
} from '../../kernel/cvc.ts'
import { FormatError } from '../../kernel/errors.ts'
import { choice, message, uint8 } from '../../kernel/message.ts'
import type { PrivateKey, PublicKey } from '../../kernel/p256.ts'
import { NOTARY, party, partyText, sameParty, type Party } from '../../kernel/party.ts'
import type { Instant } from '../../kernel/ports.ts'

/**
 * Who is who: card-verifiable certificates of BSI TR-03110, root → office → card or till. Names are
 * the standard’s: country ZZ (ISO 3166: for users to assign), a mnemonic, a sequence.
 */
export const ROLES = ['root', 'notary', 'office', 'card', 'till'] as const
export type Role = (typeof ROLES)[number]

/** Whose certificate it is. The root and the notary are the office 0. */
export interface Subject {
  readonly role: Role
  readonly party: Party
  /** Of the subject’s keys, 1 to 99999. */
  readonly generation: number
}

/**
 * `2.25.` and the UUID 7d3f0b52-a6c8-4e19-b04c-5e8d21f7a963 as a number (ITU-T X.667): an arc of our own
 * that nobody has to register.
 */
export const ROLE_OID: Bytes = fromHex('6981fabf85d4d4ecc2b8b3b0a697d1d28fded263')

const rights = message('rights', {
  level: uint8(
    {},
    'c1 root, 81 what a root certifies, 01 what an office does: below its bits, version 1',
  ),
  role: choice(ROLES),
  party: party(),
})
/**
 * The two highest bits are the standard’s own (appendix C.4: 11 CVCA, 10 document verifier, 00 terminal):
 * whoever does not know our roles sees by them where a chain begins.
 */
const LEVEL: Readonly<Record<Role, number>> = {
  root: 0xc1,
  notary: 0x81,
  office: 0x81,
  card: 0x01,
  till: 0x01,
}

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

export interface ReadSubject extends Subject {
  readonly certificate: ReadCertificate
  readonly bytes: Bytes
}

/** A certificate, with its tag 7F21. @throws {FormatError} if there is no such name or day. */
export function certify(
  { subject, publicKey, from, to }: CertificateOrder,
  authority: Authority,
): Bytes {
  const { role, party: whose } = subject
  return issueCertificate(
    {
      authority: nameOf(authority.subject),
      holder: nameOf(subject),
      publicKey,
      role: ROLE_OID,
      rights: rights.encode({ level: LEVEL[role], role, party: whose }),
      from,
      to,
    },
    authority.key,
  )
}

/** @throws {FormatError} if it is not a certificate of this system. Who signed it is not checked here. */
export function readCertificate(bytes: Uint8Array): ReadSubject {
  const certificate = decodeCertificate(bytes)
  if (!bytesEqual(certificate.role, ROLE_OID)) {
    throw new FormatError('certificate.role', 'expected a role of Kontant')
  }
  const { level, role, party: whose } = rights.decode(certificate.rights)
  if (level !== LEVEL[role]) {
    throw new FormatError('certificate.rights.level', `expected ${LEVEL[role]}, got ${level}`)
  }
  if (whose.kind !== PARTY_KIND[role] || (whose.office === NOTARY) !== isAbove(role)) {
    throw new FormatError('certificate.rights', `no ${role} is ${partyText(whose)}`)
  }
  const subject = { role, party: whose, generation: generationOf(role, certificate.holder) }
  if (nameOf(subject) !== certificate.holder) {
    throw new FormatError('certificate.holder', 'expected the name of whom the rights name')
  }
  return { ...subject, certificate, bytes: new Uint8Array(bytes) }
}

/** Whether `issuer` signed it and may: the root offices and notaries, an office its own cards and tills. */
export function isCertifiedBy(subject: ReadSubject, issuer: ReadSubject): boolean {
  const may =
    subject.role === 'office' || subject.role === 'notary' || subject.role === 'root'
      ? issuer.role === 'root'
      : issuer.role === 'office' && sameParty(issuer.party, officeOf(subject))
  return may && isIssuedBy(subject.certificate, issuer.certificate)
}

function officeOf({ party: { office } }: Subject): Party {
  return { kind: 'office', office }
}

const PARTY_KIND: Readonly<Record<Role, Party['kind']>> = {
  root: 'office',
  notary: 'office',
  office: 'office',
  card: 'card',
  till: 'till',
}

function isAbove(role: Role): boolean {
  return role === 'root' || role === 'notary'
}

const GENERATION_DIGITS = 5

function generationOf(role: Role, holder: string): number {
  return role === 'card' ? 1 : Number(holder.slice(-GENERATION_DIGITS))
}

/** At most 16 characters. A card has one key for life, and no room for a generation. */
function nameOf({ role, party: whose, generation }: Subject): string {
  const sequence = String(generation).padStart(GENERATION_DIGITS, '0')
  switch (role) {
    case 'root':
      return `ZZROOT${sequence}`
    case 'notary':
      return `ZZNOTARY${sequence}`
    case 'office':
      return `ZZOFF${base36(whose.office, 4)}${sequence}`
    case 'card':
      return `ZZC${base36(whose.kind === 'card' ? BigInt(`0x${whose.card}`) : 0, 13)}`
    case 'till':
      return `ZZT${base36(whose.kind === 'till' ? whose.till : 0, 7)}${sequence}`
  }
}

function base36(number: number | bigint, digits: number): string {
  return number.toString(36).toUpperCase().padStart(digits, '0')
}
