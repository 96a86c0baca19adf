import { OperatorError } from '../kernel/errors.ts'

/** What a command talks to. */
export interface Io {
  /** One line of what was asked for, on standard output. */
  readonly out: (line: string) => void
  /** One line about it, on standard error. */
  readonly err: (line: string) => void
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Aborts when the person at the keyboard, or the system, wants it to end. */
  readonly stop: AbortSignal
}

/** What the process ends with; help.ts says the same in words. */
export const EXIT = {
  OK: 0,
  FAILED: 1,
  USAGE: 2,
  INPUT: 3,
  NOT_SIGNED: 4,
  BAD_EVIDENCE: 5,
  DOES_NOT_FOLLOW: 6,
  OFFICE_ONLY: 7,
} as const
export type ExitStatus = (typeof EXIT)[keyof typeof EXIT]

/** It did not work. */
export class CommandFailed extends OperatorError {
  override readonly name = 'CommandFailed'
}

/** A file that is missing or is not what it should be. */
export class InputError extends Error {
  override readonly name = 'InputError'
}

/** An answer: as JSON if that was asked for, else in words. */
export function print(io: Io, json: boolean, value: unknown, lines: readonly string[]): void {
  if (json) io.out(JSON.stringify(value, undefined, 2))
  else for (const line of lines) io.out(line)
}

/** Until somebody wants it to end, or a part breaks. */
export async function untilStopped(io: Io, parts: readonly Promise<unknown>[]): Promise<void> {
  const { promise: stopped, resolve } = Promise.withResolvers<void>()
  io.stop.addEventListener('abort', () => resolve(), { once: true })
  if (io.stop.aborted) resolve()
  await Promise.race([stopped, ...parts])
}

const QUIET_MS = 1000

/**
 * Does some work, and says what it is if it takes longer than a second. Whoever waits longer than that
 * wants to know for what.
 */
export async function withProgress<T>(io: Io, what: string, work: () => Promise<T>): Promise<T> {
  const timer = setTimeout(() => io.err(`${what} …`), QUIET_MS)
  try {
    return await work()
  } finally {
    clearTimeout(timer)
  }
}
