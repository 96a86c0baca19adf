import { sql } from 'kysely'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { exportPrivateKey, generatePrivateKey, importPrivateKey } from '../kernel/p256.ts'
import { loadDataKey } from '../office/data-key.ts'
import { openDatabase } from '../office/database.ts'
import { createOffice, type Office } from '../office/office.ts'
import { readNextKey, writeNextKey, writeNotaryUrl } from '../office/inter-office-store.ts'
import { recordAct } from '../office/registry/audit.ts'
import { replaceSchemeSecrets } from '../office/registry/office-secrets.ts'
import { officeSchemes } from '../schemes/office.ts'
import { joinNotary, readAuthority, rotateKey } from '../schemes/wallet/office/authority.ts'
import { readCertificate } from '../schemes/wallet/certificates.ts'
import { SCHEME } from '../schemes/wallet/message.ts'
import { requestCertificate } from '../schemes/wallet/root.ts'
import { named, readInput, writeNew } from './certificate.ts'
import { CommandFailed, withProgress, type Io } from './io.ts'
import type { MembershipCommand } from './membership-command.ts'
import { systemClock, systemRandom } from './system.ts'

/** `kontant office request`, `join`, `rotate`: an office becomes one of several, and stays it. */
export async function runMembership(command: MembershipCommand, io: Io): Promise<void> {
  const { data, database } = command
  await mkdir(data, { recursive: true })
  const opened = await withProgress(io, 'Opening the database of the office', () =>
    openDatabase(
      database === undefined ? { directory: join(data, 'database') } : { url: database },
    ),
  )
  try {
    const office = await createOffice({
      db: opened.db,
      schemes: officeSchemes,
      clock: systemClock,
      random: systemRandom,
      dataKey: await loadDataKey(join(data, 'data.key'), systemRandom),
      currency: 'EUR',
    })
    await change(office, command, io)
  } finally {
    await opened.close()
  }
}

async function change(office: Office, command: MembershipCommand, io: Io): Promise<void> {
  switch (command.act) {
    case 'request':
      return request(office, command, io)
    case 'join':
      return joinOthers(office, command, io)
    case 'rotate':
      return rotate(office, command, io)
  }
}

async function request(
  office: Office,
  { out, number }: MembershipCommand & { readonly act: 'request' },
  io: Io,
): Promise<void> {
  const authority = readAuthority(office.secretsOf(SCHEME))
  const isNext = number === undefined
  if (isNext === (authority.notary === undefined)) {
    throw new CommandFailed(
      isNext ? 'the office has not joined: --number N' : 'the office has joined already: --next',
    )
  }
  const key = isNext ? await nextKey(office) : authority.key
  const generation = isNext ? authority.certificates[0].generation + 1 : 1
  const party = { kind: 'office', office: number ?? authority.office } as const
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

async function joinOthers(
  office: Office,
  command: MembershipCommand & { readonly act: 'join' },
  io: Io,
): Promise<void> {
  const before = office.secretsOf(SCHEME)
  const parts = {
    root: await readInput(command.root),
    certificate: await readInput(command.certificate),
    notary: await readInput(command.notary),
  }
  const { party } = named(command.certificate, () => readCertificate(parts.certificate))
  const { office: number } = party
  const secrets = named(command.certificate, () => joinNotary(before, { ...parts, office: number }))
  const at = systemClock.now()
  await office.db.transaction().execute(async (trx) => {
    // Held until the new ones are there: no card is issued in between.
    await sql`lock table card in share row exclusive mode`.execute(trx)
    const { rows } = await sql`select from card where scheme = ${SCHEME} limit 1`.execute(trx)
    if (rows.length > 0) {
      throw new CommandFailed(
        'this office has issued wallet cards, which know its own root and no other: it cannot join any more',
      )
    }
    await replaceSchemeSecrets(trx, office.vault, SCHEME, secrets, at)
    await writeNotaryUrl(trx, command.url)
    const detail = { number, notary: command.url }
    await recordAct(trx, { person: undefined, act: 'office.join', subject: 'office', detail }, at)
  })
  io.out(`This is office ${number} now, with the notary at ${command.url}. ${RESTART}`)
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
