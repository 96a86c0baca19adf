import { FormatError } from '../../../kernel/errors.ts'
import { Unreachable } from '../../../kernel/ports.ts'
import { CardRefused, CardTorn } from '../../../reader/channel.ts'
import type { OfficeAnswer, OfficeRefusal } from './office.ts'
import { PhoneGone } from './wire.ts'
import type { Answer, WalletRefusal } from '../terminal.ts'

/**
 * What can come of holding a card to a phone, in the order in which it can go wrong. Whatever it is, the
 * same again goes on from there: nothing happens twice.
 */
export const PHONE_STATUSES = [
  /** What came from the other phone is no such message. */
  'malformed',
  /** No wallet, or one that nobody has issued. */
  'no_wallet',
  /** The card went away. */
  'card_gone',
  'wrong_pin',
  /** The card, for the reason that it names. */
  'card_refused',
  /** The office does not answer. */
  'no_office',
  /** The office, in its own words. */
  'office_refused',
  /** The other phone went away. */
  'phone_gone',
  'done',
] as const
export type PhoneStatus = (typeof PHONE_STATUSES)[number]

export type Problem =
  | { readonly status: 'malformed'; readonly error: FormatError }
  | { readonly status: 'no_wallet' | 'card_gone' | 'no_office' | 'phone_gone' }
  | { readonly status: 'wrong_pin'; readonly triesLeft: number }
  | { readonly status: 'card_refused'; readonly refusal: WalletRefusal }
  | { readonly status: 'office_refused'; readonly refusal: OfficeRefusal }

export type Result<T> = ({ readonly status: 'done' } & T) | Problem

/** What ends a contact, on its way to the caller. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.status)
    this.problem = problem
  }
}

/** What `work` came to, or what ended it. */
export async function stoppable<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await work()
  } catch (error) {
    const problem = problemOf(error)
    if (problem) return problem
    throw error
  }
}

function problemOf(error: unknown): Problem | undefined {
  if (error instanceof Stopped) return error.problem
  if (error instanceof CardTorn) return { status: 'card_gone' }
  if (error instanceof CardRefused) return { status: 'no_wallet' }
  if (error instanceof Unreachable) return { status: 'no_office' }
  if (error instanceof PhoneGone) return { status: 'phone_gone' }
  // What came was not what was asked for: whoever carries it may send anything.
  if (error instanceof FormatError) return { status: 'malformed', error }
  return undefined
}

/** What a message from elsewhere says. */
export function readable<T extends object>(read: () => T): Result<T> {
  try {
    return { status: 'done', ...read() }
  } catch (error) {
    if (error instanceof FormatError) return { status: 'malformed', error }
    throw error
  }
}

/** @throws {Stopped} with the card’s reason. */
export function accepted<T>(answer: Answer<T>): T {
  if (answer.ok) return answer.value
  const { refusal, triesLeft } = answer
  throw new Stopped(
    refusal === 'wrong_pin'
      ? { status: 'wrong_pin', triesLeft: triesLeft ?? 0 }
      : { status: 'card_refused', refusal },
  )
}

/** @throws {Stopped} with the office’s reason. */
export function valueOf<T>(answer: OfficeAnswer<T>): T {
  if (answer.ok) return answer.value
  throw new Stopped({ status: 'office_refused', refusal: answer.refusal })
}
