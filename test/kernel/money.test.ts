import * as fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { FormatError } from '../../src/kernel/errors.ts'
import {
  CURRENCY_CODES,
  currency,
  currencyByNumber,
  formatAmount,
  isCurrencyCode,
  parseAmount,
} from '../../src/kernel/money.ts'

/** ISO 4217, table A.1: code, number, decimals. Written down here a second time, from the standard. */
const ISO_4217 = [
  ['AUD', 36, 2],
  ['CAD', 124, 2],
  ['CHF', 756, 2],
  ['CZK', 203, 2],
  ['DKK', 208, 2],
  ['EUR', 978, 2],
  ['GBP', 826, 2],
  ['INR', 356, 2],
  ['ISK', 352, 0],
  ['JOD', 400, 3],
  ['JPY', 392, 0],
  ['KES', 404, 2],
  ['NOK', 578, 2],
  ['NPR', 524, 2],
  ['PLN', 985, 2],
  ['SEK', 752, 2],
  ['UGX', 800, 0],
  ['USD', 840, 2],
] as const

test('the currencies are those of ISO 4217', () => {
  expect(
    CURRENCY_CODES.map((code) => [code, currency(code).numeric, currency(code).decimals]),
  ).toEqual(ISO_4217)
})

describe.each(ISO_4217)('%s', (code, numeric, decimals) => {
  it('is found by its number', () => {
    expect(currencyByNumber(numeric)).toEqual({ code, numeric, decimals })
  })

  it('writes one minor unit and one major unit, and reads them back', () => {
    const unit = decimals === 0 ? '1' : `0.${'1'.padStart(decimals, '0')}`
    const whole = decimals === 0 ? '1' : `1.${'0'.repeat(decimals)}`
    expect(formatAmount(1n, currency(code))).toBe(unit)
    expect(formatAmount(10n ** BigInt(decimals), currency(code))).toBe(whole)
    expect(parseAmount(unit, currency(code))).toBe(1n)
    expect(parseAmount(whole, currency(code))).toBe(10n ** BigInt(decimals))
    expect(parseAmount('1', currency(code))).toBe(10n ** BigInt(decimals))
  })

  it('refuses one decimal more than it has', () => {
    const text = `1.${'0'.repeat(decimals + 1)}`
    expect(() => parseAmount(text, currency(code), 'price')).toThrow(
      new FormatError('price', `${code} has ${decimals} decimals, got "${text}"`),
    )
  })

  it('writes and reads every amount', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 14n), max: 10n ** 14n }), (amount) => {
        const text = formatAmount(amount, currency(code))
        expect(text).toMatch(decimals === 0 ? /^-?\d+$/ : new RegExp(`^-?\\d+\\.\\d{${decimals}}$`))
        expect(parseAmount(text, currency(code))).toBe(amount)
      }),
    )
  })
})

test.each([
  ['EUR', 0n, '0.00'],
  ['EUR', 5n, '0.05'],
  ['EUR', -5n, '-0.05'],
  ['EUR', -12_345n, '-123.45'],
  ['EUR', 1_000_000_00n, '1000000.00'],
  ['JOD', 1_234n, '1.234'],
  ['JOD', -1n, '-0.001'],
  ['JPY', 0n, '0'],
  ['JPY', -7n, '-7'],
  // Beyond what a floating-point number holds.
  ['USD', 2n ** 64n + 1n, '184467440737095516.17'],
] as const)('%s %s is written %s', (code, amount, text) => {
  expect(formatAmount(amount, currency(code))).toBe(text)
})

test.each([
  ['EUR', '12', 1200n],
  ['EUR', '12.3', 1230n],
  ['EUR', '12.34', 1234n],
  ['EUR', '0', 0n],
  ['EUR', '-0', 0n],
  ['EUR', '007', 700n],
  ['EUR', ' 12.34 ', 1234n],
  ['EUR', '-12.34', -1234n],
  ['EUR', '0.29', 29n],
  ['EUR', '999999999999999.99', 99_999_999_999_999_999n],
  ['JOD', '1.5', 1500n],
  ['JPY', '12', 12n],
] as const)('%s "%s" is %s', (code, text, amount) => {
  expect(parseAmount(text, currency(code))).toBe(amount)
})

test.each([
  ['EUR', ''],
  ['EUR', ' '],
  ['EUR', '-'],
  ['EUR', '.'],
  ['EUR', '.5'],
  ['EUR', '5.'],
  ['EUR', '+5'],
  ['EUR', '--5'],
  ['EUR', '- 5'],
  ['EUR', '1,50'],
  ['EUR', '1 000'],
  ['EUR', '1_000'],
  ['EUR', "1'000"],
  ['EUR', '1.2.3'],
  ['EUR', '1e3'],
  ['EUR', '0x10'],
  ['EUR', 'Infinity'],
  ['EUR', 'NaN'],
  ['EUR', '12.345'],
  ['EUR', '12.340'],
  ['EUR', '5 EUR'],
  ['EUR', '€5'],
  ['EUR', '١٢'],
  ['EUR', '1000000000000000'],
  ['EUR', '9'.repeat(100_000)],
  ['JPY', '12.0'],
  ['JPY', '12.'],
  ['JOD', '1.2345'],
] as const)('%s "%s" is no amount', (code, text) => {
  expect(() => parseAmount(text, currency(code))).toThrow(FormatError)
})

test.each([0, 35, 37, 841, 1000, -36, 36.5, Number.NaN])(
  '%d is the number of no currency',
  (numeric) => {
    expect(() => currencyByNumber(numeric, 'block.currency')).toThrow(
      new FormatError('block.currency', `unknown ISO 4217 number ${numeric}`),
    )
  },
)

test.each(['', 'usd', 'USD ', 'XXX', 'toString', '__proto__', 'constructor'])(
  '"%s" is no code',
  (code) => {
    expect(isCurrencyCode(code)).toBe(false)
  },
)
