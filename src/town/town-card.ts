import { Field, type LinkTear } from '../card/field.ts'
import { mayUseData } from '../card/access-conditions.ts'
import { classicNvm, deliveredImage, MifareClassic } from '../card/mifare-classic.ts'
import type { Fuse, Nvm } from '../card/nvm.ts'
import { StorageReader } from '../card/storage-reader.ts'
import type { Bytes } from '../kernel/bytes.ts'
import type { CardId } from '../kernel/ids.ts'
import {
  ACCESS_BITS_SIZE,
  BLOCK_COUNT,
  BLOCK_SIZE,
  BLOCKS_PER_SECTOR,
  decodeAccessBits,
  isTrailer,
  MANUFACTURER_BLOCK,
  TRAILER,
  trailerOf,
} from '../kernel/mifare-classic.ts'
import { READER_PROFILES } from '../kernel/storage-apdu.ts'
import { inProcessChannel } from '../reader/in-process.ts'
import type { Channel } from '../reader/channel.ts'

/** Where a card's tap is cut short, on the card's side. */
export type CardTear = { readonly fuse: Fuse } | { readonly link: LinkTear }

/** A chip in the town, with whoever holds it knowing its passcode. */
export class TownCard {
  readonly name: string
  readonly #nvm: Nvm
  readonly #field: Field
  /** Undefined until it is issued. A copy has its original's. */
  id: CardId | undefined
  passcode = ''

  constructor(name: string, image: Bytes) {
    this.name = name
    this.#nvm = classicNvm(image)
    this.#field = new Field(
      new StorageReader(new MifareClassic(this.#nvm), READER_PROFILES.ACR122U),
    )
  }

  static blank(name: string, uid: Bytes): TownCard {
    return new TownCard(name, deliveredImage(uid))
  }

  /** The same bytes on another chip whose number can be set: such chips are sold everywhere. */
  clone(name: string): TownCard {
    const copy = new TownCard(name, this.image())
    copy.id = this.id
    copy.passcode = this.passcode
    return copy
  }

  get uid(): Bytes {
    return this.image().slice(0, 4)
  }

  image(): Bytes {
    return this.#nvm.snapshot()
  }

  /** All of an image, as only a chip made for copying takes it. */
  restoreAll(image: Bytes): void {
    this.#nvm.restore(image)
  }

  /** What of an image a bought chip takes from somebody who knows all its keys. */
  restoreWritable(image: Bytes): void {
    const restored = this.image()
    for (let block = 0; block < BLOCK_COUNT; block++) {
      const offset = block * BLOCK_SIZE
      if (isWritable(restored, block)) {
        restored.set(image.subarray(offset, offset + BLOCK_SIZE), offset)
      }
    }
    this.#nvm.restore(restored)
  }

  /** One tap, from entering the field to leaving it. */
  async tap<T>(tear: CardTear | undefined, work: (channel: Channel) => Promise<T>): Promise<T> {
    this.#field.powerOn()
    if (tear && 'fuse' in tear) this.#nvm.arm(tear.fuse)
    if (tear && 'link' in tear) this.#field.arm(tear.link)
    try {
      return await work(inProcessChannel(this.#field))
    } finally {
      this.#nvm.arm(undefined)
      this.#field.arm(undefined)
      this.#field.powerOff()
    }
  }
}

/** Whether some key writes that block: not the chip's number, and not a counter that only falls. */
function isWritable(image: Bytes, block: number): boolean {
  if (block === MANUFACTURER_BLOCK || isTrailer(block)) return false
  const offset = trailerOf(block) * BLOCK_SIZE + TRAILER.ACCESS_BITS
  const access = decodeAccessBits(image.subarray(offset, offset + ACCESS_BITS_SIZE))
  const condition = access?.blocks[block % BLOCKS_PER_SECTOR]
  if (condition === undefined) return false
  return mayUseData(condition, 'A', 'write') || mayUseData(condition, 'B', 'write')
}
