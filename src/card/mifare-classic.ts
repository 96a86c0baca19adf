import { concat, secretsEqual, type Bytes } from '../kernel/bytes.ts'
import { FormatError, invariant } from '../kernel/errors.ts'
import {
  ACCESS_BITS_SIZE,
  BLOCK_COUNT,
  BLOCK_SIZE,
  CARD_SIZE,
  decodeAccessBits,
  DELIVERY_ACCESS,
  encodeTrailer,
  isTrailer,
  KEY_SIZE,
  MANUFACTURER_BLOCK,
  sectorOf,
  SECTOR_COUNT,
  TRAILER,
  trailerOf,
  UID_SIZE,
  BLOCKS_PER_SECTOR,
  type KeyType,
  type SectorAccess,
} from '../kernel/mifare-classic.ts'
import {
  decodeValueBlock,
  encodeValueBlock,
  VALUE_MAX,
  VALUE_MIN,
  type ValueBlock,
} from '../kernel/value-block.ts'
import {
  keyBIsReadable,
  mayUseData,
  mayUseTrailer,
  type DataOperation,
  type TrailerOperation,
} from './access-conditions.ts'
import { Nvm } from './nvm.ts'

/**
 * Typical times of the card at 106 kbit/s, milliseconds, frames both ways included: of the 5.5 ms of
 * a write, 2.1 are its four frames (368, 59, 1558 and 59 µs; MF1S50yyX/V1, 12.3).
 */
export const CARD_TIMES_MS = {
  select: 2.5,
  authenticate: 2,
  read: 2.5,
  write: 5.5,
  valueOperation: 2.5,
  transfer: 4.5,
} as const

export const SAK = 0x08
/** As on the air, least significant byte first. */
const ATQA = Uint8Array.of(0x04, 0x00)
const DELIVERY_KEY = new Uint8Array(KEY_SIZE).fill(0xff)

export interface MifareClassicOptions {
  /** `writable` for a clone card, whose UID anyone can set. Such cards are sold everywhere. */
  readonly manufacturerBlock: 'read-only' | 'writable'
}

interface Session {
  readonly sector: number
  readonly key: KeyType
}

/**
 * A MIFARE Classic 1K (NXP MF1S50yyX/V1), command by command, as a reader's radio sees it.
 * An answer of `undefined` or `false` is a NAK: nothing has changed and the card has to be selected
 * and authenticated again. Crypto-1 is left out; it is broken and proves nothing.
 *
 * Two things follow for whoever trusts a block that can only be decremented (condition 001):
 * a block of the card that can be written freely can be restored and transferred into it, from any
 * sector whose key is known, because the transfer buffer outlives an authentication.
 */
export class MifareClassic {
  readonly nvm: Nvm
  readonly #options: MifareClassicOptions
  #session: Session | undefined
  #transferBuffer: ValueBlock | undefined
  #modelledMs = 0

  constructor(nvm: Nvm, options: MifareClassicOptions = { manufacturerBlock: 'read-only' }) {
    invariant(nvm.size === CARD_SIZE && nvm.pageSize === BLOCK_SIZE, 'a 1K card has 64 blocks')
    this.nvm = nvm
    this.#options = options
  }

  /** How long the card was busy so far, milliseconds: {@link CARD_TIMES_MS}. */
  get modelledMs(): number {
    return this.#modelledMs
  }

  get uid(): Bytes {
    return this.nvm.read(0, UID_SIZE)
  }

  /** The card enters the field and is selected. */
  powerOn(): void {
    this.nvm.powerOn()
    this.#forget()
    this.#modelledMs += CARD_TIMES_MS.select
  }

  powerOff(): void {
    this.#forget()
  }

