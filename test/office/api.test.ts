import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import { assert, asyncProperty, constantFrom, json as anyJson, uint8Array } from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  BATCH_PATH,
  signBatch,
  tillKeyId,
  NO_BATCH,
  openAcknowledgement,
} from '../../src/kernel/batch.ts'
import { utf8 } from '../../src/kernel/bytes.ts'
import {
  decodeDocuments,
  DOCUMENTS_PATH,
  NO_DOCUMENTS,
  signDocumentRequest,
} from '../../src/kernel/documents.ts'
import {
  ENROLMENT_PATH,
  enrolmentRequest,
  openEnrolment,
  parseEnrolmentCode,
} from '../../src/kernel/enrolment.ts'
import { generatePrivateKey } from '../../src/kernel/p256.ts'
import { cardJson, codeJson, issuedJson, moduleJson, tillJson } from '../../src/office/answers.ts'
import { createApi } from '../../src/office/api.ts'
import { bookSums } from '../../src/office/books.ts'
import { PERMISSIONS } from '../../src/office/permissions.ts'
import { defaultPolicy, policyToJson } from '../../src/office/registry/policies.ts'
import { FAILURE_WINDOW_MS, FAILURES_MAX } from '../../src/office/registry/login-failures.ts'
import { SESSION_MS } from '../../src/office/registry/sessions.ts'
import { modulePlan } from '../../src/schemes/purse/message.ts'
import { injectTransport } from '../../src/office/transport.ts'
import { createTestOffice, type Answer, type TestOffice } from '../support/office.ts'
import { cookieIn, PASSWORD } from '../support/people.ts'

let town: TestOffice

beforeAll(async () => {
  town = await createTestOffice()
})
afterAll(() => town.close())

let chips = 0
function order(change: object = {}) {
  chips += 1
  const uid = chips.toString(16).padStart(8, '0')
  return { scheme: 'block', uid, currency: 'USD', balance: '500', ...change }
}

async function issue(change: object = {}) {
  return issuedJson.parse((await town.call('operator', 'POST', '/api/cards', order(change))).json)
}

function errorOf({ json }: Answer): unknown {
  return (json as { readonly error?: unknown }).error
}

describe('the description', () => {
  test('is valid OpenAPI 3.1 and has every route of the table', async () => {
    const { json } = await town.call(undefined, 'GET', '/api/openapi.json')
    const validator = new Validator()
    const { valid, errors } = await validator.validate(
      structuredClone(json) as Record<string, unknown>,
    )
    expect({ valid, errors }).toEqual({ valid: true, errors: undefined })
    expect(validator.version).toBe('3.1')
    const { paths } = json as { readonly paths: Readonly<Record<string, object>> }
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map(
        (method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
      ),
    )
    expect(described.toSorted()).toEqual(Object.keys(PERMISSIONS).toSorted())
  })
})

