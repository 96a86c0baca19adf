import { invariant } from '../../kernel/errors.ts'

/** What may be asked of a file. The first three of a directory, the next five of an elementary file. */
export const OPERATIONS = [
  'list',
  'delete',
  'create',
  'read',
  'update',
  'append',
  'increase',
  'decrease',
  'rehabilitate',
  'invalidate',
] as const
export type Operation = (typeof OPERATIONS)[number]

/** Who may do something. A directory asks for what its own PIN and key files hold, or those above it. */
export type AccessRule = 'always' | 'never' | Proofs

/** Everything named has to be shown. */
export interface Proofs {
  readonly pin?: PinNumber
  readonly key?: KeyProof
}

export type PinNumber = 1 | 2

export interface KeyProof {
  /** 0 to 15. */
  readonly number: number
  /** By an authentication before the command, or by a cryptogram in the command itself. */
  readonly by: 'session' | 'command'
}

export type AccessRules = Readonly<Partial<Record<Operation, AccessRule>>>

/**
 * The codes of EN 726 in the high nibble, the key number in the low one. What has no code is never
 * allowed, so that a memory that says something else opens nothing.
 */
const CODES: readonly (readonly [
  code: number,
  pin: PinNumber | undefined,
  by: KeyProof['by'] | undefined,
])[] = [
  [0x1, 1, undefined],
  [0x2, 2, undefined],
  [0x3, undefined, 'command'],
  [0x4, undefined, 'session'],
  [0x6, 1, 'command'],
  [0x7, 2, 'command'],
  [0x8, 1, 'session'],
  [0x9, 2, 'session'],
]
const ALWAYS = 0x0
const NEVER = 0xf

/** Number of the key whose cryptogram a command must carry, if the rule asks for one. */
export function cryptogramKey(rule: AccessRule): number | undefined {
  if (rule === 'always' || rule === 'never' || rule.key?.by !== 'command') return undefined
  return rule.key.number
}

/** The rule of two nibbles; a code that has no meaning is `never`. */
export function accessRule(code: number, keyNumber: number): AccessRule {
  if (code === ALWAYS) return 'always'
  const row = CODES.find(([known]) => known === code)
  if (!row) return 'never'
  const [, pin, by] = row
  return {
    ...(pin === undefined ? {} : { pin }),
    ...(by === undefined ? {} : { key: { number: keyNumber & 0x0f, by } }),
  }
}

/** One byte: code, key number. */
export function encodeRule(rule: AccessRule): number {
  if (rule === 'always') return ALWAYS << 4
  if (rule === 'never') return (NEVER << 4) | 0x0f
  const { pin, key } = rule
  const row = CODES.find(([, ofPin, by]) => ofPin === pin && by === key?.by)
  invariant(row, 'a rule asks for a PIN or a key')
  const number = key?.number ?? 0
  invariant(number >= 0 && number <= 0x0f, 'a key number is a nibble')
  return (row[0] << 4) | number
}

/** What each byte says: a card reads the rules of all its files for every command. */
const RULES = Array.from({ length: 256 }, (_, byte) => accessRule(byte >> 4, byte & 0x0f))

export function decodeRule(byte: number): AccessRule {
  return RULES[byte] ?? 'never'
}
