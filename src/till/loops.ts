import type { RandomSource } from '../kernel/ports.ts'
import { undisturbed, type Channel, type Slot } from '../reader/channel.ts'
import { backoff, type SyncReport } from './sync.ts'

/**
 * The three loops of a till (Shah et al., IV B): cards, uploads, people's input. Each waits for its own
 * events only, so that no network and no cashier ever delays a card. Each ends when `signal` aborts.
 */

/** Something that waits: real time in a till, simulated time elsewhere. */
export interface Timer {
  /** Resolves after so many milliseconds, or at once when `signal` aborts. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>
}

/** Wakes whoever waits for it; rung while nobody waits, it wakes the next one at once. */
export class Bell {
  #rung = false
  #wake: (() => void) | undefined

  ring(): void {
    this.#rung = true
    this.#wake?.()
  }

  async wait(signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const wake = () => resolve()
      this.#wake = wake
      signal.addEventListener('abort', wake, { once: true })
      await promise
      signal.removeEventListener('abort', wake)
      this.#wake = undefined
    }
    this.#rung = false
  }
}

/** What people asked for, one after the other. */
export class InputQueue<T> {
  readonly #items: T[] = []
  readonly #bell = new Bell()

  push(item: T): void {
    this.#items.push(item)
    this.#bell.ring()
  }

  async *take(signal: AbortSignal): AsyncGenerator<T> {
    while (!signal.aborted) {
      const item = this.#items.shift()
      if (item === undefined) await this.#bell.wait(signal)
      else yield item
    }
  }
}

/** Every card that comes, the one that is already there first. A card that came and went is left out. */
export async function cardLoop(
  slot: Slot,
  present: (channel: Channel) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const bell = new Bell()
  let waiting = slot.card()
  const stop = slot.watch((event) => {
    waiting = event.kind === 'inserted' ? event.channel : undefined
    bell.ring()
  })
  try {
    while (!signal.aborted) {
      const channel = waiting
      waiting = undefined
      if (channel) await undisturbed(channel, () => present(channel))
      else await bell.wait(signal)
    }
  } finally {
    stop()
  }
}

export async function inputLoop<T>(
  queue: InputQueue<T>,
  handle: (item: T) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  for await (const item of queue.take(signal)) await handle(item)
}

export interface UploadLoopParts {
  /** Undefined: there is nobody to synchronise with yet. */
  readonly syncOnce: () => Promise<SyncReport | undefined>
  readonly timer: Timer
  readonly random: RandomSource
  /** Rung when there is something to upload, or the network is back. */
  readonly bell: Bell
  /** Milliseconds between synchronisations when all is well. */
  readonly interval: number
}

/**
 * Synchronises again and again: at the interval or the bell while it succeeds, with longer and longer
 * pauses while it does not. The bell cuts a pause short, because people ring it.
 */
export async function uploadLoop(parts: UploadLoopParts, signal: AbortSignal): Promise<void> {
  let failures = 0
  while (!signal.aborted) {
    const report = await parts.syncOnce()
    failures = !report || report.result === 'synchronised' ? 0 : failures + 1
    const pause = failures === 0 ? parts.interval : backoff(failures, parts.random)
    await waitOrBell(pause, parts, signal)
  }
}

async function waitOrBell(
  milliseconds: number,
  { timer, bell }: UploadLoopParts,
  signal: AbortSignal,
): Promise<void> {
  const done = new AbortController()
  const either = AbortSignal.any([signal, done.signal])
  await Promise.race([timer.wait(milliseconds, either), bell.wait(either)])
  done.abort()
}

/** Real time. */
export const realTimer: Timer = {
  async wait(milliseconds, signal) {
    const { promise, resolve } = Promise.withResolvers<void>()
    const stop = () => resolve()
    const timeout = setTimeout(stop, milliseconds)
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    await promise
    clearTimeout(timeout)
    signal.removeEventListener('abort', stop)
  },
}
