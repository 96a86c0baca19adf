import { sql } from 'kysely'
import type { Bytes } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'
import {
  exportPrivateKey,
  generatePrivateKey,
  importPrivateKey,
  type PrivateKey,
  type PublicKey,
} from '../kernel/p256.ts'
import { NOTARY, type OfficeNumber } from '../kernel/party.ts'
import type { Instant, RandomSource } from '../kernel/ports.ts'
import { WrongDataKey } from '../office/registry/office-secrets.ts'
import { Vault } from '../office/vault.ts'
import { isCertifiedBy, readCertificate, type ReadSubject } from '../schemes/wallet/certificates.ts'
import { openRevocation } from '../schemes/wallet/root.ts'
import { changeBooks, type NotaryDb } from './database.ts'
import { keyName } from './trust.ts'

/** A key of the notary’s own. */
export interface NotaryKey {
  readonly generation: number
  readonly key: PrivateKey
  /** By the root; undefined until it was brought. */
  readonly certificate: ReadSubject | undefined
}

const keyPlace = (generation: number) => `notary_key ${generation}`

interface KeyRow {
  readonly generation: number
  readonly sealed_private_key: Buffer
  readonly certificate: Buffer | null
}

/**
 * The notary’s keys, oldest first; the first is made at the first start.
 *
 * @throws {WrongDataKey} if they do not open.
 */
export async function loadNotaryKeys(
  db: NotaryDb,
  dataKey: Bytes,
  random: RandomSource,
  at: Instant,
): Promise<readonly NotaryKey[]> {
  const vault = new Vault(dataKey, random)
  return changeBooks(db, async (trx) => {
    const { rows } = await sql<KeyRow>`
      select generation, sealed_private_key, certificate from notary_key order by generation`.execute(
      trx,
    )
    if (rows.length > 0) return rows.map((row) => openKey(vault, row))
    const key = generatePrivateKey()
    const sealed = vault.seal(keyPlace(1), exportPrivateKey(key))
    await sql`
      insert into notary_key (generation, sealed_private_key, made_at)
      values (1, ${sealed}, ${at}::bigint)`.execute(trx)
    return [{ generation: 1, key, certificate: undefined }]
  })
}

function openKey(vault: Vault, row: KeyRow): NotaryKey {
  const { generation, certificate } = row
  try {
    const key = importPrivateKey(vault.open(keyPlace(generation), row.sealed_private_key))
    return { generation, key, certificate: certificate ? readCertificate(certificate) : undefined }
  } catch (error) {
    if (error instanceof FormatError) throw new WrongDataKey(error)
    throw error
  }
}

/** A further key of the notary: the older ones stay for cards that know no other. */
export async function addNotaryKey(
  db: NotaryDb,
  dataKey: Bytes,
  random: RandomSource,
  at: Instant,
): Promise<NotaryKey> {
  const vault = new Vault(dataKey, random)
  return changeBooks(db, async (trx) => {
    const { rows } = await sql<{ next: number }>`
      select coalesce(max(generation), 0) + 1 as next from notary_key`.execute(trx)
    const generation = rows[0]?.next ?? 1
    const key = generatePrivateKey()
    await sql`
      insert into notary_key (generation, sealed_private_key, made_at)
      values (${generation}, ${vault.seal(keyPlace(generation), exportPrivateKey(key))},
        ${at}::bigint)`.execute(trx)
    return { generation, key, certificate: undefined }
  })
}

/**
 * Brings the root’s certificate of one of the notary’s keys. The root is believed from then on.
 *
 * @throws {FormatError} if it is not one of the notary, of one of these keys, by that root.
 */
export async function certifyNotaryKey(
  db: NotaryDb,
  keys: readonly NotaryKey[],
  certificate: Bytes,
  root: Bytes,
  at: Instant,
): Promise<void> {
  const issuer = readCertificate(root)
  const subject = readCertificate(certificate)
  if (issuer.role !== 'root' || !isCertifiedBy(issuer, issuer)) {
    throw new FormatError('root', 'expected a root’s certificate')
  }
  if (subject.role !== 'notary' || !isCertifiedBy(subject, issuer)) {
    throw new FormatError('certificate', 'expected the notary’s, signed by that root')
  }
  const own = keys.find(({ generation }) => generation === subject.generation)
  if (!own || !isSameKey(own.key.publicKey, subject.certificate.publicKey)) {
    throw new FormatError('certificate', 'is of another key than this notary’s')
  }
  await changeBooks(db, async (trx) => {
    await sql`
      insert into root (certificate, added_at) values (${root}, ${at}::bigint)
      on conflict do nothing`.execute(trx)
    await sql`
      update notary_key set certificate = ${certificate} where generation = ${own.generation}`.execute(
      trx,
    )
  })
}

function isSameKey(a: PublicKey, b: PublicKey): boolean {
  return a.handle.equals(b.handle)
}

export async function listRoots(db: NotaryDb): Promise<readonly ReadSubject[]> {
  const { rows } = await sql<{ certificate: Buffer }>`
    select certificate from root order by added_at, certificate`.execute(db)
  return rows.map(({ certificate }) => readCertificate(certificate))
}

/**
 * Takes in what a root has revoked.
 *
 * @returns the keys, as {@link keyName} calls them.
 * @throws {FormatError} if it is not a revocation signed by a root that the notary believes.
 */
export async function addRevocation(db: NotaryDb, signed: Bytes, at: Instant): Promise<string> {
  const revocation = openRevocation(signed, await listRoots(db))
  const name = keyName(revocation)
  await sql`
    insert into revocation (subject, signed, at) values (${name}, ${signed}, ${at}::bigint)
    on conflict (subject) do nothing`.execute(db)
  return name
}

export async function listRevoked(db: NotaryDb): Promise<ReadonlyMap<string, Bytes>> {
  const { rows } = await sql<{ subject: string; signed: Buffer }>`
    select subject, signed from revocation order by subject`.execute(db)
  return new Map(rows.map(({ subject, signed }) => [subject, new Uint8Array(signed)]))
}

/** The certificates that an office has joined with, newest first. */
export async function officeCertificates(
  db: NotaryDb,
  office: OfficeNumber,
): Promise<readonly ReadSubject[]> {
  const { rows } = await sql<{ certificate: Buffer }>`
    select certificate from office_key where office = ${office} order by generation desc`.execute(
    db,
  )
  return rows.map(({ certificate }) => readCertificate(certificate))
}

/** Its accounts and its feed begin with its first key. */
export async function joinOffice(
  db: NotaryDb,
  subject: ReadSubject,
  at: Instant,
): Promise<boolean> {
  const { office } = subject.party
  if (office === NOTARY) return false
  return changeBooks(db, async (trx) => {
    await sql`
      insert into office (number, joined_at) values (${office}, ${at}::bigint)
      on conflict (number) do nothing`.execute(trx)
    const { rows } = await sql<{ certificate: Buffer }>`
      insert into office_key (office, generation, certificate, joined_at)
      values (${office}, ${subject.generation}, ${subject.bytes}, ${at}::bigint)
      on conflict (office, generation) do update set joined_at = office_key.joined_at
      returning certificate`.execute(trx)
    const [kept] = rows
    return (
      kept !== undefined &&
      isSameKey(
        readCertificate(kept.certificate).certificate.publicKey,
        subject.certificate.publicKey,
      )
    )
  })
}
