import type { Kysely } from 'kysely'
import { sha256 } from '../../kernel/hash.ts'
import type { Instant, RandomSource } from '../../kernel/ports.ts'
import type { Tables } from '../tables.ts'
import { personOf, type Person } from './people.ts'

const TOKEN_SIZE = 32
/** A working day: whoever leaves the desk in the evening is out in the morning. */
export const SESSION_MS = 12 * 60 * 60 * 1000

/** @returns the token for the browser's cookie; the database keeps its hash only. */
export async function openSession(
  db: Kysely<Tables>,
  person: string,
  random: RandomSource,
  at: Instant,
): Promise<string> {
  const token = random.bytes(TOKEN_SIZE)
  await db.deleteFrom('session').where('expires_at', '<=', BigInt(at)).execute()
  await db
    .insertInto('session')
    .values({
      token_hash: sha256(token),
      person: BigInt(person),
      made_at: at,
      expires_at: at + SESSION_MS,
    })
    .execute()
  return Buffer.from(token).toString('base64url')
}

/** Whose session that is, if it still runs and they may still log in. */
export async function findSession(
  db: Kysely<Tables>,
  token: string,
  at: Instant,
): Promise<Person | undefined> {
  const row = await db
    .selectFrom('session')
    .innerJoin('person', 'person.id', 'session.person')
    .selectAll('person')
    .where('token_hash', '=', hashOf(token))
    .where('expires_at', '>', BigInt(at))
    .where('disabled_at', 'is', null)
    .executeTakeFirst()
  return row && personOf(row)
}

export async function closeSession(db: Kysely<Tables>, token: string): Promise<void> {
  await db.deleteFrom('session').where('token_hash', '=', hashOf(token)).execute()
}

/** After a new password, or when a person is disabled. */
export async function closeSessionsOf(db: Kysely<Tables>, person: string): Promise<void> {
  await db.deleteFrom('session').where('person', '=', BigInt(person)).execute()
}

function hashOf(token: string): Buffer {
  return Buffer.from(sha256(new Uint8Array(Buffer.from(token, 'base64url'))))
}
