import { z } from 'zod'
import { personJson, sessionJson, type PersonJson } from '../answers.ts'
import { OfficeError } from '../errors.ts'
import { actorOf, answers, nothing, type Api, type Desk } from '../http.ts'
import {
  hashPassword,
  PASSWORD_MAX,
  PASSWORD_MIN,
  passwordMatches,
  spendAsLong,
} from '../passwords.ts'
import { recordAct } from '../registry/audit.ts'
import { clearFailures, countFailure, tooManyFailures } from '../registry/login-failures.ts'
import { findLogin, setPassword, type Person } from '../registry/people.ts'
import { closeSession, closeSessionsOf, openSession, SESSION_MS } from '../registry/sessions.ts'

export const SESSION_COOKIE = 'kontant_session'

export const newPassword = z
  .string()
  .min(PASSWORD_MIN, `expected at least ${PASSWORD_MIN} characters`)
  .max(PASSWORD_MAX)

export function personToJson(person: Person): PersonJson {
  return {
    ...person,
    merchant: person.merchant ?? null,
    disabledAt: person.disabledAt ?? null,
  }
}

export function sessionRoutes(app: Api, { office }: Desk): void {
  const { db, clock, random, passwordCost } = office

  app.post(
    '/api/session',
    {
      schema: {
        summary: 'Sign in: sets the session cookie',
        body: z.strictObject({
          name: z.string().trim().toLowerCase().max(64).meta({ description: 'The login' }),
          password: z.string().max(PASSWORD_MAX),
        }),
        response: answers(sessionJson),
      },
    },
    async (request, reply) => {
      const { name: login, password } = request.body
      const source = { login, address: request.ip }
      const at = clock.now()
      if (await tooManyFailures(db, source, at)) {
        throw new OfficeError(
          'too_many_tries',
          'Too many wrong passwords. Wait a quarter of an hour and try again.',
        )
      }
      const known = await findLogin(db, login)
      if (!known) await spendAsLong(password, passwordCost)
      if (!known || !(await passwordMatches(password, known.passwordHash))) {
        await countFailure(db, source, at)
        throw new OfficeError('wrong_login', 'Wrong name or password.')
      }
      await clearFailures(db, source)
      const token = await db.transaction().execute(async (trx) => {
        const { id } = known.person
        const [subject, detail] = [`person:${id}`, { address: request.ip }]
        await recordAct(trx, { person: id, act: 'session.open', subject, detail }, at)
        return openSession(trx, id, random, at)
      })
      reply.setCookie(SESSION_COOKIE, token, {
        path: '/',
        httpOnly: true,
        sameSite: 'strict',
        secure: 'auto',
        maxAge: SESSION_MS / 1000,
      })
      return { person: personToJson(known.person) }
    },
  )

  app.get(
    '/api/session',
    { schema: { summary: 'Who is signed in', response: answers(sessionJson) } },
    (request) => ({ person: personToJson(actorOf(request)) }),
  )

  app.delete(
    '/api/session',
    { schema: { summary: 'Sign out', response: answers(nothing) } },
    async (request, reply) => {
      const token = request.cookies[SESSION_COOKIE]
      if (token !== undefined) await closeSession(db, token)
      reply.clearCookie(SESSION_COOKIE, { path: '/' })
      return {}
    },
  )

  app.put(
    '/api/session/password',
    {
      schema: {
        summary: 'Change the own password: ends all other sessions',
        body: z.strictObject({ old: z.string().max(PASSWORD_MAX), new: newPassword }),
        response: answers(z.object({ person: personJson })),
      },
    },
    async (request, reply) => {
      const person = actorOf(request)
      const source = { login: person.login, address: request.ip }
      const at = clock.now()
      if (await tooManyFailures(db, source, at)) {
        throw new OfficeError('too_many_tries', 'Too many wrong passwords. Wait and try again.')
      }
      const known = await findLogin(db, person.login)
      if (!known || !(await passwordMatches(request.body.old, known.passwordHash))) {
        await countFailure(db, source, at)
        throw new OfficeError('wrong_login', 'The old password is wrong.', 'body.old')
      }
      const hash = await hashPassword(request.body.new, office)
      const token = await db.transaction().execute(async (trx) => {
        await setPassword(trx, person.id, hash)
        await closeSessionsOf(trx, person.id)
        const subject = `person:${person.id}`
        await recordAct(trx, { person: person.id, act: 'person.password', subject, detail: {} }, at)
        return openSession(trx, person.id, random, at)
      })
      reply.setCookie(SESSION_COOKIE, token, {
        path: '/',
        httpOnly: true,
        sameSite: 'strict',
        secure: 'auto',
        maxAge: SESSION_MS / 1000,
      })
      return { person: personToJson(person) }
    },
  )
}