describe('signing in', () => {
  const signIn = (name: string, password: string) =>
    town.call(undefined, 'POST', '/api/session', { name, password })

  test('sets a cookie that scripts and other sites cannot use', async () => {
    const answer = await signIn('Support', PASSWORD)
    expect(answer.status).toBe(200)
    expect(answer.headers['set-cookie']).toMatch(
      /^kontant_session=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/,
    )
    expect(answer.json).toMatchObject({ person: { login: 'support', role: 'support' } })
  })

  test('the database knows neither the cookie nor the password', async () => {
    const cookie = String((await signIn('support', PASSWORD)).headers['set-cookie'])
    const token = /=([\w-]+)/.exec(cookie)?.[1] ?? ''
    const { rows } = await sql<{ text: string }>`
      select string_agg(s::text, ' ') || string_agg(p::text, ' ') as text
      from session s, person p`.execute(town.db)
    expect(rows[0]?.text).not.toContain(token)
    expect(rows[0]?.text).not.toContain(Buffer.from(token, 'base64url').toString('hex'))
    expect(rows[0]?.text).not.toContain(PASSWORD)
  })

  test.each([
    ['a wrong password', 'auditor', `${PASSWORD} `],
    ['a login that nobody has', 'nobody', PASSWORD],
    ['an empty password', 'auditor', ''],
  ])('with %s: one answer for all', async (_what, name, password) => {
    const answer = await signIn(name, password)
    expect(answer.status).toBe(401)
    expect(errorOf(answer)).toEqual({ code: 'wrong_login', message: 'Wrong name or password.' })
    expect(answer.headers['set-cookie']).toBeUndefined()
  })

  test('after too many wrong passwords waits, whatever the next one is', async () => {
    for (let tries = 0; tries < FAILURES_MAX.login; tries += 1) {
      expect((await signIn('merchant', 'wrong password')).status).toBe(401)
    }
    expect((await signIn('merchant', PASSWORD)).status).toBe(429)
    expect((await signIn('cardholder', PASSWORD)).status).toBe(200)
    town.clock.pass(FAILURE_WINDOW_MS)
    expect((await signIn('merchant', PASSWORD)).status).toBe(200)
  })

  test('lasts a working day, or until signing out', async () => {
    const cookieOf = async () => cookieIn((await signIn('support', PASSWORD)).headers)
    const who = async (cookie: string) =>
      (await town.call(undefined, 'GET', '/api/session', undefined, { cookie })).status
    const [old, out] = [await cookieOf(), await cookieOf()]
    expect(await who(out)).toBe(200)
    await town.call(undefined, 'DELETE', '/api/session', undefined, { cookie: out })
    expect(await who(out)).toBe(401)
    expect(await who(old)).toBe(200)
    town.clock.pass(SESSION_MS)
    expect(await who(old)).toBe(401)
    await town.signInAgain()
  })

  test('a new password ends all sessions of the old one', async () => {
    const person = { login: 'temp', name: 'Temp', role: 'auditor', password: 'first password' }
    await town.call('root', 'POST', '/api/people', person)
    const own = { cookie: cookieIn((await signIn('temp', 'first password')).headers) }
    const change = (old: string) =>
      town.call(undefined, 'PUT', '/api/session/password', { old, new: 'second password' }, own)
    expect((await change('not the password')).status).toBe(401)
    expect((await change('first password')).status).toBe(200)
    expect((await town.call(undefined, 'GET', '/api/session', undefined, own)).status).toBe(401)
    expect((await signIn('temp', 'first password')).status).toBe(401)
    expect((await signIn('temp', 'second password')).status).toBe(200)
  })

  test('a person who was disabled is out at once', async () => {
    const person = { login: 'gone', name: 'Gone', role: 'support', password: 'first password' }
    const made = await town.call('root', 'POST', '/api/people', person)
    const { id } = made.json as { readonly id: string }
    const own = { cookie: cookieIn((await signIn('gone', 'first password')).headers) }
    expect((await town.call(undefined, 'GET', '/api/session', undefined, own)).status).toBe(200)
    await town.call('administrator', 'POST', `/api/people/${id}/disable`, {})
    expect((await town.call(undefined, 'GET', '/api/session', undefined, own)).status).toBe(401)
    expect((await signIn('gone', 'first password')).status).toBe(401)
  })
})

