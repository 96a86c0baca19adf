import { sql } from 'kysely'
import { toHex, type Bytes } from '../kernel/bytes.ts'
import { CERTIFICATES_MAX } from '../kernel/coin-acts.ts'
import { unlessMalformed } from '../kernel/errors.ts'
import type { NotaryAct, ResultOf } from '../kernel/notary.ts'
import type { OfficeNumber } from '../kernel/party.ts'
import type { Instant } from '../kernel/ports.ts'
import { packed } from '../office/packed.ts'
import { sha256 } from '../kernel/hash.ts'
import { isConfirmedBy, readCertificate, type Confirmed } from '../schemes/coin/certificates.ts'
import { tell } from './coin-feed.ts'
import { changeBooks, type NotaryDb, type NotaryTransaction } from './database.ts'
import type { Trust } from './trust.ts'

type Act<A extends NotaryAct['act']> = Extract<NotaryAct, { readonly act: A }>

/** Makes a bank known to all others, and all others to it. */
export async function addBank(
  db: NotaryDb,
  trust: Trust,
  office: OfficeNumber,
  { certificate }: Act<'bank'>,
  at: Instant,
): Promise<ResultOf<'bank'>['result']> {
  const bank = unlessMalformed(() => readCertificate(certificate))
  if (!bank) return 'malformed'
  if (bank.role !== 'bank' || bank.bank !== office || !trust.isRootOf(bank)) {
    return 'wrong certificate'
  }
  return changeBooks(db, async (trx) => {
    const others = await banks(trx)
    const known = others.get(office)
    if (known && !known.publicKey.handle.equals(bank.publicKey.handle)) return 'wrong certificate'
    if (known) return 'known'
    await sql`
      insert into bank (office, certificate, joined_at)
      values (${office}, ${certificate}, ${at}::bigint)`.execute(trx)
    const introduce = (to: OfficeNumber, { bank: number, bytes }: Confirmed) => ({
      to,
      name: `bank ${number}`,
      news: { kind: 'bank', certificate: bytes } as const,
    })
    await tell(
      trx,
      [...others.values()].flatMap((other) => [
        introduce(other.bank, bank),
        introduce(office, other),
      ]),
    )
    return 'known'
  })
}

/** All that are known, by their numbers. */
export async function banks(db: NotaryDb): Promise<ReadonlyMap<OfficeNumber, Confirmed>> {
  const { rows } = await sql<{ office: number; certificate: Buffer }>`
    select office, certificate from bank order by office`.execute(db)
  return new Map(rows.map(({ office, certificate }) => [office, readCertificate(certificate)]))
}

/** Makes elements known: all of them, or none. */
export async function addElements(
  db: NotaryDb,
  office: OfficeNumber,
  { certificates }: Act<'elements'>,
): Promise<ResultOf<'elements'>['result']> {
  const read = unlessMalformed(() => certificates.map((bytes) => readCertificate(bytes)))
  if (!read) return 'malformed'
  const bank = (await banks(db)).get(office)
  if (!bank) return 'no bank'
  const isGood = ({ role }: Confirmed) => role !== 'root' && role !== 'bank'
  if (!read.every((one) => isGood(one) && isConfirmedBy(one, bank))) return 'wrong certificate'
  return db.transaction().execute(async (trx) => {
    await insertElements(trx, office, read)
    const ids = packed(read).bytea(({ element }) => element)
    const { rows } = await sql`
      select from element where id = any(${ids}) and bank <> ${office}`.execute(trx)
    // Nobody is told of an element whose id is another one’s: it could be blamed for what that one did.
    return rows.length > 0 ? 'other element' : 'known'
  })
}

async function insertElements(
  trx: NotaryTransaction,
  office: OfficeNumber,
  read: readonly Confirmed[],
): Promise<void> {
  // In one order, so that two who bring the same never wait for each other.
  const column = packed(read.toSorted((a, b) => (toHex(a.element) < toHex(b.element) ? -1 : 1)))
  await sql`
    insert into element (id, bank, certificate)
    select id, ${office}::integer, certificate from unnest(
      ${column.bytea(({ element }) => element)},
      ${column.bytea(({ bytes }) => bytes)}
    ) as t (id, certificate)
    on conflict do nothing`.execute(trx)
}

/** The certificates of these elements, of those that are known. */
export async function whoIs(
  db: NotaryDb,
  { elements }: Act<'who is'>,
): Promise<Omit<ResultOf<'who is'>, 'act'>> {
  const { rows } = await sql<{ certificate: Buffer }>`
    select certificate from element
    where id = any(${packed(elements).bytea((id) => id)}) order by id limit ${CERTIFICATES_MAX}`.execute(
    db,
  )
  return { certificates: rows.map(({ certificate }) => new Uint8Array(certificate)) }
}

/** Carries what a vendor has signed from one bank to another. What it says, they judge themselves. */
export async function showCoins(
  db: NotaryDb,
  office: OfficeNumber,
  { to, evidence, certificates }: Act<'show coins'>,
): Promise<ResultOf<'show coins'>['result']> {
  return changeBooks(db, async (trx) => {
    const known = await banks(trx)
    if (!known.has(office) || !known.has(to)) return 'no bank'
    const news = { kind: 'evidence', from: office, evidence, certificates } as const
    await tell(trx, [{ to, name: `evidence of ${office} ${digestOf(evidence)}`, news }])
    return 'shown'
  })
}

/** Tells every other bank what one says of a card of its own. */
export async function tellCard(
  db: NotaryDb,
  office: OfficeNumber,
  { element, number, state }: Act<'card'>,
): Promise<ResultOf<'card'>['result']> {
  return changeBooks(db, async (trx) => {
    const known = await banks(trx)
    if (!known.has(office)) return 'no bank'
    const { rows } = await sql`
      select from element where id = ${element} and bank = ${office}`.execute(trx)
    if (rows.length === 0) return 'not yours'
    const news = { kind: 'card', from: office, element, number, state } as const
    const others = [...known.keys()].filter((bank) => bank !== office)
    const name = `card ${toHex(element)} ${number}`
    await tell(
      trx,
      others.map((to) => ({ to, name, news })),
    )
    return 'known'
  })
}

/** Never backwards: a bank that was put back to an older state has said it all the same. */
export async function noteSaid(
  db: NotaryDb,
  office: OfficeNumber,
  { number, shownUpTo }: Act<'said'>,
): Promise<ResultOf<'said'>['result']> {
  const { rows } = await sql`
    update bank set said = greatest(said, ${number}::bigint),
      shown_up_to = greatest(shown_up_to, ${shownUpTo}::bigint)
    where office = ${office} returning office`.execute(db)
  return rows.length > 0 ? 'known' : 'no bank'
}

function digestOf(evidence: Bytes): string {
  return toHex(sha256(evidence))
}
