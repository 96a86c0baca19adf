import {
  decodeCommand,
  encodeResponse,
  response,
  SW,
  type CommandApdu,
  type ResponseApdu,
} from '../kernel/apdu.ts'
import { bytesEqual, concat, fromHex, type Bytes } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'
import {
  BLOCK_SIZE,
  isTrailer,
  KEY_SIZE,
  sectorOf,
  UID_SIZE,
  type KeyType,
} from '../kernel/mifare-classic.ts'
import {
  CHANGE_TAG,
  CHANGE_VALUE_P2,
  KEY_TYPE_CODE,
  PSEUDO_CLA,
  PSEUDO_INS,
  READER_PROFILES,
  STATUS_TAG,
  VALUE_OPERATION,
  type ReaderProfile,
} from '../kernel/storage-apdu.ts'
import { decodeValueBlock, encodeValueBlock } from '../kernel/value-block.ts'
import type { PoweredCard } from './field.ts'
import type { MifareClassic } from './mifare-classic.ts'

/** Storage card, ISO 14443 A part 3, MIFARE Classic 1K (PC/SC part 3, 3.1.3.2.3). */
export const CLASSIC_1K_ATR: Bytes = fromHex('3b8f8001804f0ca000000306030001000000006a')

/** Volatile key slots 00 and 01, as the ACR122U has them. There are no others. */
const KEY_SLOTS = 2
/** First byte of General Authenticate's data (PC/SC part 3, 3.2.2.1.6). */
const AUTHENTICATE_VERSION = 0x01

const OK = response(SW.OK)
const FAILED = response(SW.OPERATION_FAILED)
const WRONG_LENGTH = response(SW.WRONG_LENGTH)
const NOT_SUPPORTED = response(SW.FUNCTION_NOT_SUPPORTED)

/** Lengths and tags in FF C2's data, between its first byte, the block and the value. */
const CHANGE_FRAME = Uint8Array.of(9, CHANGE_TAG.BLOCK, 1, CHANGE_TAG.VALUE, 4)
const CHANGED = response(SW.OK, Uint8Array.of(STATUS_TAG, 3, 0x00, 0x90, 0x00))

/**
 * A contactless PC/SC reader with a MIFARE Classic before it: pseudo-APDUs in, the card's own
 * commands out. Whatever the card refuses is 6300, as on the real ones; they give no reason.
 */
export class StorageReader implements PoweredCard {
  readonly atr: Bytes = CLASSIC_1K_ATR
  readonly card: MifareClassic
  readonly #profile: ReaderProfile
  /** They are the reader's: a card that comes and goes leaves them. */
  readonly #keys = new Map<number, Bytes>()

  constructor(card: MifareClassic, profile: ReaderProfile = READER_PROFILES.ACR1255U) {
    this.card = card
    this.#profile = profile
  }

  get modelledMs(): number {
    return this.card.modelledMs
  }

  powerOn(): void {
    this.card.powerOn()
  }

  powerOff(): void {
    this.card.powerOff()
  }

  process(apdu: Bytes): Bytes {
    return encodeResponse(this.#answer(apdu))
  }

  #answer(apdu: Bytes): ResponseApdu {
    const obsolete = decodeObsoleteAuthenticate(apdu)
    if (obsolete) return this.#authenticate(obsolete)
    try {
      return this.#perform(decodeCommand(apdu))
    } catch (error) {
      if (error instanceof FormatError && error.field === 'apdu') return WRONG_LENGTH
      throw error
    }
  }

