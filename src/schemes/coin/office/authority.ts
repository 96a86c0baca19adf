import type { Bytes } from '../../../kernel/bytes.ts'
import { FormatError } from '../../../kernel/errors.ts'
import { constant, list, message, uint16, varOctets } from '../../../kernel/message.ts'
import {
  exportPrivateKey,
  generatePrivateKey,
  importPrivateKey,
  type PrivateKey,
} from '../../../kernel/p256.ts'
import type { Instant } from '../../../kernel/ports.ts'
import { bankCertificate, rootCertificate, type Bank, type Validity } from './bank.ts'
import { isConfirmedBy, readCertificate, type BankNumber, type Confirmed } from '../certificates.ts'
import { certificate, ROOT_CERTIFICATE_MAX } from '../message.ts'

/** What makes an office a bank: who vouches for it, and what it signs elements and coins with. */
export interface BankAuthority {
  readonly bank: Bank
  readonly root: Confirmed
  readonly own: Confirmed
  /** What vendor elements seal to: nobody else reads what they report. */
  readonly readingKey: PrivateKey
  /** Only of a bank that is its own root. */
  readonly rootKey: PrivateKey | undefined
}

const pkcs8 = varOctets({ max: 256 }, 'private key, PKCS #8')

/** The secrets of the scheme `coin`: a {@link BankAuthority} at rest. */
const secretsLayout = message('coinSecrets', {
  version: constant(1),
  bank: uint16({ min: 1 }, 'number of the bank'),
  root: varOctets({ max: ROOT_CERTIFICATE_MAX }, 'certificate of the root'),
  own: certificate('of the bank'),
  key: pkcs8,
  readingKey: pkcs8,
  rootKey: list(pkcs8, { max: 1 }),
})

const DAY = 24 * 3600 * 1000
const LIFE = { root: 20 * 365 * DAY, bank: 10 * 365 * DAY, element: 8 * 365 * DAY } as const
/** Of an office that knows no other banks. */
const ALONE: BankNumber = 1

/** A bank that is its own root, with new keys. @param at by the office’s clock. */
export function createBank(at: Instant): Bytes {
  const [rootKey, key] = [generatePrivateKey(), generatePrivateKey()]
  return secretsLayout.encode({
    bank: ALONE,
    root: rootCertificate(rootKey, lifeOf('root', at)),
    own: bankCertificate(ALONE, key.publicKey, rootKey, lifeOf('bank', at)),
    key: exportPrivateKey(key),
    readingKey: exportPrivateKey(generatePrivateKey()),
    rootKey: [exportPrivateKey(rootKey)],
  })
}

/** @throws {FormatError} if it is not what {@link createBank} or {@link joinBanks} made. */
export function readBank(secrets: Uint8Array): BankAuthority {
  const content = secretsLayout.decode(secrets)
  const key = importPrivateKey(content.key, 'coinSecrets.key')
  const { root: rootBytes, own: ownBytes, bank: number } = content
  const [root, own] = [readCertificate(rootBytes), readCertificate(ownBytes)]
  if (root.role !== 'root' || !isConfirmedBy(root, root)) {
    throw new FormatError('coinSecrets.root', 'expected a root’s certificate')
  }
  if (own.role !== 'bank' || !isConfirmedBy(own, root)) {
    throw new FormatError('coinSecrets.own', 'expected a bank’s certificate by that root')
  }
  if (own.bank !== number || !own.publicKey.handle.equals(key.publicKey.handle)) {
    throw new FormatError('coinSecrets.own', 'is not of this bank’s key')
  }
  const [rootKey] = content.rootKey
  return {
    bank: { number, key, certificate: ownBytes, root: rootBytes },
    root,
    own,
    readingKey: importPrivateKey(content.readingKey, 'coinSecrets.readingKey'),
    rootKey: rootKey && importPrivateKey(rootKey, 'coinSecrets.rootKey'),
  }
}

export interface Banks {
  readonly bank: BankNumber
  readonly root: Bytes
  /** Of this bank’s key, by that root. */
  readonly own: Bytes
}

/**
 * The secrets of a bank that has joined others: the same keys, under their root. To be done before the
 * first element is made: elements know no other root than the one they were made with.
 *
 * @throws {FormatError} if the certificates are not of this bank’s key, or not of one root.
 */
export function joinBanks(secrets: Uint8Array, { bank, root, own }: Banks): Bytes {
  const content = secretsLayout.decode(secrets)
  const joined = secretsLayout.encode({ ...content, bank, root, own, rootKey: [] })
  readBank(joined)
  return joined
}

/** First and last day of a certificate that is made now. */
export function lifeOf(what: keyof typeof LIFE, at: Instant): Validity {
  const from = at - (at % DAY)
  return { from, to: from + LIFE[what] }
}
