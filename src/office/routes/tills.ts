import type { Kysely, Transaction } from 'kysely'
import { z } from 'zod'
import { toBase64, toHex } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import type { TillNumber } from '../../kernel/ids.ts'
import { currency as currencyOf } from '../../kernel/money.ts'
import { fingerprintOf } from '../../kernel/p256.ts'
import {
  codeJson,
  moduleJson,
  tillDetailJson,
  tillJson,
  type CodeJson,
  type TillJson,
} from '../answers.ts'
import { tillContacts, type TillContact } from '../books.ts'
import { giveCode } from '../enrolment.ts'
import { OfficeError } from '../errors.ts'
import {
  actorOf,
  answers,
  currencyCode,
  idText,
  instantNumber,
  name,
  reason,
  numberText,
  tillNumberText,
  type Api,
  type Desk,
} from '../http.ts'
import { schemeOf } from '../office.ts'
import { recordAct, type Act } from '../registry/audit.ts'
import { listMakerKeys, revokeMakerKey } from '../registry/keys.ts'
import { findMerchant, listMerchants } from '../registry/merchants.ts'
import type { Person } from '../registry/people.ts'
import {
  defaultPolicy,
  findPolicy,
  listPolicies,
  policyFromJson,
  policyJson,
  policyToJson,
  setPolicy,
} from '../registry/policies.ts'
import { addTill, findTill, listTills, stopTill, type Till } from '../registry/tills.ts'
import type { Tables } from '../tables.ts'
import { noTill, visibleTill } from './visible.ts'

const params = z.object({ number: tillNumberText })
const policyVersionJson = z.object({
  version: z.int(),
  madeAt: instantNumber,
  policy: policyJson,
})

