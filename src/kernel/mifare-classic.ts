import { concat, type Bytes } from './bytes.ts'
import { FormatError } from './errors.ts'

/** Geometry of a MIFARE Classic 1K (MF1S50yyX/V1, 8.6): 16 sectors of 4 blocks of 16 bytes. */
export const BLOCK_SIZE = 16
export const BLOCKS_PER_SECTOR = 4
export const BLOCK_COUNT = 64
export const SECTOR_COUNT = BLOCK_COUNT / BLOCKS_PER_SECTOR
export const CARD_SIZE = BLOCK_COUNT * BLOCK_SIZE
/** The block that the chip's maker writes: UID, BCC, SAK, ATQA. */
export const MANUFACTURER_BLOCK = 0
export const UID_SIZE = 4
export const KEY_SIZE = 6
export const ACCESS_BITS_SIZE = 3
/** Where a sector trailer has what (8.6.3): key A ‖ access bits ‖ user byte ‖ key B. */
export const TRAILER = { KEY_A: 0, ACCESS_BITS: 6, USER_BYTE: 9, KEY_B: 10 } as const

export type KeyType = 'A' | 'B'

/** C1 C2 C3 in the order of the datasheet's tables 7 and 8. */
export const ACCESS_CONDITIONS = ['000', '001', '010', '011', '100', '101', '110', '111'] as const
export type AccessCondition = (typeof ACCESS_CONDITIONS)[number]

/** Who may do what in one sector. */
export interface SectorAccess {
  /** Of the blocks 0, 1 and 2. */
  readonly blocks: readonly [AccessCondition, AccessCondition, AccessCondition]
  readonly trailer: AccessCondition
}

/** As a card leaves the factory: `FF 07 80` (8.6.3). */
export const DELIVERY_ACCESS: SectorAccess = { blocks: ['000', '000', '000'], trailer: '001' }

export function sectorOf(block: number): number {
  return Math.floor(block / BLOCKS_PER_SECTOR)
}

export function isTrailer(block: number): boolean {
  return block % BLOCKS_PER_SECTOR === BLOCKS_PER_SECTOR - 1
}

/** The block with the keys and access bits of `block`'s sector. */
export function trailerOf(block: number): number {
  return sectorOf(block) * BLOCKS_PER_SECTOR + BLOCKS_PER_SECTOR - 1
}

/** Three bytes: `~C2 ~C1`, `C1 ~C3`, `C3 C2`, a nibble each, block 3 at the left (8.7.1, figure 10). */
export function encodeAccessBits({ blocks, trailer }: SectorAccess): Bytes {
  const conditions = [...blocks, trailer]
  const nibble = (bit: number) =>
    conditions.reduce((bits, condition, block) => bits | (Number(condition[bit]) << block), 0)
  const [c1, c2, c3] = [nibble(0), nibble(1), nibble(2)]
  return Uint8Array.of(((~c2 & 15) << 4) | (~c1 & 15), (c1 << 4) | (~c3 & 15), (c3 << 4) | c2)
}

/** Undefined if a bit and its complement disagree: the card then blocks the sector for good (8.7.1). */
export function decodeAccessBits(bytes: Uint8Array): SectorAccess | undefined {
  const [b6, b7, b8] = bytes
  if (b6 === undefined || b7 === undefined || b8 === undefined) return undefined
  const [c1, c2, c3] = [b7 >> 4, b8 & 15, b8 >> 4]
  if ((b6 & 15) !== (~c1 & 15) || b6 >> 4 !== (~c2 & 15) || (b7 & 15) !== (~c3 & 15)) {
    return undefined
  }
  const condition = (block: number) =>
    `${(c1 >> block) & 1}${(c2 >> block) & 1}${(c3 >> block) & 1}` as AccessCondition
  return { blocks: [condition(0), condition(1), condition(2)], trailer: condition(3) }
}

/**
 * A sector trailer, 16 bytes.
 *
 * @throws {FormatError} if a key is not {@link KEY_SIZE} bytes.
 */
export function encodeTrailer(
  keyA: Bytes,
  access: SectorAccess,
  keyB: Bytes,
  userByte = 0x69,
): Bytes {
  checkKey(keyA, 'trailer.keyA')
  checkKey(keyB, 'trailer.keyB')
  return concat(keyA, encodeAccessBits(access), Uint8Array.of(userByte), keyB)
}

/** @throws {FormatError} if `key` is not {@link KEY_SIZE} bytes. */
export function checkKey(key: Uint8Array, field: string): void {
  if (key.length !== KEY_SIZE) {
    throw new FormatError(field, `expected ${KEY_SIZE} bytes, got ${key.length}`)
  }
}
