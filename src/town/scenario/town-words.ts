import { z } from 'zod'
import { SCHEME_NAMES } from '../scheme-names.ts'
import { bitErrorRate } from './coin-words.ts'
import { cheats } from './tap-words.ts'
import { amount, duration, name, passcode } from './values.ts'

/** What there is in a town: what it sells, its cards and its tills. */

const limit = z.union([amount, z.literal('none')], 'expected an amount, or none')
const age = z.union([duration, z.literal('none')], 'expected a duration such as 36h, or none')

const policyWords = {
  mayLoad: z.boolean().describe('Whether the till may add money to cards. Default: false.'),
  freeAmounts: z
    .boolean()
    .describe('Whether it may take an amount for which it has no token. Default: true.'),
  paymentMax: limit.describe('The highest single payment. Default: none.'),
  balanceMax: amount.describe(
    'What a card may hold at most after a load. Default: what it can hold.',
  ),
  offlinePaymentsMax: z
    .union([z.int().nonnegative(), z.literal('none')], 'expected a number of payments, or none')
    .describe('Payments since the office last acknowledged. Default: none.'),
  offlineAmountMax: limit.describe('Their sum. Default: none.'),
  offlineAgeMax: age.describe('Time since the office last acknowledged. Default: none.'),
  passcodeTries: z
    .int()
    .min(1)
    .describe('Wrong passcodes for one card until this till pauses it. Default: 3.'),
  passcodePause: duration.describe('For how long. Default: 5m.'),
}

export const policy = z.strictObject(policyWords).partial()

export const product = z.strictObject({
  price: amount.describe('Of one unit.'),
})

const inOffice = name
  .optional()
  .describe('Its office, where there are several. Default: the first.')

const pufNoise = bitErrorRate
  .optional()
  .describe('How likely a bit of its PUF is read wrong, once it is issued. Default: 0.05.')

export const card = z.strictObject({
  scheme: z.enum(SCHEME_NAMES).default('block').describe('The card technology. Default: block.'),
  balance: amount.prefault('0').describe('What it is issued with. Default: 0.'),
  passcode: passcode
    .optional()
    .describe('The holder’s first passcode, in quotes. Default: made up from the seed.'),
  holder: name.optional().describe('Whose wallet it is. Default: somebody of the card’s own name.'),
  office: inOffice,
  bitErrorRate: pufNoise,
})

export const till = z.strictObject({
  ...z.strictObject(policyWords).partial().shape,
  office: inOffice,
  merchant: name
    .optional()
    .describe('Who is paid for what it sells. Default: one of its own name.'),
  clock: duration
    .optional()
    .describe('How far its clock is ahead of the town’s, or behind: 90s, -2h. Default: 0s.'),
  tokens: z
    .record(name, z.int().min(1).max(1000))
    .optional()
    .describe('How many tokens of each product it starts with. Default: 10 of each.'),
  float: z
    .array(amount)
    .min(1)
    .optional()
    .describe('Coins that it has to give change with, for which its merchant pays. Default: none.'),
  bitErrorRate: pufNoise,
  module: z
    .literal('none')
    .optional()
    .describe('It begins without a security module. Default: one, if there are purse cards.'),
  cheats: cheats
    .optional()
    .describe('What this vendor does at every step, where it can. A cheat of a step goes before.'),
})
