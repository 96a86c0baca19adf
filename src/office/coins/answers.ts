import { z } from 'zod'
import { amountText } from '../amount-text.ts'
import { cardIdText, currencyCode, instantNumber } from '../http.ts'
import { COIN_STATES } from './sale.ts'

/** What the office’s API answers of coins. */

const elementText = cardIdText.meta({ description: 'An element: 16 hexadecimal digits' })
const coinText = cardIdText.meta({ description: 'A coin: 16 hexadecimal digits' })
const register = z.base64().meta({
  description: 'What the element is loaded with, over any channel: nothing but its chip opens it',
})

export const coinJson = z
  .object({
    id: coinText,
    value: amountText,
    currency: currencyCode,
    expires: instantNumber,
    holder: elementText.meta({ description: 'Who has it, as far as the office knows' }),
    state: z.enum(COIN_STATES),
    register,
  })
  .meta({ id: 'Coin' })

export const coinsSoldJson = z.object({
  element: elementText,
  amount: amountText,
  expires: instantNumber,
  coins: z.array(z.object({ id: coinText, value: amountText, register })),
})
export type CoinsSoldJson = z.output<typeof coinsSoldJson>

export const coinRefundJson = z.object({
  refunded: amountText.meta({ description: 'Now in the holder’s online wallet' }),
})

export const vendorElementJson = z.object({
  element: elementText,
  plan: z.base64().meta({ description: 'What the issuing desk writes on that chip' }),
})
