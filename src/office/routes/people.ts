import type { Transaction } from 'kysely'
import { z } from 'zod'
import { personJson } from '../answers.ts'
import { OfficeError } from '../errors.ts'
import { actorOf, answers, idText, name, nothing, type Api, type Desk } from '../http.ts'
import { hashPassword } from '../passwords.ts'
import { mayManage } from '../permissions.ts'
import { recordAct, type Act } from '../registry/audit.ts'
import {
  addPerson,
  disablePerson,
  findPerson,
  listPeople,
  setPassword,
  type Person,
} from '../registry/people.ts'
import { closeSessionsOf } from '../registry/sessions.ts'
import { ROLES, type Role } from '../roles.ts'
import type { Tables } from '../tables.ts'
import { newPassword, personToJson } from './session.ts'

const params = z.object({ id: idText })
const login = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^[a-z0-9][a-z0-9._@+-]{0,63}$/, 'expected letters, digits and . _ @ + -')

export function peopleRoutes(app: Api, { office }: Desk): void {
  const { db, clock } = office

  app.get(
    '/api/people',
    {
      schema: { summary: 'People', response: answers(z.object({ people: z.array(personJson) })) },
    },
    async () => ({ people: (await listPeople(db)).map(personToJson) }),
  )

  app.post(
    '/api/people',
    {
      schema: {
        summary: 'A new person; without a password they hold cards and do not sign in',
        body: z.strictObject({
          login,
          name,
          role: z.enum(ROLES),
          merchant: idText
            .optional()
            .meta({ description: 'For the role merchant, and only there' }),
          password: newPassword.optional(),
        }),
        response: answers(personJson),
      },
    },
    async (request) => {
      const { body } = request
      const actor = actorOf(request)
      checkMayManage(actor, body.role)
      if ((body.role === 'merchant') !== (body.merchant !== undefined)) {
        const message = 'The role merchant, and no other, has a merchant.'
        throw new OfficeError('bad_input', message, 'body.merchant')
      }
      const { password } = body
      const passwordHash = password === undefined ? undefined : await hashPassword(password, office)
      return db.transaction().execute(async (trx) => {
        const { merchant } = body
        const person = await addPerson(trx, { ...body, merchant, passwordHash }, clock.now())
        await record(trx, actor, 'person.create', person.id, { login: body.login, role: body.role })
        return personToJson(person)
      })
    },
  )

  app.post(
    '/api/people/:id/disable',
    {
      schema: { summary: 'Ends a person’s sessions for good', params, response: answers(nothing) },
    },
    async (request) => {
      const actor = actorOf(request)
      const other = await managed(actor, request.params.id)
      if (other.id === actor.id) {
        throw new OfficeError('conflict', 'Nobody shuts themselves out: ask somebody else.')
      }
      await db.transaction().execute(async (trx) => {
        await disablePerson(trx, other.id, clock.now())
        await closeSessionsOf(trx, other.id)
        await record(trx, actor, 'person.disable', other.id, {})
      })
      return {}
    },
  )

  app.put(
    '/api/people/:id/password',
    {
      schema: {
        summary: 'A new password for somebody who lost theirs: ends their sessions',
        params,
        body: z.strictObject({ password: newPassword }),
        response: answers(nothing),
      },
    },
    async (request) => {
      const actor = actorOf(request)
      const other = await managed(actor, request.params.id)
      const hash = await hashPassword(request.body.password, office)
      await db.transaction().execute(async (trx) => {
        await setPassword(trx, other.id, hash)
        await closeSessionsOf(trx, other.id)
        await record(trx, actor, 'person.password', other.id, {})
      })
      return {}
    },
  )

  /** @throws {OfficeError} `not_found` or `not_allowed`. */
  async function managed(actor: Person, id: string): Promise<Person> {
    const person = await findPerson(db, id)
    if (!person) throw new OfficeError('not_found', `There is no person ${id}.`, 'params.id')
    checkMayManage(actor, person.role)
    return person
  }

  function record(
    trx: Transaction<Tables>,
    actor: Person,
    act: string,
    id: string,
    detail: Act['detail'],
  ): Promise<void> {
    return recordAct(trx, { person: actor.id, act, subject: `person:${id}`, detail }, clock.now())
  }
}

function checkMayManage(actor: Person, role: Role): void {
  if (mayManage(actor.role, role)) return
  throw new OfficeError('not_allowed', `The role ${actor.role} does not manage the role ${role}.`)
}
