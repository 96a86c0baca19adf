import { spawnSync } from 'node:child_process'
import { leftOut } from './left-out.ts'

/** Somebody else's programs for certificates of BSI TR-03110: `cvc-create` makes and `cvc-print` verifies them. */
export const hasOpenpace = !leftOut(
  'our certificates against openpace',
  spawnSync('cvc-print', ['--version']).status === 0 ? undefined : 'apt-get install openpace',
)

/** Runs one of them. @returns what it says, on whichever stream. */
export function openpace(
  directory: string,
  program: 'cvc-create' | 'cvc-print',
  ...options: readonly string[]
): string {
  const { stdout, stderr } = spawnSync(program, options, { encoding: 'utf8', cwd: directory })
  return stdout + stderr
}

/**
 * What `cvc-print` says of the certificate in a file. It looks for whoever signed it in the same directory,
 * in a file of their name.
 */
export function printed(directory: string, file: string): string {
  return openpace(directory, 'cvc-print', `--cvc=${file}`, '--cvc-dir=.')
}
