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

/** It did not work. The message is for the person who asked, and says what to do. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
}

/** A file that is missing or is not what it should be. */
export class InputError extends Error {
  override readonly name = 'InputError'
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