  #perform(command: CommandApdu): ResponseApdu {
    if (command.cla !== PSEUDO_CLA) return response(SW.CLA_NOT_SUPPORTED)
    switch (command.ins) {
      case PSEUDO_INS.GET_DATA:
        return this.#getData(command)
      case PSEUDO_INS.LOAD_KEYS:
        return this.#loadKey(command)
      case PSEUDO_INS.GENERAL_AUTHENTICATE:
        return this.#generalAuthenticate(command)
      case PSEUDO_INS.READ_BINARY:
        return this.#readBinary(command)
      case PSEUDO_INS.UPDATE_BINARY:
        return this.#updateBinary(command)
      case PSEUDO_INS.READ_VALUE:
      case PSEUDO_INS.VALUE_OPERATION:
        return this.#valueCommand(command)
      case PSEUDO_INS.CHANGE_VALUE:
        return this.#changeByTags(command)
      default:
        return response(SW.INS_NOT_SUPPORTED)
    }
  }

  /** FF CA 00 00: the UID. FF CA 01 00 would be the ATS, which such a card has not. */
  #getData({ p1, p2, data, le }: CommandApdu): ResponseApdu {
    if (p1 !== 0x00 || p2 !== 0x00) return NOT_SUPPORTED
    if (data.length > 0 || (le !== 256 && le !== UID_SIZE)) return WRONG_LENGTH
    return response(SW.OK, this.card.uid)
  }

  /** FF 82 00 slot 06 key. P1 20 would be a non-volatile slot. */
  #loadKey({ p1, p2: slot, data }: CommandApdu): ResponseApdu {
    if (data.length !== KEY_SIZE) return WRONG_LENGTH
    if (p1 !== 0x00 || slot >= KEY_SLOTS) return FAILED
    this.#keys.set(slot, data)
    return OK
  }

  /** FF 86 00 00 05, then 01 00 block type slot. */
  #generalAuthenticate({ p1, p2, data }: CommandApdu): ResponseApdu {
    const [version, blockHigh, block, type, slot] = data
    if (data.length !== 5 || block === undefined || type === undefined || slot === undefined) {
      return WRONG_LENGTH
    }
    if (p1 !== 0 || p2 !== 0 || version !== AUTHENTICATE_VERSION || blockHigh !== 0) return FAILED
    return this.#authenticate({ block, type, slot })
  }

  #authenticate({ block, type, slot }: AuthenticateData): ResponseApdu {
    const secret = this.#keys.get(slot)
    const key = keyTypeOf(type)
    if (!secret || !key) return FAILED
    return this.card.authenticate(block, key, secret) ? OK : FAILED
  }

  /** FF B0 00 block n. */
  #readBinary({ p1, p2: first, data, le }: CommandApdu): ResponseApdu {
    if (data.length > 0 || !this.#isWholeBlocks(le)) return WRONG_LENGTH
    if (p1 !== 0x00 || !mayGoTogether(first, le / BLOCK_SIZE)) return FAILED
    const blocks: Bytes[] = []
    for (let index = 0; index < le / BLOCK_SIZE; index++) {
      const block = this.card.read(first + index)
      if (!block) return FAILED
      blocks.push(block)
    }
    return response(SW.OK, concat(...blocks))
  }

  /** FF D6 00 block n data: block after block, so a tear or a refusal leaves the first ones written. */
  #updateBinary({ p1, p2: first, data }: CommandApdu): ResponseApdu {
    if (!this.#isWholeBlocks(data.length)) return WRONG_LENGTH
    if (p1 !== 0x00 || !mayGoTogether(first, data.length / BLOCK_SIZE)) return FAILED
    for (let offset = 0; offset < data.length; offset += BLOCK_SIZE) {
      const block = data.subarray(offset, offset + BLOCK_SIZE)
      if (!this.card.write(first + offset / BLOCK_SIZE, block)) return FAILED
    }
    return OK
  }

  #valueCommand(command: CommandApdu): ResponseApdu {
    if (this.#profile.valueOperations !== 'acs') return response(SW.INS_NOT_SUPPORTED)
    if (command.p1 !== 0x00) return FAILED
    if (command.ins === PSEUDO_INS.READ_VALUE) return this.#readValue(command)
    return command.data[0] === VALUE_OPERATION.COPY
      ? this.#copyValue(command)
      : this.#changeValue(command)
  }

  /** FF B1 00 block 04: the value, most significant byte first. */
  #readValue({ p2: number, data, le }: CommandApdu): ResponseApdu {
    if (data.length > 0 || (le !== 256 && le !== 4)) return WRONG_LENGTH
    const block = this.card.read(number)
    const content = block && decodeValueBlock(block)
    if (!content) return FAILED
    const value = new Uint8Array(4)
    new DataView(value.buffer).setInt32(0, content.value)
    return response(SW.OK, value)
  }

  /** FF D7 00 block 05 operation value. */
  #changeValue({ p2: block, data }: CommandApdu): ResponseApdu {
    if (data.length !== 5) return WRONG_LENGTH
    const view = new DataView(data.buffer, data.byteOffset)
    const value = view.getInt32(1)
    switch (view.getUint8(0)) {
      case VALUE_OPERATION.STORE:
        return this.card.write(block, encodeValueBlock({ value, address: block })) ? OK : FAILED
      case VALUE_OPERATION.INCREMENT:
        return this.card.increment(block, value) && this.card.transfer(block) ? OK : FAILED
      case VALUE_OPERATION.DECREMENT:
        return this.card.decrement(block, value) && this.card.transfer(block) ? OK : FAILED
      default:
        return NOT_SUPPORTED
    }
  }

  /** FF D7 00 source 02 03 target: in one sector, because the card has only that one open. */
  #copyValue({ p2: source, data }: CommandApdu): ResponseApdu {
    const [, target] = data
    if (data.length !== 2 || target === undefined) return WRONG_LENGTH
    return this.card.restore(source) && this.card.transfer(target) ? OK : FAILED
  }

  /** FF C2 00 03 0B, then A0 or A1, 09, 80 01 block, 81 04 value. */
  #changeByTags({ p1, p2, data }: CommandApdu): ResponseApdu {
    if (this.#profile.valueOperations !== 'pcsc') return response(SW.INS_NOT_SUPPORTED)
    if (p1 !== 0x00 || p2 !== CHANGE_VALUE_P2) return NOT_SUPPORTED
    const [tag, , , , block] = data
    const frame = Uint8Array.of(...data.subarray(1, 4), ...data.subarray(5, 7))
    if (data.length !== 11 || block === undefined || !bytesEqual(frame, CHANGE_FRAME)) {
      return FAILED
    }
    const value = new DataView(data.buffer, data.byteOffset).getInt32(7, true)
    const isChanged =
      (tag === CHANGE_TAG.INCREMENT && this.card.increment(block, value)) ||
      (tag === CHANGE_TAG.DECREMENT && this.card.decrement(block, value))
    return isChanged && this.card.transfer(block) ? CHANGED : FAILED
  }

  #isWholeBlocks(size: number | undefined): size is number {
    if (size === undefined || size === 0 || size % BLOCK_SIZE !== 0) return false
    return size / BLOCK_SIZE <= this.#profile.blocksPerCommand
  }
}

interface AuthenticateData {
  readonly block: number
  readonly type: number
  readonly slot: number
}

/** FF 88 00 block type slot (PC/SC 2.01): six bytes, and no Lc among them. */
function decodeObsoleteAuthenticate(apdu: Bytes): AuthenticateData | undefined {
  const [cla, ins, p1, block, type, slot] = apdu
  const isIt =
    apdu.length === 6 &&
    cla === PSEUDO_CLA &&
    ins === PSEUDO_INS.AUTHENTICATE_OBSOLETE &&
    p1 === 0x00
  if (!isIt || block === undefined || type === undefined || slot === undefined) return undefined
  return { block, type, slot }
}

function keyTypeOf(code: number): KeyType | undefined {
  if (code === KEY_TYPE_CODE.A) return 'A'
  return code === KEY_TYPE_CODE.B ? 'B' : undefined
}

/** One command reads or writes one block of any kind, or several data blocks of one sector. */
function mayGoTogether(first: number, count: number): boolean {
  const last = first + count - 1
  return count === 1 || (sectorOf(first) === sectorOf(last) && !isTrailer(last))
}
