import type { Api } from '../../src/office/http.ts'
import type { Office } from '../../src/office/office.ts'
import { hashPassword } from '../../src/office/passwords.ts'
import { addPerson } from '../../src/office/registry/people.ts'
import type { Role } from '../../src/office/roles.ts'

export const PASSWORD = 'correct horse battery'

export interface TestPerson {
  readonly login: string
  readonly role: Role
  /** The login unless it is said. */
  readonly name?: string
  readonly merchant?: string
}

/** Somebody who can sign in, with {@link PASSWORD}. */
export async function addTestPerson(
  office: Office,
  { login, role, name = login, merchant }: TestPerson,
): Promise<void> {
  const passwordHash = await hashPassword(PASSWORD, office)
  const person = { login, name, role, merchant, passwordHash }
  await addPerson(office.db, person, office.clock.now())
}

/** The cookie of a new session. */
export async function sessionOf(api: Api, login: string): Promise<string> {
  const answer = await api.inject({
    method: 'POST',
    url: '/api/session',
    payload: { name: login, password: PASSWORD },
  })
  return cookieIn(answer.headers)
}

/** Of an answer that opened a session. */
export function cookieIn(headers: Readonly<Record<string, unknown>>): string {
  return String(headers['set-cookie']).split(';', 1)[0] ?? ''
}
