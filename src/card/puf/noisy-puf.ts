import { concat, type Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import { DIGEST_SIZE, hmacSha256 } from '../../kernel/hash.ts'
import type { RandomSource } from '../../kernel/ports.ts'

/** A physical unclonable function: what it answers is in its structure and nowhere in a memory. */
export interface Puf {
  /** Bits of a response; the rest of its last byte is 0. */
  readonly responseBits: number
  /** Another reading of the same response each time: some bits are wrong. */
  read(challenge: Uint8Array): Bytes
}

export interface PufOptions {
  /** What tells this device from any other: the emulation of its structure. */
  readonly structure: Uint8Array
  readonly responseBits: number
  /** How likely a bit is read wrong, from 0 and below ½. */
  readonly bitErrorRate: number
  readonly noise: RandomSource
}

const UINT32_RANGE = 2 ** 32
/** Noise is drawn in pieces of as many bytes, 4 for each wrong bit. */
const NOISE_SIZE = 256

/**
 * An ideal PUF with noise: a keyed hash of the challenge, so that no response tells anything of another,
 * each bit of which is read wrong with the same probability, independently.
 */
export class NoisyPuf implements Puf {
  readonly responseBits: number
  readonly #structure: Uint8Array
  readonly #noise: RandomSource
  #bitErrorRate = 0

  constructor({ structure, responseBits, bitErrorRate, noise }: PufOptions) {
    this.responseBits = responseBits
    this.bitErrorRate = bitErrorRate
    this.#structure = structure
    this.#noise = noise
  }

  get bitErrorRate(): number {
    return this.#bitErrorRate
  }

  /** Heat, cold and age change it. */
  set bitErrorRate(rate: number) {
    invariant(rate >= 0 && rate < 0.5, 'a bit is read right more often than not')
    this.#bitErrorRate = rate
  }

  read(challenge: Uint8Array): Bytes {
    const response = this.#ideal(challenge)
    if (this.bitErrorRate > 0) this.#disturb(response)
    return response
  }

  #ideal(challenge: Uint8Array): Bytes {
    const size = Math.ceil(this.responseBits / 8)
    const response = new Uint8Array(size)
    for (let at = 0; at < size; at += DIGEST_SIZE) {
      const index = Uint8Array.of(at / DIGEST_SIZE)
      const block = hmacSha256(this.#structure, concat(index, challenge))
      response.set(block.subarray(0, size - at), at)
      block.fill(0)
    }
    const last = size - 1
    response[last] = (response[last] ?? 0) & (0xff << (8 * size - this.responseBits))
    return response
  }

  /** From one wrong bit to the next: the distances of independent errors are geometric. */
  #disturb(response: Bytes): void {
    const scale = Math.log1p(-this.bitErrorRate)
    let drawn = new DataView(new ArrayBuffer(0))
    let used = 0
    for (let at = -1; ;) {
      if (used === drawn.byteLength) {
        drawn = new DataView(this.#noise.bytes(NOISE_SIZE).buffer)
        used = 0
      }
      const uniform = (drawn.getUint32(used) + 0.5) / UINT32_RANGE
      used += 4
      at += 1 + Math.floor(Math.log(uniform) / scale)
      if (at >= this.responseBits) return
      response[at >> 3] = (response[at >> 3] ?? 0) ^ bitMask(at)
    }
  }
}

/** How often a response is read before it is relied on for good. Odd. */
export const ENROLMENT_READS = 15

/** What most of several readings say, bit by bit: at 5 % a bit of it is wrong once in 4 million. */
export function enrol(puf: Puf, challenge: Uint8Array): Bytes {
  const size = Math.ceil(puf.responseBits / 8)
  const ones = new Uint8Array(8 * size)
  for (let reading = 0; reading < ENROLMENT_READS; reading++) {
    const response = puf.read(challenge)
    for (let at = 0; at < ones.length; at++) ones[at] = (ones[at] ?? 0) + bitAt(response, at)
    response.fill(0)
  }
  const reference = new Uint8Array(size)
  for (const [at, count] of ones.entries()) {
    if (2 * count > ENROLMENT_READS) reference[at >> 3] = (reference[at >> 3] ?? 0) | bitMask(at)
  }
  return reference
}

/** Bits are counted from the highest of the first byte on. */
export function bitAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at >> 3] ?? 0) >> (7 - (at & 7))) & 1
}

function bitMask(at: number): number {
  return 0x80 >> (at & 7)
}
