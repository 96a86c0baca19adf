import { command, SW, type CommandApdu } from '../kernel/apdu.ts'
import { bytesEqual, concat, type Bytes } from '../kernel/bytes.ts'
import { FormatError, invariant } from '../kernel/errors.ts'
import {
  BLOCK_COUNT,
  BLOCK_SIZE,
  checkKey,
  isTrailer,
  sectorOf,
  type KeyType,
} from '../kernel/mifare-classic.ts'
import {
  CHANGE_TAG,
  CHANGE_VALUE_P2,
  KEY_TYPE_CODE,
  PSEUDO_CLA,
  PSEUDO_INS,
  STATUS_TAG,
  VALUE_OPERATION,
  type ReaderProfile,
} from '../kernel/storage-apdu.ts'
import { decodeValueBlock, encodeValueBlock, VALUE_MAX } from '../kernel/value-block.ts'
import { CardRefused, CardTorn, exchange, type Channel } from './channel.ts'

/** The reader's volatile slots. A slot a type of key, so that both can stay loaded. */
const KEY_SLOT = { A: 0, B: 1 } as const

/** ISO/IEC 14443-3, 6.5.4, single and double; MIFARE Classic has no triple. */
const UID_SIZES: readonly number[] = [4, 7]

/** A block that was to hold a value does not. */
export class NotAValueBlock extends Error {
  override readonly name = 'NotAValueBlock'
  readonly block: number

  constructor(block: number) {
    super(`block ${block} is not a value block`)
    this.block = block
  }
}

/**
 * The block can be decremented but not written, and the reader has no command to decrement.
 * Nothing helps but another reader.
 */
export class ValueOperationsMissing extends Error {
  override readonly name = 'ValueOperationsMissing'

  constructor(attempted: string, reader: string) {
    super(
      `${attempted}: the block cannot be written with this key, and reader "${reader}" has no value operations`,
    )
  }
}

/**
 * A MIFARE Classic 1K through a PC/SC reader. Every method rejects with {@link CardRefused} for a
 * status other than 9000, after which the sector must be authenticated again, and with
 * {@link CardTorn} when the card went away.
 */
export class StorageCard {
  readonly #channel: Channel
  readonly #profile: ReaderProfile
  readonly #loaded = new Map<KeyType, Bytes>()

  constructor(channel: Channel, profile: ReaderProfile) {
    this.#channel = channel
    this.#profile = profile
  }

  /** 4 or 7 bytes. Anyone can buy a card that answers with any UID. */
  async readUid(): Promise<Bytes> {
    const get = command(PSEUDO_CLA, PSEUDO_INS.GET_DATA, 0, 0, undefined, 256)
    const uid = await this.#send('read UID', get)
    if (!UID_SIZES.includes(uid.length)) throw new CardTorn('read UID: cut short')
    return uid
  }

  /** Opens the sector of `block`. The key goes to the reader only if it is not there yet. */
  async authenticate(block: number, key: Bytes, type: KeyType): Promise<void> {
    checkBlock(block)
    checkKey(key, 'key')
    await this.#loadKey(key, type)
    const data = Uint8Array.of(0x01, 0x00, block, KEY_TYPE_CODE[type], KEY_SLOT[type])
    const authenticate = command(PSEUDO_CLA, PSEUDO_INS.GENERAL_AUTHENTICATE, 0, 0, data)
    try {
      await this.#send(`authenticate block ${block} with key ${type}`, authenticate, 0)
    } catch (error) {
      // Another program may have put its own key into the slot.
      this.#loaded.delete(type)
      throw error
    }
  }

