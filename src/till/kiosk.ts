import type { ServerResponse } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import fastifyStatic from '@fastify/static'
import Fastify, { type FastifyError, type FastifyInstance, type FastifyRequest } from 'fastify'
import {
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import type { Channel } from '../reader/channel.ts'
import type { Counter, OrderRequest } from './counter.ts'
import { KIOSK_ERRORS, KioskRefusal, refusalOf } from './kiosk-errors.ts'
import * as schema from './kiosk-schema.ts'
import {
  answerJson,
  cashUpJson,
  floatJson,
  recordJson,
  stateJson,
  syncJson,
  type KioskNames,
  type LooseCard,
} from './kiosk-state.ts'
import type { NetworkSwitch } from './network.ts'
import { receiptCode, receiptSvg, receiptText } from './receipt.ts'
import type { Till } from './till.ts'

/** Virtual cards that lie around at the till: images that can be put into its reader. */
export interface CardSource {
  list(): Promise<readonly LooseCard[]>
  /** Puts the card in, works with it, takes it out and keeps what it became; undefined if there is none. */
  withCard<T>(id: string, work: (channel: Channel) => Promise<T>): Promise<T | undefined>
}

export interface KioskOptions extends KioskNames {
  readonly till: Till
  readonly counter: Counter
  readonly network: NetworkSwitch
  readonly cards: CardSource
  /** Of the built page; without one there is only the API. */
  readonly pageDirectory?: string
  /** IANA name, for receipts. */
  readonly timeZone: string
  /** Host names besides the loopback ones by which the page is reached. */
  readonly hosts?: readonly string[]
}

/**
 * The till's own server: its page, and the API that the page uses. Whoever reaches it can sell with this
 * till, so it is meant for the loopback address and answers no other host name and no other origin.
 */
export async function createKiosk(options: KioskOptions): Promise<FastifyInstance> {
  const app = Fastify({ bodyLimit: 65_536, forceCloseConnections: true })
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.addHook('onRequest', async (request) => checkSender(request, options.hosts ?? []))
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    const { code, message, field } = refusalOf(error)
    // A fault's own text may hold what no page should see; the operator finds it in the log.
    if (code === 'internal') process.emitWarning(error)
    return reply
      .code(KIOSK_ERRORS[code])
      .send({ error: { code, message, ...(field !== undefined && { field }) } })
  })
  app.setNotFoundHandler(() => {
    throw new KioskRefusal('not_found', 'There is nothing at this address.')
  })
  addRoutes(app, options)
  addEvents(app, options)
  if (options.pageDirectory !== undefined) {
    await app.register(fastifyStatic, { root: options.pageDirectory })
  }
  return app
}

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']

/** A page of another site must not make the browser next to the till sell. */
function checkSender(request: FastifyRequest, hosts: readonly string[]): void {
  if (![...LOOPBACK, ...hosts].includes(request.hostname)) {
    throw new KioskRefusal('foreign_host', `This till is not ${request.hostname}.`)
  }
  const { origin } = request.headers
  if (origin !== undefined && URL.parse(origin)?.host !== request.host) {
    throw new KioskRefusal('foreign_origin', 'Only the till’s own page may ask.')
  }
}

