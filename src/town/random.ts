import { utf8, type Bytes } from '../kernel/bytes.ts'
import { hmacSha256 } from '../kernel/hash.ts'
import type { RandomSource } from '../kernel/ports.ts'

/** The same bytes for the same seed: HMAC in counter mode. Never for anything outside a simulation. */
export function seededRandom(seed: string): RandomSource {
  let counter = 0
  let left: Bytes = new Uint8Array()
  return {
    bytes(size) {
      const drawn = new Uint8Array(size)
      for (let filled = 0; filled < size;) {
        if (left.length === 0) left = hmacSha256(utf8(seed), utf8(String(counter++)))
        const part = left.subarray(0, size - filled)
        drawn.set(part, filled)
        left = left.slice(part.length)
        filled += part.length
      }
      return drawn
    },
  }
}

/** A whole number from 0 to `below` − 1. */
export function randomBelow(random: RandomSource, below: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = random.bytes(4)
  return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) % below
}

/** Fisher and Yates. */
export function shuffled<T>(random: RandomSource, items: readonly T[]): readonly T[] {
  const rest = [...items]
  const result: T[] = []
  while (rest.length > 0) result.push(...rest.splice(randomBelow(random, rest.length), 1))
  return result
}
