import { expect, test } from 'vitest'
import { failureRate, REPETITION } from '../../../src/card/puf/fuzzy-extractor.ts'
import { BIT_ERROR_RATE } from '../../../src/card/puf/silicon.ts'
import { defineReliability } from './reliability.ts'

/** A taste; test/long/ reads a million. */
defineReliability({ 1: 1_500, 3: 5_000 })

test('what is shipped fails less than once in 10⁹ at 5 %', () => {
  expect(BIT_ERROR_RATE).toBe(0.05)
  expect(failureRate(REPETITION, 0.05)).toBeLessThan(1e-9)
})

/** Computed elsewhere: exact binomial tails. */
test.each([
  [1, 0.03, 3.0e-4],
  [1, 0.05, 5.6e-2],
  [1, 0.1, 0.93],
  [3, 0.05, 9.6e-14],
  [3, 0.1, 1.3e-4],
  [3, 0.15, 0.21],
  [5, 0.05, 2.8e-28],
  [5, 0.1, 1.7e-12],
  [5, 0.15, 6.6e-5],
  [7, 0.1, 2.3e-21],
  [7, 0.15, 5.4e-10],
])('repetition %i at %f: %f', (repetition, bitErrorRate, rate) => {
  expect(failureRate(repetition, bitErrorRate) / rate).toBeCloseTo(1, 1)
})
