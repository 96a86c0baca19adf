import { utf8 } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'
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
        if (error instanceof FormatError) return { status: 400, body: utf8(error.message) }
        throw error
      }
    },
  }
}
