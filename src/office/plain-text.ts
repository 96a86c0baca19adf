import { fieldPath } from '../kernel/schema.ts'

/**
 * Where a request has text that no database keeps: NUL, or half a surrogate pair. Undefined if nowhere.
 * JSON allows both, and PostgreSQL neither.
 */
export function findUnkeepable(value: unknown, name: string): string | undefined {
  const path = pathToUnkeepable(value)
  return path && fieldPath(name, path)
}

function pathToUnkeepable(value: unknown): readonly PropertyKey[] | undefined {
  if (typeof value === 'string') {
    return value.includes('\0') || !value.isWellFormed() ? [] : undefined
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return undefined
  const parts: Iterable<readonly [PropertyKey, unknown]> = Array.isArray(value)
    ? value.entries()
    : Object.entries(value)
  for (const [key, part] of parts) {
    const path = pathToUnkeepable(part)
    if (path) return [key, ...path]
  }
  return undefined
}
