import type { Kysely } from 'kysely'
import { z } from 'zod'
import type { CurrencyCode } from '../../kernel/money.ts'
import { positiveAmountText } from '../amount-text.ts'
import { onlineLineJson, onlineMovedJson, onlineWalletJson } from '../answers.ts'
import { OfficeError } from '../errors.ts'
import {
  actorOf,
  answers,
  currencyCode,
  idempotencyHeaders,
  idText,
  numberText,
  reason,
  type Api,
  type Desk,
} from '../http.ts'
import { answerOnce } from '../once.ts'
import { recordAct } from '../registry/audit.ts'
import { findPerson, findPersonByLogin, listPeople, type Person } from '../registry/people.ts'
import type { Tables } from '../tables.ts'
import {
  deposit,
  onlineBalances,
  onlineStatement,
  transferOnline,
  withdraw,
  type OnlineLine,
} from '../wallets/online.ts'

const params = z.object({
  person: z
    .union([z.literal('me'), idText])
    .meta({ description: 'A person’s number, or `me`: cardholders see only their own' }),
})
const money = { amount: positiveAmountText, currency: currencyCode }

/** Money that people have at the office: what cards are loaded from, and emptied into. */
export function onlineRoutes(app: Api, { office }: Desk): void {
  const { db } = office

  app.get(
    '/api/online/:person',
    { schema: { summary: 'An online wallet', params, response: answers(onlineWalletJson) } },
    async (request) => {
      const { id, login } = await visiblePerson(db, actorOf(request), request.params.person)
      const balances = await onlineBalances(db, id)
      return {
        person: id,
        login,
        balances: balances.map(({ currency, balance }) => ({ currency, balance: String(balance) })),
      }
    },
  )

  app.get(
    '/api/online/:person/statement',
    {
      schema: {
        summary: 'What came in and went out, newest first, with the balance after each',
        params,
        querystring: z.object({
          currency: currencyCode,
          before: idText.optional().meta({ description: 'The last one of the page before' }),
          limit: numberText(1, 500).default(100),
        }),
        response: answers(z.object({ lines: z.array(onlineLineJson) })),
      },
    },
    async (request) => {
      const { id: person } = await visiblePerson(db, actorOf(request), request.params.person)
      const { currency, before, limit } = request.query
      const lines = await onlineStatement(db, { person, currency, before, limit })
      const people = await listPeople(db)
      const logins = new Map(people.map(({ id, login }) => [id, login]))
      return { lines: lines.map((line) => lineToJson(line, logins)) }
    },
  )

  for (const [path, act, summary, move] of [
    ['deposits', 'online.deposit', 'Cash or bank money comes in', deposit],
    ['withdrawals', 'online.withdraw', 'Cash or bank money is paid out', withdraw],
  ] as const) {
    app.post(
      `/api/online/:person/${path}`,
      {
        schema: {
          summary,
          params,
          headers: idempotencyHeaders,
          body: z.strictObject({ ...money, reason }),
          response: answers(onlineMovedJson),
        },
      },
      async (request) => {
        const { body, headers } = request
        const actor = actorOf(request)
        const { id: person } = await visiblePerson(db, actor, request.params.person)
        const { currency, amount } = body
        const asked = { act, person, ...body }
        return answerOnce(office, headers, actor, asked, onlineMovedJson, async (trx, at) => {
          const reference = await move(office, trx, { person, currency, amount: BigInt(amount) })
          const detail = { amount, currency, reference, reason: body.reason }
          await recordAct(trx, { person: actor.id, act, subject: `person:${person}`, detail }, at)
          return { reference, balance: await balanceOf(trx, person, currency) }
        })
      },
    )
  }

  app.post(
    '/api/online/:person/transfers',
    {
      schema: {
        summary: 'From one’s own online wallet to another holder’s',
        params,
        headers: idempotencyHeaders,
        body: z.strictObject({
          ...money,
          to: z.string().min(1).max(64).meta({ description: 'The other’s login' }),
        }),
        response: answers(onlineMovedJson),
      },
    },
    async (request) => {
      const { body, headers } = request
      const actor = actorOf(request)
      const { id: person } = await visiblePerson(db, actor, request.params.person)
      // Who works here sees wallets, and moves nobody’s money but their own from one to another.
      if (person !== actor.id) {
        throw new OfficeError('not_allowed', 'Only the holder can give it to somebody else.')
      }
      const { currency, amount } = body
      const to = await findPersonByLogin(db, body.to)
      if (!to || to.id === person) {
        throw new OfficeError('bad_input', 'There is nobody else of that login.', 'body.to')
      }
      const act = 'online.transfer'
      const asked = { act, person, ...body }
      return answerOnce(office, headers, actor, asked, onlineMovedJson, async (trx, at) => {
        const moved = { person, currency, amount: BigInt(amount), to: to.id }
        const reference = await transferOnline(office, trx, moved)
        const detail = { amount, currency, reference, to: to.id }
        await recordAct(trx, { person, act, subject: `person:${person}`, detail }, at)
        return { reference, balance: await balanceOf(trx, person, currency) }
      })
    },
  )
}

async function balanceOf(
  db: Kysely<Tables>,
  person: string,
  currency: CurrencyCode,
): Promise<string> {
  const balances = await onlineBalances(db, person)
  return String(balances.find((one) => one.currency === currency)?.balance ?? 0n)
}

/** @throws {OfficeError} `not_found`, also for somebody else’s wallet. */
async function visiblePerson(db: Kysely<Tables>, actor: Person, id: string): Promise<Person> {
  if (id === 'me' || id === actor.id) return actor
  const person = actor.role === 'cardholder' ? undefined : await findPerson(db, id)
  if (person) return person
  throw new OfficeError('not_found', `There is no person ${id}.`, 'params.person')
}

function lineToJson(
  { id, kind, amount, balance, other, at }: OnlineLine,
  logins: ReadonlyMap<string, string>,
) {
  const name = other.kind === 'online' ? logins.get(other.owner) : other.owner
  return {
    id,
    kind,
    amount: String(amount),
    balance: String(balance),
    other: name === undefined || name === '' ? null : name,
    at,
  }
}
