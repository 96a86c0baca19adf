import { concat, utf8, type Bytes } from '../kernel/bytes.ts'
import { FormatError, invariant } from '../kernel/errors.ts'
import { SIGNATURE_SIZE } from '../kernel/p256.ts'
import type { OfficeNumber } from '../kernel/party.ts'
import type { Instant } from '../kernel/ports.ts'
import { decodeTlvs, encodeTlv } from '../kernel/tlv.ts'
import * as coin from './coin/certificates.ts'
import { joinBanks, lifeOf, readBank } from './coin/office/authority.ts'
import { rootCertificate } from './coin/office/bank.ts'
import { BANK_REQUEST, requestBank, signBankRequest } from './coin/office/request.ts'
import { joinNotary, readAuthority } from './wallet/office/authority.ts'
import * as wallet from './wallet/certificates.ts'
import { requestCertificate, signRequested, type Root } from './wallet/root.ts'

/**
 * How an office becomes one of several in every scheme that knows others, by one request, one visit to the
 * root and one file: as an office for wallets, and as a bank of the same number for coins.
 */
export const MEMBER_SCHEMES = ['wallet', 'coin'] as const
export type MemberScheme = (typeof MEMBER_SCHEMES)[number]

export type SecretsOf = (scheme: MemberScheme) => Bytes

/** Those in which it is its own root so far. */
export function notJoined(secretsOf: SecretsOf): readonly MemberScheme[] {
  const isAlone: Readonly<Record<MemberScheme, () => boolean>> = {
    wallet: () => readAuthority(secretsOf('wallet')).notary === undefined,
    coin: () => readBank(secretsOf('coin')).rootKey !== undefined,
  }
  return MEMBER_SCHEMES.filter((scheme) => isAlone[scheme]())
}

/** Requests for the keys that the office has, each signed with its key, one behind the other. */
export function requestMembership(
  schemes: readonly MemberScheme[],
  number: OfficeNumber,
  secretsOf: SecretsOf,
): Bytes {
  const party = { kind: 'office', office: number } as const
  const requests: Readonly<Record<MemberScheme, () => Bytes>> = {
    wallet: () => {
      const { key } = readAuthority(secretsOf('wallet'))
      return requestCertificate({ role: 'office', party, generation: 1 }, key)
    },
    coin: () => requestBank(number, readBank(secretsOf('coin')).bank.key),
  }
  return concat(...schemes.map((scheme) => requests[scheme]()))
}

/**
 * Certifies everything that a file of requests asks for.
 *
 * @param at by the root’s clock.
 * @throws {FormatError} as the schemes’ own do.
 */
export function signRequests(file: Uint8Array, root: Root, at: Instant): Bytes {
  const [own, bank] = splitRequests(file)
  const certificates = [
    ...(own ? [signRequested(own, root, at)] : []),
    // Elements know their root by a certificate of their own form: it is the same key.
    ...(bank
      ? [rootCertificate(root.key, lifeOf('root', at)), signBankRequest(bank, root.key, at)]
      : []),
  ]
  return concat(...certificates)
}

/** A bank’s request is the last one, and always of one size. */
function splitRequests(
  file: Uint8Array,
): readonly [own: Uint8Array | undefined, bank: Uint8Array | undefined] {
  invariant(BANK_REQUEST.size !== undefined, 'a request has one size')
  const start = file.length - BANK_REQUEST.size - SIGNATURE_SIZE
  const hasBank = start >= 0 && startsWith(file.subarray(start), BANK_REQUEST.magic)
  if (!hasBank) return [file, undefined]
  return [start > 0 ? file.subarray(0, start) : undefined, file.subarray(start)]
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return utf8(text).every((byte, index) => bytes[index] === byte)
}

/** One certificate of a file, of whichever scheme. */
export type AnyCertificate =
  | { readonly scheme: 'wallet'; readonly subject: wallet.ReadSubject }
  | { readonly scheme: 'coin'; readonly subject: coin.Confirmed }

/** @throws {FormatError} if it is not a file of certificates of this system. */
export function readCertificates(file: Uint8Array): readonly AnyCertificate[] {
  const parts = decodeTlvs(file, 'certificates').map(({ tag, value }) => encodeTlv(tag, value))
  if (parts.length === 0) throw new FormatError('certificates', 'expected one at least')
  return parts.map((bytes) =>
    isOf(bytes, coin.ROLE_OID)
      ? { scheme: 'coin', subject: coin.readCertificate(bytes) }
      : { scheme: 'wallet', subject: wallet.readCertificate(bytes) },
  )
}

function isOf(bytes: Bytes, role: Bytes): boolean {
  return Buffer.from(bytes).includes(Buffer.from(role))
}

/** Whether the one key of that root stands behind it, whatever the scheme calls it. */
export function isBehind(root: wallet.ReadSubject, { scheme, subject }: AnyCertificate): boolean {
  if (scheme === 'wallet') return wallet.isCertifiedBy(subject, root)
  return coin.isConfirmedByKey(subject, root.certificate.publicKey)
}

export interface MembershipFiles {
  /** What the root has made of the office’s requests. */
  readonly certificates: Uint8Array
  readonly root: Uint8Array
  readonly notary: Uint8Array
}

export interface Joined {
  readonly number: OfficeNumber
  /** New secrets of each scheme that it joins in. */
  readonly secrets: ReadonlyMap<MemberScheme, Bytes>
}

/**
 * The secrets of an office that has joined others: the same keys, under their root.
 *
 * @throws {FormatError} if the certificates are not for this office’s keys, or not of that root.
 */
export function joinOthers(secretsOf: SecretsOf, files: MembershipFiles): Joined {
  const root = wallet.readCertificate(files.root)
  const all = readCertificates(files.certificates)
  const office = all.find(({ scheme }) => scheme === 'wallet')
  const bank = all.find(({ subject }) => subject.role === 'bank')
  const bankRoot = all.find(({ scheme, subject }) => scheme === 'coin' && subject.role === 'root')
  const secrets = new Map<MemberScheme, Bytes>()
  const numbers = new Set<OfficeNumber>()
  if (office?.scheme === 'wallet') {
    const number = office.subject.party.office
    const { bytes: certificate } = office.subject
    const membership = {
      office: number,
      root: root.bytes,
      certificate,
      notary: new Uint8Array(files.notary),
    }
    secrets.set('wallet', joinNotary(secretsOf('wallet'), membership))
    numbers.add(number)
  }
  if (bank?.scheme === 'coin' && bankRoot) {
    if (!isBehind(root, bankRoot)) throw new FormatError('root', 'is another one than the bank’s')
    const number = bank.subject.bank
    const banks = {
      bank: number,
      root: bankRoot.subject.bytes,
      own: bank.subject.bytes,
    }
    secrets.set('coin', joinBanks(secretsOf('coin'), banks))
    numbers.add(number)
  }
  const [number, ...others] = numbers
  if (number === undefined || others.length > 0) {
    throw new FormatError('certificates', 'expected those of one office')
  }
  return { number, secrets }
}
