import { z } from 'zod'
import { decodeCbor } from './cbor.ts'
import { FormatError } from './errors.ts'

/**
 * Checks a decoded value against its schema.
 *
 * @throws {FormatError} naming the first field that does not fit.
 */
export function parseWith<T extends z.ZodType>(
  schema: T,
  value: unknown,
  name: string,
): z.output<T> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new FormatError(fieldPath(name, issue?.path ?? []), issue?.message ?? 'does not fit')
}

/** `batch.items[3].scheme` */
export function fieldPath(name: string, path: readonly PropertyKey[]): string {
  return path.reduce<string>((field, key) => field + stepTo(key), name)
}

/** Keys come from whoever sent the bytes: what is no plain name is quoted, and long ones are cut. */
function stepTo(key: PropertyKey): string {
  if (typeof key === 'number') return `[${key}]`
  const text = String(key)
  return /^\w{1,40}$/.test(text) ? `.${text}` : `[${JSON.stringify(text.slice(0, 40))}]`
}

/** Reads deterministic CBOR whose maps have text keys. @throws {FormatError} as {@link parseWith}. */
export function parseCbor<T extends z.ZodType>(
  schema: T,
  bytes: Uint8Array,
  name: string,
): z.output<T> {
  return parseWith(schema, fromMaps(decodeCbor(bytes, name), name, []), name)
}

/** @param path of `value`: one list for the whole walk, as its name is needed only if something is wrong. */
function fromMaps(value: unknown, name: string, path: PropertyKey[]): unknown {
  const within = (step: PropertyKey, item: unknown) => {
    path.push(step)
    const object = fromMaps(item, name, path)
    path.pop()
    return object
  }
  if (Array.isArray(value)) return value.map((item, index) => within(index, item))
  if (!(value instanceof Map)) return value
  const entries = [...value].map(([key, item]) => {
    if (typeof key !== 'string') {
      throw new FormatError(fieldPath(name, path), 'expected text as keys of a map')
    }
    return [key, within(key, item)] as const
  })
  return Object.fromEntries(entries)
}

/** Bytes of one size, or of any up to a limit. */
export const bytes = {
  of: (size: number) =>
    z.custom<Uint8Array<ArrayBuffer>>(
      (value) => value instanceof Uint8Array && value.length === size,
      `expected ${size} bytes`,
    ),
  upTo: (max: number) =>
    z.custom<Uint8Array<ArrayBuffer>>(
      (value) => value instanceof Uint8Array && value.length <= max,
      `expected at most ${max} bytes`,
    ),
}

/** Milliseconds since 1970. */
export const instant = z.int().nonnegative()

/** Two of them added or taken from each other still fit the 8 bytes of a database. */
const MINOR_UNITS_MAX = 2n ** 62n - 1n

/** Minor units; CBOR gives small ones as number, so both come in and a bigint comes out. */
export const minorUnits = z
  .union([z.int(), z.bigint()], 'expected an integer of minor units')
  .transform((value) => BigInt(value))
  .pipe(z.bigint().min(-MINOR_UNITS_MAX).max(MINOR_UNITS_MAX))
