import type { FastifyError } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { FormatError } from '../kernel/errors.ts'
import { Unreachable } from '../kernel/ports.ts'
import { fieldPath } from '../kernel/schema.ts'
import { OrderRefused, type OrderProblem } from './counter.ts'
import { EnrolmentFailed } from './enrol.ts'
import { NotEnrolled } from './till.ts'

/**
 * Why the till's server refuses. The order is the order of the checks. Nothing has changed, except after
 * `internal`: that is a fault of the till.
 */
export const KIOSK_ERRORS = {
  foreign_host: 403,
  foreign_origin: 403,
  not_found: 404,
  too_large: 413,
  wrong_content_type: 415,
  bad_input: 400,
  not_enrolled: 409,
  unknown_product: 409,
  amount_missing: 409,
  amount_not_positive: 409,
  unknown_payment: 409,
  not_refundable: 409,
  order_unfinished: 409,
  unreachable: 502,
  enrolment_failed: 409,
  internal: 500,
} as const
export type KioskError = keyof typeof KIOSK_ERRORS

/** Answered as {@link KIOSK_ERRORS} says. The message is for people. */
export class KioskRefusal extends Error {
  override readonly name = 'KioskRefusal'
  readonly code: KioskError
  readonly field: string | undefined

  constructor(code: KioskError, message: string, field?: string) {
    super(message)
    this.code = code
    this.field = field
  }
}

const ORDER_FIELDS: Readonly<Record<OrderProblem, string | undefined>> = {
  unknown_product: 'body.products',
  amount_missing: 'body.amount',
  amount_not_positive: 'body.amount',
  unknown_payment: 'body.receipt',
  not_refundable: 'body.receipt',
  order_unfinished: undefined,
}

const INTERNAL = 'The till has a fault. Note what you did and tell whoever looks after it.'

export function refusalOf(error: FastifyError | Error): KioskRefusal {
  if (error instanceof KioskRefusal) return error
  if (error instanceof OrderRefused) {
    return new KioskRefusal(error.problem, error.message, ORDER_FIELDS[error.problem])
  }
  if (error instanceof NotEnrolled) return new KioskRefusal('not_enrolled', error.message)
  if (error instanceof EnrolmentFailed) return new KioskRefusal('enrolment_failed', error.message)
  if (error instanceof Unreachable) return new KioskRefusal('unreachable', error.message)
  if (error instanceof FormatError) return new KioskRefusal('bad_input', error.message, error.field)
  if (hasZodFastifySchemaValidationErrors(error)) {
    const [issue] = error.validation
    const field = fieldPath(error.validationContext ?? 'request', pathOf(issue?.instancePath ?? ''))
    return new KioskRefusal('bad_input', `${field}: ${issue?.message ?? 'does not fit'}`, field)
  }
  return refusalOfServer(error)
}

/** What Fastify itself refuses, by status. */
const SERVER_REFUSALS = new Map<number, readonly [KioskError, string, string?]>([
  [400, ['bad_input', 'The request is not JSON that can be read.', 'body']],
  [404, ['not_found', 'There is nothing at this address.']],
  [413, ['too_large', 'The request is too large.', 'body']],
  [415, ['wrong_content_type', 'Send JSON.', 'headers.content-type']],
])

function refusalOfServer({ statusCode }: Error & { statusCode?: number }): KioskRefusal {
  return new KioskRefusal(...(SERVER_REFUSALS.get(statusCode ?? 500) ?? ['internal', INTERNAL]))
}

/** `/products/0/quantity` in parts. */
function pathOf(pointer: string): readonly (string | number)[] {
  const parts = pointer.split('/').filter((part) => part !== '')
  return parts.map((part) => (/^\d+$/.test(part) ? Number(part) : part))
}
