import { concat, secretsEqual, utf8, type Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import { hmacSha256 } from '../../kernel/hash.ts'
import type { RandomSource } from '../../kernel/ports.ts'
import { noted, room, wiping } from '../../kernel/wiping.ts'
import { decode, encode, ERRORS_MAX, MESSAGE_BITS, WORD_BITS } from './bch.ts'
import { bitAt } from './noisy-puf.ts'

/** What a noisy response comes down to: a key that is the same at every reading, with public help. */
export interface FuzzyExtractor {
  /** That a PUF must answer with. */
  readonly responseBits: number
  readonly helperSize: number
  /** A new key for a response, and what it takes to find it again. */
  generate(response: Uint8Array, random: RandomSource): Extracted
  /** Undefined if too many bits are wrong, or the helper is of another response. */
  reproduce(response: Uint8Array, helper: Uint8Array): Bytes | undefined
}

export interface Extracted {
  /** {@link KEY_SIZE} bytes. Secret: whoever has it wipes it. */
  readonly key: Bytes
  /** Public: of the key it tells nothing as long as the response has as many bits of entropy as bits. */
  readonly helper: Bytes
}

export const KEY_SIZE = 32
const CHECK_SIZE = 16

/**
 * The repetition that is shipped: with it BCH(255, 131) fails 9.6 · 10⁻¹⁴ times at 5 % wrong bits;
 * `failureRate` computes it.
 */
export const REPETITION = 3

/**
 * Code-offset construction (Dodis, Reyzin and Smith, 2004) with BCH(255, 131, t = 18) over a repetition
 * code: `helper = response ⊕ code word ‖ check`. A random message of 131 bits makes the code word, the
 * key and the check. The check takes in the rest of the helper: of a helper that somebody has changed
 * no key comes. `repetition` is odd.
 */
export function fuzzyExtractor(repetition: number = REPETITION): FuzzyExtractor {
  invariant(repetition % 2 === 1, 'a majority needs an odd number')
  const responseBits = repetition * WORD_BITS
  const offsetSize = Math.ceil(responseBits / 8)
  return {
    responseBits,
    helperSize: offsetSize + CHECK_SIZE,
    generate(response, random) {
      invariant(response.length === offsetSize, `a response has ${responseBits} bits`)
      const made = wiping(() => {
        const drawn = noted(random.bytes(Math.ceil(MESSAGE_BITS / 8)))
        const message = unpack(drawn, MESSAGE_BITS)
        const offset = xor(response, pack(repeat(encode(message), repetition)))
        return concat(derive(message, KEY), offset, checkOf(message, offset))
      })
      return { key: made.subarray(0, KEY_SIZE), helper: made.subarray(KEY_SIZE) }
    },
    reproduce(response, helper) {
      if (response.length !== offsetSize || helper.length !== offsetSize + CHECK_SIZE)
        return undefined
      const offset = helper.subarray(0, offsetSize)
      return wiping(() => {
        const message = decode(majorities(xor(response, offset), repetition))
        if (!message) return undefined
        const check = checkOf(message, offset)
        return secretsEqual(check, helper.subarray(offsetSize)) ? derive(message, KEY) : undefined
      })
    },
  }
}

/**
 * How likely a reading gives no key when each bit is wrong with that probability, independently: exact
 * binomial tails, of the repetitions of a bit and of the bits of a word.
 */
export function failureRate(repetition: number, bitErrorRate: number): number {
  const wrongBit = binomialTail(repetition, (repetition + 1) / 2, bitErrorRate)
  return binomialTail(WORD_BITS, ERRORS_MAX + 1, wrongBit)
}

/** P(X ≥ from) of n trials. Summed from the far end, where the terms are small. */
function binomialTail(n: number, from: number, probability: number): number {
  if (probability === 0) return 0
  let sum = 0
  for (let count = n; count >= from; count--) sum += Math.exp(logBinomial(n, count, probability))
  return sum
}

function logBinomial(n: number, count: number, probability: number): number {
  let log = count * Math.log(probability) + (n - count) * Math.log1p(-probability)
  for (let factor = 1; factor <= count; factor++) log += Math.log((n - count + factor) / factor)
  return log
}

const KEY = utf8('kontant puf key')
const CHECK = utf8('kontant puf check')

function derive(message: Uint8Array, purpose: Bytes, ...context: Uint8Array[]): Bytes {
  return hmacSha256(pack(message), concat(purpose, ...context))
}

function checkOf(message: Uint8Array, offset: Uint8Array): Bytes {
  return derive(message, CHECK, offset).subarray(0, CHECK_SIZE)
}

function repeat(word: Uint8Array, repetition: number): Uint8Array {
  const repeated = room(word.length * repetition)
  for (const [at, bit] of word.entries()) {
    repeated.fill(bit, at * repetition, (at + 1) * repetition)
  }
  return repeated
}

function majorities(packed: Uint8Array, repetition: number): Uint8Array {
  const word = room(WORD_BITS)
  for (let at = 0; at < WORD_BITS; at++) {
    let ones = 0
    for (let copy = 0; copy < repetition; copy++) ones += bitAt(packed, at * repetition + copy)
    word[at] = 2 * ones > repetition ? 1 : 0
  }
  return word
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  const sum = room(a.length)
  for (const [at, byte] of a.entries()) sum[at] = byte ^ (b[at] ?? 0)
  return sum
}

/** One byte a bit to 8 bits a byte, the rest 0. */
function pack(bits: Uint8Array): Bytes {
  const packed = room(Math.ceil(bits.length / 8))
  for (let at = 0; at < bits.length; at++) {
    packed[at >> 3] = (packed[at >> 3] ?? 0) | ((bits[at] ?? 0) << (7 - (at & 7)))
  }
  return packed
}

function unpack(packed: Uint8Array, size: number): Uint8Array {
  const bits = room(size)
  for (let at = 0; at < size; at++) bits[at] = bitAt(packed, at)
  return bits
}