export function tillRoutes(app: Api, { office }: Desk): void {
  const { db, clock } = office

  app.get(
    '/api/tills',
    { schema: { summary: 'Tills', response: answers(z.object({ tills: z.array(tillJson) })) } },
    async (request) => {
      const tills = await listTills(db, actorOf(request).merchant)
      const merchants = new Map((await listMerchants(db)).map(({ id, name: text }) => [id, text]))
      const contacts = await tillContacts(db)
      return {
        tills: tills.map((till) =>
          toJson(till, merchants.get(till.merchant), contacts.get(till.number)),
        ),
      }
    },
  )

  app.post(
    '/api/tills',
    {
      schema: {
        summary: 'A new till, with the code to enrol it by: the code is shown this once',
        body: z.strictObject({
          name,
          merchant: idText,
          currency: currencyCode.optional(),
          policy: policyJson.optional(),
        }),
        response: answers(z.object({ till: tillJson, enrolment: codeJson })),
      },
    },
    async (request) => {
      const { body } = request
      const currency = body.currency ?? body.policy?.currency ?? office.currency
      const policy = body.policy ? policyFromJson(body.policy) : defaultPolicy(currency)
      if (policy.currency !== currency) {
        const message = `The till sells in ${currency}, the policy is in ${policy.currency}.`
        throw new OfficeError('bad_input', message, 'body.policy.currency')
      }
      return db.transaction().execute(async (trx) => {
        const at = clock.now()
        const { number } = await addTill(trx, { ...body, currency }, at)
        await setPolicy(trx, number, policy, at)
        const enrolment = await codeFor(trx, number)
        await record(trx, request.person, 'till.create', number, { name: body.name })
        return { till: await tillToJson(trx, number), enrolment }
      })
    },
  )

  app.get(
    '/api/tills/:number',
    { schema: { summary: 'One till and its keys', params, response: answers(tillDetailJson) } },
    async (request) => {
      const { number } = await visibleTill(db, actorOf(request), request.params.number)
      const keys = await listMakerKeys(db, number)
      return {
        ...(await tillToJson(db, number)),
        keys: keys.map(({ generation, publicKey, madeAt, revokedFrom }) => ({
          generation,
          publicKey: toHex(publicKey.bytes),
          madeAt,
          revokedFrom: revokedFrom ?? null,
        })),
      }
    },
  )

  app.post(
    '/api/tills/:number/code',
    {
      schema: {
        summary: 'A new code to enrol the till by: a till that lost its key gets a new one',
        params,
        response: answers(codeJson),
      },
    },
    async (request) => {
      const { number } = request.params
      return db.transaction().execute(async (trx) => {
        const code = await codeFor(trx, number)
        await record(trx, request.person, 'till.code', number, {})
        return code
      })
    },
  )

  app.post(
    '/api/tills/:number/module',
    {
      schema: {
        summary: 'A security module for the till: what the issuing desk writes on a blank one',
        params,
        body: z.strictObject({ scheme: z.string() }),
        response: answers(moduleJson),
      },
    },
    async (request) => {
      const { number } = request.params
      const scheme = schemeOf(office, request.body.scheme, 'body.scheme')
      if (!scheme.module) {
        throw new OfficeError(
          'bad_input',
          `Tills need no module for ${scheme.name}.`,
          'body.scheme',
        )
      }
      const till = await visibleTill(db, actorOf(request), number)
      const policy = await findPolicy(db, number, till.policyVersion)
      invariant(policy, 'a till has the policy of its version')
      const { mayLoad } = policy
      const wanted = { till: number, currency: currencyOf(till.currency), mayLoad }
      const plan = scheme.module(wanted, office.secretsOf(scheme.name))
      await db
        .transaction()
        .execute((trx) =>
          record(trx, request.person, 'till.module', number, { scheme: scheme.name, mayLoad }),
        )
      return { mayLoad, plan: toBase64(plan) }
    },
  )

  app.get(
    '/api/tills/:number/policies',
    {
      schema: {
        summary: 'Every policy that the till ever had; the last is in force',
        params,
        response: answers(z.object({ policies: z.array(policyVersionJson) })),
      },
    },
    async (request) => {
      const { number } = await visibleTill(db, actorOf(request), request.params.number)
      const policies = await listPolicies(db, number)
      return {
        policies: policies.map(({ version, madeAt, policy }) => ({
          version,
          madeAt,
          policy: policyToJson(policy),
        })),
      }
    },
  )

  app.put(
    '/api/tills/:number/policy',
    {
      schema: {
        summary: 'A new policy: in force at the till when it next fetches documents',
        params,
        body: policyJson,
        response: answers(z.object({ version: z.int() })),
      },
    },
    async (request) => {
      const { number } = request.params
      const till = await visibleTill(db, actorOf(request), number)
      if (request.body.currency !== till.currency) {
        const message = `Till ${number} sells in ${till.currency}.`
        throw new OfficeError('bad_input', message, 'body.currency')
      }
      return db.transaction().execute(async (trx) => {
        const version = await setPolicy(trx, number, policyFromJson(request.body), clock.now())
        await record(trx, request.person, 'till.policy', number, { version })
        return { version }
      })
    },
  )

  app.post(
    '/api/tills/:number/stop',
    {
      schema: {
        summary: 'Stop a till: it gets no documents any more; what it sold still counts',
        params,
        body: z.strictObject({ reason }),
        response: answers(tillJson),
      },
    },
    async (request) => {
      const { number } = request.params
      return db.transaction().execute(async (trx) => {
        const stopped = await stopTill(trx, number, request.body.reason, clock.now())
        if (!stopped) throw noTill(number)
        await record(trx, request.person, 'till.stop', number, request.body)
        return tillToJson(trx, number)
      })
    },
  )

  app.post(
    '/api/tills/:number/keys/:generation/revoke',
    {
      schema: {
        summary: 'Revoke a till’s key: what it signed after that instant does not count',
        params: params.extend({ generation: numberText(1, 0xffff) }),
        body: z.strictObject({
          from: instantNumber.meta({ description: 'By the till’s clock' }),
          reason,
        }),
        response: answers(z.object({ number: z.int(), generation: z.int() })),
      },
    },
    async (request) => {
      const { number, generation } = request.params
      return db.transaction().execute(async (trx) => {
        const revoked = await revokeMakerKey(trx, number, generation, request.body.from)
        if (!revoked) {
          throw new OfficeError('not_found', `Till ${number} has no key ${generation}.`)
        }
        await record(trx, request.person, 'till.revoke-key', number, {
          generation,
          ...request.body,
        })
        return { number, generation }
      })
    },
  )

  async function codeFor(trx: Transaction<Tables>, number: TillNumber): Promise<CodeJson> {
    const given = await giveCode(office, trx, number)
    return { ...given, officeFingerprint: fingerprintOf(office.key.publicKey) }
  }

  function record(
    trx: Transaction<Tables>,
    person: Person | undefined,
    act: string,
    number: TillNumber,
    detail: Act['detail'],
  ): Promise<void> {
    const subject = `till:${number}`
    return recordAct(trx, { person: person?.id, act, subject, detail }, clock.now())
  }
}

async function tillToJson(db: Kysely<Tables>, number: TillNumber): Promise<TillJson> {
  const till = await findTill(db, number)
  if (!till) throw noTill(number)
  const merchant = await findMerchant(db, till.merchant)
  const contacts = await tillContacts(db)
  return toJson(till, merchant?.name, contacts.get(number))
}

function toJson(till: Till, merchant: string | undefined, contact?: TillContact): TillJson {
  return {
    number: till.number,
    name: till.name,
    merchant: { id: till.merchant, name: merchant ?? '' },
    currency: till.currency,
    madeAt: till.madeAt,
    enrolledAt: till.enrolledAt ?? null,
    codeExpiresAt: till.codeExpiresAt ?? null,
    lastContactAt: contact?.lastContactAt ?? null,
    lastBatch: contact?.lastBatch ?? 0,
    missing: contact?.missing ?? 0,
    stoppedAt: till.stoppedAt ?? null,
    stopReason: till.stopReason ?? null,
    policyVersion: till.policyVersion,
    software: till.software ?? null,
  }
}