describe('what is refused', () => {
  test.each<readonly [string, object, number, string, string]>([
    ['an amount as a number', { balance: 500 }, 400, 'bad_input', 'body.balance'],
    ['an amount below zero', { balance: '-1' }, 400, 'bad_input', 'body.balance'],
    ['an amount with a point', { balance: '5.00' }, 400, 'bad_input', 'body.balance'],
    ['more than the purse holds', { balance: '4294967296' }, 400, 'bad_input', 'balance'],
    ['a currency that no purse has', { currency: 'XXX' }, 400, 'bad_input', 'body.currency'],
    ['a scheme that is not there', { scheme: 'coins' }, 400, 'bad_input', 'scheme'],
    ['a chip number that is none', { uid: '0g' }, 400, 'bad_input', 'body.uid'],
    ['a chip number of another length', { uid: '00' }, 400, 'bad_input', 'uid'],
    ['a passcode of letters', { passcode: 'abcd' }, 400, 'bad_input', 'passcode'],
    ['a holder who is not there', { holder: '999' }, 400, 'bad_input', 'body.holder'],
    ['a word that nobody knows', { colour: 'red' }, 400, 'bad_input', 'body'],
  ])('%s', async (_what, change, status, code, field) => {
    const answer = await town.call('operator', 'POST', '/api/cards', order(change))
    expect(answer.status).toBe(status)
    // A scheme names its own field, and may say within what.
    const named = expect.stringMatching(new RegExp(String.raw`(^|\.)${field}$`))
    expect(errorOf(answer)).toMatchObject({ code, field: named, message: expect.any(String) })
  })

  test('the same label, the same chip: one card each', async () => {
    const { card } = await issue({ label: 'mine' })
    const label = await town.call('operator', 'POST', '/api/cards', order({ label: 'mine' }))
    expect(errorOf(label)).toMatchObject({ code: 'conflict', field: 'body.label' })
    const chip = await town.call('operator', 'POST', '/api/cards', order({ uid: card.uid }))
    expect(errorOf(chip)).toMatchObject({ code: 'conflict', field: 'body.uid' })
  })

  test.each<readonly [string, string, string, Readonly<Record<string, string>>, number, string]>([
    [
      'no JSON',
      '/api/session',
      '{"name"',
      { 'content-type': 'application/json' },
      400,
      'bad_input',
    ],
    ['no body', '/api/session', '', { 'content-type': 'application/json' }, 400, 'bad_input'],
    [
      'a form',
      '/api/session',
      'name=a',
      { 'content-type': 'text/plain' },
      415,
      'wrong_content_type',
    ],
    [
      'too much JSON',
      '/api/session',
      `"${'x'.repeat(300 * 1024)}"`,
      { 'content-type': 'application/json' },
      413,
      'too_large',
    ],
    [
      'JSON for a batch',
      BATCH_PATH,
      '{}',
      { 'content-type': 'application/json' },
      400,
      'bad_input',
    ],
    [
      'poisoned JSON',
      '/api/session',
      '{"__proto__":{"a":1}}',
      { 'content-type': 'application/json' },
      400,
      'bad_input',
    ],
    ['a path that is none', '/api/%zz', '', {}, 400, 'bad_input'],
    ['a route that is not there', '/api/nothing', '', {}, 404, 'not_found'],
    ['a method that is not there', '/healthz', '', {}, 404, 'not_found'],
  ])('%s', async (_what, url, payload, headers, status, code) => {
    const answer = await town.api.inject({ method: 'POST', url, headers, payload })
    expect(answer.statusCode).toBe(status)
    expect(answer.json()).toMatchObject({ error: { code, message: expect.any(String) } })
  })

  test('a batch larger than any', async () => {
    const payload = Buffer.alloc(21 * 1024 * 1024)
    const headers = { 'content-type': 'application/cose' }
    const answer = await town.api.inject({ method: 'POST', url: BATCH_PATH, headers, payload })
    expect(answer.statusCode).toBe(413)
  })

  test('random bytes and random JSON, whatever they are', async () => {
    const urls = [BATCH_PATH, DOCUMENTS_PATH]
    await assert(
      asyncProperty(uint8Array({ maxLength: 300 }), constantFrom(...urls), async (bytes, url) => {
        const headers = { 'content-type': 'application/cose' }
        const answer = await town.api.inject({
          method: 'POST',
          url,
          headers,
          payload: Buffer.from(bytes),
        })
        expect(answer.statusCode).toBe(400)
        expect(answer.json()).toMatchObject({ error: { field: expect.any(String) } })
      }),
      { numRuns: 300 },
    )
    await assert(
      asyncProperty(anyJson(), async (json) => {
        const headers = { 'content-type': 'application/json' }
        const answer = await town.api.inject({
          method: 'POST',
          url: ENROLMENT_PATH,
          headers,
          payload: json,
        })
        expect(answer.statusCode).toBe(400)
      }),
      { numRuns: 300 },
    )
  })
})

