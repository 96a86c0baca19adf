import { concat, type Bytes } from '../../kernel/bytes.ts'
import type { RandomSource } from '../../kernel/ports.ts'
import type { AtomicMemory } from '../applet.ts'
import { JournalledMemory, journalSize } from '../atomic-memory.ts'
import { Nvm } from '../nvm.ts'
import { ROOT_SIZE } from './erasable-puf.ts'
import { fuzzyExtractor } from './fuzzy-extractor.ts'
import { NoisyPuf, type Puf } from './noisy-puf.ts'

/** Between two readings of the arbiter PUFs that others have measured: literature has 4.5 %. */
export const BIT_ERROR_RATE = 0.05

export interface SiliconOptions {
  /** What tells this chip from any other. */
  readonly structure: Uint8Array
  readonly noise: RandomSource
  /** {@link BIT_ERROR_RATE} without. */
  readonly bitErrorRate?: number
  /** What the PUF's own memory holds; 00 without. */
  readonly control?: Uint8Array
}

/** The journal's mark takes a page of half the size along: so a root of 32 bytes takes a page of 64. */
const PAGE_SIZE = 64
const JOURNAL = { capacity: 1 }

/**
 * What of a chip is not in its memory: the structure of its PUF, and the cells of the PUF's control
 * logic, which are in no image of the chip and which nothing but that logic writes.
 */
export class Silicon {
  readonly puf: NoisyPuf
  /** The memory of the control logic, for whoever cuts its power. */
  readonly control: Nvm
  readonly #root: JournalledMemory

  constructor({ structure, noise, bitErrorRate = BIT_ERROR_RATE, control }: SiliconOptions) {
    const { responseBits } = fuzzyExtractor()
    this.puf = new NoisyPuf({ structure, responseBits, bitErrorRate, noise })
    const size = journalSize(PAGE_SIZE, JOURNAL) + PAGE_SIZE
    this.control = new Nvm({ size, pageSize: PAGE_SIZE, ...(control && { image: control }) })
    this.#root = new JournalledMemory(this.control, JOURNAL)
  }

  /** After a reset; finishes a write that a tear left unfinished. */
  root(): AtomicMemory {
    this.control.powerOn()
    this.#root.recover()
    return this.#root.part(0, ROOT_SIZE)
  }

  /** What one part of the chip can ask of the PUF: no other part gets the same answers. */
  part(name: Bytes): Puf {
    const { puf } = this
    return {
      responseBits: puf.responseBits,
      read: (challenge) => puf.read(concat(Uint8Array.of(name.length), name, challenge)),
    }
  }
}
