import { z } from 'zod'
import { amountText, signedAmountText } from '../amount-text.ts'
import { cardIdText, currencyCode, instantNumber } from '../http.ts'
import { digestText } from '../digest-text.ts'
import { ELEMENT_ROLES } from './coinage.ts'
import { COIN_STATES } from './view.ts'
import { ABROAD_STATES } from './banks/abroad.ts'

/** What the office’s API answers of coins. */

const elementText = cardIdText.meta({ description: 'An element: 16 hexadecimal digits' })
const coinText = cardIdText.meta({ description: 'A coin: 16 hexadecimal digits' })
const register = z.base64().meta({
  description: 'What the element is loaded with, over any channel: nothing but its chip opens it',
})

const bankNumber = z.int().min(1).max(0xffff)

const coinPlaceJson = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('card'), card: cardIdText }),
    z.object({ kind: z.literal('till'), till: z.int(), name: z.string() }),
    z.object({ kind: z.literal('elsewhere') }),
  ])
  .meta({ description: 'Who has it or was paid for it, as far as the office knows and you may' })

export const coinJson = z
  .object({
    id: coinText,
    value: amountText,
    currency: currencyCode,
    madeAt: instantNumber,
    expires: instantNumber.meta({ description: 'No vendor takes it afterwards' }),
    bound: z.boolean().meta({ description: 'Only the card that it was made for may spend it' }),
    hops: z.int().meta({ description: 'How often it changed hands, as far as the office knows' }),
    state: z.enum(COIN_STATES),
    refunded: z.enum(['expired', 'lost']).nullable(),
    at: coinPlaceJson,
    register: register.nullable().meta({
      description: 'To load it on the chip that it was made for; null if that is another one',
    }),
  })
  .meta({ id: 'Coin' })
export type CoinJson = z.output<typeof coinJson>

export const elementJson = z
  .object({
    id: elementText,
    role: z.enum(ELEMENT_ROLES),
    bank: bankNumber,
    certificate: z.base64().meta({ description: 'BSI TR-03110' }),
    goodUntil: instantNumber.meta({ description: 'Midnight of the last day' }),
    madeAt: instantNumber,
    coins: z
      .object({ sold: z.int(), left: z.int() })
      .nullable()
      .meta({ description: 'How many coins it was sold and still can be; null if it holds none' }),
  })
  .meta({ id: 'CoinElement' })
export type ElementJson = z.output<typeof elementJson>

const heapJson = z.object({ count: z.int(), amount: amountText })
const denominationJson = z.object({ value: amountText, count: z.int() })

export const takingsJson = z
  .object({
    bought: heapJson.meta({ description: 'Float, ever' }),
    float: z
      .array(denominationJson)
      .meta({ description: 'What it holds now, as far as the office knows' }),
    paid: heapJson.meta({ description: 'Claimed, and paid to its merchant' }),
    contested: heapJson.meta({ description: 'Claimed by others as well: in suspense' }),
    refused: heapJson.meta({ description: 'Claimed, and paid to somebody else or to nobody' }),
    awaited: heapJson.meta({ description: 'Of other banks, which have not paid for them yet' }),
    merchant: signedAmountText.meta({ description: 'What its merchant has here, of all tills' }),
  })
  .meta({ id: 'Takings' })
export type TakingsJson = z.output<typeof takingsJson>

export const coinBankJson = z
  .object({
    bank: bankNumber.meta({ description: 'This office’s' }),
    sums: z.array(
      z.object({
        currency: currencyCode,
        outside: heapJson,
        expired: heapJson.meta({ description: 'Outside, and no vendor takes them any more' }),
        contested: heapJson,
        redeemed: heapJson,
        refundedExpired: heapJson,
        refundedLost: heapJson,
        denominations: z.array(denominationJson).meta({ description: 'Outside, largest first' }),
      }),
    ),
    others: z
      .array(
        heapJson.extend({
          bank: bankNumber,
          currency: currencyCode,
          state: z.enum(ABROAD_STATES).meta({
            description: 'What their bank says; awaited: nothing yet. Paid: their money has come',
          }),
        }),
      )
      .meta({ description: 'Coins of other banks that tills of this office have claimed' }),
  })
  .meta({ id: 'CoinBank' })
export type CoinBankJson = z.output<typeof coinBankJson>

const handJson = z.object({
  kind: z.enum(['pay', 'change', 'return', 'surrender']),
  giver: elementText,
  taker: elementText.meta({ description: '0000000000000000: the giver’s bank' }),
  sequence: z.int().meta({ description: 'Of the giver: with one number it signs one transfer' }),
  digest: digestText,
})

/** The coins of a case, with the hands they went through. */
export const caseCoinsJson = z
  .object({
    coins: z.array(
      z.object({
        coin: coinText,
        bank: bankNumber,
        value: amountText,
        currency: currencyCode,
        state: z.enum(COIN_STATES).nullable().meta({ description: 'Null: not of this office' }),
        madeFor: elementText.nullable(),
        creditor: elementText.nullable().meta({ description: 'Who is paid for it' }),
        claims: z.array(
          z.object({
            evidence: digestText,
            creditor: elementText,
            receivedAt: instantNumber,
            hands: z.array(handJson),
          }),
        ),
      }),
    ),
    elements: z.array(
      z.object({
        id: elementText,
        role: z.enum(ELEMENT_ROLES),
        bank: bankNumber,
        card: cardIdText.nullable(),
        till: z.int().nullable(),
      }),
    ),
  })
  .meta({ id: 'CaseCoins' })
export type CaseCoinsJson = z.output<typeof caseCoinsJson>

export const coinsSoldJson = z.object({
  element: elementText,
  amount: amountText,
  expires: instantNumber,
  coins: z.array(z.object({ id: coinText, value: amountText, register })),
})
export type CoinsSoldJson = z.output<typeof coinsSoldJson>

export const coinOfferJson = z.object({
  denominations: z.array(amountText).meta({ description: 'Largest first' }),
  most: z.int().meta({ description: 'Coins that are sold at once' }),
})
export type CoinOfferJson = z.output<typeof coinOfferJson>

export const coinRefundJson = z.object({
  refunded: amountText.meta({ description: 'Now in the holder’s online wallet' }),
})

export const vendorElementJson = z.object({
  element: elementText,
  plan: z.base64().meta({ description: 'What the issuing desk writes on that chip' }),
})
export type VendorElementJson = z.output<typeof vendorElementJson>