  /** Opens the sector of `block` for one key and closes every other (8.4). */
  authenticate(block: number, key: KeyType, secret: Uint8Array): boolean {
    this.#modelledMs += CARD_TIMES_MS.authenticate
    if (!inCard(block) || !this.#accessOf(block)) return this.#nak()
    const offset = key === 'A' ? TRAILER.KEY_A : TRAILER.KEY_B
    const stored = this.nvm.read(trailerOf(block) * BLOCK_SIZE + offset, KEY_SIZE)
    if (!secretsEqual(stored, secret)) return this.#nak()
    this.#session = { sector: sectorOf(block), key }
    return true
  }

  /** 16 bytes; of a trailer without what the key may not see, which reads as 00 (8.6.3). */
  read(block: number): Bytes | undefined {
    this.#modelledMs += CARD_TIMES_MS.read
    if (isTrailer(block)) return this.#readTrailer(block)
    if (!this.#mayUse(block, 'read')) return this.#refuse()
    return this.#block(block)
  }

  write(block: number, bytes: Uint8Array): boolean {
    this.#modelledMs += CARD_TIMES_MS.write
    if (bytes.length !== BLOCK_SIZE) return this.#nak()
    if (isTrailer(block)) return this.#writeTrailer(block, bytes)
    if (!this.#mayUse(block, 'write') || this.#isSealed(block)) return this.#nak()
    this.nvm.write(block * BLOCK_SIZE, bytes)
    return true
  }

  /** Block plus operand into the transfer buffer. Operand: 4 bytes as an unsigned number. */
  increment(block: number, operand: number): boolean {
    return this.#toTransferBuffer(block, 'increment', magnitude(operand))
  }

  /** Block minus operand into the transfer buffer. */
  decrement(block: number, operand: number): boolean {
    return this.#toTransferBuffer(block, 'decrement', -magnitude(operand))
  }

  /** The block as it is into the transfer buffer. Allowed where decrement is. */
  restore(block: number): boolean {
    return this.#toTransferBuffer(block, 'decrement', 0)
  }

  /** Writes the transfer buffer, with the address byte that it came with. */
  transfer(block: number): boolean {
    this.#modelledMs += CARD_TIMES_MS.transfer
    const value = this.#transferBuffer
    if (!value || isTrailer(block) || !this.#mayUse(block, 'decrement') || this.#isSealed(block)) {
      return this.#nak()
    }
    this.nvm.write(block * BLOCK_SIZE, encodeValueBlock(value))
    return true
  }

  #toTransferBuffer(block: number, operation: DataOperation, change: number): boolean {
    this.#modelledMs += CARD_TIMES_MS.valueOperation
    if (isTrailer(block) || !this.#mayUse(block, operation)) return this.#nak()
    const source = decodeValueBlock(this.#block(block))
    if (!source) return this.#nak()
    const value = source.value + change
    if (value < VALUE_MIN || value > VALUE_MAX) return this.#nak()
    this.#transferBuffer = { ...source, value }
    return true
  }

  #readTrailer(block: number): Bytes | undefined {
    if (!this.#mayUseTrailer(block, 'readAccessBits')) return this.#refuse()
    const bytes = this.#block(block)
    bytes.fill(0, TRAILER.KEY_A, TRAILER.KEY_A + KEY_SIZE)
    if (!this.#mayUseTrailer(block, 'readKeyB')) bytes.fill(0, TRAILER.KEY_B)
    return bytes
  }

  /** Writes the parts that the key may write and keeps the rest; NAK if there is none (table 7). */
  #writeTrailer(block: number, bytes: Uint8Array): boolean {
    const parts = [
      ['writeKeyA', TRAILER.KEY_A, TRAILER.ACCESS_BITS],
      ['writeAccessBits', TRAILER.ACCESS_BITS, TRAILER.KEY_B],
      ['writeKeyB', TRAILER.KEY_B, BLOCK_SIZE],
    ] as const
    const allowed = parts.filter(([operation]) => this.#mayUseTrailer(block, operation))
    if (allowed.length === 0) return this.#nak()
    const trailer = this.#block(block)
    for (const [, start, end] of allowed) trailer.set(bytes.subarray(start, end), start)
    this.nvm.write(block * BLOCK_SIZE, trailer)
    return true
  }

  #mayUse(block: number, operation: DataOperation): boolean {
    const open = this.#open(block)
    const condition = open?.access.blocks[block % BLOCKS_PER_SECTOR]
    return open !== undefined && condition !== undefined
      ? mayUseData(condition, open.key, operation)
      : false
  }

  #mayUseTrailer(block: number, operation: TrailerOperation): boolean {
    const open = this.#open(block)
    return open !== undefined && mayUseTrailer(open.access.trailer, open.key, operation)
  }

  /** By which key the sector of `block` is open, and its access conditions. They are read anew each time. */
  #open(block: number): { readonly key: KeyType; readonly access: SectorAccess } | undefined {
    if (!inCard(block) || this.#session?.sector !== sectorOf(block)) return undefined
    const { key } = this.#session
    const access = this.#accessOf(block)
    if (!access || (key === 'B' && keyBIsReadable(access.trailer))) return undefined
    return { key, access }
  }

  #accessOf(block: number): SectorAccess | undefined {
    const offset = trailerOf(block) * BLOCK_SIZE + TRAILER.ACCESS_BITS
    return decodeAccessBits(this.nvm.read(offset, ACCESS_BITS_SIZE))
  }

  #isSealed(block: number): boolean {
    return block === MANUFACTURER_BLOCK && this.#options.manufacturerBlock === 'read-only'
  }

  #block(block: number): Bytes {
    return this.nvm.read(block * BLOCK_SIZE, BLOCK_SIZE)
  }

  /** After a NAK the card is idle (9.1, figure 4): its authentication is gone. */
  #nak(): false {
    this.#forget()
    return false
  }

  #refuse(): undefined {
    this.#forget()
  }

  #forget(): void {
    this.#session = undefined
    this.#transferBuffer = undefined
  }
}

/**
 * The operand's sign bit is ignored and a result out of range refused: NXP to the authors of
 * Android's MifareClassic class (platform/frameworks/base b134223f), not in the datasheet. So a
 * decrement never raises a value.
 */
function magnitude(operand: number): number {
  return operand & 0x7fffffff
}

function inCard(block: number): boolean {
  return Number.isInteger(block) && block >= 0 && block < BLOCK_COUNT
}

/**
 * The memory of a card as delivered (8.6.1, 8.6.3): keys FF, access bits FF 07 80, data blocks 00.
 *
 * @throws {FormatError} if `uid` is not {@link UID_SIZE} bytes.
 */
export function deliveredImage(uid: Uint8Array): Bytes {
  if (uid.length !== UID_SIZE) {
    throw new FormatError('uid', `expected ${UID_SIZE} bytes, got ${uid.length}`)
  }
  const image = new Uint8Array(CARD_SIZE)
  image.set(concat(uid, Uint8Array.of(blockCheckCharacter(uid), SAK), ATQA))
  const trailer = encodeTrailer(DELIVERY_KEY, DELIVERY_ACCESS, DELIVERY_KEY)
  for (let sector = 0; sector < SECTOR_COUNT; sector++) {
    image.set(trailer, trailerOf(sector * BLOCKS_PER_SECTOR) * BLOCK_SIZE)
  }
  return image
}

/** A memory of the right shape for a {@link MifareClassic} with this image. */
export function classicNvm(image: Uint8Array): Nvm {
  return new Nvm({ size: CARD_SIZE, pageSize: BLOCK_SIZE, image })
}

/** Exclusive or of the UID's bytes (ISO/IEC 14443-3, 6.5.3). */
export function blockCheckCharacter(uid: Uint8Array): number {
  return uid.reduce((check, byte) => check ^ byte, 0)
}
