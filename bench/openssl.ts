import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

export interface VerifySpeed {
  /** Of one core times the cores. */
  readonly perSecond: number
  readonly version: string
}

/** P-256 verifications that this machine can do, by OpenSSL's own measure. */
export function opensslSpeed(): VerifySpeed {
  try {
    const version = execFileSync('openssl', ['version'], { encoding: 'utf8' }).trim()
    const report = execFileSync('openssl', ['speed', '-seconds', '2', 'ecdsap256'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const perCore = Number(report.trim().split(/\s+/).at(-1))
    return { perSecond: perCore * availableParallelism(), version }
  } catch (cause) {
    throw new Error('The benchmark measures against `openssl speed`: install OpenSSL.', { cause })
  }
}
