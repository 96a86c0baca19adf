/**
 * Input that is not what it claims to be. Names the field, so that whoever made the input can find it.
 * Nothing has changed when it is thrown.
 */
export class FormatError extends Error {
  override readonly name = 'FormatError'
  /** Where, from the outside in: `batch.items[3].block`. */
  readonly field: string
  /** What was expected and what was there. */
  readonly reason: string

  constructor(field: string, reason: string) {
    super(`${field}: ${reason}`)
    this.field = field
    this.reason = reason
  }
}

/** What whoever started the process can put right. The message is for them, and says what to do. */
export class OperatorError extends Error {
  override readonly name: string = 'OperatorError'
}

/** A state that our own code promised never to reach. Not to be caught: the process must stop. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** @throws {InvariantError} if `condition` does not hold. */
export function invariant(condition: unknown, promise: string): asserts condition {
  if (!condition) throw new InvariantError(`broken invariant: ${promise}`)
}

/** Undefined if the input that `work` reads is not what it claims to be. */
export function unlessMalformed<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}
