import { FormatError, invariant } from '../../kernel/errors.ts'
import type { Bytes } from '../../kernel/bytes.ts'
import type { AccessRule, AccessRules, Operation } from '../files/access.ts'
import type { FileKind } from '../files/file.ts'

/** Bits of an access mode byte, from the highest (ISO/IEC 7816-4, 5.4.3.1). */
const MODES = {
  directory: [
    [0x10, 'rehabilitate'],
    [0x08, 'invalidate'],
    // Creating a directory and creating an elementary file are one thing here.
    [0x04, 'create'],
    [0x02, 'create'],
    [0x01, 'delete'],
  ],
  elementary: [
    [0x10, 'rehabilitate'],
    [0x08, 'invalidate'],
    [0x04, 'append'],
    [0x02, 'update'],
    [0x01, 'read'],
  ],
} as const satisfies Record<string, readonly (readonly [bit: number, operation: Operation])[]>

/** Security condition bytes (5.4.3.1): at least one condition, user authentication, by PIN 1 or 2. */
const CONDITIONS: readonly (readonly [byte: number, rule: AccessRule])[] = [
  [0x00, 'always'],
  [0x11, { pin: 1 }],
  [0x12, { pin: 2 }],
  [0xff, 'never'],
]

/** Without security attributes a file asks for nothing. */
export function openRules(kind: FileKind): AccessRules {
  return Object.fromEntries(modesOf(kind).map(([, operation]) => [operation, 'always']))
}

/** Security attribute in compact format: access mode byte, then a condition for each of its bits. */
export function encodeSecurity(kind: FileKind, rules: AccessRules): Bytes {
  const modes = modesOf(kind)
  const mode = modes.reduce((bits, [bit]) => bits | bit, 0)
  return Uint8Array.of(mode, ...modes.map(([, operation]) => conditionOf(rules[operation])))
}

/**
 * What is not named is never allowed.
 *
 * @throws {FormatError} if it has another format, or asks for what this card does not tell apart or
 *   does not check.
 */
export function decodeSecurity(kind: FileKind, bytes: Bytes, field: string): AccessRules {
  const [mode = 0, ...conditions] = bytes
  const modes = modesOf(kind).filter(([bit]) => (mode & bit) !== 0)
  const known = modes.reduce((bits, [bit]) => bits | bit, 0)
  if (mode !== known) throw new FormatError(field, 'has access modes that are not supported')
  if (conditions.length !== modes.length) {
    throw new FormatError(field, `expected ${modes.length} conditions, got ${conditions.length}`)
  }
  const rules: Partial<Record<Operation, AccessRule>> = {}
  for (const [index, [, operation]] of modes.entries()) {
    const rule = ruleOf(conditions[index], field)
    if (rules[operation] !== undefined && rules[operation] !== rule) {
      throw new FormatError(field, 'tells directories and files apart where they are created')
    }
    rules[operation] = rule
  }
  return rules
}

function modesOf(kind: FileKind): readonly (readonly [bit: number, operation: Operation])[] {
  return MODES[kind === 'directory' ? 'directory' : 'elementary']
}

function ruleOf(byte: number | undefined, field: string): AccessRule {
  const found = CONDITIONS.find(([condition]) => condition === byte)
  if (!found) throw new FormatError(field, 'has a condition that is not supported')
  return found[1]
}

function conditionOf(rule: AccessRule = 'never'): number {
  const found = CONDITIONS.find(([, known]) => isSame(known, rule))
  invariant(found, 'a file of this personality asks for one PIN at most')
  return found[0]
}

function isSame(a: AccessRule, b: AccessRule): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b
  return a.pin === b.pin && a.key === b.key
}
