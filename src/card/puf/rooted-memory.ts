import { bytesEqual, concat, secretsEqual, type Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import { sha256 } from '../../kernel/hash.ts'
import type { AtomicMemory, MemoryPart } from '../applet.ts'

/** Bytes of the memory that holds a root. */
export const ROOT_SIZE = 32
const MARK_SIZE = 32

export interface RootedOptions {
  /** An attacker may read it, rewrite it and put back what it held. */
  readonly memory: AtomicMemory
  /** Bytes of what is kept: the first of `memory`, before {@link ROOTED_OVERHEAD} more. */
  readonly size: number
  /** Tamper-evident: nobody rewrites it, and nobody puts back what it held. */
  readonly root: AtomicMemory
  /** What nobody else can make of these bytes: a MAC under a key that is in no memory, 32 bytes. */
  readonly mark: (bytes: Bytes) => Bytes
}

/** Of the memory, beside what is kept. */
export const ROOTED_OVERHEAD: number = ROOT_SIZE + MARK_SIZE

/** What the memory holds is not what its root stands for: somebody put it there. */
export class RecordTampered extends Error {
  override readonly name = 'RecordTampered'
}

/**
 * Bytes in an ordinary memory that nobody can change or put back: a digest of them, the root, is in a memory
 * of its own. Each version names the root that it follows.
 *
 *     memory:  bytes ‖ root before ‖ mark
 *     root:    SHA-256(bytes ‖ root before); 00 while all of it is 00
 *
 * The memory is written before the root. So a version that follows the root, and has its mark, is a tear and
 * stands. Of two that follow one root only one ever counts: what was left by the other is worth nothing.
 */
export class RootedMemory implements AtomicMemory {
  readonly size: number
  readonly #memory: AtomicMemory
  readonly #root: AtomicMemory
  readonly #mark: (bytes: Bytes) => Bytes

  constructor({ memory, size, root, mark }: RootedOptions) {
    this.size = size
    this.#memory = memory
    this.#root = root
    this.#mark = mark
  }

  /** @throws {RecordTampered} as every method. */
  read(offset: number, size: number): Bytes {
    invariant(offset >= 0 && offset + size <= this.size, 'an address is in the memory')
    return this.#bytes().slice(offset, offset + size)
  }

  /** @throws {PowerLost} if a fuse blows: before the memory is written nothing has happened, after it all has. */
  write(...parts: readonly MemoryPart[]): void {
    const bytes = this.#bytes()
    for (const part of parts) {
      invariant(part.offset + part.bytes.length <= this.size, 'an address is in the memory')
      bytes.set(part.bytes, part.offset)
    }
    const before = this.#root.read(0, ROOT_SIZE)
    const root = rootOf(bytes, before)
    this.#memory.write({ offset: 0, bytes: concat(bytes, before, this.#mark(root)) })
    this.#root.write({ offset: 0, bytes: root })
  }

  /** Once they agree with the root. */
  #bytes(): Bytes {
    const [bytes, before, mark] = [
      this.#memory.read(0, this.size),
      this.#memory.read(this.size, ROOT_SIZE),
      this.#memory.read(this.size + ROOT_SIZE, MARK_SIZE),
    ]
    const root = this.#root.read(0, ROOT_SIZE)
    const found = rootOf(bytes, before)
    if (bytesEqual(found, root)) return bytes
    if (!bytesEqual(before, root) || !secretsEqual(mark, this.#mark(found))) {
      throw new RecordTampered('what the memory holds was put there from outside')
    }
    this.#root.write({ offset: 0, bytes: found })
    return bytes
  }
}

/** 00 of a memory that nothing was written in. */
function rootOf(bytes: Bytes, before: Bytes): Bytes {
  const all = concat(bytes, before)
  return all.every((byte) => byte === 0) ? new Uint8Array(ROOT_SIZE) : sha256(all)
}
