/** What a server of ours answers when it refuses: {error: {code, field?, message}}. */
export class Refused extends Error {
  readonly status: number
  readonly code: string
  /** The field of the request that was wrong, if it was one. */
  readonly field: string | undefined

  constructor(status: number, code: string, message: string, field?: string) {
    super(message)
    this.status = status
    this.code = code
    this.field = field
  }
}

/** Nobody answered: no network, or the server is down. */
export class Unreachable extends Error {
  constructor() {
    super('No answer. Check that the server runs and that this device reaches it.')
  }
}

export type Problem = Refused | Unreachable

/** @throws what is not one of ours: a mistake in this program. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Refused || error instanceof Unreachable) return error
  throw error
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const wanted = Object.entries(query).filter(([, value]) => value !== undefined && value !== '')
  const search = new URLSearchParams(wanted.map(([name, value]) => [name, String(value)]))
  const address = search.size > 0 ? `${path}?${search.toString()}` : path
  return await send<T>(address, signal ? { signal } : {})
}

export async function post<T>(path: string, body: unknown = {}): Promise<T> {
  return await send<T>(path, withJson('POST', body))
}

/** As {@link post}; sent again with the same key, whatever became of the first, nothing happens twice. */
export async function postOnce<T>(path: string, key: string, body: unknown): Promise<T> {
  return await send<T>(path, withJson('POST', body, { 'idempotency-key': key }))
}

export function newKey(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join('-')
}

export async function put(path: string, body: unknown): Promise<void> {
  await send<unknown>(path, withJson('PUT', body))
}

export async function remove(path: string): Promise<void> {
  await send<unknown>(path, { method: 'DELETE' })
}

function withJson(method: string, body: unknown, headers = {}): RequestInit {
  return {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  }
}

const SESSION = 'api/session'

/** Tells of `signed-out` when the server knows this session no more. */
export const signedOut = new EventTarget()

/** @throws {Refused | Unreachable} */
async function send<T>(path: string, init: RequestInit): Promise<T> {
  const response = await fetch(path, { credentials: 'same-origin', ...init }).catch(
    (error: unknown) => {
      if (init.signal?.aborted === true) throw error
      throw new Unreachable()
    },
  )
  const text = await response.text()
  const body: unknown = text === '' ? undefined : parse(text, response)
  if (response.ok) return body as T
  const refused = refusal(response.status, body)
  if (refused.code === 'not_signed_in' && path !== SESSION) {
    signedOut.dispatchEvent(new Event('signed-out'))
  }
  throw refused
}

function parse(text: string, { status }: Response): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Refused(status, 'not-json', `The server answered something else (status ${status}).`)
  }
}

function refusal(status: number, body: unknown): Refused {
  const error =
    typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined
  if (typeof error !== 'object' || error === null) {
    return new Refused(status, 'unknown', `The server answered with status ${status}.`)
  }
  const text = (name: string) => {
    const value: unknown = Reflect.get(error, name)
    return typeof value === 'string' ? value : undefined
  }
  return new Refused(
    status,
    text('code') ?? 'unknown',
    text('message') ?? `The server answered with status ${status}.`,
    text('field'),
  )
}
