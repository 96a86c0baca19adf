import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import cookie from '@fastify/cookie'
import fastifyStatic from '@fastify/static'
import swagger from '@fastify/swagger'
import Fastify, { type FastifyError, type FastifyReply, type FastifyRequest } from 'fastify'
import {
  hasZodFastifySchemaValidationErrors,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import { FormatError, InvariantError } from '../kernel/errors.ts'
import { conflictOf } from './conflicts.ts'
import { OfficeError, type Refusal } from './errors.ts'
import type { EvidenceService } from './ledger/evidence.ts'
import { COSE, type Api } from './http.ts'
import { CBOR_TYPE } from '../kernel/synchronisation.ts'
import type { Permit } from './wallets/permit.ts'
import { countRequest, createMetrics } from './metrics.ts'
import type { Office } from './office.ts'
import { openapi } from './openapi.ts'
import { PERMISSIONS } from './permissions.ts'
import { findUnkeepable } from './plain-text.ts'
import { findSession } from './registry/sessions.ts'
import { bookRoutes } from './routes/books.ts'
import { cardRoutes } from './routes/cards.ts'
import { caseRoutes } from './routes/cases.ts'
import { coinViewRoutes } from './routes/coin-views.ts'
import { coinRoutes } from './routes/coins.ts'
import { eventRoutes } from './routes/events.ts'
import { liquidityRoutes } from './routes/liquidity.ts'
import { merchantRoutes } from './routes/merchants.ts'
import { onlineRoutes } from './routes/online.ts'
import { operationRoutes } from './routes/operation.ts'
import { peopleRoutes } from './routes/people.ts'
import { productRoutes } from './routes/products.ts'
import { SESSION_COOKIE, sessionRoutes } from './routes/session.ts'
import { tillDeviceRoutes } from './routes/till-devices.ts'
import { tillRoutes } from './routes/tills.ts'
import { walletRoutes } from './routes/wallets.ts'

export interface ApiOptions {
  readonly evidence: EvidenceService
  /** Who must permit what puts money on cards; nobody without. */
  readonly permit?: Permit
  /** The built console; none is served without it. */
  readonly consoleDirectory?: string
  /** Structured logs of requests; silent without. */
  readonly log?: { readonly level: 'info' | 'warn' | 'error' }
  /** The proxies whose word on a client's address is believed: `127.0.0.1`, `10.0.0.0/8`. */
  readonly trustProxy?: string
  /** A broken invariant: the process must stop. */
  readonly fail: (error: unknown) => void
}

const JSON_SIZE_MAX = 256 * 1024
/** Far more than BATCH_EVIDENCE_MAX, which is what a till of ours puts into one batch. */
const COSE_SIZE_MAX = 20 * 1024 * 1024
/** SYNC_ITEMS_MAX items of 16 KiB, which no record of a wallet is, and what is around them. */
const CBOR_SIZE_MAX = 1200 * 1024

/** The office over HTTP. It listens nowhere yet: `listen`, or `inject` for a transport without a socket. */
export async function createApi(office: Office, options: ApiOptions): Promise<Api> {
  const app: Api = Fastify({
    bodyLimit: JSON_SIZE_MAX,
    genReqId: () => randomUUID(),
    logger: options.log ?? false,
    trustProxy: options.trustProxy ?? false,
    // An answer under way is finished; a connection that only idles is not waited for.
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 100 },
    frameworkErrors: (error, request, reply) => void refuse(options, error, request, reply),
  }).withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.setErrorHandler((error, request, reply) => refuse(options, error, request, reply))
  // A page of another site can send text without asking; JSON it cannot.
  app.removeContentTypeParser('text/plain')
  app.addContentTypeParser(
    CBOR_TYPE,
    { parseAs: 'buffer', bodyLimit: CBOR_SIZE_MAX },
    (_request, body, done) => done(null, body),
  )
  app.addContentTypeParser(
    COSE,
    { parseAs: 'buffer', bodyLimit: COSE_SIZE_MAX },
    (_request, body, done) => done(null, body),
  )
  await app.register(cookie)
  await app.register(swagger, openapi)
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(HEADERS)
    // Answers hold passcodes and plans: no cache of a shared machine shall keep them.
    if (request.url.startsWith('/api/')) reply.header('cache-control', 'no-store')
    done()
  })
  guard(app, office)
  refuseUnkeepable(app)
  const metrics = createMetrics()
  app.addHook('onResponse', (request, reply, done) => {
    countRequest(metrics, request, reply)
    done()
  })
  const { evidence, permit } = options
  const desk = { office, evidence, metrics, permit }
  await app.register((scope, _options, done) => {
    for (const routes of ROUTES) routes(scope.withTypeProvider<ZodTypeProvider>(), desk)
    done()
  })
  await serveConsole(app, options.consoleDirectory)
  await app.ready()
  return app
}

const HEADERS = {
  'content-security-policy': "frame-ancestors 'none'",
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
}

const ROUTES = [
  operationRoutes,
  tillDeviceRoutes,
  sessionRoutes,
  cardRoutes,
  merchantRoutes,
  tillRoutes,
  productRoutes,
  peopleRoutes,
  bookRoutes,
  liquidityRoutes,
  onlineRoutes,
  walletRoutes,
  coinRoutes,
  coinViewRoutes,
  caseRoutes,
  eventRoutes,
]

