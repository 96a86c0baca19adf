import type { Kysely, Transaction } from 'kysely'
import type { Bytes } from '../../kernel/bytes.ts'
import type { TillNumber } from '../../kernel/ids.ts'
import { publicKeyFrom, type PublicKey } from '../../kernel/p256.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { Tables } from '../tables.ts'
import { nextVersion } from './versions.ts'

/** A key that a maker has or had. Maker 0 is the office. */
export interface MakerKey {
  readonly maker: TillNumber
  /** From 1; a maker's newest is the highest. */
  readonly generation: number
  readonly publicKey: PublicKey
  /** By the office's clock. */
  readonly madeAt: Instant
  /** By the maker's clock; undefined while it is good. */
  readonly revokedFrom: Instant | undefined
}

/** As stored: not imported yet. */
export interface KeyToVerify extends Pick<MakerKey, 'maker' | 'generation'> {
  readonly publicKey: Bytes
}

/** The caller holds the maker's row, so that no two keys get one generation. */
export async function addMakerKey(
  trx: Transaction<Tables>,
  maker: TillNumber,
  publicKey: PublicKey,
  at: Instant,
): Promise<number> {
  const newest = await trx
    .selectFrom('maker_key')
    .select((eb) => eb.fn.max('generation').as('generation'))
    .where('maker', '=', BigInt(maker))
    .executeTakeFirst()
  const generation = (newest?.generation ?? 0) + 1
  await trx
    .insertInto('maker_key')
    .values({
      maker,
      generation,
      public_key: publicKey.bytes,
      made_at: at,
      version: await nextVersion(trx, 'keys'),
    })
    .execute()
  return generation
}

/** @returns whether there was such a key. An earlier revocation stays as it is: it can only get stricter. */
export async function revokeMakerKey(
  trx: Transaction<Tables>,
  maker: TillNumber,
  generation: number,
  from: Instant,
): Promise<boolean> {
  const key = await trx
    .selectFrom('maker_key')
    .select('revoked_from')
    .where('maker', '=', BigInt(maker))
    .where('generation', '=', generation)
    .forUpdate()
    .executeTakeFirst()
  if (!key) return false
  if (key.revoked_from !== null && key.revoked_from <= BigInt(from)) return true
  await trx
    .updateTable('maker_key')
    .set({ revoked_from: from, version: await nextVersion(trx, 'keys') })
    .where('maker', '=', BigInt(maker))
    .where('generation', '=', generation)
    .execute()
  return true
}

export async function findMakerKey(
  db: Kysely<Tables>,
  maker: TillNumber,
  generation: number,
): Promise<MakerKey | undefined> {
  const row = await db
    .selectFrom('maker_key')
    .selectAll()
    .where('maker', '=', BigInt(maker))
    .where('generation', '=', generation)
    .executeTakeFirst()
  return row && makerKeyOf(row)
}

/** Every key that any maker ever had, or one maker's, oldest first. */
export async function listMakerKeys(
  db: Kysely<Tables>,
  maker?: TillNumber,
): Promise<readonly MakerKey[]> {
  const rows = await db
    .selectFrom('maker_key')
    .selectAll()
    .$if(maker !== undefined, (query) => query.where('maker', '=', BigInt(maker ?? 0)))
    .orderBy('maker')
    .orderBy('generation')
    .execute()
  return rows.map(makerKeyOf)
}

/** What verifying asks of every key that any maker ever had: they are many, and few of them are used at once. */
export async function listKeysToVerify(db: Kysely<Tables>): Promise<readonly KeyToVerify[]> {
  const rows = await db
    .selectFrom('maker_key')
    .select(['maker', 'generation', 'public_key'])
    .execute()
  return rows.map(({ maker, generation, public_key: bytes }) => ({
    maker: Number(maker),
    generation,
    publicKey: new Uint8Array(bytes),
  }))
}

/** Those that are new or newly revoked since that version of the keys document. */
export async function makerKeysSince(
  db: Kysely<Tables>,
  version: number,
): Promise<readonly MakerKey[]> {
  const rows = await db
    .selectFrom('maker_key')
    .selectAll()
    .where('version', '>', BigInt(version))
    .orderBy('version')
    .execute()
  return rows.map(makerKeyOf)
}

interface MakerKeyRow {
  readonly maker: bigint
  readonly generation: number
  readonly public_key: Uint8Array
  readonly made_at: bigint
  readonly revoked_from: bigint | null
}

function makerKeyOf(row: MakerKeyRow): MakerKey {
  return {
    maker: Number(row.maker),
    generation: row.generation,
    publicKey: publicKeyFrom(row.public_key),
    madeAt: Number(row.made_at),
    revokedFrom: row.revoked_from === null ? undefined : Number(row.revoked_from),
  }
}
