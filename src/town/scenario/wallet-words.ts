import { z } from 'zod'
import { LOG_SIZE, RECEIVED_MONEY } from '../../schemes/wallet/message.ts'
import { LIQUIDITY_POLICIES } from '../../office/ledger/liquidity.ts'
import { amount, enteredPasscode, instant, name, names } from './values.ts'

/** Words for people, their phones and their wallets, and for offices among each other. */

export const personWords = z.strictObject({
  office: name
    .optional()
    .describe('Where the online wallet is, where there are several offices. Default: the first.'),
  online: amount.prefault('0').describe('In the online wallet at the start. Default: 0.'),
})

export const officeWords = z.strictObject({
  liquidity: z
    .enum(LIQUIDITY_POLICIES)
    .optional()
    .describe(
      'What becomes of a payment whose payer’s money is not there yet: hold: it waits; pool: the office ' +
        'advances it; provenance: cards bring along the payments before. Default: hold.',
    ),
  poolMax: amount.optional().describe('The most that the pool advances. Default: 0.'),
  reserve: amount
    .optional()
    .describe('What the office has at the notary at the start. Default: enough for everything.'),
})

const count = z.int().min(0)
const policyFields = {
  paymentsMax: count.max(LOG_SIZE).describe('Payments since the last synchronisation. Default: 5.'),
  balanceMax: amount.describe('On the card. Default: 3000.00.'),
  paymentMax: amount.describe('In one payment. Default: as much as there is.'),
  amountMax: amount.describe('Paid since the last synchronisation. Default: as much as there is.'),
  daysMax: count
    .max(0xffff)
    .describe('Days since the last synchronisation; 0: no limit. Default: 0.'),
  pinFreeMax: amount.describe('Payments at tills up to this need no PIN. Default: 200.00.'),
  receivedMoney: z
    .enum(RECEIVED_MONEY)
    .describe('When money from other cards can be spent. Default: after synchronisation.'),
  hops: count.max(4).describe('Payments before it that a payment brings along. Default: 0.'),
}
export const walletPolicyWords = z.strictObject(policyFields).partial()
export type WalletPolicyWords = z.output<typeof walletPolicyWords>

const hostile = z
  .union(
    [
      z.strictObject({ amount: amount.describe('Asks the payer’s card for this instead.') }),
      z.strictObject({ payee: name.describe('Has the payer’s card pay this card instead.') }),
      z.strictObject({ order: amount.describe('Tells the card to load this instead.') }),
      z.strictObject({ listen: name.describe('Remembers what the card is told, by this name.') }),
      z.strictObject({
        replay: name.describe('First tells the card all that it remembers by this name.'),
      }),
    ],
    'expected one of amount, payee, order, listen, replay',
  )
  .describe('What a phone makes of what it passes on.')
export type HostilePhone = z.output<typeof hostile>

const phoneWords = {
  at: instant
    .optional()
    .describe(
      'When: an instant such as 2020-09-08T12:03Z. Default: a second after the step before.',
    ),
  lose: z
    .int()
    .min(1)
    .optional()
    .describe('This message of all that the phones pass on does not arrive, from 1.'),
  hostile: hostile.optional(),
}
const holder = {
  card: name,
  passcode: enteredPasscode.optional().describe('The PIN. Default: the right one.'),
}

/** One schema a verb, as the others are; `expect` is theirs. */
export function walletSteps<E extends z.ZodType>(expect: E) {
  const words = { ...phoneWords, expect }
  const money = { amount }
  return {
    deposit: z.strictObject({
      deposit: z
        .strictObject({ person: name, ...money })
        .describe('Money comes into an online wallet.'),
      at: phoneWords.at,
      expect,
    }),
    withdraw: z.strictObject({
      withdraw: z.strictObject({ person: name, ...money }).describe('It is paid out.'),
      at: phoneWords.at,
      expect,
    }),
    transfer: z.strictObject({
      transfer: z
        .strictObject({ from: name, to: name, ...money })
        .describe('From one online wallet to another.'),
      at: phoneWords.at,
      expect,
    }),
    topUp: z.strictObject({
      topUp: z
        .strictObject({ ...holder, ...money })
        .describe('A holder loads the wallet from the online wallet, with a phone.'),
      ...words,
    }),
    unload: z.strictObject({
      unload: z
        .strictObject({ ...holder, ...money })
        .describe('A holder empties the wallet into the online wallet.'),
      ...words,
    }),
    synchronise: z.strictObject({
      synchronise: names.describe('Holders synchronise these wallets with their phones.'),
      ...words,
    }),
    give: z.strictObject({
      give: z
        .strictObject({
          from: name,
          to: name,
          ...money,
          passcode: holder.passcode,
          phones: z
            .union([z.literal(1), z.literal(2)], 'expected 1 or 2')
            .default(2)
            .describe('Whether each has one. Default: 2.'),
          refused: z
            .enum(['before', 'after'])
            .optional()
            .describe('The payee will not have it: before it is paid, or after.'),
          lost: z
            .literal(true)
            .optional()
            .describe('The phones part before the payment has come to the payee’s card.'),
        })
        .describe('One wallet pays another, as the holder of the other asks.'),
      ...words,
    }),
    refund: z.strictObject({
      refund: z
        .strictObject({ card: name, till: name })
        .describe('A till gives its last payment back to the card that paid it.'),
      at: phoneWords.at,
      expect,
    }),
    loadUnbacked: z.strictObject({
      loadUnbacked: z
        .strictObject({ card: name, ...money })
        .describe(
          'The card’s office puts money on it that it does not have, and tells nobody. Such a card it ' +
            'makes without the notary’s key.',
        ),
      at: phoneWords.at,
      expect,
    }),
    walletPolicy: z.strictObject({
      walletPolicy: walletPolicyWords.describe('The office changes what wallets may do offline.'),
      of: names.optional().describe('Which; all: every one. Default: all.'),
      at: phoneWords.at,
      expect,
    }),
  }
}
