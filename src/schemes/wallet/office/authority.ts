import type { Bytes } from '../../../kernel/bytes.ts'
import { FormatError, invariant } from '../../../kernel/errors.ts'
import type { CardId, TillNumber } from '../../../kernel/ids.ts'
import {
  constant,
  list,
  message,
  uint16,
  varOctets,
  type ValueOf,
} from '../../../kernel/message.ts'
import {
  exportPrivateKey,
  generatePrivateKey,
  importPrivateKey,
  type PrivateKey,
  type PublicKey,
} from '../../../kernel/p256.ts'
import { sameParty, type OfficeNumber, type Party } from '../../../kernel/party.ts'
import type { Instant } from '../../../kernel/ports.ts'
import {
  certify,
  isCertifiedBy,
  readCertificate,
  type Authority,
  type ReadSubject,
  type Subject,
} from '../certificates.ts'
import { CERTIFICATE_SIZE_MAX } from '../message.ts'
import { createRoot, requestCertificate, signRequested } from '../root.ts'

/**
 * What makes an office an office among others: its number, its key and who vouches for it. An office
 * that has not joined a notary is its own root.
 */
export interface WalletAuthority {
  readonly office: OfficeNumber
  readonly root: ReadSubject
  /** Of this office, newest first: the key is the first one’s. */
  readonly certificates: readonly [ReadSubject, ...ReadSubject[]]
  readonly key: PrivateKey
  /** Only of an office that is its own root. */
  readonly rootKey: PrivateKey | undefined
  /** Who must permit what makes money; undefined without a notary. */
  readonly notary: ReadSubject | undefined
}

/** A root’s certificate has the parameters of the curve in it. */
const ROOT_SIZE_MAX = 512
const certificate = varOctets({ max: CERTIFICATE_SIZE_MAX }, 'certificate')
const pkcs8 = varOctets({ max: 256 }, 'private key, PKCS #8')
/** As many as it takes to rotate a key every year of a root’s life. */
const ROTATIONS_MAX = 32

/** The secrets of the scheme `wallet`: a {@link WalletAuthority} at rest. */
const secretsLayout = message('walletSecrets', {
  version: constant(1),
  office: uint16({ min: 1 }, 'number of the office'),
  root: varOctets({ max: ROOT_SIZE_MAX }, 'the root’s certificate'),
  certificates: list(certificate, { max: ROTATIONS_MAX }),
  key: pkcs8,
  rootKey: list(pkcs8, { max: 1 }),
  notary: list(certificate, { max: 1 }),
})

/** What of it anybody may know, and needs to check evidence. */
const publicLayout = message('walletRoot', {
  version: constant(2),
  office: uint16({ min: 1 }, 'number of the office'),
  root: varOctets({ max: ROOT_SIZE_MAX }, 'the root’s certificate'),
  certificates: list(certificate, { max: ROTATIONS_MAX }),
})

/** What it takes to check evidence. */
export type WalletRoot = Pick<WalletAuthority, 'office' | 'root' | 'certificates'>

const DAY = 24 * 3600 * 1000
const YEAR = 365 * DAY
const LIFE = {
  root: 20 * YEAR,
  office: 10 * YEAR,
  notary: 10 * YEAR,
  card: 8 * YEAR,
  /** Renewed over the air after half of it: cards that are never told of revocations see a stopped till end. */
  till: 60 * DAY,
}
/** Of an office that has joined no others. */
const ALONE: OfficeNumber = 1

/** An office that is its own root, with new keys. @param at by the office’s clock. */
export function createAuthority(at: Instant): Bytes {
  const root = createRoot(generatePrivateKey(), 1, at)
  const key = generatePrivateKey()
  const subject: Subject = {
    role: 'office',
    party: { kind: 'office', office: ALONE },
    generation: 1,
  }
  const own = signRequested(requestCertificate(subject, key), root, at)
  return writeAuthority({
    office: ALONE,
    root: root.certificate,
    certificates: [readCertificate(own)],
    key,
    rootKey: root.key,
    notary: undefined,
  })
}

/** @throws {FormatError} if it is not what {@link createAuthority} or {@link joinNotary} made. */
export function readAuthority(secrets: Uint8Array): WalletAuthority {
  const content = secretsLayout.decode(secrets)
  const { office, root, certificates } = rootOf(content)
  const [rootKey] = content.rootKey
  const [notary] = content.notary
  const read = {
    office,
    root,
    certificates,
    key: importPrivateKey(content.key, 'walletSecrets.key'),
    rootKey: rootKey && importPrivateKey(rootKey, 'walletSecrets.rootKey'),
    notary: notary && readCertificate(notary),
  }
  check(read)
  return read
}

/** What of an office’s secrets is none. */
export function publicPart(secrets: Uint8Array): Bytes {
  const { office, root, certificates } = secretsLayout.decode(secrets)
  return publicLayout.encode({ office, root, certificates })
}

/** @throws {FormatError} if it is neither an office’s secrets nor {@link publicPart} of them. */
export function readRoot(bytes: Uint8Array): WalletRoot {
  const [version] = bytes
  return rootOf(version === 1 ? secretsLayout.decode(bytes) : publicLayout.decode(bytes))
}

/** What a notary gives an office that joins it. */
export interface Membership {
  readonly office: OfficeNumber
  readonly root: Bytes
  /** Of the office’s key, by that root. */
  readonly certificate: Bytes
  readonly notary: Bytes
}

