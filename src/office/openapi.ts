import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import { PERMISSIONS } from './permissions.ts'
import { SESSION_COOKIE } from './routes/session.ts'

type Transform = NonNullable<FastifyDynamicSwaggerOptions['transform']>
type TransformObject = NonNullable<FastifyDynamicSwaggerOptions['transformObject']>

const DESCRIPTION =
  'Amounts are decimal strings of minor units ("500" is 5.00 USD); instants are milliseconds ' +
  'since 1970 (UTC). Sign in with POST /api/session, which sets a cookie. What tills call is signed ' +
  'by their keys and described byte by byte in docs/protocol/.'

/** Adds to each route who may call it, from the table that decides it. */
const transform: Transform = (input) => {
  const { schema, url } = jsonSchemaTransform(input)
  const access = PERMISSIONS[`${[input.route.method].flat()[0]} ${input.url}`]
  if (access === undefined || access === 'public') return { schema, url }
  if (access === 'till' || access === 'card') return { schema: { ...schema, tags: [access] }, url }
  const roles = access === 'signed-in' ? 'every role' : access.join(', ')
  const security = [{ session: [] }]
  return { schema: { ...schema, description: `Roles: ${roles}.`, security }, url }
}

/** Leaves out the twin for input that each schema gets: none of ours is used both ways. */
const transformObject: TransformObject = (input) => {
  const whole = jsonSchemaTransformObject(input)
  if (!('components' in whole) || !whole.components?.schemas) return whole
  const text = JSON.stringify(whole)
  const isUsed = (name: string) => text.includes(`"#/components/schemas/${name}"`)
  const { schemas } = whole.components
  for (const name of Object.keys(schemas)) if (!isUsed(name)) Reflect.deleteProperty(schemas, name)
  return whole
}

/** OpenAPI 3.1 from the very schemas that check what comes in and goes out. */
export const openapi: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info: { title: 'Kontant office', version: '1', description: DESCRIPTION },
    components: {
      securitySchemes: { session: { type: 'apiKey', in: 'cookie', name: SESSION_COOKIE } },
    },
  },
  transform,
  transformObject,
}
