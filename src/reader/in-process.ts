import type { Bytes } from '../kernel/bytes.ts'
import type { Channel, Slot, SlotEvent } from './channel.ts'

/** A card in this process, or anything else that answers APDUs at once. */
export interface LocalCard {
  readonly atr: Bytes
  /** Fewer than 2 bytes if the card went away in the middle. */
  transmit(apdu: Bytes): Bytes
}

/** A card that knows when it comes and goes. */
export interface InsertableCard extends LocalCard {
  powerOn(): void
  powerOff(): void
}

export function inProcessChannel(card: LocalCard): Channel {
  return {
    atr: card.atr,
    async transmit(apdu) {
      return card.transmit(apdu)
    },
  }
}

/** A reader in this process, into which cards are put by calling it. */
export class InProcessSlot implements Slot {
  readonly name: string
  readonly #listeners = new Set<(event: SlotEvent) => void>()
  #card: InsertableCard | undefined
  #channel: Channel | undefined

  constructor(name: string) {
    this.name = name
  }

  card(): Channel | undefined {
    return this.#channel
  }

  watch(listener: (event: SlotEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Puts a card in. One that is there goes first. */
  insert(card: InsertableCard): Channel {
    this.remove()
    card.powerOn()
    this.#card = card
    const channel: Channel = {
      atr: card.atr,
      // A channel ends with its card: the same card put in again is a new one.
      transmit: async (apdu) =>
        this.#channel === channel && this.#card ? this.#card.transmit(apdu) : new Uint8Array(),
    }
    this.#channel = channel
    this.#tell({ kind: 'inserted', channel })
    return channel
  }

  remove(): void {
    if (!this.#card) return
    this.#card.powerOff()
    this.#card = undefined
    this.#channel = undefined
    this.#tell({ kind: 'removed' })
  }

  /**
   * Puts another card in the place of the first, faster than the reader looks: no event, and the
   * channel goes on. Real readers do not notice within some 300 ms.
   */
  swap(card: InsertableCard): void {
    if (!this.#card) return
    this.#card.powerOff()
    card.powerOn()
    this.#card = card
  }

  #tell(event: SlotEvent): void {
    for (const listener of this.#listeners) listener(event)
  }
}