function addRoutes(app: FastifyInstance, options: KioskOptions): void {
  const { till, counter, network, cards } = options
  const api = app.withTypeProvider<ZodTypeProvider>()

  api.get('/api/state', { schema: { response: { 200: schema.state } } }, () => readState(options))

  api.post(
    '/api/order',
    { schema: { body: schema.orderRequest, response: { 200: schema.state } } },
    async ({ body }) => {
      counter.begin(orderOf(body))
      return readState(options)
    },
  )

  api.post(
    '/api/tap',
    { schema: { body: schema.cardRequest, response: { 200: schema.answer } } },
    async ({ body }) => {
      const answer = await cards.withCard(body.card, (channel) => counter.present(channel))
      if (!answer) throw new KioskRefusal('not_found', 'There is no such card.', 'body.card')
      return answerJson(answer)
    },
  )

  api.post(
    '/api/show',
    { schema: { body: schema.cardRequest, response: { 200: schema.answer } } },
    async ({ body }) => {
      const answer = await cards.withCard(body.card, (channel) => counter.show(channel))
      if (!answer) throw new KioskRefusal('not_found', 'There is no such card.', 'body.card')
      return answerJson(answer)
    },
  )

  api.post('/api/give-up', { schema: { response: { 200: schema.gaveUp } } }, () => ({
    state: counter.giveUp() ?? null,
  }))

  api.post(
    '/api/network',
    { schema: { body: schema.networkRequest, response: { 200: schema.state } } },
    async ({ body }) => {
      network.set(body.online)
      if (body.online) counter.news.ring()
      counter.changed()
      return readState(options)
    },
  )

  api.post('/api/sync', { schema: { response: { 200: schema.syncReport } } }, async () =>
    syncJson(await counter.sync()),
  )

  api.post(
    '/api/enrol',
    { schema: { body: schema.enrolRequest, response: { 200: schema.state } } },
    async ({ body }) => {
      await till.enrol(body.code)
      counter.news.ring()
      counter.changed()
      return readState(options)
    },
  )

  api.post('/api/cash-up', { schema: { response: { 200: schema.cashUp } } }, async () =>
    cashUpJson(await counter.cashUp()),
  )

  api.get('/api/float', { schema: { response: { 200: schema.float } } }, async () =>
    floatJson(await till.float()),
  )

  api.get(
    '/api/receipts',
    { schema: { querystring: schema.receiptQuery, response: { 200: schema.receiptList } } },
    ({ query }) => ({ receipts: till.records(query.limit).map(recordJson) }),
  )

  api.get(
    '/api/receipts/:id',
    { schema: { params: schema.receiptParams, response: { 200: schema.receipt } } },
    ({ params }) => readReceipt(params.id, options),
  )
}

async function readState(options: KioskOptions): Promise<schema.StateJson> {
  return stateJson({ ...options, cards: await options.cards.list() })
}

function orderOf(body: schema.OrderRequestJson): OrderRequest {
  switch (body.kind) {
    case 'pay': {
      const amount = body.amount === undefined ? undefined : BigInt(body.amount)
      return { ...body, amount }
    }
    case 'load':
      return { ...body, amount: BigInt(body.amount) }
    case 'passcode':
      return body
    case 'refund':
      return { kind: 'refund', receipt: body.receipt, order: body.order }
  }
}

function readReceipt(id: number, { till, name, merchant, timeZone }: KioskOptions) {
  const record = till.record(id)
  const { identity } = till.status
  if (!record || !identity)
    throw new KioskRefusal('not_found', 'There is no such receipt.', 'params.id')
  const products = new Map(till.documents?.products().map((product) => [product.id, product.name]))
  const code = receiptCode(record, identity)
  const { till: number, currency } = identity
  return {
    record: recordJson(record),
    refundable: till.isRefundable(record),
    text: receiptText(record, {
      merchant,
      tillName: name,
      till: number,
      currency,
      timeZone,
      products,
    }),
    code,
    svg: receiptSvg(code),
  }
}

/** Server-sent events: `state` with the whole of it, first at once and then after every change. */
function addEvents(app: FastifyInstance, options: KioskOptions): void {
  const open = new Set<ServerResponse>()
  let sending = false

  const sendAll = async (): Promise<void> => {
    // Many changes at once are one event.
    if (sending || open.size === 0) return
    sending = true
    await setImmediate()
    sending = false
    const event = await stateEvent(options)
    for (const response of open) response.write(event)
  }
  const stop = options.counter.watch(() => {
    sendAll().catch((error: unknown) => process.emitWarning(String(error)))
  })

  app.get('/api/events', async (request, reply) => {
    reply.hijack()
    const { raw } = reply
    raw.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
    })
    raw.write(await stateEvent(options))
    open.add(raw)
    request.raw.on('close', () => open.delete(raw))
  })
  app.addHook('preClose', async () => {
    stop()
    for (const response of open) response.end()
  })
}

async function stateEvent(options: KioskOptions): Promise<string> {
  return `event: state\ndata: ${JSON.stringify(await readState(options))}\n\n`
}
