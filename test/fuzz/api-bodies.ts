import type { Chance } from './chance.ts'

/** As far as the office's own description uses JSON Schema. */
interface Schema {
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly minItems?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly maxLength?: number
  readonly minLength?: number
  readonly pattern?: string
  readonly examples?: readonly unknown[]
  readonly $ref?: string
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** `/api/tills/{number}` */
  readonly path: string
  readonly body: Schema | undefined
}

interface Description {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly requestBody?: {
              readonly content: Readonly<Record<string, { readonly schema: Schema }>>
            }
          }
        >
      >
    >
  >
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> }
}

/** Every route that the office describes, with the schema of its JSON body. */
export function routesOf(description: Description): readonly Route[] {
  return Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { requestBody }]) => {
      const body = requestBody?.content['application/json']?.schema
      return {
        method: method.toUpperCase() as Route['method'],
        path,
        body: body && resolved(body, description),
      }
    }),
  )
}

function resolved(schema: Schema, description: Description): Schema {
  const name = schema.$ref?.split('/').at(-1)
  if (name !== undefined)
    return resolved(description.components?.schemas?.[name] ?? {}, description)
  return {
    ...schema,
    ...(schema.anyOf && { anyOf: schema.anyOf.map((one) => resolved(one, description)) }),
    ...(schema.items && { items: resolved(schema.items, description) }),
    ...(schema.properties && {
      properties: Object.fromEntries(
        Object.entries(schema.properties).map(([key, one]) => [key, resolved(one, description)]),
      ),
    }),
  }
}

/** A value that the schema takes, without regard to what the office then makes of it. */
export function fitting(schema: Schema): unknown {
  if (schema.examples?.[0] !== undefined) return schema.examples[0]
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum[0]
  if (schema.anyOf) return fitting(schema.anyOf[0] ?? {})
  switch ([schema.type].flat()[0]) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([key, one]) => [key, fitting(one)]),
      )
    case 'array':
      return Array.from({ length: schema.minItems ?? 0 }, () => fitting(schema.items ?? {}))
    case 'integer':
    case 'number':
      return Math.max(schema.minimum ?? 1, 1)
    case 'boolean':
      return false
    case 'null':
      return null
    case 'string':
    case undefined:
    default:
      return textFor(schema.pattern)
  }
}

/** For each pattern of the API a text that has it; a pattern that is not here fails the campaign. */
function textFor(pattern: string | undefined): string {
  const found = [
    '1',
    '500',
    'abcdef01',
    '0123456789abcdef',
    'a'.repeat(64),
    'a'.repeat(128),
    'some longer text',
  ]
  const text =
    pattern === undefined ? 'some longer text' : found.find((one) => new RegExp(pattern).test(one))
  if (text === undefined) throw new Error(`no text for ${pattern}`)
  return text
}

const WRONG = [
  null,
  true,
  1.5,
  -1,
  1e300,
  '',
  ' ',
  'x',
  '-',
  '1e3',
  'a\0b',
  'some longer text\0',
  'some longer text\ud800',
  '\ud800',
  [],
  [1],
  {},
  { $gt: '' },
] as const

/** A body that the schema refuses in exactly one place, and which place that is. */
export function broken(chance: Chance, schema: Schema): { body: unknown; place: string } {
  for (;;) {
    const body = fitting(schema)
    const spoilt = spoil(chance, schema, body, 'body')
    if (spoilt && !fits(schema, spoilt.value)) return { body: spoilt.value, place: spoilt.place }
  }
}

function spoil(
  chance: Chance,
  schema: Schema,
  value: unknown,
  place: string,
): { value: unknown; place: string } | undefined {
  const properties = Object.entries(schema.properties ?? {})
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value)
  if (properties.length === 0 || !isRecord || chance.below(8) === 0) {
    return { value: chance.one(WRONG), place }
  }
  const record: Readonly<Record<string, unknown>> = { ...value }
  const [key, inner] = properties[chance.below(properties.length)] ?? ['', {}]
  switch (chance.below(4)) {
    case 0: {
      const { [key]: _, ...rest } = record
      return { value: rest, place: `${place}.${key}` }
    }
    case 1:
      return {
        value: { ...record, [chance.one(['note', '__proto_', 'id', 'constructor'])]: 1 },
        place,
      }
    default: {
      const spoilt = spoil(chance, inner, record[key], `${place}.${key}`)
      return spoilt && { value: { ...record, [key]: spoilt.value }, place: spoilt.place }
    }
  }
}

/** Whether the schema surely takes it: what it says in words alone is not looked at. */
function fits(schema: Schema, value: unknown): boolean {
  if (schema.anyOf) return schema.anyOf.some((one) => fits(one, value))
  if (schema.const !== undefined) return schema.const === value
  if (schema.enum) return schema.enum.includes(value)
  return [schema.type].flat().some((type) => fitsType(type, schema, value))
}

function fitsType(type: string | undefined, schema: Schema, value: unknown): boolean {
  switch (type) {
    case 'object': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
      const { properties = {}, required = [] } = schema
      return (
        required.every((key) => Object.hasOwn(value, key)) &&
        Object.entries(value).every(([key, part]) =>
          Object.hasOwn(properties, key)
            ? fits(properties[key] ?? {}, part)
            : schema.additionalProperties !== false,
        )
      )
    }
    case 'array':
      return (
        Array.isArray(value) &&
        value.length >= (schema.minItems ?? 0) &&
        value.every((part) => fits(schema.items ?? {}, part))
      )
    case 'integer':
      return Number.isInteger(value) && isWithin(schema, Number(value))
    case 'number':
      return typeof value === 'number' && isWithin(schema, value)
    case 'string':
      // White space at the ends and marks that the office takes away or refuses: not for sure wrong.
      return typeof value === 'string' && isLongEnough(schema, value)
    case 'boolean':
      return typeof value === 'boolean'
    case 'null':
      return value === null
    case undefined:
    default:
      return true
  }
}

function isWithin({ minimum = -Infinity, maximum = Infinity }: Schema, value: number): boolean {
  return value >= minimum && value <= maximum
}

function isLongEnough(
  { minLength = 0, maxLength = Infinity, pattern }: Schema,
  value: string,
): boolean {
  if (value.length < minLength || value.length > maxLength) return false
  // JSON carries them, no database keeps them, and the description has no word for it.
  if (value.includes('\0') || !value.isWellFormed()) return false
  return pattern === undefined || new RegExp(pattern).test(value)
}
