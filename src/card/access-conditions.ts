import type { AccessCondition, KeyType } from '../kernel/mifare-classic.ts'

/** What can be asked of a data block. Transfer and restore go with decrement (table 8). */
export const DATA_OPERATIONS = ['read', 'write', 'increment', 'decrement'] as const
export type DataOperation = (typeof DATA_OPERATIONS)[number]

/** What can be asked of a sector trailer. The user byte goes with the access bits (8.6.3). */
export const TRAILER_OPERATIONS = [
  'writeKeyA',
  'readAccessBits',
  'writeAccessBits',
  'readKeyB',
  'writeKeyB',
] as const
export type TrailerOperation = (typeof TRAILER_OPERATIONS)[number]

type Allowed = '' | KeyType | 'AB'
type Row<Operation extends string> = Readonly<Record<Operation, Allowed>>

const data = (read: Allowed, write: Allowed, increment: Allowed, decrement: Allowed) => ({
  read,
  write,
  increment,
  decrement,
})

/** MF1S50yyX/V1 rev 3.2, table 8: the keys with which an operation on a data block is allowed. */
const DATA_BLOCK: Readonly<Record<AccessCondition, Row<DataOperation>>> = {
  '000': data('AB', 'AB', 'AB', 'AB'),
  '010': data('AB', '', '', ''),
  '100': data('AB', 'B', '', ''),
  '110': data('AB', 'B', 'B', 'AB'),
  '001': data('AB', '', '', 'AB'),
  '011': data('B', 'B', '', ''),
  '101': data('B', '', '', ''),
  '111': data('', '', '', ''),
}

const trailer = (
  writeKeyA: Allowed,
  readAccessBits: Allowed,
  writeAccessBits: Allowed,
  readKeyB: Allowed,
  writeKeyB: Allowed,
) => ({ writeKeyA, readAccessBits, writeAccessBits, readKeyB, writeKeyB })

/** Table 7: the same for the trailer. Key A is never read. */
const SECTOR_TRAILER: Readonly<Record<AccessCondition, Row<TrailerOperation>>> = {
  '000': trailer('A', 'A', '', 'A', 'A'),
  '010': trailer('', 'A', '', 'A', ''),
  '100': trailer('B', 'AB', '', '', 'B'),
  '110': trailer('', 'AB', '', '', ''),
  '001': trailer('A', 'A', 'A', 'A', 'A'),
  '011': trailer('B', 'AB', 'B', '', 'B'),
  '101': trailer('', 'AB', 'B', '', ''),
  '111': trailer('', 'AB', '', '', ''),
}

export function mayUseData(
  condition: AccessCondition,
  key: KeyType,
  operation: DataOperation,
): boolean {
  return DATA_BLOCK[condition][operation].includes(key)
}

export function mayUseTrailer(
  condition: AccessCondition,
  key: KeyType,
  operation: TrailerOperation,
): boolean {
  return SECTOR_TRAILER[condition][operation].includes(key)
}

/** Key B that can be read is data and opens nothing (table 7, remark). */
export function keyBIsReadable(condition: AccessCondition): boolean {
  return SECTOR_TRAILER[condition].readKeyB !== ''
}
