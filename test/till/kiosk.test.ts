import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { Counter } from '../../src/till/counter.ts'
import { KIOSK_ERRORS, type KioskError } from '../../src/till/kiosk-errors.ts'
import { createKiosk, type CardSource } from '../../src/till/kiosk.ts'
import { state, type StateJson } from '../../src/till/kiosk-schema.ts'
import { networkSwitch } from '../../src/till/network.ts'
import { checkReceipt } from '../../src/till/receipt.ts'
import type { TillScheme } from '../../src/till/scheme.ts'
import { Till } from '../../src/till/till.ts'
import {
  clockAt,
  freshFile,
  policyDocument,
  randomFrom,
  SmallOffice,
  START,
  tillAt,
  tokensDocument,
} from './support.ts'
import { channelTo, kindToyScheme, ToyCard, toyScheme } from './toy.ts'

function looseCards(...cards: readonly ToyCard[]): CardSource {
  const byId = new Map(cards.map((card, index) => [`card-${index + 1}`, card]))
  return {
    list: async () => [...byId.keys()].map((id) => ({ id, label: id })),
    async withCard(id, work) {
      const card = byId.get(id)
      return card && (await work(channelTo(card)))
    },
  }
}

async function openKiosk({
  enrolled = true,
  pageDirectory,
  schemes = [toyScheme],
}: { enrolled?: boolean; pageDirectory?: string; schemes?: readonly TillScheme[] } = {}) {
  const clock = clockAt()
  const office = new SmallOffice(clock)
  office.documents = [
    policyDocument({ paymentMax: 5_000n, foreignCards: false }),
    tokensDocument(3),
  ]
  const network = networkSwitch(office)
  const till: Till = tillAt(network.transport, { path: freshFile(), clock, schemes })
  if (enrolled) await till.enrol(office.code)
  const card = new ToyCard(1)
  const counter = new Counter(till, { clock, random: randomFrom('counter') })
  const app = await createKiosk({
    till,
    counter,
    network,
    cards: looseCards(card, new ToyCard(2)),
    name: 'Bar',
    merchant: 'Café Löwe',
    timeZone: 'UTC',
    ...(pageDirectory !== undefined && { pageDirectory }),
  })
  onTestFinished(() => app.close())
  const ask = async (
    method: 'GET' | 'POST',
    url: string,
    payload?: object | string,
    headers: Record<string, string> = {},
  ) => {
    const response = await app.inject({
      method,
      url,
      headers: { host: '127.0.0.1:8081', ...headers },
      ...(payload !== undefined && { payload }),
    })
    return { status: response.statusCode, body: response.json<Record<string, unknown>>() }
  }
  return { app, ask, card, clock, counter, network, office, till }
}

const order = { kind: 'pay', amount: '500', passcode: '1234' }

describe('the day', () => {
  const totals = { paid: 500n, paidBack: 0n, loaded: 0n, loadedBack: 0n }
  const closed = { result: 'closed', batch: 3, count: 2, ...totals } as const
  const proof = Uint8Array.of(1, 2, 3)
  const scheme = { ...toyScheme, cashUp: () => Promise.resolve({ ...closed, proof }) }

  test('is closed in the security module', async () => {
    const { ask } = await openKiosk({ schemes: [scheme] })
    expect(await ask('POST', '/api/cash-up')).toEqual({
      status: 200,
      body: {
        ...closed,
        scheme: 'toy',
        paid: '500',
        paidBack: '0',
        loaded: '0',
        loadedBack: '0',
        proof: 'AQID',
      },
    })
  })

  test('goes to the office and before every page as soon as it is closed', async () => {
    const { ask, counter } = await openKiosk({ schemes: [scheme] })
    await counter.sync()
    let changes = 0
    counter.watch(() => (changes += 1))
    await ask('POST', '/api/cash-up')
    const silent = AbortSignal.timeout(5_000)
    await counter.news.wait(silent)
    expect({ changes, silent: silent.aborted }).toEqual({ changes: 1, silent: false })
  })

  test('of a till without one is not there to close', async () => {
    const { ask } = await openKiosk()
    expect(await ask('POST', '/api/cash-up')).toMatchObject({
      status: 200,
      body: { result: 'refused', status: 'no_module' },
    })
  })
})

