import { copyOf } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import { room } from '../../kernel/wiping.ts'
import { divide, multiply, ORDER, power } from './galois.ts'

/**
 * The binary BCH code of length 255 with 131 bits of message, which corrects up to 18 errors: narrow
 * sense, primitive, systematic (MacWilliams and Sloane, chapter 9). A word is one byte a bit, 0 or 1.
 */
export const WORD_BITS = ORDER
export const MESSAGE_BITS = 131
export const ERRORS_MAX = 18
const PARITY_BITS = WORD_BITS - MESSAGE_BITS
const SYNDROMES = 2 * ERRORS_MAX

/** Lowest coefficient first: the product of the minimal polynomials of α, α³, … α³⁵. */
const GENERATOR: Uint8Array = generatorPolynomial()

/** Parity, then the message. */
export function encode(message: Uint8Array): Uint8Array {
  invariant(message.length === MESSAGE_BITS, `a message has ${MESSAGE_BITS} bits`)
  const remainder = room(PARITY_BITS)
  for (let at = MESSAGE_BITS - 1; at >= 0; at--) {
    const feedback = (message[at] ?? 0) ^ (remainder[PARITY_BITS - 1] ?? 0)
    remainder.copyWithin(1, 0)
    remainder[0] = 0
    if (feedback === 0) continue
    for (let bit = 0; bit < PARITY_BITS; bit++) {
      remainder[bit] = (remainder[bit] ?? 0) ^ (GENERATOR[bit] ?? 0)
    }
  }
  const word = room(WORD_BITS)
  word.set(remainder)
  word.set(message, PARITY_BITS)
  return word
}

/**
 * The message of the code word within 18 errors of `word`; undefined if there is none. With more errors
 * it may be another one's: who must know compares a digest.
 *
 * Nothing is left out when there are few errors. A chip would also have to keep table look-ups from
 * showing in its time; an emulation cannot.
 */
export function decode(word: Uint8Array): Uint8Array | undefined {
  invariant(word.length === WORD_BITS, `a word has ${WORD_BITS} bits`)
  const locator = berlekampMassey(syndromesOf(word))
  if (!locator) return undefined
  const errors = chienSearch(locator)
  if (errors.length !== locator.length - 1) return undefined
  const message = copyOf(word.subarray(PARITY_BITS))
  for (const position of errors) {
    const at = position - PARITY_BITS
    if (at >= 0) message[at] = (message[at] ?? 0) ^ 1
  }
  return message
}

/** The word at α, α², … α³⁶: all 0 for a code word. */
function syndromesOf(word: Uint8Array): Uint8Array {
  const syndromes = new Uint8Array(SYNDROMES)
  for (let position = 0; position < WORD_BITS; position++) {
    if (word[position] === 0) continue
    for (let index = 0; index < SYNDROMES; index += 2) {
      syndromes[index] = (syndromes[index] ?? 0) ^ power(position * (index + 1))
    }
  }
  // Over two elements squaring is additive: the word at α²ⁱ is the square of the word at αⁱ.
  for (let index = 1; index < SYNDROMES; index += 2) {
    const root = syndromes[(index - 1) / 2] ?? 0
    syndromes[index] = multiply(root, root)
  }
  return syndromes
}

/**
 * The shortest polynomial whose roots are the inverses of the error locations (Massey, 1969). Undefined
 * if it needs more than 18 of them.
 */
function berlekampMassey(syndromes: Uint8Array): Uint8Array | undefined {
  let locator = new Uint8Array(SYNDROMES + 2)
  let previous = new Uint8Array(SYNDROMES + 2)
  locator[0] = 1
  previous[0] = 1
  let length = 0
  let shift = 1
  let previousDiscrepancy = 1
  for (let step = 0; step < SYNDROMES; step++) {
    let discrepancy = syndromes[step] ?? 0
    for (let index = 1; index <= length; index++) {
      discrepancy ^= multiply(locator[index] ?? 0, syndromes[step - index] ?? 0)
    }
    if (discrepancy === 0) {
      shift++
      continue
    }
    const before = locator.slice()
    const factor = divide(discrepancy, previousDiscrepancy)
    for (let index = 0; index + shift < locator.length; index++) {
      const at = index + shift
      locator[at] = (locator[at] ?? 0) ^ multiply(factor, previous[index] ?? 0)
    }
    if (2 * length > step) {
      shift++
      continue
    }
    length = step + 1 - length
    previous = before
    previousDiscrepancy = discrepancy
    shift = 1
  }
  const degree = locator.findLastIndex((coefficient) => coefficient !== 0)
  return length <= ERRORS_MAX && degree === length ? locator.slice(0, length + 1) : undefined
}

/** Positions p where α⁻ᵖ is a root (Chien, 1964). */
function chienSearch(locator: Uint8Array): number[] {
  const positions: number[] = []
  for (let position = 0; position < WORD_BITS; position++) {
    const inverse = (WORD_BITS - position) % WORD_BITS
    let value = 0
    for (const [index, coefficient] of locator.entries()) {
      value ^= multiply(coefficient, power(inverse * index))
    }
    if (value === 0) positions.push(position)
  }
  return positions
}

function generatorPolynomial(): Uint8Array {
  const roots = new Set<number>()
  for (let exponent = 1; exponent < SYNDROMES; exponent += 2) {
    for (let conjugate = exponent; !roots.has(conjugate); conjugate = (2 * conjugate) % ORDER) {
      roots.add(conjugate)
    }
  }
  let polynomial = Uint8Array.of(1)
  for (const root of roots) {
    const product = new Uint8Array(polynomial.length + 1)
    for (const [index, coefficient] of polynomial.entries()) {
      product[index + 1] = (product[index + 1] ?? 0) ^ coefficient
      product[index] = (product[index] ?? 0) ^ multiply(coefficient, power(root))
    }
    polynomial = product
  }
  invariant(polynomial.length === PARITY_BITS + 1, 'the generator has the degree of the parity')
  invariant(
    polynomial.every((coefficient) => coefficient <= 1),
    'the generator is binary',
  )
  return polynomial
}
