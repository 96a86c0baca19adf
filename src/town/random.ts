import { createCipheriv } from 'node:crypto'
import { utf8 } from '../kernel/bytes.ts'
import { sha256 } from '../kernel/hash.ts'
import type { RandomSource } from '../kernel/ports.ts'

/** The same bytes for the same seed: AES-256 in counter mode. Never for anything outside a simulation. */
export function seededRandom(seed: string): RandomSource {
  const stream = createCipheriv('aes-256-ctr', sha256(utf8(seed)), new Uint8Array(16))
  return { bytes: (size) => new Uint8Array(stream.update(new Uint8Array(size))) }
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