describe('the till’s page', () => {
  test('sells: order, tap, receipt, upload', async () => {
    const { ask, till, card } = await openKiosk()
    const before = state.parse((await ask('GET', '/api/state')).body)
    expect(before).toMatchObject({
      till: 7,
      name: 'Bar',
      merchant: 'Café Löwe',
      currency: { code: 'USD', decimals: 2 },
      network: { on: true, online: false },
      queue: 0,
      lastBatch: 0,
      acknowledged: null,
      policy: { version: 1, paymentMax: '5000', offlineAgeMax: null, foreignCards: false },
      products: [{ id: 3, name: 'Coffee', price: '250', stock: 3 }],
      order: null,
      answer: null,
      lastReceipt: null,
      cards: [{ id: 'card-1' }, { id: 'card-2' }],
      module: null,
      clock: { behind: 0, warning: null },
    })

    const begun = await ask('POST', '/api/order', {
      kind: 'pay',
      products: [{ product: 3, quantity: 2 }],
      passcode: '1234',
    })
    expect(begun).toMatchObject({ status: 200, body: { order: { amount: '500', state: 'new' } } })
    const tapped = await ask('POST', '/api/tap', { card: 'card-1' })
    expect(tapped).toMatchObject({
      status: 200,
      body: { result: 'done', record: { id: 1, amount: '500' }, view: { balance: '9500' } },
    })
    expect(card.content.balance).toBe(9_500n)
    expect((await ask('POST', '/api/sync')).body).toMatchObject({ result: 'synchronised', made: 1 })
    expect((await ask('GET', '/api/state')).body).toMatchObject({
      network: { on: true, online: true },
      queue: 0,
      lastBatch: 1,
      acknowledged: { batch: 1, age: 0 },
      products: [{ stock: 1 }],
      order: null,
      answer: { result: 'done' },
      lastReceipt: 1,
    })

    expect((await ask('GET', '/api/receipts')).body).toMatchObject({ receipts: [{ id: 1 }] })
    const { body } = await ask('GET', '/api/receipts/1')
    expect(body).toMatchObject({ record: { id: 1 }, text: expect.stringContaining('2 × Coffee') })
    const key = till.status.identity?.key.publicKey
    expect(checkReceipt(String(body['code']), () => key).status).toBe('genuine')
  })

  test('shows a card when there is no order, and always when asked to', async () => {
    const { ask } = await openKiosk()
    expect((await ask('POST', '/api/tap', { card: 'card-1' })).body).toMatchObject({
      result: 'shown',
      view: { balance: '10000', sequence: 0 },
    })
    await ask('POST', '/api/order', order)
    expect((await ask('POST', '/api/show', { card: 'card-2' })).body).toMatchObject({
      result: 'shown',
    })
    expect((await ask('GET', '/api/state')).body).toMatchObject({ order: { state: 'new' } })
  })

  test('gives a card that it shows what it is owed, and says what that was', async () => {
    const scheme: TillScheme = {
      ...toyScheme,
      async giveOwed(channel, desk) {
        const shown = await toyScheme.show(channel, desk)
        return shown.result === 'shown' ? { ...shown, given: 700n } : shown
      },
    }
    const { ask } = await openKiosk({ schemes: [scheme] })
    for (const path of ['/api/tap', '/api/show']) {
      const { body } = await ask('POST', path, { card: 'card-1' })
      expect(body).toMatchObject({ result: 'shown', given: '700' })
    }
    const plain = await openKiosk()
    const { body } = await plain.ask('POST', '/api/show', { card: 'card-1' })
    expect(body).toMatchObject({ result: 'shown', given: null })
  })

  test('keeps an unfinished order until it is finished or given up', async () => {
    const { ask, card } = await openKiosk()
    await ask('POST', '/api/order', order)
    card.tear = { at: 2, carriedOut: true }
    expect((await ask('POST', '/api/tap', { card: 'card-1' })).body).toMatchObject({
      result: 'unfinished',
      record: { state: 'intended' },
    })
    expect(await ask('POST', '/api/order', { ...order, amount: '1' })).toMatchObject({
      status: 409,
      body: { error: { code: 'order_unfinished' } },
    })
    const again = await ask('POST', '/api/order', { ...order, passcode: '12345' })
    expect(again).toMatchObject({ status: 200, body: { order: { state: 'unfinished' } } })
    expect((await ask('POST', '/api/tap', { card: 'card-1' })).body).toMatchObject({
      result: 'done',
    })
    expect(card.content.balance).toBe(9_500n)

    card.tear = { at: 2, carriedOut: false }
    await ask('POST', '/api/order', order)
    await ask('POST', '/api/tap', { card: 'card-1' })
    expect((await ask('POST', '/api/give-up')).body).toEqual({ state: 'given_up' })
    expect((await ask('POST', '/api/give-up')).body).toEqual({ state: null })
    await ask('POST', '/api/order', order)
    expect((await ask('POST', '/api/give-up')).body).toEqual({ state: 'new' })
  })

  test('explains a refusal and keeps the order for another try', async () => {
    const { ask } = await openKiosk()
    await ask('POST', '/api/order', { ...order, amount: '5001' })
    expect((await ask('POST', '/api/tap', { card: 'card-1' })).body).toMatchObject({
      result: 'refused',
      status: 'over_limit',
      explanation: expect.stringContaining('50.00 USD'),
    })
    expect((await ask('GET', '/api/state')).body).toMatchObject({ order: { state: 'new' } })
  })

  test('switches the network', async () => {
    const { ask, network } = await openKiosk()
    expect((await ask('POST', '/api/network', { online: false })).body).toMatchObject({
      network: { on: false, online: false },
    })
    expect((await ask('POST', '/api/sync')).body).toMatchObject({ result: 'unreachable' })
    await ask('POST', '/api/network', { online: true })
    expect(network.on).toBe(true)
    expect((await ask('POST', '/api/sync')).body).toMatchObject({ result: 'synchronised' })
  })

  test('enrols, and works before that as far as it can', async () => {
    const { ask, office } = await openKiosk({ enrolled: false })
    expect((await ask('GET', '/api/state')).body).toMatchObject({ till: null, policy: null })
    expect((await ask('POST', '/api/tap', { card: 'card-1' })).body).toMatchObject({
      result: 'refused',
      status: 'not_enrolled',
    })
    expect((await ask('POST', '/api/enrol', { code: office.code })).body).toMatchObject({ till: 7 })
  })

  test('warns of a clock that is far off', async () => {
    const { ask, clock, office } = await openKiosk({ enrolled: false })
    clock.set(START - 3_600_000)
    Object.assign(office, { clock: clockAt(START) })
    await ask('POST', '/api/enrol', { code: office.code })
    expect((await ask('GET', '/api/state')).body).toMatchObject({
      clock: { behind: 3_600_000, warning: expect.stringContaining('60 minutes behind') },
    })
  })

  test('is served from its directory', async () => {
    const pageDirectory = mkdtempSync(join(tmpdir(), 'kontant-page-'))
    writeFileSync(join(pageDirectory, 'index.html'), '<p>till</p>')
    const { app } = await openKiosk({ pageDirectory })
    const page = await app.inject({ url: '/', headers: { host: 'localhost' } })
    expect(page.body).toBe('<p>till</p>')
  })
})