describe('cards', () => {
  test('one Idempotency-Key at once is one card and one answer', async () => {
    const headers = { 'idempotency-key': 'desk-1-card-1' }
    const asked = order()
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => town.call('operator', 'POST', '/api/cards', asked, headers)),
    )
    const issued = answers.map(({ json }) => issuedJson.parse(json))
    expect(new Set(issued.map(({ card }) => card.id)).size).toBe(1)
    expect(new Set(issued.map(({ plan }) => plan)).size).toBe(1)
    const other = await town.call('operator', 'POST', '/api/cards', order(), headers)
    expect(errorOf(other)).toMatchObject({ code: 'key_reused' })
    const somebodyElse = await town.call('root', 'POST', '/api/cards', order(), headers)
    expect(somebodyElse.status).toBe(200)
  })

  test('are issued with their money, their first record and their passcode', async () => {
    const { card, passcode, plan } = await issue({ passcode: '4821', balance: '10000' })
    expect(passcode).toBe('4821')
    expect(plan.length).toBeGreaterThan(100)
    expect(card).toMatchObject({ status: 'active', balance: '10000', currency: 'USD' })
    const { json } = await town.call('auditor', 'GET', `/api/cards/${card.id}/ledger`)
    expect(json).toMatchObject({
      entries: [{ kind: 'issue', sequence: 0, till: 0, amount: '10000', complete: true }],
    })
    for (const { sum } of await bookSums(town.db)) expect(sum).toBe(0n)
  })

  test('are renewed with what they held', async () => {
    const { card } = await issue({ balance: '700', label: 'old and new' })
    const renewal = { uid: order().uid, lost: true, reason: 'lost at sea' }
    const url = `/api/cards/${card.id}/renew`
    const renewed = issuedJson.parse((await town.call('operator', 'POST', url, renewal)).json)
    expect(renewed.card).toMatchObject({ balance: '700', label: 'old and new', status: 'active' })
    const old = cardJson.parse((await town.call('operator', 'GET', `/api/cards/${card.id}`)).json)
    expect(old).toMatchObject({
      status: 'hot',
      balance: '0',
      label: null,
      successor: renewed.card.id,
    })
    const again = await town.call('operator', 'POST', url, { ...renewal, uid: order().uid })
    expect(errorOf(again)).toMatchObject({ code: 'conflict' })
    for (const { sum } of await bookSums(town.db)) expect(sum).toBe(0n)
  })

  test('that broke are paid out once, when they cannot be used any more', async () => {
    const { card } = await issue({ balance: '700' })
    const refund = () =>
      town.call('operator', 'POST', `/api/cards/${card.id}/refund`, { reason: 'does not answer' })
    expect(errorOf(await refund())).toMatchObject({ code: 'conflict' })
    const freeze = { reason: 'does not answer' }
    await town.call('operator', 'POST', `/api/cards/${card.id}/freeze`, freeze)
    expect((await refund()).json).toMatchObject({
      paid: '700',
      card: { status: 'retired', balance: '0' },
    })
    const renewal = { uid: 'aa00aa00', lost: false, reason: 'again' }
    const renewed = await town.call('operator', 'POST', `/api/cards/${card.id}/renew`, renewal)
    for (const again of [await refund(), renewed]) {
      expect(errorOf(again)).toMatchObject({ code: 'conflict' })
    }
    const missing = await town.call(
      'operator',
      'POST',
      '/api/cards/0000000000000000/refund',
      freeze,
    )
    expect(missing.status).toBe(404)
  })

  test('that are kept can carry the new card on the same chip', async () => {
    const { card } = await issue({ balance: '300' })
    const renewal = { uid: card.uid, lost: false, reason: 'sequence ran out' }
    const answer = await town.call('operator', 'POST', `/api/cards/${card.id}/renew`, renewal)
    expect(issuedJson.parse(answer.json).card).toMatchObject({ uid: card.uid, balance: '300' })
  })

  test('are frozen and released, each act with its reason in the log', async () => {
    const { card } = await issue()
    const act = (verb: string) =>
      town.call('operator', 'POST', `/api/cards/${card.id}/${verb}`, { reason: `because ${verb}` })
    expect((await act('freeze')).json).toMatchObject({ status: 'frozen' })
    expect((await act('release')).json).toMatchObject({ status: 'active' })
    const { json } = await town.call('auditor', 'GET', '/api/audit?limit=2&check=true')
    expect(json).toMatchObject({
      tamperedFrom: null,
      entries: [
        { act: 'card.release', person: 'operator', detail: { reason: 'because release' } },
        { act: 'card.freeze', subject: `card:${card.id}` },
      ],
    })
  })

  test('of somebody else are not there for a cardholder', async () => {
    const { json: people } = await town.call('root', 'GET', '/api/people')
    const { id: holder } = (people as { people: { id: string; login: string }[] }).people.find(
      ({ login }) => login === 'cardholder',
    ) ?? { id: '' }
    const [own, other] = [await issue({ holder }), await issue()]
    const { json } = await town.call('cardholder', 'GET', '/api/cards')
    expect((json as { cards: { id: string }[] }).cards.map(({ id }) => id)).toEqual([own.card.id])
    for (const path of ['', '/ledger']) {
      const url = `/api/cards/${other.card.id}${path}`
      expect((await town.call('cardholder', 'GET', url)).status).toBe(404)
    }
    const freeze = `/api/cards/${other.card.id}/freeze`
    expect((await town.call('cardholder', 'POST', freeze, { reason: 'mine?' })).status).toBe(404)
  })

  test('are found by part of a label, a number or a chip, and nothing is a pattern', async () => {
    const { card } = await issue({ label: '100% Anna_1' })
    const found = async (search: string) => {
      const url = `/api/cards?search=${encodeURIComponent(search)}`
      const { json } = await town.call('support', 'GET', url)
      return (json as { cards: { id: string }[] }).cards.map(({ id }) => id)
    }
    for (const search of ['anna_', '0% A', card.id.slice(3, 14), card.uid]) {
      expect(await found(search)).toContain(card.id)
    }
    expect(await found('1_0%')).toEqual([])
    expect(await found(String.raw`\ `)).toEqual([])
  })
})

