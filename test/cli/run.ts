import { inject } from 'vitest'
import { main } from '../../src/cli/main.ts'

export interface Ran {
  readonly status: number
  readonly out: string
  readonly err: string
}

/** Runs a command line as the process would, with what it prints kept. */
export async function kontant(...argv: readonly string[]): Promise<Ran> {
  const out: string[] = []
  const err: string[] = []
  const status = await main(argv, {
    out: (line) => void out.push(line),
    err: (line) => void err.push(line),
    environment: { DATABASE_URL: inject('server').url },
    stop: new AbortController().signal,
  })
  return { status, out: out.join('\n'), err: err.join('\n') }
}