test.each([
  ['/api/enrol', (code: string) => ({ code })],
  ['/api/network', () => ({ online: true })],
])('after %s the upload loop is woken', async (path, payload) => {
  const { ask, counter, office } = await openKiosk({ enrolled: path !== '/api/enrol' })
  const silent = AbortSignal.timeout(5_000)
  await ask('POST', path, payload(office.code))
  await counter.news.wait(silent)
  expect(silent.aborted).toBe(false)
})

describe('the till’s server refuses', () => {
  const shown = new Set<string>()
  interface Row {
    readonly code: KioskError
    readonly field: string | undefined
    readonly method: 'GET' | 'POST'
    readonly url: string
    readonly payload?: object | string | undefined
    readonly headers?: Record<string, string> | undefined
  }
  type Cells = readonly [
    code: KioskError,
    field: string | undefined,
    method: 'GET' | 'POST',
    url: string,
    payload?: object | string | undefined,
    headers?: Record<string, string>,
  ]

  const cells: readonly Cells[] = [
    ['foreign_host', undefined, 'GET', '/api/state', undefined, { host: 'evil.example' }],
    ['foreign_host', undefined, 'GET', '/nowhere', undefined, { host: '10.0.0.1:8081' }],
    ['foreign_origin', undefined, 'POST', '/api/sync', {}, { origin: 'http://evil.example' }],
    ['foreign_origin', undefined, 'POST', '/api/sync', {}, { origin: 'http://127.0.0.1:9999' }],
    ['foreign_origin', undefined, 'POST', '/api/sync', {}, { origin: 'null' }],
    ['not_found', undefined, 'GET', '/api/nowhere'],
    ['not_found', 'params.id', 'GET', '/api/receipts/1'],
    ['not_found', 'body.card', 'POST', '/api/tap', { card: 'card-9' }],
    ['not_found', 'body.card', 'POST', '/api/show', { card: '../card-1' }],
    ['too_large', 'body', 'POST', '/api/order', { ...order, passcode: 'x'.repeat(70_000) }],
    [
      'wrong_content_type',
      'headers.content-type',
      'POST',
      '/api/order',
      JSON.stringify(order),
      { 'content-type': 'application/x-www-form-urlencoded' },
    ],
    ['bad_input', 'body', 'POST', '/api/order', '{', { 'content-type': 'application/json' }],
    ['bad_input', 'body.kind', 'POST', '/api/order', { ...order, kind: 'gift' }],
    ['bad_input', 'body.amount', 'POST', '/api/order', { ...order, amount: '-5' }],
    ['bad_input', 'body.amount', 'POST', '/api/order', { ...order, amount: '5.00' }],
    ['bad_input', 'body.amount', 'POST', '/api/order', { ...order, amount: 5 }],
    [
      'bad_input',
      'body.products[0].quantity',
      'POST',
      '/api/order',
      { ...order, products: [{ product: 1, quantity: 0 }] },
    ],
    ['bad_input', 'body', 'POST', '/api/order', { ...order, discount: '1' }],
    ['bad_input', 'body.card', 'POST', '/api/tap', {}],
    ['bad_input', 'body.online', 'POST', '/api/network', { online: 'yes' }],
    ['bad_input', 'params.id', 'GET', '/api/receipts/x'],
    ['bad_input', 'querystring.limit', 'GET', '/api/receipts?limit=0'],
    ['bad_input', 'code', 'POST', '/api/enrol', { code: 'hello' }],
    [
      'unknown_product',
      'body.products',
      'POST',
      '/api/order',
      { ...order, products: [{ product: 9, quantity: 1 }] },
    ],
    ['amount_missing', 'body.amount', 'POST', '/api/order', { kind: 'pay', passcode: '1' }],
    ['amount_not_positive', 'body.amount', 'POST', '/api/order', { ...order, amount: '0' }],
    ['unknown_payment', 'body.receipt', 'POST', '/api/order', { kind: 'refund' }],
    ['unknown_payment', 'body.receipt', 'POST', '/api/order', { kind: 'refund', receipt: 1 }],
    ['unknown_payment', 'body.receipt', 'POST', '/api/order', { kind: 'refund', order: 'a' }],
    ['bad_input', 'body.receipt', 'POST', '/api/order', { kind: 'refund', receipt: 0 }],
    ['bad_input', 'body', 'POST', '/api/order', { kind: 'refund', receipt: 1, order: 'a' }],
    ['enrolment_failed', undefined, 'POST', '/api/enrol', { code: '8-K3QX-90TB-5RZM' }],
  ]

  const rows = cells.map(([code, field, method, url, payload, headers]): Row => ({
    code,
    field,
    method,
    url,
    payload,
    headers,
  }))

  test.each(rows)('$code ($field): $method $url $payload', async (row) => {
    const { code, field, method, url, payload, headers } = row
    shown.add(code)
    const { ask, office, till } = await openKiosk()
    if (code === 'enrolment_failed') office.refuse = { status: 409, body: new Uint8Array() }
    const answer = await ask(method, url, payload, headers)
    expect(answer).toEqual({
      status: KIOSK_ERRORS[code],
      body: {
        error: {
          code,
          message: expect.stringMatching(/^.{8,}$/),
          ...(field !== undefined && { field }),
        },
      },
    })
    expect(till.records(1)).toEqual([])
  })

  test('what needs an enrolment, a network or a till without faults', async () => {
    const bare = await openKiosk({ enrolled: false })
    expect(await bare.ask('POST', '/api/sync')).toMatchObject({
      status: 409,
      body: { error: { code: 'not_enrolled' } },
    })
    bare.office.reachable = false
    expect(await bare.ask('POST', '/api/enrol', { code: bare.office.code })).toMatchObject({
      status: 502,
      body: { error: { code: 'unreachable' } },
    })
    const { ask, till, card } = await openKiosk()
    const { ask: askAgain, counter } = await openKiosk()
    expect(counter.order).toBeUndefined()
    await ask('POST', '/api/order', order)
    await askAgain('POST', '/api/order', order)
    expect(await askAgain('POST', '/api/order', order)).toMatchObject({ status: 200 })
    till.close()
    process.once('warning', () => undefined)
    expect(await ask('POST', '/api/tap', { card: 'card-1' })).toEqual({
      status: 500,
      body: { error: { code: 'internal', message: expect.stringContaining('has a fault') } },
    })
    expect(card.content.balance).toBe(10_000n)
    for (const code of [
      'not_refundable',
      'order_unfinished',
      'not_enrolled',
      'unreachable',
      'internal',
    ])
      shown.add(code)
    expect([...shown].toSorted()).toEqual(Object.keys(KIOSK_ERRORS).toSorted())
  })
})

