import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { fromHex, type Bytes } from '../kernel/bytes.ts'
import { parseCardId, type CardId } from '../kernel/ids.ts'
import { CURRENCY_CODES } from '../kernel/money.ts'
import { CBOR_TYPE } from '../kernel/synchronisation.ts'
import { OfficeError, REFUSALS } from './errors.ts'
import type { EvidenceService } from './ledger/evidence.ts'
import type { Metrics } from './metrics.ts'
import type { Office } from './office.ts'
import type { Person } from './registry/people.ts'
import type { Permit } from './wallets/permit.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose session it is; undefined where none is needed. */
    person: Person | undefined
  }
}

export type Api = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>

/** What the routes stand on. */
export interface Desk {
  readonly office: Office
  readonly evidence: EvidenceService
  readonly metrics: Metrics
  /** Who must permit what puts money on cards; undefined without a notary. */
  readonly permit: Permit | undefined
}

/** Of every answer that is no success. */
export const errorAnswer = z
  .object({
    error: z.object({
      code: z.enum([...REFUSALS, 'internal']).meta({ description: 'docs/operating.md lists them' }),
      field: z.string().optional().meta({ description: 'Which field: body.uid' }),
      message: z.string().meta({ description: 'For people: what is wrong and what to do' }),
    }),
  })
  .meta({ id: 'Error', description: 'Refused; nothing has changed' })

/** A route's answers: its own, and the one shape of all errors. */
export function answers<T extends z.ZodType>(success: T) {
  return { 200: success, '4xx': errorAnswer, '5xx': errorAnswer }
}

export const cardIdText = z
  .string()
  .regex(/^[0-9a-f]{16}$/, 'expected 16 lower-case hexadecimal digits')
  .meta({ description: 'A card: 16 hexadecimal digits', examples: ['0123456789abcdef'] })
export const idText = z
  .string()
  .regex(/^[1-9]\d{0,17}$/, 'expected a decimal number')
  .meta({ description: 'Decimal digits', examples: ['12'] })
/** A whole number in a path or query, in its one spelling: `0x1`, `1e0` and ` 1` are none. */
export function numberText(min: number, max: number) {
  return z
    .string()
    .regex(/^(0|[1-9]\d{0,15})$/, { error: 'expected a decimal number', abort: true })
    .transform(Number)
    .pipe(z.int().min(min).max(max))
}

/** In a path. */
export const tillNumberText = numberText(1, 0xffffffff)
export const currencyCode = z
  .enum(CURRENCY_CODES)
  .meta({ description: 'ISO 4217', examples: ['USD'] })
export const name = z.string().trim().min(1).max(100)
export const reason = z
  .string()
  .trim()
  .min(3)
  .max(500)
  .meta({ description: 'Why, for whoever reads the audit log' })
/** In JSON: milliseconds since 1970, by the office's clock where nothing else is said. */
export const instantNumber = z
  .int()
  .nonnegative()
  .meta({ description: 'Milliseconds since 1970 (UTC)' })
/** Of what must not happen twice. */
export const idempotencyHeaders = z.object({
  'idempotency-key': z
    .string()
    .min(8)
    .max(128)
    .optional()
    .meta({ description: 'The same key again gets the same answer, and nothing happens twice' }),
})
export const nothing = z.object({}).strict().meta({ description: 'Done' })

/** @throws {FormatError} never, after the schema; the type says what the schema checked. */
export function cardIdParam(text: string): CardId {
  return parseCardId(text, 'params.id')
}

export function hexField(text: string, field: string): Bytes {
  return fromHex(text, field)
}

/** @throws {OfficeError} `not_signed_in`; the permission table has seen to it before. */
export function actorOf({ person }: FastifyRequest): Person {
  if (person) return person
  throw new OfficeError('not_signed_in', 'Sign in first: POST /api/session.')
}

/** Bytes of a message in COSE, in and out. */
export const COSE = 'application/cose'

export function sendCose(reply: FastifyReply, bytes: Bytes): FastifyReply {
  return reply.type(COSE).send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
}

/** A body, or an answer, of bytes. */
export const coseMessage = z
  .custom<Uint8Array>(
    (value) => value instanceof Uint8Array,
    `send the bytes as they are, as ${COSE}`,
  )
  .meta({ type: 'string', format: 'binary', description: 'COSE_Sign1 (RFC 9052)' })

export function sendCbor(reply: FastifyReply, bytes: Bytes): FastifyReply {
  return reply.type(CBOR_TYPE).send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
}

/** The same of what is not signed as a whole. */
export const cborMessage = z
  .custom<Uint8Array>(
    (value) => value instanceof Uint8Array,
    `send the bytes as they are, as ${CBOR_TYPE}`,
  )
  .meta({ type: 'string', format: 'binary', description: 'Deterministic CBOR (RFC 8949)' })
