/** What is taken and verified at once, in items: small, so that a writer who has nothing gets some soon. */
const PART_ITEMS = 2000
/**
 * What is worth waiting for, in items, where more is being verified: a group looks up its cards, and what
 * else its records stand on, once.
 */
const GROUP_ITEMS_ENOUGH = 8000
/** What is written in one transaction, in items, at most. */
const GROUP_ITEMS_MAX = 12_000
/** What is verified, or being verified, while something is written: threads must not run dry. */
const AHEAD_ITEMS_MAX = 24_000

/** Where uploads come from and what is done with them, in order. */
export interface Source<T extends Taken, V> {
  /** The oldest behind that one, with as many items as asked for, or a few more. */
  take(after: bigint, items: number): Promise<readonly T[]>
  verify(part: readonly T[]): Promise<readonly V[]>
}

export interface Taken {
  readonly id: bigint
  readonly items: readonly unknown[]
}

/**
 * Uploads are verified in parts, ahead of the writer, and written in groups: all parts that are verified
 * when he comes back, and more if they are few. So a group is small where little is waiting, and large
 * where much is, which makes the writer faster.
 */
export class Ahead<T extends Taken, V> {
  readonly #source: Source<T, V>
  readonly #parts: Part<V>[] = []
  #taken = 0n

  constructor(source: Source<T, V>) {
    this.#source = source
  }

  /** The next group, as soon as it is verified; undefined if there was nothing to take. */
  async next(): Promise<readonly V[] | undefined> {
    const first = this.#parts.shift()
    if (!first) return undefined
    const group = [...(await first.verified)]
    let { items } = first
    for (;;) {
      const [part] = this.#parts
      if (!part || items + part.items > GROUP_ITEMS_MAX) return group
      if (!part.isVerified && items >= GROUP_ITEMS_ENOUGH) return group
      this.#parts.shift()
      items += part.items
      group.push(...(await part.verified))
    }
  }

  /** Resolves as soon as enough is taken, or nothing is left: it is verified meanwhile. */
  async fill(): Promise<void> {
    while (this.#items() < AHEAD_ITEMS_MAX) {
      const part = await this.#source.take(this.#taken, PART_ITEMS)
      const last = part.at(-1)
      if (!last) return
      this.#taken = last.id
      this.#parts.push(new Part(part, this.#source.verify(part)))
    }
  }

  #items(): number {
    return this.#parts.reduce((total, { items }) => total + items, 0)
  }
}

/** Uploads that are verified together. */
class Part<V> {
  readonly items: number
  readonly verified: Promise<readonly V[]>
  isVerified = false

  constructor(uploads: readonly Taken[], verified: Promise<readonly V[]>) {
    this.items = uploads.reduce((total, { items }) => total + items.length, 0)
    this.verified = verified
    void verified.then(
      () => {
        this.isVerified = true
      },
      // Whoever takes it out sees its failure; nobody may be there to do so.
      () => {},
    )
  }
}
