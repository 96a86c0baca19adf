import { FormatError } from './errors.ts'

/** Minor units of a currency: cents, öre. Never negative where the type says so in its comment. */
export type Amount = bigint

/** The currencies that a purse can hold: ISO 4217 alphabetic code, numeric code, decimals. */
const CURRENCIES = {
  AUD: { numeric: 36, decimals: 2 },
  CAD: { numeric: 124, decimals: 2 },
  CHF: { numeric: 756, decimals: 2 },
  CZK: { numeric: 203, decimals: 2 },
  DKK: { numeric: 208, decimals: 2 },
  EUR: { numeric: 978, decimals: 2 },
  GBP: { numeric: 826, decimals: 2 },
  INR: { numeric: 356, decimals: 2 },
  ISK: { numeric: 352, decimals: 0 },
  JOD: { numeric: 400, decimals: 3 },
  JPY: { numeric: 392, decimals: 0 },
  KES: { numeric: 404, decimals: 2 },
  NOK: { numeric: 578, decimals: 2 },
  NPR: { numeric: 524, decimals: 2 },
  PLN: { numeric: 985, decimals: 2 },
  SEK: { numeric: 752, decimals: 2 },
  UGX: { numeric: 800, decimals: 0 },
  USD: { numeric: 840, decimals: 2 },
} as const

export type CurrencyCode = keyof typeof CURRENCIES
export const CURRENCY_CODES = Object.keys(CURRENCIES) as readonly CurrencyCode[]

export interface Currency {
  readonly code: CurrencyCode
  /** ISO 4217 numeric code, as binary messages carry it. */
  readonly numeric: number
  readonly decimals: number
}

export function isCurrencyCode(code: string): code is CurrencyCode {
  return Object.hasOwn(CURRENCIES, code)
}

export function currency(code: CurrencyCode): Currency {
  return { code, ...CURRENCIES[code] }
}

/** @throws {FormatError} if no purse can hold that currency. */
export function currencyByNumber(numeric: number, field = 'currency'): Currency {
  const code = CURRENCY_CODES.find((candidate) => CURRENCIES[candidate].numeric === numeric)
  if (code === undefined) throw new FormatError(field, `unknown ISO 4217 number ${numeric}`)
  return currency(code)
}

/** `-12345n` in USD is `-123.45`. No grouping, so that it can be read back. */
export function formatAmount(amount: Amount, { decimals }: Currency): string {
  const sign = amount < 0n ? '-' : ''
  const digits = String(amount < 0n ? -amount : amount).padStart(decimals + 1, '0')
  if (decimals === 0) return sign + digits
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
}

/**
 * Reads `12`, `12.3` or `12.34`: exactly, never through a floating-point number.
 *
 * @throws {FormatError} if `text` is not an amount of that currency.
 */
export function parseAmount(text: string, { code, decimals }: Currency, field = 'amount'): Amount {
  const match = /^(-?)(\d{1,15})(?:\.(\d+))?$/.exec(text.trim())
  if (!match) throw new FormatError(field, `expected an amount such as 12.50, got "${text}"`)
  const [, sign, whole = '', fraction = ''] = match
  if (fraction.length > decimals) {
    throw new FormatError(field, `${code} has ${decimals} decimals, got "${text}"`)
  }
  const amount = BigInt(whole + fraction.padEnd(decimals, '0'))
  return sign === '-' ? -amount : amount
}

export function sum(amounts: readonly Amount[]): Amount {
  return amounts.reduce((total, amount) => total + amount, 0n)
}

export function abs(amount: Amount): Amount {
  return amount < 0n ? -amount : amount
}
