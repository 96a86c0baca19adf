import type { z } from 'zod'
import { parseWith } from '../kernel/schema.ts'
import { fetchedWay, refusalOf, signIn, type ApiWay, type Login } from '../town/office-client.ts'

/** A person’s session at an office that listens. */
export class OfficeSession {
  readonly #way: ApiWay
  readonly #cookie: string

  private constructor(way: ApiWay, cookie: string) {
    this.#way = way
    this.#cookie = cookie
  }

  /** @throws {OfficeRefused} */
  static async open(office: string, login: Login): Promise<OfficeSession> {
    const way = fetchedWay(office)
    return new OfficeSession(way, await signIn(way, login))
  }

  /** @throws {OfficeRefused} */
  get<T extends z.ZodType>(path: string, answer: T): Promise<z.output<T>> {
    return this.#call({ method: 'GET', path, headers: {}, body: undefined }, answer)
  }

  /** With a `key`, the same is done once. @throws {OfficeRefused} */
  post<T extends z.ZodType>(
    path: string,
    body: object,
    answer: T,
    key?: string,
  ): Promise<z.output<T>> {
    const headers = {
      'content-type': 'application/json',
      ...(key !== undefined && { 'idempotency-key': key }),
    }
    return this.#call({ method: 'POST', path, headers, body: JSON.stringify(body) }, answer)
  }

  /** @throws {OfficeRefused} */
  put<T extends z.ZodType>(path: string, body: object, answer: T): Promise<z.output<T>> {
    const headers = { 'content-type': 'application/json' }
    return this.#call({ method: 'PUT', path, headers, body: JSON.stringify(body) }, answer)
  }

  async #call<T extends z.ZodType>(call: Parameters<ApiWay>[0], schema: T): Promise<z.output<T>> {
    const headers = { ...call.headers, cookie: this.#cookie }
    const { status, body } = await this.#way({ ...call, headers })
    if (status !== 200) throw refusalOf(status, body)
    return parseWith(schema, JSON.parse(body), `${call.method} ${call.path}`)
  }
}
