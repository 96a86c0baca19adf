import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** P-256 verifications a second that this machine can do. */
export interface VerifySpeed {
  /** Of one core, times the cores. */
  readonly timesCores: number
  /** Of all cores at once: less where they share what they run on. */
  readonly atOnce: number
}

/** By OpenSSL's own measure. */
export function opensslSpeed(): VerifySpeed {
  const cores = availableParallelism()
  return { timesCores: speed() * cores, atOnce: speed('-multi', String(cores)) }
}

export function opensslVersion(): string {
  return run('version').trim()
}

function speed(...options: readonly string[]): number {
  const report = run('speed', '-seconds', '2', ...options, 'ecdsap256')
  return Number(report.trim().split(/\s+/).at(-1))
}

function run(...command: readonly string[]): string {
  try {
    return execFileSync('openssl', command, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  } catch (cause) {
    throw new Error('The benchmark measures against `openssl speed`: install OpenSSL.', { cause })
  }
}