describe('a refund', () => {
  test('is ordered by receipt, by order, or as the last payment, and once', async () => {
    const { ask, card } = await openKiosk({ schemes: [kindToyScheme] })
    const sell = async () => {
      await ask('POST', '/api/order', order)
      const { body } = await ask('POST', '/api/tap', { card: 'card-1' })
      return z.object({ order: z.string(), record: z.object({ id: z.int() }) }).parse(body)
    }
    const [first, second, third] = [await sell(), await sell(), await sell()]
    const rows = [
      [{ receipt: first.record.id }, first],
      [{ order: second.order }, second],
      [{}, third],
    ] as const
    for (const [which, sale] of rows) {
      const receipt = `/api/receipts/${sale.record.id}`
      expect(await ask('GET', receipt)).toMatchObject({ body: { refundable: true } })
      const begun = await ask('POST', '/api/order', { kind: 'refund', ...which })
      expect(begun.body).toMatchObject({ order: { kind: 'refund', amount: '500', products: [] } })
      expect(await ask('POST', '/api/tap', { card: 'card-1' })).toMatchObject({
        body: { result: 'done', record: { kind: 'refund', refuses: sale.record.id }, note: null },
      })
      expect(await ask('GET', receipt)).toMatchObject({ body: { refundable: false } })
      expect(await ask('POST', '/api/order', { kind: 'refund', ...which })).toMatchObject({
        status: 409,
        body: { error: { code: 'not_refundable', field: 'body.receipt' } },
      })
    }
    expect(card.content.balance).toBe(10_000n)
    const text = z.object({ text: z.string() })
    const { text: paper } = text.parse((await ask('GET', '/api/receipts/4')).body)
    expect(paper).toMatch(/^Paid back +5\.00 USD\nPayment taken back +7-1\nBalance on the card +/m)
  })

  test('goes on at the counter when its card left', async () => {
    const { ask, card, counter } = await openKiosk({ schemes: [kindToyScheme] })
    await ask('POST', '/api/order', order)
    await ask('POST', '/api/tap', { card: 'card-1' })
    await ask('POST', '/api/order', { kind: 'refund' })
    card.tear = { at: 2, carriedOut: false }
    expect(await ask('POST', '/api/tap', { card: 'card-1' })).toMatchObject({
      body: { result: 'unfinished', record: { kind: 'refund', refuses: 1 } },
    })
    const id = counter.order?.id
    expect(await ask('POST', '/api/order', order)).toMatchObject({
      body: { error: { code: 'order_unfinished' } },
    })
    await ask('POST', '/api/order', { kind: 'refund', receipt: 1 })
    expect(counter.order?.id).toBe(id)
    expect(await ask('POST', '/api/tap', { card: 'card-1' })).toMatchObject({
      body: { result: 'done' },
    })
  })
})

