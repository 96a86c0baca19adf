import {
  Unreachable,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from '../kernel/ports.ts'

/** A network that answers after this is none: the till goes on without. */
const TIMEOUT_MS = 30_000

/** The way of a till to its office over HTTP. */
export function httpTransport(office: string): Transport {
  return {
    async send({ method, path, headers, body }: TransportRequest): Promise<TransportResponse> {
      try {
        const answer = await fetch(new URL(path, office), {
          method,
          headers: { ...headers },
          signal: AbortSignal.timeout(TIMEOUT_MS),
          ...(body && { body }),
        })
        return { status: answer.status, body: new Uint8Array(await answer.arrayBuffer()) }
      } catch (error) {
        // Whatever went wrong on the way: whether the request arrived is unknown.
        throw new Unreachable(error instanceof Error ? error.message : String(error))
      }
    },
  }
}