describe('a till', () => {
  test('is created, enrolled, served and stopped', async () => {
    const transport = injectTransport(town.api)
    const cose = { 'content-type': 'application/cose' }
    const created = await town.call('operator', 'POST', '/api/tills', {
      name: 'Bar',
      merchant: town.merchant,
    })
    const { till, enrolment } = created.json as Record<'till' | 'enrolment', unknown>
    const { number } = tillJson.parse(till)
    const code = parseEnrolmentCode(codeJson.parse(enrolment).code)
    const key = generatePrivateKey()
    const enrolled = await transport.send({
      method: 'POST',
      path: ENROLMENT_PATH,
      headers: { 'content-type': 'application/json' },
      body: utf8(JSON.stringify(enrolmentRequest(code, key.publicKey))),
    })
    const { officeKey, generation } = openEnrolment(enrolled.body, code, key)
    const documents = await transport.send({
      method: 'POST',
      path: DOCUMENTS_PATH,
      headers: cose,
      body: signDocumentRequest(key, tillKeyId(number, generation), {
        type: 'document-request',
        version: 1,
        till: number,
        generation,
        madeAt: 0,
        holds: NO_DOCUMENTS,
      }),
    })
    expect(decodeDocuments(documents.body).length).toBeGreaterThanOrEqual(2)
    const batch = signBatch(key, {
      type: 'batch',
      version: 1,
      till: number,
      generation,
      number: 1,
      previous: NO_BATCH,
      madeAt: 5,
      completeUpTo: 5,
      documents: { ...NO_DOCUMENTS },
      totals: { paid: 0n, loaded: 0n, cash: 0n },
      software: new Uint8Array(32),
      items: [],
    })
    const acknowledged = await transport.send({
      method: 'POST',
      path: BATCH_PATH,
      headers: cose,
      body: batch,
    })
    expect(openAcknowledgement(acknowledged.body, officeKey)).toMatchObject({ durableUpTo: 1 })
    const seen = await town.call('merchant', 'GET', `/api/tills/${number}`)
    expect(seen.json).toMatchObject({ lastBatch: 1, keys: [{ generation: 1, revokedFrom: null }] })
    const stop = { reason: 'stolen' }
    const stopped = await town.call('operator', 'POST', `/api/tills/${number}/stop`, stop)
    expect(stopped.json).toMatchObject({ stopReason: 'stolen' })
    const revoke = `/api/tills/${number}/keys/1/revoke`
    const revoked = await town.call('administrator', 'POST', revoke, { from: 5, reason: 'stolen' })
    expect(revoked.status).toBe(200)
    const late = await transport.send({
      method: 'POST',
      path: BATCH_PATH,
      headers: cose,
      body: batch,
    })
    expect(late.status).toBe(403)
  })

  describe('of a scheme with modules', () => {
    let tills = 0
    const planOf = async (mayLoad: boolean) => {
      tills += 1
      const policy = { ...policyToJson(defaultPolicy('USD')), mayLoad }
      const body = { name: `Module ${tills}`, merchant: town.merchant, policy }
      const created = await town.call('operator', 'POST', '/api/tills', body)
      const { number } = tillJson.parse((created.json as { till: unknown }).till)
      const path = `/api/tills/${number}/module`
      const made = await town.call('administrator', 'POST', path, { scheme: 'purse' })
      const { plan } = moduleJson.parse(made.json)
      return { number, path, plan: modulePlan.decode(Buffer.from(plan, 'base64')) }
    }

    test('gets the load key only if its policy lets it load', async () => {
      const payOnly = await planOf(false)
      expect(payOnly.plan).toMatchObject({ till: payOnly.number, load: [] })
      const loader = await planOf(true)
      expect(loader.plan).toMatchObject({ till: loader.number, load: [expect.anything()] })
      expect(loader.plan.debit).toEqual(payOnly.plan.debit)
      expect(loader.plan.own).not.toEqual(payOnly.plan.own)
    })

    test.each([
      ['a scheme without', { scheme: 'block' }],
      ['no scheme', { scheme: 'gold' }],
    ])('%s is refused', async (_, body) => {
      const { path } = await planOf(false)
      const refused = await town.call('administrator', 'POST', path, body)
      expect(refused.status).toBe(400)
      expect(errorOf(refused)).toMatchObject({ code: 'bad_input', field: 'body.scheme' })
    })

    test('leaves its making in the log, without its keys', async () => {
      const { number } = await planOf(true)
      const { json } = await town.call('administrator', 'GET', '/api/audit')
      const { entries } = json as { entries: readonly { act: string; subject: string }[] }
      expect(entries.find(({ act }) => act === 'till.module')).toMatchObject({
        subject: `till:${number}`,
        detail: { scheme: 'purse', mayLoad: true },
      })
    })
  })

  test('of another merchant is not there for a merchant', async () => {
    const { json } = await town.call('operator', 'POST', '/api/merchants', { name: 'Other' })
    const { id } = json as { readonly id: string }
    const created = await town.call('operator', 'POST', '/api/tills', {
      name: 'Theirs',
      merchant: id,
    })
    const { till } = created.json as { readonly till: { readonly number: number } }
    expect((await town.call('merchant', 'GET', `/api/tills/${till.number}`)).status).toBe(404)
    const listed = await town.call('merchant', 'GET', '/api/tills')
    const names = (listed.json as { tills: { name: string }[] }).tills.map(({ name }) => name)
    expect(names).not.toContain('Theirs')
  })

  test('gets tokens for its own merchant’s products only', async () => {
    const { json } = await town.call('operator', 'POST', '/api/merchants', { name: 'Third' })
    const merchant = (json as { readonly id: string }).id
    const product = await town.call('operator', 'POST', '/api/products', {
      merchant: town.merchant,
      name: 'Tea',
      price: '150',
      currency: 'USD',
    })
    const { id } = product.json as { readonly id: number }
    const tillOf = async (name: string, owner: string, currency: string) => {
      const body = { name, merchant: owner, currency }
      const { json: made } = await town.call('operator', 'POST', '/api/tills', body)
      return (made as { readonly till: { readonly number: number } }).till.number
    }
    const tokens = (till: number, count: number) =>
      town.call('operator', 'POST', `/api/products/${id}/tokens`, { till, count })
    const own = await tillOf('Tea 1', town.merchant, 'USD')
    expect((await tokens(own, 3)).json).toEqual({ count: 3 })
    expect((await tokens(own, 0)).status).toBe(400)
    expect((await tokens(own, 10_001)).status).toBe(400)
    expect((await tokens(await tillOf('Tea 2', merchant, 'USD'), 1)).status).toBe(400)
    expect((await tokens(await tillOf('Tea 3', town.merchant, 'EUR'), 1)).status).toBe(400)
    expect((await tokens(9999, 1)).status).toBe(400)
  })
})

