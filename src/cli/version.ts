import { readFileSync } from 'node:fs'
import { z } from 'zod'

const packageJson = z.object({ version: z.string() })

/** Of the package that this file is in. */
export const VERSION: string = packageJson.parse(
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')),
).version
