import { setTimeout as wait } from 'node:timers/promises'
import {
  ignorePcscError,
  PcscError,
  type PcscBinding,
  type PcscCard,
  type PcscClient,
  type ReaderState,
} from './binding.ts'
import { PcscSlot } from './slot.ts'

/** While the PC/SC service is away, milliseconds. */
const RETRY_MS = 500
/** How long it may take to leave the cards, milliseconds. */
const LEAVE_MS = 1000

export type ReaderEvent =
  | { readonly kind: 'state'; readonly reader: string; readonly state: ReaderState }
  | { readonly kind: 'unplugged'; readonly reader: string }
  /** The service ended; it is asked again until it is back. */
  | { readonly kind: 'service_gone' }
  | { readonly kind: 'service_back' }

/** The PC/SC readers of this machine, over unplugged readers and restarts of the service. */
export class PcscReaders {
  readonly #binding: PcscBinding
  readonly #states = new Map<string, ReaderState>()
  readonly #slots = new Map<string, PcscSlot>()
  readonly #watchers = new Set<(event: ReaderEvent) => void>()
  readonly #closing = new AbortController()
  #client: PcscClient | undefined

  private constructor(binding: PcscBinding) {
    this.#binding = binding
  }

  /** Resolves when the readers that are there are known. @throws {PcscError} `no_service` */
  static async open(binding: PcscBinding): Promise<PcscReaders> {
    const readers = new PcscReaders(binding)
    await readers.#open()
    return readers
  }

  /** Readers that can be seen at once. */
  get readersMax(): number {
    return this.#binding.readersMax
  }

  /** Readers that are plugged in, in the order in which the service has them. */
  get states(): ReadonlyMap<string, ReaderState> {
    return this.#states
  }

  /**
   * A reader to wait at for cards, plugged in or not. Only readers that are asked for so are touched:
   * the cards in others are somebody else's.
   */
  slot(name: string): PcscSlot {
    const slot = this.#slots.get(name) ?? new PcscSlot(name, () => this.connect(name))
    this.#slots.set(name, slot)
    slot.changed(this.#states.get(name) ?? 'empty')
    return slot
  }

  /** Connects to the card that is there now. @throws {PcscError} */
  async connect(name: string): Promise<PcscCard> {
    if (!this.#client) throw new PcscError('no_service', 'the PC/SC service is away')
    return this.#client.connect(name)
  }

  watch(watcher: (event: ReaderEvent) => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#watchers.clear()
    await this.#drop()
  }

  async #open(): Promise<void> {
    let isBroken = false
    const client = await this.#binding.open({
      changed: (name, state) => this.#changed(name, state),
      gone: (name) => this.#gone(name),
      broken: () => {
        isBroken = true
        if (this.#client) void this.#reopen()
      },
    })
    this.#client = client
    if (isBroken) void this.#reopen()
    // What was told before there was somebody to connect with.
    for (const [name, state] of this.#states) this.#slots.get(name)?.changed(state)
  }

  #changed(reader: string, state: ReaderState): void {
    this.#states.set(reader, state)
    this.#slots.get(reader)?.changed(state)
    this.#tell({ kind: 'state', reader, state })
  }

  #gone(reader: string): void {
    if (!this.#states.delete(reader)) return
    this.#slots.get(reader)?.changed('empty')
    this.#tell({ kind: 'unplugged', reader })
  }

  /** A client that ends while it still holds a card can block for ever: so does a card that is mute. */
  async #drop(): Promise<void> {
    const client = this.#client
    this.#client = undefined
    this.#states.clear()
    const slots = [...this.#slots.values()]
    for (const slot of slots) slot.changed('empty')
    const left = Promise.all(slots.map((slot) => slot.left())).then(() => true)
    if (await Promise.race([left, wait(LEAVE_MS, false)])) await client?.close()
  }

  async #reopen(): Promise<void> {
    this.#tell({ kind: 'service_gone' })
    await this.#drop()
    const { signal } = this.#closing
    for (;;) {
      await wait(RETRY_MS, undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      try {
        await this.#open()
      } catch (error) {
        ignorePcscError(error)
        continue
      }
      if (signal.aborted) await this.#drop()
      else this.#tell({ kind: 'service_back' })
      return
    }
  }

  #tell(event: ReaderEvent): void {
    for (const watcher of this.#watchers) watcher(event)
  }
}
