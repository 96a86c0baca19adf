import { z } from 'zod'
import { scenarioSchema } from './scenario.ts'

/** docs/scenario.schema.json: the language as a JSON Schema (2020-12), for editors. */
export function scenarioJsonSchema(): string {
  const schema = z.toJSONSchema(scenarioSchema, { io: 'input', reused: 'ref' })
  return `${JSON.stringify({ title: 'Kontant scenario', ...schema }, undefined, 2)}\n`
}
