import { fromHex, toHex, type Bytes } from '../../src/kernel/bytes.ts'
import {
  BLOCK_SIZE,
  encodeTrailer,
  trailerOf,
  type SectorAccess,
} from '../../src/kernel/mifare-classic.ts'
import type { ReaderProfile } from '../../src/kernel/storage-apdu.ts'
import { encodeValueBlock } from '../../src/kernel/value-block.ts'
import { Field } from '../../src/card/field.ts'
import { classicNvm, deliveredImage, MifareClassic } from '../../src/card/mifare-classic.ts'
import type { Nvm } from '../../src/card/nvm.ts'
import { StorageReader } from '../../src/card/storage-reader.ts'

export const UID = fromHex('04a1b2c3')
export const KEY_A = fromHex('a0a1a2a3a4a5')
export const KEY_B = fromHex('b0b1b2b3b4b5')
export const FACTORY_KEY = fromHex('ffffffffffff')

/** A card with {@link KEY_A} and {@link KEY_B} and this access in sector 1, else as delivered. */
export function cardWith(access: SectorAccess, blocks: Record<number, Uint8Array> = {}) {
  const nvm = classicNvm(deliveredImage(UID))
  nvm.write(trailerOf(4) * BLOCK_SIZE, encodeTrailer(KEY_A, access, KEY_B))
  for (const [block, bytes] of Object.entries(blocks)) nvm.write(Number(block) * BLOCK_SIZE, bytes)
  const card = new MifareClassic(nvm)
  card.powerOn()
  return card
}

export function openWith(card: MifareClassic, key: 'A' | 'B', block = 4): boolean {
  return card.authenticate(block, key, key === 'A' ? KEY_A : KEY_B)
}

export function value(amount: number, address = 4): Bytes {
  return encodeValueBlock({ value: amount, address })
}

export function blockOf(nvm: Nvm, block: number): Bytes {
  return nvm.snapshot().slice(block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE)
}

export function inField(card: MifareClassic, profile?: ReaderProfile) {
  const field = new Field(new StorageReader(card, profile))
  field.powerOn()
  return field
}

/** Sends hexadecimal, answers hexadecimal. */
export function transmit(field: Field, apdu: string): string {
  return toHex(field.transmit(fromHex(apdu.replaceAll(' ', ''))))
}
