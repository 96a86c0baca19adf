import type { Bytes } from '../kernel/bytes.ts'
import { invariant } from '../kernel/errors.ts'

/** The field went away in the middle of a write. The card is dead until its power is restored. */
export class PowerLost extends Error {
  override readonly name = 'PowerLost'
}

/** What the page being written holds when the power fails. */
export const TEARS = [
  /** What it held before. */
  'before',
  /** First half new, second half old. */
  'half',
  /** FF throughout: erased and not yet programmed. */
  'erased',
  /** 00 throughout: the same, on cells whose erased state is 0. */
  'zeroed',
  /** What it should: the power fails just after. */
  'after',
] as const
export type Tear = (typeof TEARS)[number]

export interface Fuse {
  /** Blows in this page write from now, counted from 1. */
  readonly atWrite: number
  readonly tear: Tear
}

export interface NvmOptions {
  /** Bytes, a multiple of `pageSize`. */
  readonly size: number
  /** What the chip programs in one go, bytes: 16 for MIFARE Classic. */
  readonly pageSize: number
  /** What it holds at first, `size` bytes; 00 without. */
  readonly image?: Uint8Array
}

/**
 * A card's non-volatile memory. Writes happen page by page and each page is written wholly or not
 * at all, unless the fuse blows in it: there is no other atomicity, and cards have to live with that.
 */
export class Nvm {
  readonly size: number
  readonly pageSize: number
  readonly #cells: Bytes
  #writes = 0
  #fuse: Fuse | undefined
  #powered = true

  constructor({ size, pageSize, image }: NvmOptions) {
    invariant(pageSize > 0 && size % pageSize === 0, 'a memory is whole pages')
    this.size = size
    this.pageSize = pageSize
    this.#cells = new Uint8Array(size)
    if (image) this.restore(image)
  }

  /** Page writes since the memory was made, torn ones included: how many places there are to cut. */
  get writes(): number {
    return this.#writes
  }

  /** Makes the power fail in a page write to come. Blows once; `undefined` takes it out. */
  arm(fuse: Fuse | undefined): void {
    invariant(fuse === undefined || fuse.atWrite >= 1, 'page writes are counted from 1')
    this.#fuse = fuse
  }

  powerOn(): void {
    this.#powered = true
  }

  /** @throws {PowerLost} if the power has failed and is not restored. */
  read(offset: number, size: number): Bytes {
    this.#check(offset, size)
    return this.#cells.slice(offset, offset + size)
  }

  /**
   * Writes page after page, in ascending order. Pages that keep their content count as well.
   *
   * @throws {PowerLost} if the power fails in one of them, or has failed before.
   */
  write(offset: number, bytes: Uint8Array): void {
    this.#check(offset, bytes.length)
    for (let done = 0; done < bytes.length;) {
      const at = offset + done
      const part = bytes.subarray(done, done + this.pageSize - (at % this.pageSize))
      this.#writePage(at, part)
      done += part.length
    }
  }

  /** All bytes, whatever the power. */
  snapshot(): Bytes {
    return this.#cells.slice()
  }

  /** Puts a {@link snapshot} back from outside, as a programmer does: no page writes, no fuse. */
  restore(image: Uint8Array): void {
    invariant(image.length === this.size, 'an image has the size of its memory')
    this.#cells.set(image)
  }

  #writePage(at: number, part: Uint8Array): void {
    const start = at - (at % this.pageSize)
    const page = this.#cells.slice(start, start + this.pageSize)
    page.set(part, at - start)
    this.#writes++
    const fuse = this.#fuse
    if (fuse?.atWrite === 1) {
      this.#fuse = undefined
      this.#powered = false
      this.#tear(start, page, fuse.tear)
      throw new PowerLost('power failed in a page write')
    }
    if (fuse) this.#fuse = { ...fuse, atWrite: fuse.atWrite - 1 }
    this.#cells.set(page, start)
  }

  #tear(start: number, page: Bytes, tear: Tear): void {
    switch (tear) {
      case 'before':
        return
      case 'half':
        this.#cells.set(page.subarray(0, this.pageSize / 2), start)
        return
      case 'erased':
        this.#cells.fill(0xff, start, start + this.pageSize)
        return
      case 'zeroed':
        this.#cells.fill(0x00, start, start + this.pageSize)
        return
      case 'after':
        this.#cells.set(page, start)
        return
    }
  }

  #check(offset: number, size: number): void {
    if (!this.#powered) throw new PowerLost('the power has failed')
    invariant(offset >= 0 && size >= 0 && offset + size <= this.size, 'an address is in the memory')
  }
}
