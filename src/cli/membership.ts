import { sql } from 'kysely'
import { exportPrivateKey, generatePrivateKey, importPrivateKey } from '../kernel/p256.ts'
import type { Office } from '../office/office.ts'
import { readNextKey, writeNextKey, writeNotaryUrl } from '../office/inter-office-store.ts'
import { recordAct } from '../office/registry/audit.ts'
import { replaceSchemeSecrets } from '../office/registry/office-secrets.ts'
import {
  joinOthers,
  MEMBER_SCHEMES,
  notJoined,
  requestMembership,
  type MemberScheme,
} from '../schemes/membership.ts'
import { readAuthority, rotateKey } from '../schemes/wallet/office/authority.ts'
import { SCHEME } from '../schemes/wallet/message.ts'
import { requestCertificate } from '../schemes/wallet/root.ts'
import { named, readInput, writeNew } from './certificate.ts'
import { CommandFailed, withProgress, type Io } from './io.ts'
import type { MembershipCommand } from './membership-command.ts'
import { openOffice } from './open-office.ts'
import { systemClock } from './system.ts'

/** `kontant office request`, `join`, `rotate`: an office becomes one of several, and stays it. */
export async function runMembership(command: MembershipCommand, io: Io): Promise<void> {
  const { data, database } = command
  const { office, close } = await withProgress(io, 'Opening the database of the office', () =>
    openOffice({ data, database, currency: 'EUR' }),
  )
  try {
    await change(office, command, io)
  } finally {
    await close()
  }
}

async function change(office: Office, command: MembershipCommand, io: Io): Promise<void> {
  switch (command.act) {
    case 'request':
      return request(office, command, io)
    case 'join':
      return join(office, command, io)
    case 'rotate':
      return rotate(office, command, io)
  }
}

async function request(
  office: Office,
  command: MembershipCommand & { readonly act: 'request' },
  io: Io,
): Promise<void> {
  const { out, number } = command
  if (number === undefined) return requestNext(office, out, io)
  const alone = notJoined((scheme) => office.secretsOf(scheme))
  if (alone.length === 0) throw new CommandFailed('the office has joined already: --next')
  const { free, bound } = await freeToJoin(office, alone)
  if (free.length === 0) throw new CommandFailed(tooLate(bound))
  const bytes = requestMembership(free, number, (scheme) => office.secretsOf(scheme))
  await writeNew(out, bytes)
  const asked = free.map((scheme) => MEMBER[scheme]).join(' and ')
  io.out(`${out} asks for certificates of ${asked} ${number}.`)
  if (bound.length > 0) io.err(`It leaves something out: ${tooLate(bound)}.`)
  io.out('Bring it to the root: kontant certificate sign')
}

/** What an office is among others, a scheme. */
const MEMBER: Readonly<Record<MemberScheme, string>> = { wallet: 'office', coin: 'bank' }
/** What knows the root that it was made under, and no other. */
const MADE: Readonly<Record<MemberScheme, string>> = {
  wallet: 'wallet cards',
  coin: 'coin cards or vendor elements',
}

function tooLate(bound: readonly MemberScheme[]): string {
  const made = bound.map((scheme) => MADE[scheme]).join(', and ')
  return (
    `this office has made ${made}, which know its own root and no other, so it cannot join with them ` +
    'any more; an office with an empty database can'
  )
}

/** In which schemes nothing was made yet that would have to know another root. */
async function freeToJoin({ db }: Pick<Office, 'db'>, schemes: readonly MemberScheme[]) {
  const { rows } = await sql<{ scheme: MemberScheme }>`
    select distinct scheme from card where scheme = any(${[...schemes]}::text[])
    union select 'coin' from coin_element`.execute(db)
  const used = new Set(rows.map(({ scheme }) => scheme))
  return {
    free: schemes.filter((scheme) => !used.has(scheme)),
    bound: schemes.filter((scheme) => used.has(scheme)),
  }
}

/** A further key for what the office signs: a bank’s elements know one key of it, for good. */
async function requestNext(office: Office, out: string, io: Io): Promise<void> {
  const authority = readAuthority(office.secretsOf(SCHEME))
  if (!authority.notary) throw new CommandFailed('the office has not joined: --number N')
  const key = await nextKey(office)
  const generation = authority.certificates[0].generation + 1
  const party = { kind: 'office', office: authority.office } as const
  await writeNew(out, requestCertificate({ role: 'office', party, generation }, key))
  io.out(`${out} asks for a certificate of office ${party.office}, key ${generation}.`)
  io.out('Bring it to the root: kontant certificate sign')
}

/** The same one until it has its certificate. */
async function nextKey({ db, vault }: Office) {
  const kept = await readNextKey(db, vault)
  if (kept) return importPrivateKey(kept)
  const key = generatePrivateKey()
  await writeNextKey(db, vault, exportPrivateKey(key))
  return key
}

const RESTART = 'An office that runs takes it up at its next start: start it anew.'

async function join(
  office: Office,
  command: MembershipCommand & { readonly act: 'join' },
  io: Io,
): Promise<void> {
  const files = {
    certificates: await readInput(command.certificate),
    root: await readInput(command.root),
    notary: await readInput(command.notary),
  }
  const { number, secrets } = named(command.certificate, () =>
    joinOthers((scheme) => office.secretsOf(scheme), files),
  )
  const schemes = MEMBER_SCHEMES.filter((scheme) => secrets.has(scheme))
  const at = systemClock.now()
  await office.db.transaction().execute(async (trx) => {
    // Held until the new ones are there: nothing is issued in between.
    await sql`lock table card, coin_element in share row exclusive mode`.execute(trx)
    const { bound } = await freeToJoin({ db: trx }, schemes)
    if (bound.length > 0) {
      throw new CommandFailed(`${tooLate(bound)}. A new request leaves them out: office request`)
    }
    for (const [scheme, bytes] of secrets) {
      await replaceSchemeSecrets(trx, office.vault, scheme, bytes, at)
    }
    await writeNotaryUrl(trx, command.url)
    const detail = { number, notary: command.url, as: schemes.join(' ') }
    await recordAct(trx, { person: undefined, act: 'office.join', subject: 'office', detail }, at)
  })
  const what = schemes.map((scheme) => MEMBER[scheme]).join(' and ')
  io.out(`This is ${what} ${number} now, with the notary at ${command.url}. ${RESTART}`)
}

async function rotate(
  office: Office,
  { certificate }: MembershipCommand & { readonly act: 'rotate' },
  io: Io,
): Promise<void> {
  const bytes = await readInput(certificate)
  const kept = await readNextKey(office.db, office.vault)
  if (!kept) throw new CommandFailed('no next key waits for a certificate: office request --next')
  const key = importPrivateKey(kept)
  const secrets = named(certificate, () => rotateKey(office.secretsOf(SCHEME), key, () => bytes))
  const [{ generation }] = readAuthority(secrets).certificates
  const at = systemClock.now()
  await office.db.transaction().execute(async (trx) => {
    await replaceSchemeSecrets(trx, office.vault, SCHEME, secrets, at)
    await writeNextKey(trx, office.vault, undefined)
    const detail = { generation }
    await recordAct(trx, { person: undefined, act: 'office.rotate', subject: 'office', detail }, at)
  })
  io.out(`The office signs with its key ${generation}. ${RESTART}`)
}
