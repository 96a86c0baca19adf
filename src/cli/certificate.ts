import { readFile, writeFile } from 'node:fs/promises'
import type { Bytes } from '../kernel/bytes.ts'
import { toHex } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'
import { generatePrivateKey } from '../kernel/p256.ts'
import { partyText } from '../kernel/party.ts'
import {
  isBehind,
  readCertificates,
  signRequests,
  type AnyCertificate,
} from '../schemes/membership.ts'
import { isCertifiedBy, type ReadSubject } from '../schemes/wallet/certificates.ts'
import {
  certificateOfRoot,
  createRoot,
  openRoot,
  revoke,
  writeRoot,
} from '../schemes/wallet/root.ts'
import type { CertificateCommand, Passphrase } from './certificate-command.ts'
import { CommandFailed, InputError, type Io } from './io.ts'
import { codeOf, systemClock, systemRandom } from './system.ts'

/** Guessed offline for ever, unlike a login. */
const PASSPHRASE_MIN = 12

/** `kontant certificate …`: everything a root does, on a machine without a network. */
export async function runCertificate(command: CertificateCommand, io: Io): Promise<void> {
  switch (command.act) {
    case 'root': {
      const passphrase = await readPassphrase(command.passphrase)
      if (passphrase.length < PASSPHRASE_MIN) {
        throw new InputError(`the passphrase is too short: at least ${PASSPHRASE_MIN} characters`)
      }
      const root = createRoot(generatePrivateKey(), command.generation, systemClock.now())
      await writeNew(command.file, writeRoot(root, passphrase, systemRandom), 0o600)
      io.out(`${command.file} is a root: ${line(root.certificate)}`)
      return
    }
    case 'sign': {
      const root = await openRootFile(command.root, command.passphrase)
      const request = await readInput(command.request)
      const bytes = named(command.request, () => signRequests(request, root, systemClock.now()))
      await writeNew(command.out, bytes)
      const made = readCertificates(bytes).filter(({ subject }) => subject.role !== 'root')
      io.out(`${command.out} is ${made.map(lineOf).join('; ')}`)
      return
    }
    case 'revoke': {
      const root = await openRootFile(command.root, command.passphrase)
      const subject = await readCertificateFile(command.certificate)
      if (!isCertifiedBy(subject, root.certificate)) {
        throw new CommandFailed(`${command.certificate} is not signed by ${command.root}`)
      }
      await writeNew(command.out, revoke(subject, root, systemClock.now()))
      io.out(`${command.out} revokes ${nameOf(subject)}. Hand it to: kontant notary revoke`)
      return
    }
    case 'export': {
      const file = await readInput(command.root)
      const bytes = named(command.root, () => certificateOfRoot(file))
      await writeNew(command.out, bytes)
      const made = readCertificates(bytes)
      io.out(`${command.out} is ${made.map(lineOf).join('; ')}`)
      return
    }
    case 'show': {
      const all = await readFileOfCertificates(command.file)
      const shown = all.map(toJson)
      const json = () => JSON.stringify(shown.length === 1 ? shown[0] : shown, undefined, 2)
      io.out(command.json ? json() : all.map(lineOf).join('\n'))
      return
    }
    case 'verify':
      return verify(command, io)
  }
}

/** From the root downwards: each signed by the one before. */
async function verify(
  { files, root }: CertificateCommand & { readonly act: 'verify' },
  io: Io,
): Promise<void> {
  const top = await readCertificateFile(root)
  if (top.role !== 'root' || !isCertifiedBy(top, top)) {
    throw new CommandFailed(`${root} is no root, or does not stand for itself`)
  }
  let issuer = top
  for (const file of files) {
    for (const each of await readFileOfCertificates(file)) {
      const isGood =
        each.scheme === 'wallet' ? isCertifiedBy(each.subject, issuer) : isBehind(top, each)
      if (!isGood) {
        const by = each.scheme === 'wallet' ? issuer : top
        throw new CommandFailed(`${file}: ${nameOfAny(each)} is not certified by ${nameOf(by)}`)
      }
      io.out(`${file}: ${lineOf(each)}`)
      if (each.scheme === 'wallet') issuer = each.subject
    }
  }
}

function nameOf({ role, party, generation }: ReadSubject): string {
  const whose = party.office === 0 ? role : `${role} ${partyText(party)}`
  return `${whose}, key ${generation}`
}

function nameOfAny({ scheme, subject }: AnyCertificate): string {
  if (scheme === 'wallet') return nameOf(subject)
  return subject.role === 'bank' ? `bank ${subject.bank}` : `${subject.role} of coins`
}

function line(subject: ReadSubject): string {
  return lineOf({ scheme: 'wallet', subject })
}

function lineOf(each: AnyCertificate): string {
  const { from, to, authority, holder } = each.subject.certificate
  return `${nameOfAny(each)}: ${holder} by ${authority}, ${dayOf(from)} to ${dayOf(to)}`
}

function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}

function toJson({ scheme, subject }: AnyCertificate) {
  const { certificate, role } = subject
  const whose =
    scheme === 'wallet'
      ? { party: partyText(subject.party), generation: subject.generation }
      : { bank: subject.bank }
  return {
    role,
    ...whose,
    holder: certificate.holder,
    authority: certificate.authority,
    from: dayOf(certificate.from),
    to: dayOf(certificate.to),
    publicKey: toHex(certificate.publicKey.bytes),
  }
}

async function openRootFile(path: string, passphrase: Passphrase) {
  const file = await readInput(path)
  const text = await readPassphrase(passphrase)
  return named(path, () => openRoot(file, text))
}

async function readPassphrase(passphrase: Passphrase): Promise<string> {
  if ('text' in passphrase) return passphrase.text
  return new TextDecoder().decode(await readInput(passphrase.file)).trimEnd()
}

/** The first of a file: an office’s is before its bank’s. */
async function readCertificateFile(path: string): Promise<ReadSubject> {
  const [first] = await readFileOfCertificates(path)
  if (first?.scheme === 'wallet') return first.subject
  throw new InputError(`${path}: expected a certificate of a root, a notary or an office`)
}

async function readFileOfCertificates(path: string): Promise<readonly AnyCertificate[]> {
  const bytes = await readInput(path)
  return named(path, () => readCertificates(bytes))
}

/** @throws {InputError} if the file cannot be read. */
export async function readInput(path: string): Promise<Bytes> {
  try {
    return new Uint8Array(await readFile(path))
  } catch (error) {
    const code = codeOf(error)
    if (code === undefined) throw error
    throw new InputError(code === 'ENOENT' ? `${path} is missing` : `${path}: ${code}`)
  }
}

/** @throws {InputError} naming the file, if what is in it is not what it should be. */
export function named<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof FormatError) throw new InputError(`${path}: ${error.message}`)
    throw error
  }
}

/** Keys and certificates are never written over. @throws {CommandFailed} if the file is there. */
export async function writeNew(path: string, bytes: Bytes, mode = 0o644): Promise<void> {
  try {
    await writeFile(path, bytes, { flag: 'wx', mode })
  } catch (error) {
    const code = codeOf(error)
    if (code === undefined) throw error
    throw new CommandFailed(code === 'EEXIST' ? `${path} is there already` : `${path}: ${code}`)
  }
}
