import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decode, encode, ERRORS_MAX, MESSAGE_BITS, WORD_BITS } from '../../../src/card/puf/bch.ts'

const bits = (size: number) => fc.uint8Array({ minLength: size, maxLength: size, max: 1 })
const positions = (minLength: number, maxLength: number) =>
  fc.uniqueArray(fc.nat(WORD_BITS - 1), { minLength, maxLength, size: 'max' })

function flipped(word: Uint8Array, at: readonly number[]): Uint8Array {
  const wrong = word.slice()
  for (const position of at) wrong[position] = (wrong[position] ?? 0) ^ 1
  return wrong
}

describe('BCH(255, 131, t = 18)', () => {
  test('every message comes back from every pattern of up to 18 errors', () => {
    let worst = 0
    fc.assert(
      fc.property(bits(MESSAGE_BITS), positions(0, ERRORS_MAX), (message, errors) => {
        worst = Math.max(worst, errors.length)
        expect(decode(flipped(encode(message), errors))).toEqual(message)
      }),
      { numRuns: 3000 },
    )
    expect(worst).toBe(ERRORS_MAX)
  })

  test('exactly 18 errors, wherever a run of them begins', () => {
    const message = Uint8Array.from({ length: MESSAGE_BITS }, (_, at) => (at % 3) & 1)
    const word = encode(message)
    for (let start = 0; start < WORD_BITS; start++) {
      const run = Array.from({ length: ERRORS_MAX }, (_, index) => (start + index) % WORD_BITS)
      expect(decode(flipped(word, run))).toEqual(message)
    }
  })

  test('is linear and cyclic, and two words differ in 37 places or more', () => {
    fc.assert(
      fc.property(bits(MESSAGE_BITS), bits(MESSAGE_BITS), fc.nat(WORD_BITS), (a, b, turn) => {
        const sum = (x: Uint8Array, y: Uint8Array) => x.map((bit, at) => bit ^ (y[at] ?? 0))
        expect(encode(sum(a, b))).toEqual(sum(encode(a), encode(b)))
        const word = encode(a)
        const turned = word.map((_, at) => word[(at + turn) % WORD_BITS] ?? 0)
        expect(encode(turned.slice(WORD_BITS - MESSAGE_BITS))).toEqual(turned)
        const weight = sum(word, encode(b)).reduce((ones, bit) => ones + bit, 0)
        if (sum(a, b).some((bit) => bit === 1)) expect(weight).toBeGreaterThanOrEqual(37)
      }),
    )
  })

  test('with 19 errors and more it gives another message or none, and never stops', () => {
    const seen = { none: 0, another: 0 }
    fc.assert(
      fc.property(bits(MESSAGE_BITS), positions(ERRORS_MAX + 1, WORD_BITS), (message, errors) => {
        const read = decode(flipped(encode(message), errors))
        if (read) {
          seen.another++
          // Within reach of another code word: nobody could tell.
          expect(read).not.toEqual(message)
        } else seen.none++
      }),
      { numRuns: 1000 },
    )
    expect(seen.none).toBeGreaterThan(900)
  })
})
