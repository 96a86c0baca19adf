import type { Kysely, Selectable } from 'kysely'
import type { Instant } from '../../kernel/ports.ts'
import type { PersonTable } from '../registry-tables.ts'
import type { Role } from '../roles.ts'
import type { Tables } from '../tables.ts'

export interface Person {
  /** Decimal digits. */
  readonly id: string
  readonly login: string
  readonly name: string
  readonly role: Role
  /** Whose tills a merchant's person sees; undefined for everyone else. */
  readonly merchant: string | undefined
  /** By the office's clock. */
  readonly madeAt: Instant
  readonly disabledAt: Instant | undefined
}

export interface NewPerson {
  readonly login: string
  readonly name: string
  readonly role: Role
  readonly merchant: string | undefined
  /** As passwords.ts hashes it; undefined for who does not log in. */
  readonly passwordHash: string | undefined
}

/** @throws a unique violation if another has that login. */
export async function addPerson(
  db: Kysely<Tables>,
  person: NewPerson,
  at: Instant,
): Promise<Person> {
  const row = await db
    .insertInto('person')
    .values({
      login: person.login,
      name: person.name,
      role: person.role,
      merchant: person.merchant === undefined ? null : BigInt(person.merchant),
      password: person.passwordHash ?? null,
      made_at: at,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  return personOf(row)
}

export async function findPerson(db: Kysely<Tables>, id: string): Promise<Person | undefined> {
  const row = await db
    .selectFrom('person')
    .selectAll()
    .where('id', '=', BigInt(id))
    .executeTakeFirst()
  return row && personOf(row)
}

/** Who may try that login, with the hash to try the password against. */
export async function findLogin(
  db: Kysely<Tables>,
  login: string,
): Promise<{ readonly person: Person; readonly passwordHash: string } | undefined> {
  const row = await db
    .selectFrom('person')
    .selectAll()
    .where('login', '=', login)
    .where('disabled_at', 'is', null)
    .executeTakeFirst()
  if (!row || row.password === null) return undefined
  return { person: personOf(row), passwordHash: row.password }
}

/** Who has that login and may still use it. */
export async function findPersonByLogin(
  db: Kysely<Tables>,
  login: string,
): Promise<Person | undefined> {
  const row = await db
    .selectFrom('person')
    .selectAll()
    .where('login', '=', login)
    .where('disabled_at', 'is', null)
    .executeTakeFirst()
  return row && personOf(row)
}

export async function listPeople(db: Kysely<Tables>): Promise<readonly Person[]> {
  const rows = await db.selectFrom('person').selectAll().orderBy('id').execute()
  return rows.map(personOf)
}

/** Whether nobody can log in yet: a first start. */
export async function hasNobody(db: Kysely<Tables>): Promise<boolean> {
  const row = await db
    .selectFrom('person')
    .select('id')
    .where('password', 'is not', null)
    .limit(1)
    .executeTakeFirst()
  return row === undefined
}

/** @returns whether there was such a person. Their sessions are the caller's to end. */
export async function disablePerson(db: Kysely<Tables>, id: string, at: Instant): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('person')
    .set((eb) => ({ disabled_at: eb.fn.coalesce('disabled_at', eb.val(BigInt(at))) }))
    .where('id', '=', BigInt(id))
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

export async function setPassword(
  db: Kysely<Tables>,
  id: string,
  passwordHash: string,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('person')
    .set({ password: passwordHash })
    .where('id', '=', BigInt(id))
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

export function personOf(row: Selectable<PersonTable>): Person {
  return {
    id: String(row.id),
    login: row.login,
    name: row.name,
    role: row.role,
    merchant: row.merchant === null ? undefined : String(row.merchant),
    madeAt: Number(row.made_at),
    disabledAt: row.disabled_at === null ? undefined : Number(row.disabled_at),
  }
}