  /** `count` data blocks of one sector, or one trailer, in as few APDUs as the reader allows. */
  async readBlocks(first: number, count: number): Promise<Bytes> {
    checkRange(first, count)
    const parts: Bytes[] = []
    for (const [block, blocks] of this.#portions(first, count)) {
      const size = blocks * BLOCK_SIZE
      const read = command(PSEUDO_CLA, PSEUDO_INS.READ_BINARY, 0, block, undefined, size)
      parts.push(await this.#send(`read block ${block}`, read, size))
    }
    return concat(...parts)
  }

  /** Whole blocks from `first` on. A tear leaves some written, and the one being written torn. */
  async writeBlocks(first: number, bytes: Bytes): Promise<void> {
    checkRange(first, bytes.length / BLOCK_SIZE)
    for (const [block, blocks] of this.#portions(first, bytes.length / BLOCK_SIZE)) {
      const offset = (block - first) * BLOCK_SIZE
      const data = bytes.slice(offset, offset + blocks * BLOCK_SIZE)
      await this.#update(block, data)
    }
  }

  async writeBlock(block: number, bytes: Bytes): Promise<void> {
    checkRange(block, bytes.length / BLOCK_SIZE)
    await this.#update(block, bytes)
  }

  /** Read as 16 bytes even where the reader has its own command: that one cannot tell damage from a refusal. */
  async readValue(block: number): Promise<number> {
    return (await this.#valueBlock(block)).value
  }

  /** Makes `block` a value block, whatever it was. */
  async storeValue(block: number, value: number): Promise<void> {
    await this.writeBlock(block, encodeValueBlock({ value, address: block }))
  }

  async increment(block: number, amount: number): Promise<void> {
    await this.#change('INCREMENT', block, amount)
  }

  async decrement(block: number, amount: number): Promise<void> {
    await this.#change('DECREMENT', block, amount)
  }

  /** Copies the value of one block to another of its sector, with restore and transfer. */
  async restoreTransfer(from: number, to: number): Promise<void> {
    checkBlock(from)
    checkBlock(to)
    if (sectorOf(from) !== sectorOf(to)) throw new FormatError('to', 'is in another sector')
    const attempted = `copy value block ${from} to ${to}`
    if (this.#profile.valueOperations !== 'acs') {
      await this.#writeInstead(attempted, to, encodeValueBlock(await this.#valueBlock(from)))
      return
    }
    const data = Uint8Array.of(VALUE_OPERATION.COPY, to)
    await this.#send(attempted, command(PSEUDO_CLA, PSEUDO_INS.VALUE_OPERATION, 0, from, data), 0)
  }

  async #change(
    operation: 'INCREMENT' | 'DECREMENT',
    block: number,
    amount: number,
  ): Promise<void> {
    checkBlock(block)
    if (!Number.isInteger(amount) || amount < 0 || amount > VALUE_MAX) {
      throw new FormatError('amount', `expected 0..${VALUE_MAX}, got ${amount}`)
    }
    const attempted = `${operation.toLowerCase()} block ${block}`
    switch (this.#profile.valueOperations) {
      case 'acs': {
        const data = new Uint8Array(5)
        data[0] = VALUE_OPERATION[operation]
        new DataView(data.buffer).setInt32(1, amount)
        const change = command(PSEUDO_CLA, PSEUDO_INS.VALUE_OPERATION, 0, block, data)
        await this.#send(attempted, change, 0)
        return
      }
      case 'pcsc':
        await this.#changeByTags(attempted, CHANGE_TAG[operation], block, amount)
        return
      case 'none': {
        const old = await this.#valueBlock(block)
        const change = operation === 'INCREMENT' ? amount : -amount
        const changed = encodeValueBlock({ ...old, value: old.value + change })
        await this.#writeInstead(attempted, block, changed)
      }
    }
  }

  async #changeByTags(
    attempted: string,
    tag: number,
    block: number,
    amount: number,
  ): Promise<void> {
    const value = new Uint8Array(4)
    new DataView(value.buffer).setInt32(0, amount, true)
    const inner = Uint8Array.of(CHANGE_TAG.BLOCK, 1, block, CHANGE_TAG.VALUE, 4, ...value)
    const data = Uint8Array.of(tag, inner.length, ...inner)
    const change = command(PSEUDO_CLA, PSEUDO_INS.CHANGE_VALUE, 0, CHANGE_VALUE_P2, data, 256)
    const status = await this.#send(attempted, change)
    if (status.length === 0) return
    const [sw1, sw2] = status.subarray(3)
    const isStatus = status.length === 5 && status[0] === STATUS_TAG && status[1] === 3
    if (!isStatus || sw1 === undefined || sw2 === undefined) {
      throw new CardTorn(`${attempted}: cut short`)
    }
    const sw = (sw1 << 8) | sw2
    if (sw !== SW.OK) throw new CardRefused(attempted, sw)
  }

  /** The portable way. The block has just been read, so only its access condition can be in the way. */
  async #writeInstead(attempted: string, block: number, bytes: Bytes): Promise<void> {
    try {
      await this.#update(block, bytes)
    } catch (error) {
      if (!(error instanceof CardRefused)) throw error
      throw new ValueOperationsMissing(attempted, this.#profile.name)
    }
  }

  async #valueBlock(block: number) {
    const content = decodeValueBlock(await this.readBlocks(block, 1))
    if (!content) throw new NotAValueBlock(block)
    return content
  }

  async #update(block: number, data: Bytes): Promise<void> {
    const update = command(PSEUDO_CLA, PSEUDO_INS.UPDATE_BINARY, 0, block, data)
    await this.#send(`write block ${block}`, update, 0)
  }

  async #loadKey(key: Bytes, type: KeyType): Promise<void> {
    const loaded = this.#loaded.get(type)
    if (loaded && bytesEqual(loaded, key)) return
    this.#loaded.delete(type)
    const load = command(PSEUDO_CLA, PSEUDO_INS.LOAD_KEYS, 0, KEY_SLOT[type], key)
    await this.#send(`load key ${type}`, load, 0)
    this.#loaded.set(type, key.slice())
  }

  *#portions(first: number, count: number): Generator<readonly [block: number, count: number]> {
    const most = this.#profile.blocksPerCommand
    for (let done = 0; done < count; done += most) {
      yield [first + done, Math.min(most, count - done)]
    }
  }

  /** `size`: how much data a complete answer has. */
  async #send(attempted: string, apdu: CommandApdu, size?: number): Promise<Bytes> {
    const { data, sw } = await exchange(this.#channel, apdu)
    if (sw !== SW.OK) throw new CardRefused(attempted, sw)
    // A torn answer may end in bytes that only look like 9000.
    if (size !== undefined && data.length !== size) throw new CardTorn(`${attempted}: cut short`)
    return data
  }
}

function checkBlock(block: number): void {
  if (!Number.isInteger(block) || block < 0 || block >= BLOCK_COUNT) {
    throw new FormatError('block', `expected 0..${BLOCK_COUNT - 1}, got ${block}`)
  }
}

/** One block, or data blocks of one sector: what one authentication opens. */
function checkRange(first: number, count: number): void {
  checkBlock(first)
  const last = first + count - 1
  invariant(Number.isInteger(count) && count >= 1, 'a range is whole blocks')
  if (count > 1 && (sectorOf(first) !== sectorOf(last) || isTrailer(last))) {
    throw new FormatError('count', `blocks ${first} to ${last} are not data blocks of one sector`)
  }
}
