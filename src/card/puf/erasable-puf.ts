import { bytesEqual, concat, type Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import { sha256 } from '../../kernel/hash.ts'
import type { AtomicMemory, MemoryPart } from '../applet.ts'
import { enrol, type Puf } from './noisy-puf.ts'

/** Challenges in all: numbers from 0 on. */
export const CHALLENGES = 4096
/** That can be erased together. */
export const TOGETHER_MAX = 16
const BITMAP_SIZE = CHALLENGES / 8
const NUMBER_SIZE = 2
const LAST_AT = BITMAP_SIZE
const LAST_SIZE = 1 + TOGETHER_MAX * NUMBER_SIZE
/** Bytes that the record of what is erased takes of a memory that need not be trusted. */
export const RECORD_SIZE = LAST_AT + LAST_SIZE
/** Bytes of the memory in the PUF's own control logic. */
export const ROOT_SIZE = 32

export interface ErasableOptions {
  readonly puf: Puf
  /** Its first {@link RECORD_SIZE} bytes: which challenges are erased. An attacker may rewrite it. */
  readonly record: AtomicMemory
  /** Tamper-evident: nobody rewrites it, and nobody puts back what it held. */
  readonly root: AtomicMemory
}

/** The record of what is erased is not the one that the root stands for: somebody put it there. */
export class RecordTampered extends Error {
  override readonly name = 'RecordTampered'
}

/** What becomes of responses: durable together with their erasure, then handed out. */
export interface Consumption<T> {
  readonly parts: readonly MemoryPart[]
  readonly result: T
}

/**
 * A logically erasable PUF with a threshold of one (Gao et al., PLayPUF, ePrint 2018/358): around a PUF
 * stands control logic that lets each challenge be used once. Its record of what is used is a map of
 * bits in an ordinary memory; a digest of it, the root, is in a memory of its own.
 *
 * The record is written before the root. So one that is ahead of the root by exactly what it says was
 * erased last is a tear, and stands: more is erased, never less. Any other difference is a record from
 * somewhere else, and nothing is answered any more.
 */
export class ErasablePuf {
  readonly #puf: Puf
  readonly #record: AtomicMemory
  readonly #root: AtomicMemory

  constructor({ puf, record, root }: ErasableOptions) {
    this.#puf = puf
    this.#record = record
    this.#root = root
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
   * Reads challenges for the only time. `work` makes of the responses what is to be kept: that and their
   * erasure are written in one, and only then does its result leave. Responses are wiped. If `work`
   * gives nothing, nothing is erased and nothing has left. Undefined also if one of them is erased.
   *
   * @throws {PowerLost} if a fuse blows: before the write nothing has happened, after it all has.
   */
  once<T>(
    challenges: readonly number[],
    work: (responses: readonly Bytes[]) => Consumption<T> | undefined,
  ): T | undefined {
    invariant(challenges.length <= TOGETHER_MAX, `at most ${TOGETHER_MAX} are erased together`)
    const erased = this.#erased()
    if (challenges.some((challenge) => isIn(erased, challenge))) return undefined
    const responses = challenges.map((challenge) => this.#puf.read(challengeBytes(challenge)))
    const consumption = work(responses)
    for (const response of responses) response.fill(0)
    if (!consumption) return undefined
    const after = withAll(erased, challenges)
    this.#record.write(
      { offset: 0, bytes: after },
      { offset: LAST_AT, bytes: encodeLast(challenges) },
      ...consumption.parts,
    )
    this.#root.write({ offset: 0, bytes: rootOf(after) })
    return consumption.result
  }

  /** The record, once it agrees with the root. */
  #erased(): Bytes {
    const bitmap = this.#record.read(0, BITMAP_SIZE)
    const root = this.#root.read(0, ROOT_SIZE)
    const found = rootOf(bitmap)
    if (bytesEqual(found, root)) return bitmap
    if (!bytesEqual(rootOf(withoutAll(bitmap, this.#last())), root)) {
      throw new RecordTampered('the record of what is erased was put there from outside')
    }
    this.#root.write({ offset: 0, bytes: found })
    return bitmap
  }

  #last(): readonly number[] {
    const bytes = this.#record.read(LAST_AT, LAST_SIZE)
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    const count = Math.min(view.getUint8(0), TOGETHER_MAX)
    return Array.from({ length: count }, (_, index) => view.getUint16(1 + NUMBER_SIZE * index))
  }
}

/** 00 while nothing is erased: what a new memory holds. */
function rootOf(bitmap: Bytes): Bytes {
  return bitmap.every((byte) => byte === 0) ? new Uint8Array(ROOT_SIZE) : sha256(bitmap)
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

function withoutAll(bitmap: Bytes, challenges: readonly number[]): Bytes {
  const changed = bitmap.slice()
  for (const challenge of challenges) {
    changed[challenge >> 3] = (changed[challenge >> 3] ?? 0) & ~(1 << (challenge & 7))
  }
  return changed
}

/** Count 1 ‖ numbers of 2 bytes each. */
function encodeLast(challenges: readonly number[]): Bytes {
  const bytes = new Uint8Array(LAST_SIZE)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, challenges.length)
  for (const [index, challenge] of challenges.entries()) {
    view.setUint16(1 + NUMBER_SIZE * index, challenge)
  }
  return bytes
}
