import type { Transport } from '../kernel/ports.ts'
import type { Api } from './http.ts'

/** The way to an office in the same process, without a socket: for a simulated town and for tests. */
export function injectTransport(api: Api): Transport {
  return {
    async send({ method, path, headers, body }) {
      const { statusCode, rawPayload } = await api.inject({
        method,
        url: path,
        headers: { ...headers },
        ...(body && { payload: Buffer.from(body) }),
      })
      return { status: statusCode, body: new Uint8Array(rawPayload) }
    },
  }
}
