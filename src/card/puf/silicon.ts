import { concat, type Bytes } from '../../kernel/bytes.ts'
import type { RandomSource } from '../../kernel/ports.ts'
import type { AtomicMemory } from '../applet.ts'
import { JournalledMemory, journalSize } from '../atomic-memory.ts'
import { Nvm } from '../nvm.ts'
import { fuzzyExtractor } from './fuzzy-extractor.ts'
import { NoisyPuf, type Puf } from './noisy-puf.ts'
import { ROOT_SIZE } from './rooted-memory.ts'

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

/** Two roots to a page: more parts of a chip have none. */
const PAGE_SIZE = 2 * ROOT_SIZE
const JOURNAL = { capacity: 1 }

/**
 * What of a chip is not in its memory: the structure of its PUF, and the cells of the PUF's control
 * logic, which are in no image of the chip and which nothing but that logic writes.
 */
export class Silicon {
  readonly puf: NoisyPuf
  /** The memory of the control logic, for whoever cuts its power. */
  readonly control: Nvm
  readonly #roots: JournalledMemory

  constructor({ structure, noise, bitErrorRate = BIT_ERROR_RATE, control }: SiliconOptions) {
    const { responseBits } = fuzzyExtractor()
    this.puf = new NoisyPuf({ structure, responseBits, bitErrorRate, noise })
    const size = journalSize(PAGE_SIZE, JOURNAL) + PAGE_SIZE
    this.control = new Nvm({ size, pageSize: PAGE_SIZE, ...(control && { image: control }) })
    this.#roots = new JournalledMemory(this.control, JOURNAL)
  }

  /** After a reset; finishes a write that a tear left unfinished. `index`: 0 or 1, a part of the chip each. */
  root(index: 0 | 1): AtomicMemory {
    this.control.powerOn()
    this.#roots.recover()
    return this.#roots.part(index * ROOT_SIZE, ROOT_SIZE)
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
