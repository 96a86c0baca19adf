import { utf8 } from '../kernel/bytes.ts'
import { FormatError, InvariantError } from '../kernel/errors.ts'
import { NOTARY_PATH } from '../kernel/notary.ts'
import type { Transport } from '../kernel/ports.ts'
import type { Notary } from './notary.ts'

/** The way to a notary in the same process, without a socket: for a simulated town and for tests. */
export function notaryTransport(notary: Pick<Notary, 'answer'>): Transport {
  return {
    async send({ method, path, body = new Uint8Array() }) {
      if (method !== 'POST' || path !== NOTARY_PATH) return { status: 404, body: utf8('not found') }
      try {
        return { status: 200, body: await notary.answer(body) }
      } catch (error) {
        if (error instanceof InvariantError) throw error
        // As over HTTP: who asks learns nothing of what broke.
        return error instanceof FormatError
          ? { status: 400, body: utf8(error.message) }
          : { status: 500, body: utf8('something broke') }
      }
    },
  }
}