describe('over a socket', () => {
  test('events arrive as they happen, and do not hold up the stop', async () => {
    const api = await createApi(town.office, {
      evidence: town.evidence,
      fail: (error) => {
        throw error
      },
    })
    const address = await api.listen({ host: '127.0.0.1', port: 0 })
    const cookie = await town.cookieOf('operator')
    const response = await fetch(`${address}/api/events`, { headers: { cookie } })
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    if (!reader) throw new Error('no stream')
    town.office.events.emit({ type: 'case', id: '7' })
    let text = ''
    while (!text.includes('event: case')) text += (await reader.read()).value ?? ''
    expect(text).toContain('event: case\ndata: {"type":"case","id":"7"}\n\n')
    await api.close()
    const rest: (string | undefined)[] = []
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      rest.push(value)
    }
    expect(rest.join('')).toBe('')
  })

  test('metrics are in the format that Prometheus reads', async () => {
    const { body, headers } = await town.call(undefined, 'GET', '/metrics')
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    const lines = Buffer.from(body).toString().trimEnd().split('\n')
    for (const line of lines) {
      expect(line).toMatch(
        /^(# (HELP|TYPE) kontant_\w+ .+|kontant_\w+(\{.+\})? \d+(\.\d+)?(e[+-]\d+)?)$/,
      )
    }
  })
})

describe('the console', () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kontant-console-'))
    await mkdir(join(directory, 'assets'))
    await writeFile(join(directory, 'index.html'), '<title>console</title>')
    await writeFile(join(directory, 'assets', 'a.js'), 'export {}')
  })
  afterAll(() => rm(directory, { recursive: true }))

  test.each([
    ['/', 200, 'text/html; charset=utf-8'],
    ['/cards/0000000000000001', 200, 'text/html; charset=utf-8'],
    ['/assets/a.js', 200, 'application/javascript; charset=utf-8'],
    ['/assets/b.js', 404, 'application/json; charset=utf-8'],
    ['/api/nothing', 404, 'application/json; charset=utf-8'],
    ['/../package.json', 404, 'application/json; charset=utf-8'],
    ['/%2e%2e/package.json', 404, 'application/json; charset=utf-8'],
  ])('%s: %i', async (url, status, type) => {
    const api = await createApi(town.office, {
      evidence: town.evidence,
      consoleDirectory: directory,
      fail: () => undefined,
    })
    const answer = await api.inject({ method: 'GET', url })
    await api.close()
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([status, type])
    expect(answer.headers['x-content-type-options']).toBe('nosniff')
  })
})
