import { z } from 'zod'
import { parseAmount, type Amount, type Currency } from '../../kernel/money.ts'

/** The values that words of a scenario take. Each says in its error what it wants. */

/** An amount as written: how many decimals it may have, only the scenario's currency says. */
export class AmountText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  /** @throws {FormatError} if that currency has no such amount. */
  in(currency: Currency): Amount {
    return parseAmount(this.text, currency)
  }
}

/** `12.50`, as a number or as text: a number is read as it is written, never calculated with. */
export const amount = z
  .union([z.number(), z.string()], 'expected an amount such as 12.50')
  .transform((value) => new AmountText(String(value)))

const DURATION = /^[+-]?(\d+(ms|s|m|h|d))+$/
const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Milliseconds; `90s`, `1h30m`, `-5m`. */
export const duration = z
  .string('expected a duration such as 90s, 36h or 7d')
  .regex(DURATION, 'expected a duration such as 90s, 36h or 7d')
  .transform((text) => {
    const sign = text.startsWith('-') ? -1 : 1
    const parts = [...text.matchAll(/(\d+)(ms|s|m|h|d)/g)]
    return parts.reduce(
      (sum, [, count, unit]) => sum + sign * Number(count) * UNITS[unit as keyof typeof UNITS],
      0,
    )
  })

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z$/

/** Milliseconds since 1970; `2020-09-08T12:03Z`. Always with Z: a town has no time zone. */
export const instant = z
  .string('expected an instant such as 2020-09-08T12:03Z')
  .regex(INSTANT, 'expected an instant such as 2020-09-08T12:03Z')
  .transform((text, context) => {
    const milliseconds = Date.parse(text)
    if (Number.isNaN(milliseconds)) {
      context.addIssue({ code: 'custom', message: `there is no ${text}` })
    }
    return milliseconds
  })

export const NAME = /^[a-zA-Z][\w-]{0,31}$/

/** Of a card, a till, a merchant, a product, an image. */
export const name = z
  .string('expected a name such as c1')
  .regex(NAME, 'expected a name: a letter, then at most 31 letters, digits, - or _')

/** One name, some, or `all`; always a list in the end, `all` as `['all']`. */
export const names = z
  .union([name, z.array(name).min(1)], 'expected a name, a list of names, or all')
  .transform((value) => (Array.isArray(value) ? value : [value]))

/** The same, or that the holder enters nothing. */
export const enteredPasscode = z.union(
  [passcodeText(), z.literal('none')],
  'expected 4 to 8 digits in quotes, or none',
)

/** In quotes, or YAML takes it for a number and its leading zeros are gone. */
export const passcode = passcodeText()

function passcodeText() {
  return z
    .string('expected 4 to 8 digits in quotes')
    .regex(/^\d{4,8}$/, 'expected 4 to 8 digits in quotes')
}
