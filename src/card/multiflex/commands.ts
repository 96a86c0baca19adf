import type { Operation } from '../files/access.ts'
import type { FileKind } from '../files/file.ts'
import { LINEAR_KINDS, RECORD_KINDS } from '../files/records.ts'
import type { ModelName } from './models.ts'

/** What P1 and P2 may be; the words are those of `docs/protocol/multiflex.md`. */
export const PARAMETERS = {
  none: { p1: '00', p2: '00', allows: (p1, p2) => p1 === 0 && p2 === 0 },
  logout: { p1: '07', p2: '00', allows: (p1, p2) => p1 === 7 && p2 === 0 },
  pin: { p1: '00', p2: '01', allows: (p1, p2) => p1 === 0 && p2 === 1 },
  key: { p1: '00', p2: 'key number 00–0F', allows: (p1, p2) => p1 === 0 && p2 <= 0x0f },
  offset: { p1: 'offset, high', p2: 'offset, low', allows: () => true },
  create: {
    p1: '00 or FF',
    p2: 'number of records',
    allows: (p1) => p1 === 0x00 || p1 === 0xff,
  },
  record: {
    p1: 'index, 00 unless the mode is 04',
    p2: 'mode 00–04',
    allows: (p1, p2) => p2 <= 0x04 && (p1 === 0 || p2 === 0x04),
  },
  seek: { p1: 'offset in the record', p2: '00 or 02', allows: (_, p2) => p2 === 0 || p2 === 2 },
} as const satisfies Readonly<
  Record<string, { p1: string; p2: string; allows(p1: number, p2: number): boolean }>
>

/**
 * What P3 counts: bytes that come (`any` is 1 to 255, `header` 16 or 17, `key` as many as the key
 * has), or bytes that go (`any` is 1 to 256, `list` is 00 or 04).
 */
export type DataLength = number | 'any' | 'header' | 'key'
export type P3 = { readonly data: DataLength } | { readonly le: number | 'any' | 'list' }

export interface CommandRow {
  readonly cla: 0xc0 | 0xf0
  readonly ins: number
  readonly parameters: keyof typeof PARAMETERS
  readonly p3: P3
  /** What it works on: the card, the current directory, the selected file of any kind, or of some. */
  readonly on: 'card' | 'directory' | 'selected' | 'purse' | readonly FileKind[]
  /** Whose access rule has to be fulfilled. */
  readonly operation?: Operation
  /** Whether there is a form with a cryptogram. Without one, a rule that asks for it refuses for ever. */
  readonly protectable?: true
  readonly models: readonly ModelName[]
}

const BOTH: readonly ModelName[] = ['3K', '8K']
const ONLY_8K: readonly ModelName[] = ['8K']
const TRANSPARENT: readonly FileKind[] = ['transparent']

