/**
 * Why the office does not do what it was asked, in the order in which a request is checked.
 * Each has its HTTP status in api.ts and its line in docs/operating.md.
 */
export const REFUSALS = [
  'not_found',
  'too_large',
  'wrong_content_type',
  'bad_input',
  'too_many_tries',
  'wrong_login',
  'not_signed_in',
  'not_allowed',
  'unknown_till',
  'bad_signature',
  'too_much',
  'till_stopped',
  'code_refused',
  'key_reused',
  'conflict',
] as const
export type Refusal = (typeof REFUSALS)[number]

/** A request that is refused; nothing has changed. The message is for people and says what to do. */
export class OfficeError extends Error {
  override readonly name = 'OfficeError'
  readonly refusal: Refusal
  /** Which field of the request, from the outside in: `body.uid`. */
  readonly field: string | undefined
  /** After how long the same request may be taken, in ms; undefined: nobody can say. */
  readonly retryAfter: number | undefined

  constructor(refusal: Refusal, message: string, field?: string, retryAfter?: number) {
    super(message)
    this.refusal = refusal
    this.field = field
    this.retryAfter = retryAfter
  }
}
