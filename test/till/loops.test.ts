import { describe, expect, test } from 'vitest'
import type { Channel } from '../../src/reader/channel.ts'
import { InProcessSlot, type InsertableCard } from '../../src/reader/in-process.ts'
import {
  Bell,
  cardLoop,
  InputQueue,
  inputLoop,
  realTimer,
  uploadLoop,
  type Timer,
} from '../../src/till/loops.ts'
import type { SyncReport, SyncResult } from '../../src/till/sync.ts'

function cardNamed(name: string): InsertableCard {
  const atr = new TextEncoder().encode(name)
  return {
    atr,
    transmit: () => new Uint8Array(2),
    powerOn: () => undefined,
    powerOff: () => undefined,
  }
}

function nameOf(channel: Channel): string {
  return new TextDecoder().decode(channel.atr)
}

/** Lets everything that waits for promises go on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}

/** Time that passes when the test says so. */
function testTimer() {
  const waits: { milliseconds: number; finish: () => void }[] = []
  const timer: Timer = {
    async wait(milliseconds, signal) {
      const { promise, resolve } = Promise.withResolvers<void>()
      waits.push({ milliseconds, finish: resolve })
      signal.addEventListener('abort', () => resolve(), { once: true })
      await promise
    },
  }
  return { timer, waits }
}

describe('the card loop', () => {
  test('takes the card that is there, then each that comes, one after the other', async () => {
    const slot = new InProcessSlot('reader')
    slot.insert(cardNamed('a'))
    const stop = new AbortController()
    const seen: string[] = []
    const gates: (() => void)[] = []
    const loop = cardLoop(
      slot,
      async (channel) => {
        seen.push(nameOf(channel))
        await new Promise<void>((resolve) => gates.push(resolve))
      },
      stop.signal,
    )
    await settle()
    expect(seen).toEqual(['a'])
    slot.insert(cardNamed('b')) // comes and goes while a is still busy
    slot.insert(cardNamed('c'))
    await settle()
    expect(seen).toEqual(['a'])
    gates[0]?.()
    await settle()
    expect(seen).toEqual(['a', 'c'])
    slot.insert(cardNamed('x')) // comes and goes
    slot.remove()
    gates[1]?.()
    await settle()
    expect(seen).toEqual(['a', 'c'])
    slot.insert(cardNamed('d'))
    await settle()
    expect(seen).toEqual(['a', 'c', 'd'])
    gates[2]?.()
    stop.abort()
    await loop
    slot.insert(cardNamed('e'))
    await settle()
    expect(seen).toEqual(['a', 'c', 'd'])
  })

  test('breaks with what it handles', async () => {
    const slot = new InProcessSlot('reader')
    slot.insert(cardNamed('a'))
    const broken = cardLoop(
      slot,
      async () => {
        throw new Error('broken')
      },
      new AbortController().signal,
    )
    await expect(broken).rejects.toThrow('broken')
  })
})

describe('the input loop', () => {
  test('handles what came before it started and after, in order, until it is stopped', async () => {
    const queue = new InputQueue<number>()
    const stop = new AbortController()
    const seen: number[] = []
    queue.push(1)
    queue.push(2)
    const loop = inputLoop(
      queue,
      async (item) => {
        seen.push(item)
      },
      stop.signal,
    )
    await settle()
    queue.push(3)
    await settle()
    expect(seen).toEqual([1, 2, 3])
    stop.abort()
    await loop
    queue.push(4)
    await settle()
    expect(seen).toEqual([1, 2, 3])
  })
})

describe('the upload loop', () => {
  function start(results: readonly SyncResult[]) {
    const { timer, waits } = testTimer()
    const bell = new Bell()
    const stop = new AbortController()
    let calls = 0
    const syncOnce = async (): Promise<SyncReport> => {
      const result = results[calls] ?? 'synchronised'
      calls += 1
      return { result, made: 0, delivered: 0, documents: [], problem: undefined }
    }
    const random = { bytes: (size: number) => new Uint8Array(size).fill(255) }
    const loop = uploadLoop({ syncOnce, timer, random, bell, interval: 60_000 }, stop.signal)
    return { waits, bell, stop, loop, calls: () => calls }
  }

  test('pauses longer after each failure and at its interval after a success', async () => {
    const results = ['unreachable', 'unreachable', 'refused', 'puzzling', 'synchronised'] as const
    const { waits, stop, loop } = start(results)
    for (let turn = 0; turn < 6; turn += 1) {
      await settle()
      waits.at(-1)?.finish()
    }
    await settle()
    const pauses = waits.map(({ milliseconds }) => milliseconds)
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 60_000, 60_000, 60_000])
    stop.abort()
    await loop
  })

  test('goes on at once when the bell rings, also if it rang while it worked', async () => {
    const { bell, stop, loop, calls } = start(['unreachable'])
    bell.ring()
    await settle()
    expect(calls()).toBe(2)
    bell.ring()
    await settle()
    expect(calls()).toBe(3)
    bell.ring()
    bell.ring()
    await settle()
    expect(calls()).toBe(4)
    stop.abort()
    await loop
  })

  test('is not woken by one ring more than once', async () => {
    const { bell, stop, loop, calls } = start(['unreachable'])
    await settle()
    expect(calls()).toBe(1)
    bell.ring()
    await settle()
    expect(calls()).toBe(2)
    bell.ring()
    bell.ring()
    await settle()
    expect(calls()).toBe(3)
    stop.abort()
    await loop
  })
})

test('real time passes, and ends early when it is stopped', async () => {
  const stop = new AbortController()
  const start = performance.now()
  await realTimer.wait(5, stop.signal)
  expect(performance.now() - start).toBeGreaterThanOrEqual(4)
  const long = realTimer.wait(60_000, stop.signal)
  stop.abort()
  await long
  await realTimer.wait(60_000, stop.signal)
  expect(performance.now() - start).toBeLessThan(5000)
})
