import { z } from 'zod'
import { fromBase64, toBase64, utf8, type Bytes } from '../../../kernel/bytes.ts'
import type { CardId } from '../../../kernel/ids.ts'
import type { Amount } from '../../../kernel/money.ts'
import type { Transport, TransportResponse } from '../../../kernel/ports.ts'
import { parseWith } from '../../../kernel/schema.ts'
import {
  CBOR_TYPE,
  decodeSynchronisationAnswer,
  encodeSynchronisation,
  SYNC_PATH,
  type SynchronisationAnswer,
} from '../../../kernel/synchronisation.ts'
import { SCHEME } from '../message.ts'

/** The office said no, in its own words. */
export interface OfficeRefusal {
  readonly status: number
  readonly code: string
  readonly message: string
}

export type OfficeAnswer<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: OfficeRefusal }

const refused = z.object({ error: z.object({ code: z.string(), message: z.string() }) })
const ordered = z.object({ number: z.int(), order: z.base64() })
const requested = z.object({ request: z.base64() })
const certified = z.object({
  certificates: z.array(z.object({ scheme: z.string(), offices: z.array(z.base64()) })),
})

/** What a phone asks its holder’s office. @throws {Unreachable} from the transport. */
export class PhoneOffice {
  readonly #transport: Transport
  /** Of the holder’s session. */
  readonly #headers: Readonly<Record<string, string>>

  constructor(transport: Transport, headers: Readonly<Record<string, string>>) {
    this.#transport = transport
    this.#headers = headers
  }

  async synchronise(
    card: CardId,
    statement: Bytes,
    items: readonly Bytes[],
  ): Promise<OfficeAnswer<SynchronisationAnswer>> {
    const answer = await this.#transport.send({
      method: 'POST',
      path: SYNC_PATH,
      headers: { 'content-type': CBOR_TYPE },
      body: encodeSynchronisation({ scheme: SCHEME, card, statement, items }),
    })
    return readAnswer(answer, decodeSynchronisationAnswer)
  }

  /** @param key the same for the same wish, however often it is sent. */
  async load(
    card: CardId,
    amount: Amount,
    statement: Bytes,
    key: string,
  ): Promise<OfficeAnswer<Bytes>> {
    const body = { card, amount: String(amount), statement: toBase64(statement) }
    return readAnswer(await this.#post('/api/wallet/loads', body, key), (bytes) =>
      fromBase64(json(ordered, bytes, 'load').order),
    )
  }

  async unload(card: CardId, amount: Amount, statement: Bytes): Promise<OfficeAnswer<Bytes>> {
    const body = { card, amount: String(amount), statement: toBase64(statement) }
    return readAnswer(await this.#post('/api/wallet/unloads', body), (bytes) =>
      fromBase64(json(requested, bytes, 'unload').request),
    )
  }

  async giveUp(card: CardId, reason: string): Promise<OfficeAnswer<void>> {
    return readAnswer(await this.#post(`/api/cards/${card}/give-up`, { reason }), () => {})
  }

  /** The office’s own certificates, newest first. */
  async certificates(): Promise<OfficeAnswer<readonly Bytes[]>> {
    const answer = await this.#transport.send({ method: 'GET', path: '/api/certificates' })
    return readAnswer(answer, (bytes) => {
      const { certificates } = json(certified, bytes, 'certificates')
      const own = certificates.find(({ scheme }) => scheme === SCHEME)
      return (own?.offices ?? []).map(fromBase64)
    })
  }

  async #post(path: string, body: object, key?: string): Promise<TransportResponse> {
    return this.#transport.send({
      method: 'POST',
      path,
      headers: {
        ...this.#headers,
        'content-type': 'application/json',
        ...(key !== undefined && { 'idempotency-key': key }),
      },
      body: utf8(JSON.stringify(body)),
    })
  }
}

function readAnswer<T>(
  { status, body }: TransportResponse,
  read: (body: Bytes) => T,
): OfficeAnswer<T> {
  if (status === 200) return { ok: true, value: read(body) }
  const said = refused.safeParse(parseJson(body))
  const error = said.success ? said.data.error : { code: 'internal', message: `HTTP ${status}` }
  return { ok: false, refusal: { status, ...error } }
}

function json<T extends z.ZodType>(schema: T, body: Bytes, name: string): z.output<T> {
  return parseWith(schema, parseJson(body), name)
}

/** Undefined if it is none: no schema takes that. */
function parseJson(body: Bytes): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body))
  } catch {
    return undefined
  }
}
