import type { Channel, Slot, SlotEvent } from '../../../src/reader/channel.ts'

/** Everything that a slot tells, from now on. */
export class Watching {
  readonly kinds: SlotEvent['kind'][] = []
  readonly #slot: Slot
  readonly #wakers = new Set<() => void>()

  constructor(slot: Slot) {
    this.#slot = slot
    slot.watch(({ kind }) => {
      this.kinds.push(kind)
      for (const wake of this.#wakers) wake()
    })
  }

  /** The card that is there, or the next that comes. */
  async card(): Promise<Channel> {
    for (;;) {
      const channel = this.#slot.card()
      if (channel) return channel
      await this.#next()
    }
  }

  async empty(): Promise<void> {
    while (this.#slot.card()) await this.#next()
  }

  async #next(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wakers.add(resolve)
    await promise
    this.#wakers.delete(resolve)
  }
}
