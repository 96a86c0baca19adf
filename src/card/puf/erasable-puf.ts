import { concat, type Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import type { AtomicMemory, MemoryPart } from '../applet.ts'
import { enrol, type Puf } from './noisy-puf.ts'
import { ROOTED_OVERHEAD, RootedMemory } from './rooted-memory.ts'

/** Challenges in all: numbers from 0 on. */
export const CHALLENGES = 4096
const BITMAP_SIZE = CHALLENGES / 8

export interface ErasableOptions {
  readonly puf: Puf
  /** Its first {@link recordSize} bytes: which challenges are erased, and notes. An attacker may rewrite it. */
  readonly record: AtomicMemory
  /** Bytes of notes. */
  readonly notesSize: number
  /** Tamper-evident: nobody rewrites it, and nobody puts back what it held. */
  readonly root: AtomicMemory
  /** What nobody else can make of these bytes. */
  readonly mark: (bytes: Bytes) => Bytes
}

/** What becomes of responses: noted together with their erasure, then handed out. */
export interface Consumption<T> {
  /** Of the notes. */
  readonly parts: readonly MemoryPart[]
  readonly result: T
}

/** Bytes that the record of what is erased takes of a memory that need not be trusted. */
export function recordSize(notesSize: number): number {
  return BITMAP_SIZE + notesSize + ROOTED_OVERHEAD
}

/**
 * A logically erasable PUF with a threshold of one (Gao et al., PLayPUF, ePrint 2018/358): around a PUF
 * stands control logic that lets each challenge be used once. Its record of what is used is a map of
 * bits, and whatever its user must not be made to forget either: the notes. A digest of all that, the root,
 * is in a memory of its own ({@link RootedMemory}).
 */
export class ErasablePuf {
  /** Written in one with an erasure, or by themselves. */
  readonly notes: AtomicMemory
  readonly #puf: Puf
  readonly #record: RootedMemory

  constructor({ puf, record: memory, notesSize, root, mark }: ErasableOptions) {
    this.#puf = puf
    const record = new RootedMemory({ memory, size: BITMAP_SIZE + notesSize, root, mark })
    this.#record = record
    this.notes = {
      size: notesSize,
      read: (offset, size) => record.read(BITMAP_SIZE + offset, size),
      write: (...parts) => {
        record.write(...parts.map(inRecord))
      },
    }
  }

  /** @throws {RecordTampered} as every method. */
  isErased(challenge: number): boolean {
    return isIn(this.#erased(), challenge)
  }

  /** Those of them that are not erased. */
  remaining(challenges: readonly number[]): readonly number[] {
    const erased = this.#erased()
    return challenges.filter((challenge) => !isIn(erased, challenge))
  }

  /**
   * What a challenge answers, as reliable as can be, for making helper data. Does not use it up.
   * Undefined if it is erased.
   */
  enrol(challenge: number): Bytes | undefined {
    return this.isErased(challenge) ? undefined : enrol(this.#puf, challengeBytes(challenge))
  }

  /**
   * Reads challenges for the only time. `work` makes of the responses what is to be noted: that and their
   * erasure are written in one, and only then does its result leave. Responses are wiped. If `work`
   * gives nothing, nothing is erased and nothing has left. Undefined also if one of them is erased.
   *
   * @throws {PowerLost} if a fuse blows: before the write nothing has happened, after it all has.
   */
  once<T>(
    challenges: readonly number[],
    work: (responses: readonly Bytes[]) => Consumption<T> | undefined,
  ): T | undefined {
    const erased = this.#erased()
    if (challenges.some((challenge) => isIn(erased, challenge))) return undefined
    const responses = challenges.map((challenge) => this.#puf.read(challengeBytes(challenge)))
    let consumption: Consumption<T> | undefined
    try {
      consumption = work(responses)
    } finally {
      for (const response of responses) response.fill(0)
    }
    if (!consumption) return undefined
    this.#record.write(
      { offset: 0, bytes: withAll(erased, challenges) },
      ...consumption.parts.map(inRecord),
    )
    return consumption.result
  }

  #erased(): Bytes {
    return this.#record.read(0, BITMAP_SIZE)
  }
}

function inRecord({ offset, bytes }: MemoryPart): MemoryPart {
  return { offset: BITMAP_SIZE + offset, bytes }
}

function challengeBytes(challenge: number): Bytes {
  invariant(challenge >= 0 && challenge < CHALLENGES, `there are ${CHALLENGES} challenges`)
  return concat(Uint8Array.of(challenge >> 8, challenge & 0xff))
}

function isIn(bitmap: Uint8Array, challenge: number): boolean {
  return ((bitmap[challenge >> 3] ?? 0) & (1 << (challenge & 7))) !== 0
}

function withAll(bitmap: Bytes, challenges: readonly number[]): Bytes {
  const changed = bitmap.slice()
  for (const challenge of challenges) {
    changed[challenge >> 3] = (changed[challenge >> 3] ?? 0) | (1 << (challenge & 7))
  }
  return changed
}
