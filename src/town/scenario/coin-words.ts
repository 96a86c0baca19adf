import { z } from 'zod'
import { amount, instant, name, names } from './values.ts'

/** Words for coins, the chips that hold them, and whoever is after them. */

/** Half of all bits wrong is no answer at all. */
const RATE_MAX = 0.49

export const bitErrorRate = z
  .number(`expected a share of bits from 0 to ${RATE_MAX}, such as 0.05`)
  .min(0, `expected a share of bits from 0 to ${RATE_MAX}, such as 0.05`)
  .max(RATE_MAX, `expected a share of bits from 0 to ${RATE_MAX}, such as 0.05`)

/** Whose certificate a fake vendor shows. */
export const FAKE_CERTIFICATES = ['own', 'own-bank', 'copied'] as const
export type FakeCertificate = (typeof FAKE_CERTIFICATES)[number]

const at = instant
  .optional()
  .describe('When: an instant such as 2020-09-08T12:03Z. Default: a second after the step before.')
const coins = z.array(amount).min(1).max(64).describe('What each is worth.')

/** One schema a verb, as the others are; `expect` is theirs. */
export function coinSteps<E extends z.ZodType>(expect: E) {
  const when = { at, expect }
  return {
    buyCoins: z.strictObject({
      buyCoins: z
        .strictObject({
          card: name,
          coins,
          bound: z
            .boolean()
            .default(false)
            .describe('Whether only this card may spend them. Default: false.'),
        })
        .describe('A holder buys coins for the card from the online wallet.'),
      ...when,
    }),
    buyFloat: z.strictObject({
      buyFloat: z
        .strictObject({ till: name, coins })
        .describe('A till gets coins to give change with, from what its merchant has earned.'),
      ...when,
    }),
    renew: z.strictObject({
      renew: name.describe('The holder says that this card is lost: the office blocks it.'),
      as: name.describe('The card that takes its place. It is issued here and not at the start.'),
      ...when,
    }),
    refundCoins: z.strictObject({
      refundCoins: name.describe(
        'The office gives the holder of this lost card back the coins that it held.',
      ),
      ...when,
    }),
    noise: z.strictObject({
      noise: names.describe('Cards, and tills with a vendor element; all: every one.'),
      bitErrorRate: bitErrorRate.describe(
        'How likely a bit of their PUFs is read wrong from now on.',
      ),
      at,
    }),
    fakeVendor: z.strictObject({
      fakeVendor: z
        .strictObject({
          card: name,
          certificate: z
            .enum(FAKE_CERTIFICATES)
            .default('own')
            .describe(
              'own: of a key and a bank of his own; own-bank: and that bank’s certificate with it; ' +
                'copied: of a genuine vendor element. Default: own.',
            ),
          of: name.optional().describe('The till whose certificate was copied.'),
        })
        .describe('Somebody with a device of his own asks a card for all its coins.'),
      ...when,
    }),
    forgeCoins: z.strictObject({
      forgeCoins: z
        .strictObject({ card: name, coins })
        .describe(
          'Somebody who knows what the card’s PUF answers makes coins for it, and signs them himself.',
        ),
      ...when,
    }),
    loadAgain: z.strictObject({
      loadAgain: name.describe('Loads all coins that were ever bought for this card once more.'),
      ...when,
    }),
    playBack: z.strictObject({
      playBack: name.describe('A thief’s reader tells this card all that a skimmer has recorded.'),
      tape: name.describe('What was recorded, by its name.'),
      ...when,
    }),
    steal: z.strictObject({
      steal: name.describe('Somebody copies what this till has in its journal.'),
      as: name.describe('What the copy is called.'),
      at,
    }),
    redeem: z.strictObject({
      redeem: name.describe('A stolen journal.'),
      till: name.describe('The vendor who hands it in as his own, with his next batch.'),
      ...when,
    }),
  }
}