describe('events', () => {
  test('bring the state at once and after every change, and end with the server', async () => {
    const { app, counter } = await openKiosk()
    const address = await app.listen({ host: '127.0.0.1', port: 0 })
    const response = await fetch(`${address}/api/events`)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    const next = async (): Promise<StateJson> => {
      const { value = '' } = (await reader?.read()) ?? {}
      const [, data = 'null'] = /^event: state\ndata: (.*)\n\n$/.exec(value) ?? []
      return state.parse(JSON.parse(data))
    }
    expect((await next()).order).toBeNull()
    counter.begin({ kind: 'load', amount: 300n, passcode: '1' })
    counter.begin({ kind: 'load', amount: 700n, passcode: '1' })
    expect((await next()).order).toMatchObject({ kind: 'load', amount: '700' })
    counter.giveUp()
    expect((await next()).order).toBeNull()
    await app.close()
    expect(await reader?.read()).toMatchObject({ done: true })
  })
})

test('docs/till-api.md lists every error with its status, and every address', async () => {
  const page = readFileSync('docs/till-api.md', 'utf8').replaceAll(/ +/g, ' ')
  const listed = [...page.matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)].map(([, code, status]) => [
    code,
    Number(status),
  ])
  expect(listed).toEqual(Object.entries(KIOSK_ERRORS))
  const { app } = await openKiosk()
  const addresses = [...page.matchAll(/^\| `(GET|POST) (\S+)` \|/gm)]
  expect(addresses).toHaveLength(13)
  for (const [, method, url = ''] of addresses) {
    expect(app.hasRoute({ method: method === 'GET' ? 'GET' : 'POST', url })).toBe(true)
  }
})
