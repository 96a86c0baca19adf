import type { RandomSource } from '../kernel/ports.ts'
import type { Slot } from '../reader/channel.ts'
import type { Counter } from './counter.ts'
import { cardLoop, inputLoop, uploadLoop, type InputQueue, type Timer } from './loops.ts'

export interface RunParts {
  readonly counter: Counter
  /** Every reader of this till. */
  readonly slots: readonly Slot[]
  /** What people enter elsewhere than on the till's page: a keypad, a script. */
  readonly inputs: InputQueue<(counter: Counter) => void>
  readonly timer: Timer
  readonly random: RandomSource
  /** Milliseconds between synchronisations. */
  readonly interval: number
}

/** Runs a till's loops until `signal` aborts. Rejects if one of them breaks: the till must then stop. */
export async function runTill(parts: RunParts, signal: AbortSignal): Promise<void> {
  const { counter, slots, inputs, timer, random, interval } = parts
  const broken = new AbortController()
  const either = AbortSignal.any([signal, broken.signal])
  const guard = async (loop: Promise<void>): Promise<void> => {
    try {
      await loop
    } finally {
      broken.abort()
    }
  }
  await Promise.all([
    ...slots.map((slot) =>
      guard(
        cardLoop(
          slot,
          async (channel) => {
            await counter.present(channel)
          },
          either,
        ),
      ),
    ),
    guard(
      uploadLoop(
        {
          syncOnce: async () => (counter.isEnrolled ? counter.sync() : undefined),
          timer,
          random,
          interval,
          bell: counter.news,
        },
        either,
      ),
    ),
    guard(inputLoop(inputs, async (act) => act(counter), either)),
  ])
}