/** Lets in who may come in, by the one table; a route that is not in it cannot be registered. */
function guard(app: Api, office: Office): void {
  app.decorateRequest('person', undefined)
  app.addHook('onRoute', ({ method, url }) => {
    const methods = [method].flat().filter((one) => one !== 'HEAD' && one !== 'OPTIONS')
    for (const one of methods) {
      const isApi = url.startsWith('/api/') || url === '/healthz' || url === '/metrics'
      if (isApi && !Object.hasOwn(PERMISSIONS, `${one} ${url}`)) {
        throw new InvariantError(`${one} ${url} has no line in permissions.ts`)
      }
    }
  })
  app.addHook('onRequest', async (request) => {
    const method = request.method === 'HEAD' ? 'GET' : request.method
    const access = PERMISSIONS[`${method} ${request.routeOptions.url}`]
    if (access === undefined || access === 'public' || access === 'till' || access === 'card')
      return
    const token = request.cookies[SESSION_COOKIE]
    const person = token && (await findSession(office.db, token, office.clock.now()))
    if (!person) throw new OfficeError('not_signed_in', 'Sign in first: POST /api/session.')
    if (access !== 'signed-in' && !access.includes(person.role)) {
      throw new OfficeError(
        'not_allowed',
        `This takes one of the roles ${access.join(', ')}; yours is ${person.role}.`,
      )
    }
    request.person = person
  })
}

function refuseUnkeepable(app: Api): void {
  app.addHook('preValidation', (request, _reply, done) => {
    const { body, query, params } = request
    const field = [
      findUnkeepable(params, 'params'),
      findUnkeepable(query, 'querystring'),
      findUnkeepable(body, 'body'),
    ].find((found) => found !== undefined)
    if (field === undefined) return done()
    done(
      new OfficeError('bad_input', `${field}: expected text without NUL or half characters`, field),
    )
  })
}

const STATUS: Readonly<Record<Refusal | 'internal', number>> = {
  not_found: 404,
  too_large: 413,
  wrong_content_type: 415,
  bad_input: 400,
  too_many_tries: 429,
  wrong_login: 401,
  not_signed_in: 401,
  not_allowed: 403,
  unknown_till: 401,
  bad_signature: 401,
  too_much: 429,
  till_stopped: 403,
  code_refused: 403,
  key_reused: 422,
  conflict: 409,
  internal: 500,
}

function refuse(
  { fail }: ApiOptions,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const refusal = refusalOf(error)
  if (refusal) {
    const { retryAfter } = refusal
    if (retryAfter !== undefined) reply.header('retry-after', Math.ceil(retryAfter / 1000))
    return sendError(reply, refusal.refusal, refusal.message, refusal.field)
  }
  request.log.error(error)
  if (error instanceof InvariantError) fail(error)
  return sendError(
    reply,
    'internal',
    `Something broke in the office; nothing was changed. Tell whoever runs it: request ${request.id}.`,
  )
}

function sendError(
  reply: FastifyReply,
  code: Refusal | 'internal',
  message: string,
  field?: string,
): FastifyReply {
  const error = field === undefined ? { code, message } : { code, field, message }
  return reply
    .status(STATUS[code])
    .type('application/json; charset=utf-8')
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send({ error })
}

/** What an error tells the one who asked; undefined for what is our own fault. */
function refusalOf(error: unknown): OfficeError | undefined {
  if (error instanceof OfficeError) return error
  if (error instanceof FormatError) return new OfficeError('bad_input', error.message, error.field)
  if (hasZodFastifySchemaValidationErrors(error)) {
    const [issue] = error.validation
    const path = (issue?.instancePath ?? '').split('/').filter((part) => part !== '')
    const field = [error.validationContext, ...path].join('.')
    return new OfficeError('bad_input', `${field}: ${issue?.message ?? 'does not fit'}`, field)
  }
  return conflictOf(error) ?? frameworkRefusal(error)
}

function frameworkRefusal(error: unknown): OfficeError | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined
  const { code, statusCode, message } = error as FastifyError
  if (statusCode === undefined || statusCode >= 500) return undefined
  if (statusCode === 413) return new OfficeError('too_large', 'The body is too large: send less.')
  if (statusCode === 415) {
    const wanted = `Send application/json, or ${COSE} where a till's message is asked for.`
    return new OfficeError('wrong_content_type', wanted, 'headers.content-type')
  }
  return new OfficeError('bad_input', message, code === 'FST_ERR_BAD_URL' ? 'path' : 'body')
}

/** The console's files; every page of it that is no file is the one page that it has. */
async function serveConsole(app: Api, directory: string | undefined): Promise<void> {
  const served = directory !== undefined && existsSync(directory)
  if (served) {
    await app.register(fastifyStatic, { root: directory, wildcard: false, index: 'index.html' })
  }
  app.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.url.split('?')
    const isPage = request.method === 'GET' && !/^\/(api|metrics|healthz)(\/|$)/.test(path)
    if (served && isPage && !/\.[a-z0-9]+$/i.test(path)) return reply.sendFile('index.html')
    return sendError(reply, 'not_found', `There is no ${request.method} ${path} here.`)
  })
}
