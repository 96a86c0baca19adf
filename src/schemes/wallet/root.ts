import { scryptSync } from 'node:crypto'
import { seal, unseal } from '../../kernel/aes.ts'
import type { Bytes } from '../../kernel/bytes.ts'
import { FormatError } from '../../kernel/errors.ts'
import {
  choice,
  constant,
  instant,
  message,
  octets,
  uint32,
  varOctets,
} from '../../kernel/message.ts'
import {
  exportPrivateKey,
  importPrivateKey,
  PUBLIC_KEY_SIZE,
  publicKeyFrom,
  type PrivateKey,
} from '../../kernel/p256.ts'
import { party } from '../../kernel/party.ts'
import type { Instant, RandomSource } from '../../kernel/ports.ts'
import {
  certify,
  isCertifiedBy,
  readCertificate,
  ROLES,
  type Authority,
  type ReadSubject,
  type Subject,
} from './certificates.ts'
import { isSignedBy, openMessage, signMessage } from '../../kernel/signed-message.ts'

/**
 * What a root does, away from any network: it keeps its key in a file under a passphrase, certifies the
 * notary and the offices, and says which of their keys are good no more.
 */
const rootFile = message('rootFile', {
  magic: constant('KONTANT-ROOT'),
  version: constant(1),
  salt: octets(16, 'of the passphrase'),
  certificate: varOctets({ max: 512 }, 'the root’s certificate'),
  key: varOctets({ max: 512 }, 'PKCS #8, sealed by scrypt(passphrase, salt) to the certificate'),
})

/** scrypt (RFC 7914), 128 MB: slower than a server’s, because a file can be tried for ever. */
const COST = { N: 131_072, r: 8, p: 1, maxmem: 160 * 1024 * 1024 }
const KEY_SIZE = 32
const SALT_SIZE = 16

export interface Root extends Authority {
  readonly certificate: ReadSubject
}

/** Of how long each is good, ms. */
const DAY = 24 * 3600 * 1000
export const LIFE_YEARS = { root: 20, notary: 10, office: 10 } as const

/** A root over itself. @param at by the clock of whoever makes it. */
export function createRoot(key: PrivateKey, generation: number, at: Instant): Root {
  const subject: Subject = { role: 'root', party: { kind: 'office', office: 0 }, generation }
  const life = lifeOf('root', at)
  const bytes = certify({ subject, publicKey: key.publicKey, ...life }, { subject, key })
  return { subject, key, certificate: readCertificate(bytes) }
}

export function writeRoot(
  { certificate, key }: Root,
  passphrase: string,
  random: RandomSource,
): Bytes {
  const salt = random.bytes(SALT_SIZE)
  const sealed = seal(keyOf(passphrase, salt), exportPrivateKey(key), certificate.bytes, random)
  return rootFile.encode({ salt, certificate: certificate.bytes, key: sealed })
}

/** @throws {FormatError} if it is not such a file, or not that passphrase. */
export function openRoot(file: Uint8Array, passphrase: string): Root {
  const { salt, certificate, key: sealed } = rootFile.decode(file)
  const subject = readCertificate(certificate)
  let pkcs8: Bytes
  try {
    pkcs8 = unseal(keyOf(passphrase, salt), sealed, certificate)
  } catch (error) {
    if (error instanceof FormatError)
      throw new FormatError('passphrase', 'is not that of this root')
    throw error
  }
  const key = importPrivateKey(pkcs8)
  if (!key.publicKey.handle.equals(subject.certificate.publicKey.handle)) {
    throw new FormatError('rootFile.key', 'is not that of the certificate')
  }
  return { subject, key, certificate: subject }
}

/** What of the file is no secret. @throws {FormatError} if it is not such a file. */
export function certificateOfRoot(file: Uint8Array): Bytes {
  return rootFile.decode(file).certificate
}

function keyOf(passphrase: string, salt: Bytes): Bytes {
  return new Uint8Array(scryptSync(passphrase.normalize('NFKC'), salt, KEY_SIZE, COST))
}

/** Asks for a certificate; signed with the key that it is for. */
const certificateRequest = message('certificateRequest', {
  magic: constant('KONTANT-REQUEST'),
  version: constant(1),
  role: choice(ROLES),
  party: party(),
  generation: uint32({ min: 1, max: 99_999 }),
  publicKey: octets(PUBLIC_KEY_SIZE, 'to be certified'),
})

export function requestCertificate(
  { role, party: whose, generation }: Subject,
  key: PrivateKey,
): Bytes {
  const content = { role, party: whose, generation, publicKey: key.publicKey.bytes }
  return signMessage(certificateRequest, content, key)
}

/**
 * Certifies what a request asks for.
 *
 * @param at by the root’s clock.
 * @throws {FormatError} if it is not a request of a notary or an office, or not signed with its own key.
 */
export function signRequested(requested: Uint8Array, root: Root, at: Instant): Bytes {
  const read = openMessage(certificateRequest, requested)
  const { role, party: whose, generation } = read.content
  const publicKey = publicKeyFrom(read.content.publicKey, 'certificateRequest.publicKey')
  if (!isSignedBy(read, publicKey)) {
    throw new FormatError('certificateRequest.signature', 'not signed with the key that it is for')
  }
  if (role !== 'notary' && role !== 'office') {
    throw new FormatError('certificateRequest.role', `a root certifies no ${role}`)
  }
  const bytes = certify(
    { subject: { role, party: whose, generation }, publicKey, ...lifeOf(role, at) },
    root,
  )
  // Reading holds role, party and name against each other: nothing goes out that nobody would read.
  const subject = readCertificate(bytes)
  if (!isCertifiedBy(subject, root.certificate)) {
    throw new FormatError('certificateRequest', 'a root may not certify that')
  }
  return bytes
}

function lifeOf(role: keyof typeof LIFE_YEARS, at: Instant): { from: Instant; to: Instant } {
  const from = at - (at % DAY)
  return { from, to: from + LIFE_YEARS[role] * 365 * DAY }
}

/** Says that a key is good no more; signed by the root that certified it. */
const revocation = message('revocation', {
  magic: constant('KONTANT-REVOCATION'),
  version: constant(1),
  role: choice(ROLES),
  party: party(),
  generation: uint32({ min: 1, max: 99_999 }),
  at: instant('by the root’s clock'),
})

export interface Revocation extends Subject {
  readonly at: Instant
}

export function revoke(
  { role, party: whose, generation }: Subject,
  root: Authority,
  at: Instant,
): Bytes {
  return signMessage(revocation, { role, party: whose, generation, at }, root.key)
}

/** @throws {FormatError} if none of these roots has signed it. */
export function openRevocation(signed: Uint8Array, roots: readonly ReadSubject[]): Revocation {
  const read = openMessage(revocation, signed)
  if (!roots.some(({ certificate }) => isSignedBy(read, certificate.publicKey))) {
    throw new FormatError('revocation.signature', 'not signed by a root that is believed here')
  }
  return read.content
}
