import { concat, type Bytes } from './bytes.ts'
import { FormatError } from './errors.ts'

export const VALUE_BLOCK_SIZE = 16
export const VALUE_MIN = -(2 ** 31)
export const VALUE_MAX = 2 ** 31 - 1

/** What a MIFARE Classic value block holds (MF1S50yyX/V1, 8.6.2.1). */
export interface ValueBlock {
  /** Signed, 32 bits. */
  readonly value: number
  /** A free byte that value operations leave alone; by custom the number of the block. */
  readonly address: number
}

/**
 * `value ‖ ~value ‖ value`, 4 bytes each, least significant first, then `adr ‖ ~adr ‖ adr ‖ ~adr`.
 *
 * @throws {FormatError} if the value is not a signed 32-bit integer or the address not a byte.
 */
export function encodeValueBlock({ value, address }: ValueBlock): Bytes {
  if (!Number.isInteger(value) || value < VALUE_MIN || value > VALUE_MAX) {
    throw new FormatError('valueBlock.value', `expected a signed 32-bit integer, got ${value}`)
  }
  if (!Number.isInteger(address) || address < 0 || address > 0xff) {
    throw new FormatError('valueBlock.address', `expected a byte, got ${address}`)
  }
  const block = new Uint8Array(VALUE_BLOCK_SIZE)
  const view = new DataView(block.buffer)
  view.setInt32(0, value, true)
  view.setInt32(4, ~value, true)
  view.setInt32(8, value, true)
  return concat(block.subarray(0, 12), Uint8Array.of(address, ~address, address, ~address))
}

/** Undefined if `block` is not a value block: its three values or four addresses disagree. */
export function decodeValueBlock(block: Uint8Array): ValueBlock | undefined {
  if (block.length !== VALUE_BLOCK_SIZE) return undefined
  const view = new DataView(block.buffer, block.byteOffset, block.length)
  const value = view.getInt32(0, true)
  const address = view.getUint8(12)
  const wellFormed =
    view.getInt32(4, true) === ~value &&
    view.getInt32(8, true) === value &&
    view.getUint8(13) === (~address & 0xff) &&
    view.getUint8(14) === address &&
    view.getUint8(15) === (~address & 0xff)
  return wellFormed ? { value, address } : undefined
}
