import { readFileSync } from 'node:fs'
import { invariant } from '../kernel/errors.ts'

/** Of the package that this file is in. */
export const VERSION: string = versionIn(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
)

function versionIn(text: string): string {
  const { version } = JSON.parse(text) as { readonly version?: unknown }
  invariant(typeof version === 'string', 'our package has a version')
  return version
}