/** Table 5.13 of the document in its order, then what only the 8K has, then what OpenSC sends besides. */
export const COMMANDS = {
  'Change PIN': {
    cla: 0xf0,
    ins: 0x24,
    parameters: 'pin',
    p3: { data: 16 },
    on: 'card',
    models: BOTH,
  },
  'Create File': {
    cla: 0xf0,
    ins: 0xe0,
    parameters: 'create',
    p3: { data: 'header' },
    on: 'directory',
    operation: 'create',
    protectable: true,
    models: BOTH,
  },
  'Create Record': {
    cla: 0xc0,
    ins: 0xe2,
    parameters: 'none',
    p3: { data: 'any' },
    on: LINEAR_KINDS,
    operation: 'append',
    protectable: true,
    models: BOTH,
  },
  Decrease: {
    cla: 0xf0,
    ins: 0x30,
    parameters: 'none',
    p3: { data: 3 },
    on: 'purse',
    operation: 'decrease',
    protectable: true,
    models: BOTH,
  },
  'Delete File': {
    cla: 0xf0,
    ins: 0xe4,
    parameters: 'none',
    p3: { data: 2 },
    on: 'directory',
    operation: 'delete',
    protectable: true,
    models: BOTH,
  },
  'External Authentication': {
    cla: 0xc0,
    ins: 0x82,
    parameters: 'none',
    p3: { data: 7 },
    on: 'card',
    models: BOTH,
  },
  'Get Challenge': {
    cla: 0xc0,
    ins: 0x84,
    parameters: 'none',
    p3: { le: 8 },
    on: 'card',
    models: BOTH,
  },
  'Get Response': {
    cla: 0xc0,
    ins: 0xc0,
    parameters: 'none',
    p3: { le: 'any' },
    on: 'card',
    models: BOTH,
  },
  Increase: {
    cla: 0xf0,
    ins: 0x32,
    parameters: 'none',
    p3: { data: 3 },
    on: 'purse',
    operation: 'increase',
    protectable: true,
    models: BOTH,
  },
  'Internal Authentication': {
    cla: 0xc0,
    ins: 0x88,
    parameters: 'key',
    p3: { data: 8 },
    on: 'card',
    models: BOTH,
  },
  Invalidate: {
    cla: 0xf0,
    ins: 0x04,
    parameters: 'none',
    p3: { data: 0 },
    on: 'selected',
    operation: 'invalidate',
    protectable: true,
    models: BOTH,
  },
  'Read Binary': {
    cla: 0xc0,
    ins: 0xb0,
    parameters: 'offset',
    p3: { le: 'any' },
    on: TRANSPARENT,
    operation: 'read',
    models: BOTH,
  },
  'Read Record': {
    cla: 0xc0,
    ins: 0xb2,
    parameters: 'record',
    p3: { le: 'any' },
    on: RECORD_KINDS,
    operation: 'read',
    models: BOTH,
  },
  Rehabilitate: {
    cla: 0xf0,
    ins: 0x44,
    parameters: 'none',
    p3: { data: 0 },
    on: 'selected',
    operation: 'rehabilitate',
    protectable: true,
    models: BOTH,
  },
  Seek: {
    cla: 0xf0,
    ins: 0xa2,
    parameters: 'seek',
    p3: { data: 'any' },
    on: LINEAR_KINDS,
    operation: 'read',
    models: BOTH,
  },
  Select: { cla: 0xc0, ins: 0xa4, parameters: 'none', p3: { data: 2 }, on: 'card', models: BOTH },
  'Unblock PIN': {
    cla: 0xf0,
    ins: 0x2c,
    parameters: 'pin',
    p3: { data: 16 },
    on: 'card',
    models: BOTH,
  },
  'Update Binary': {
    cla: 0xc0,
    ins: 0xd6,
    parameters: 'offset',
    p3: { data: 'any' },
    on: TRANSPARENT,
    operation: 'update',
    protectable: true,
    models: BOTH,
  },
  'Update Record': {
    cla: 0xc0,
    ins: 0xdc,
    parameters: 'record',
    p3: { data: 'any' },
    on: RECORD_KINDS,
    operation: 'update',
    protectable: true,
    models: BOTH,
  },
  'Verify PIN': {
    cla: 0xc0,
    ins: 0x20,
    parameters: 'pin',
    p3: { data: 8 },
    on: 'card',
    models: BOTH,
  },
  'Verify Key': {
    cla: 0xf0,
    ins: 0x2a,
    parameters: 'key',
    p3: { data: 'key' },
    on: 'card',
    models: BOTH,
  },
  'Decrease Stamped': {
    cla: 0xf0,
    ins: 0x34,
    parameters: 'none',
    p3: { data: 3 },
    on: 'purse',
    operation: 'decrease',
    protectable: true,
    models: ONLY_8K,
  },
  'Increase Stamped': {
    cla: 0xf0,
    ins: 0x36,
    parameters: 'none',
    p3: { data: 3 },
    on: 'purse',
    operation: 'increase',
    protectable: true,
    models: ONLY_8K,
  },
  'Give Challenge': {
    cla: 0xf0,
    ins: 0x86,
    parameters: 'none',
    p3: { data: 8 },
    on: 'card',
    models: ONLY_8K,
  },
  Directory: {
    cla: 0xf0,
    ins: 0xa8,
    parameters: 'none',
    p3: { le: 'list' },
    on: 'directory',
    operation: 'list',
    models: ONLY_8K,
  },
  Logout: { cla: 0xf0, ins: 0x22, parameters: 'logout', p3: { data: 0 }, on: 'card', models: BOTH },
} as const satisfies Readonly<Record<string, CommandRow>>

export type CommandName = keyof typeof COMMANDS