/**
 * The secrets of an office that has joined others: the same key, under the notary’s root. To be done
 * before the first card and till are certified: they know no other root than the one they were made with.
 *
 * @throws {FormatError} if the certificates are not for this office’s key, or not of one root.
 */
export function joinNotary(secrets: Uint8Array, membership: Membership): Bytes {
  const { key } = readAuthority(secrets)
  const joined: WalletAuthority = {
    office: membership.office,
    root: readCertificate(membership.root),
    certificates: [readCertificate(membership.certificate)],
    key,
    rootKey: undefined,
    notary: readCertificate(membership.notary),
  }
  check(joined)
  return writeAuthority(joined)
}

/**
 * The secrets of an office with a new key. What the old one signed stays good: cards are shown the new
 * certificate before they are shown what it signed.
 *
 * @param certificateOf what the root makes of the new public key and the next generation.
 * @throws {FormatError} if that is not a certificate of this office by its root.
 */
export function rotateKey(
  secrets: Uint8Array,
  key: PrivateKey,
  certificateOf: (publicKey: PublicKey, generation: number) => Bytes,
): Bytes {
  const authority = readAuthority(secrets)
  const [newest] = authority.certificates
  const next = readCertificate(certificateOf(key.publicKey, newest.generation + 1))
  if (next.generation !== newest.generation + 1) {
    throw new FormatError('certificate.holder', `expected generation ${newest.generation + 1}`)
  }
  const certificates = [next, ...authority.certificates] as const
  const rotated: WalletAuthority = { ...authority, key, certificates }
  check(rotated)
  return writeAuthority(rotated)
}

/** @param at by the office’s clock. */
export function certifyCard(
  authority: WalletAuthority,
  card: CardId,
  publicKey: PublicKey,
  at: Instant,
): Bytes {
  const { office } = authority
  const subject: Subject = { role: 'card', party: { kind: 'card', office, card }, generation: 1 }
  return certify({ subject, publicKey, ...lifeOf('card', at) }, signerOf(authority))
}

export interface TillOrder {
  readonly till: TillNumber
  readonly publicKey: PublicKey
  /** Of the till’s keys. */
  readonly generation: number
}

/** @param at by the office’s clock. */
export function certifyTill(
  authority: WalletAuthority,
  { till, publicKey, generation }: TillOrder,
  at: Instant,
): Bytes {
  const { office } = authority
  const subject: Subject = { role: 'till', party: { kind: 'till', office, till }, generation }
  return certify({ subject, publicKey, ...lifeOf('till', at) }, signerOf(authority))
}

/** What a till gets: who it is to cards, and whom to believe. */
export const tillPapers = message('tillPapers', {
  version: constant(1),
  root: varOctets({ max: ROOT_SIZE_MAX }, 'the root’s certificate'),
  office: certificate,
  own: certificate,
})
export type TillPapers = ValueOf<typeof tillPapers>

/** @param at by the office's clock. */
export function papersOf(secrets: Uint8Array, order: TillOrder, at: Instant): Bytes {
  const authority = readAuthority(secrets)
  return tillPapers.encode({
    root: authority.root.bytes,
    office: authority.certificates[0].bytes,
    own: certifyTill(authority, order, at),
  })
}

function signerOf({ certificates: [subject], key }: WalletAuthority): Authority {
  return { subject, key }
}

function lifeOf(role: keyof typeof LIFE, at: Instant) {
  const from = at - (at % DAY)
  return { from, to: from + LIFE[role] }
}

function rootOf(content: {
  readonly office: OfficeNumber
  readonly root: Bytes
  readonly certificates: readonly Bytes[]
}): WalletRoot {
  const [first, ...older] = content.certificates.map((bytes) => readCertificate(bytes))
  if (!first) throw new FormatError('certificates', 'expected one of the office at least')
  return {
    office: content.office,
    root: readCertificate(content.root),
    certificates: [first, ...older],
  }
}

function writeAuthority(authority: WalletAuthority): Bytes {
  const { office, root, certificates, key, rootKey, notary } = authority
  invariant(certificates.length <= ROTATIONS_MAX, 'an office keeps its certificates')
  return secretsLayout.encode({
    office,
    root: root.bytes,
    certificates: certificates.map(({ bytes }) => bytes),
    key: exportPrivateKey(key),
    rootKey: rootKey ? [exportPrivateKey(rootKey)] : [],
    notary: notary ? [notary.bytes] : [],
  })
}

/** @throws {FormatError} if its parts do not belong together. */
function check({ office, root, certificates, key, notary }: WalletAuthority): void {
  const own: Party = { kind: 'office', office }
  const [newest] = certificates
  if (root.role !== 'root' || !isCertifiedBy(root, root)) {
    throw new FormatError('root', 'expected a root’s certificate')
  }
  for (const each of certificates) {
    if (each.role !== 'office' || !sameParty(each.party, own) || !isCertifiedBy(each, root)) {
      throw new FormatError('certificate', `expected one of office ${office} by its root`)
    }
  }
  if (!newest.certificate.publicKey.handle.equals(key.publicKey.handle)) {
    throw new FormatError('certificate.publicKey', 'is not the key of this office')
  }
  if (notary && (notary.role !== 'notary' || !isCertifiedBy(notary, root))) {
    throw new FormatError('notary', 'expected the notary’s certificate by its root')
  }
}
