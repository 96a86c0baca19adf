import Fastify, { type FastifyInstance } from 'fastify'
import { toHex } from '../kernel/bytes.ts'
import { FormatError, InvariantError } from '../kernel/errors.ts'
import { NOTARY_PATH } from '../kernel/notary.ts'
import { listRevoked, listRoots } from './keys.ts'
import type { Notary } from './notary.ts'

const COSE = 'application/cose'
/** A page of an office, with the largest evidence that there is. */
const REQUEST_SIZE_MAX = 16 * 1024 * 1024

export interface NotaryHttpOptions {
  /** A broken invariant: the process must stop. */
  readonly fail: (error: unknown) => void
}

/** The notary over HTTP. It listens nowhere yet: `listen`, or `inject` for a way without a socket. */
export async function createNotaryApi(
  notary: Notary,
  { fail }: NotaryHttpOptions,
): Promise<FastifyInstance> {
  const app = Fastify({ bodyLimit: REQUEST_SIZE_MAX, forceCloseConnections: 'idle' })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(COSE, { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof FormatError) {
      return reply.status(400).send({ error: { code: 'bad_input', message: error.message } })
    }
    const status = hasStatus(error) ? error.statusCode : 500
    if (status >= 500) {
      if (error instanceof InvariantError) fail(error)
      else process.emitWarning(error instanceof Error ? error : String(error))
    }
    const message = status < 500 && error instanceof Error ? error.message : 'Something broke.'
    return reply.status(status).send({ error: { code: 'refused', message } })
  })

  app.post<{ Body: Buffer }>(NOTARY_PATH, async (request, reply) => {
    if (!(request.body instanceof Uint8Array)) throw new FormatError('body', `expected ${COSE}`)
    const answer = await notary.answer(request.body)
    return reply.type(COSE).send(Buffer.from(answer))
  })

  // Public by their nature: certificates of the roots and the notary, and what roots have revoked.
  app.get('/api/notary/certificates', async () => ({
    roots: (await listRoots(notary.db)).map(({ bytes }) => toHex(bytes)),
    notary: notary.keys.flatMap(({ certificate }) => (certificate ? toHex(certificate.bytes) : [])),
    revocations: [...(await listRevoked(notary.db)).values()].map(toHex),
  }))
  app.get('/healthz', async () => {
    await listRoots(notary.db)
    return { status: 'ok' }
  })
  await app.ready()
  return app
}

function hasStatus(error: unknown): error is { readonly statusCode: number } {
  return (
    typeof error === 'object' &&
    error !== null &&
    'statusCode' in error &&
    typeof error.statusCode === 'number'
  )
}
