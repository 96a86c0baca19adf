import { z } from 'zod'

/**
 * An amount in JSON: a decimal string of minor units, `"500"` for 5.00 USD, because a JSON number
 * passes through a floating-point number in most programs. 0 to 10^18 − 1.
 */
export const amountText = z
  .string()
  // What is no number must not reach a refinement that turns it into one.
  .regex(/^(0|[1-9]\d{0,17})$/, {
    error: 'expected a decimal string of minor units, such as "500"',
    abort: true,
  })
  .meta({ description: 'Minor units as a decimal string: "500" is 5.00 USD', examples: ['500'] })

/** As {@link amountText}, and not 0: what is to be moved. */
export const positiveAmountText = z
  .string()
  .regex(/^[1-9]\d{0,17}$/, {
    error: 'expected a decimal string of minor units above 0, such as "500"',
    abort: true,
  })
  .meta({ description: 'Minor units as a decimal string, not 0', examples: ['500'] })

/** As {@link amountText}, and below zero too: what an account may stand at. */
export const signedAmountText = z
  .string()
  .regex(/^(0|-?[1-9]\d{0,17})$/, {
    error: 'expected a decimal string of minor units, such as "-500"',
    abort: true,
  })
  .meta({ description: 'Minor units as a decimal string, with a sign', examples: ['-500'] })
