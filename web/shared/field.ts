import { FormatError } from '../../src/kernel/errors.ts'
import { currency as currencyOf, type CurrencyCode, parseAmount } from '../../src/kernel/money.ts'
import { type Problem, Refused } from './http.ts'

/** What the server said of one field of the form, to show beside it. */
export function fieldProblem(problem: Problem | undefined, field: string): string | undefined {
  if (!(problem instanceof Refused)) return undefined
  return problem.field?.split('.').at(-1) === field ? problem.message : undefined
}

/** The rest: what belongs to none of these fields. */
export function otherProblem(
  problem: Problem | undefined,
  fields: readonly string[],
): Problem | undefined {
  return fields.some((field) => fieldProblem(problem, field) !== undefined) ? undefined : problem
}

/**
 * What somebody typed as minor units, for the API.
 *
 * @throws {Refused} naming the field, as the server would.
 */
export function amountField(text: string, currency: CurrencyCode, field: string): string {
  try {
    const amount = parseAmount(text.replace(',', '.'), currencyOf(currency), field)
    if (amount < 0n) throw new FormatError(field, 'expected no minus sign')
    return String(amount)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    const example = currencyOf(currency).decimals === 0 ? '12' : '12.50'
    throw new Refused(400, 'bad_input', `Enter an amount such as ${example}.`, field)
  }
}

/** As {@link amountField}; nothing typed is no limit. */
export function limitField(text: string, currency: CurrencyCode, field: string): string | null {
  return text.trim() === '' ? null : amountField(text, currency, field)
}
