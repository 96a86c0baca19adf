/**
 * GF(256) by x⁸ + x⁴ + x³ + x² + 1, whose root α generates it: element by exponent and exponent by
 * element. Exponents go round twice, so that a sum of two needs no remainder.
 */
export const ORDER = 255
const FIELD_POLYNOMIAL = 0x11d

const powers = new Uint8Array(2 * ORDER)
const logarithms = new Uint8Array(ORDER + 1)

for (let exponent = 0, element = 1; exponent < ORDER; exponent++) {
  powers[exponent] = element
  powers[exponent + ORDER] = element
  logarithms[element] = exponent
  element <<= 1
  if (element > ORDER) element ^= FIELD_POLYNOMIAL
}

/** α to the power of `exponent`, 0 or more. */
export function power(exponent: number): number {
  return powers[exponent % ORDER] ?? 0
}

export function multiply(a: number, b: number): number {
  if (a === 0 || b === 0) return 0
  return powers[(logarithms[a] ?? 0) + (logarithms[b] ?? 0)] ?? 0
}

/** `b` is not 0. */
export function divide(a: number, b: number): number {
  if (a === 0) return 0
  return powers[(logarithms[a] ?? 0) + ORDER - (logarithms[b] ?? 0)] ?? 0
}
