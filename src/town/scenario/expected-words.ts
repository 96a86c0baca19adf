import { z } from 'zod'
import { NOTARY_CASE_KINDS } from '../../notary/cases.ts'
import { ACCOUNT_KINDS } from '../../office/ledger/account-kinds.ts'
import { CASE_KINDS } from '../../office/ledger/findings.ts'
import { RESERVE_KINDS, RESULTS } from '../result.ts'
import { amount, instant, name, names } from './values.ts'

/** How a step must end, what must hold, and what is to be shown. */

export const outcome = z
  .string()
  .regex(
    new RegExp(`^(${RESULTS.join('|')})( [a-z_0-9-]+)?$`),
    `expected one of ${RESULTS.join(', ')}, and after refused the status if you like`,
  )
  .describe(
    'How the step must end: done, unfinished, acknowledged, unreachable, crashed or ' +
      'refused, with the status or without. Default: done or acknowledged; with a tear, anything.',
  )

export const expectedCase = z.strictObject({
  kind: z
    .enum([...new Set([...CASE_KINDS, ...NOTARY_CASE_KINDS])])
    .describe('As docs/threats.md lists them.'),
  card: name.optional().describe('The card that it is about.'),
  suspect: name.optional().describe('The first of its suspects: a card or a till.'),
  suspects: z.array(name).optional().describe('All of its suspects, in any order.'),
  strength: z.enum(['proven', 'suspected']).optional().describe('Whether it is proof.'),
  amount: amount.optional().describe('What is at stake.'),
})
export type ExpectedCase = z.output<typeof expectedCase>

const nobody = z.literal('-')
const expectedRow = z.strictObject({
  sequence: z.int().min(0).optional().describe('Its sequence number.'),
  till: name.optional().describe('The till that made it.'),
  balance: amount.optional().describe('On the card afterwards.'),
  timestamp: instant.optional().describe('By the till’s clock.'),
  previousTill: z
    .union([nobody, name], 'expected a till, or - for none')
    .optional()
    .describe('The till before, - for the office.'),
  previousBalance: amount.optional().describe('What it says the card held before.'),
  previousTimestamp: z
    .union([nobody, instant], 'expected an instant, or - for none')
    .optional()
    .describe('By the clock of the till before, - for the office.'),
  complete: z.boolean().optional().describe('Whether everything before it has arrived.'),
})
export type ExpectedRow = z.output<typeof expectedRow>

export const expectations = z.strictObject({
  cases: z
    .union([z.array(expectedCase), z.literal('none')], 'expected a list of cases, or none')
    .optional()
    .describe('Cases that there must be; none: there must be no case at all.'),
  only: z.literal(true).optional().describe('No other cases than those.'),
  ledger: z
    .record(name, z.array(expectedRow))
    .optional()
    .describe(
      'The rows of a card’s ledger, all of them in order; of each the fields that you name.',
    ),
  cards: z.record(name, amount).optional().describe('What the chip of a card holds.'),
  accounts: z
    .partialRecord(
      z.enum([...ACCOUNT_KINDS, ...RESERVE_KINDS]),
      z.union(
        [amount, z.record(name, amount)],
        'expected an amount, or an amount for each of some names',
      ),
    )
    .optional()
    .describe(
      'Balances in the offices’ books, and at the notary: of a whole kind, or of some of its owners.',
    ),
  tills: z
    .record(
      name,
      z.strictObject({
        queue: z.int().nonnegative().optional().describe('Records not acknowledged yet.'),
        lastBatch: z.int().nonnegative().optional().describe('Number of its newest batch.'),
      }),
    )
    .optional()
    .describe('What the tills themselves say.'),
  cashUps: z
    .record(
      name,
      z.strictObject({
        batch: z.int().min(1).optional().describe('Number of the module’s batch.'),
        count: z.int().nonnegative().optional().describe('Transactions that cards stamped.'),
        paid: amount.optional().describe('Payments.'),
        paidBack: amount.optional().describe('Payments that were taken back.'),
        loaded: amount.optional().describe('Money added.'),
        loadedBack: amount.optional().describe('Money added that was taken back.'),
      }),
    )
    .optional()
    .describe('What the last `cashUp` of a till came to.'),
  pufFailures: z
    .record(name, z.int().nonnegative())
    .optional()
    .describe('How often the PUF of a card, or of a till’s vendor element, was read too badly.'),
  conservation: z
    .literal(true)
    .optional()
    .describe(
      'All accounts add up to nothing, and what the office thinks is on the cards is there.',
    ),
})
export type Expectations = z.output<typeof expectations>

const showWords = {
  ledger: names.describe('The ledgers of these cards, as the office has them.'),
  transactions: names.describe('What these cards did, as it happened.'),
  card: names.describe('What is on these cards.'),
  accounts: z.literal('all').describe('All accounts.'),
  cases: z.literal('all').describe('All cases.'),
  tills: z.literal('all').describe('All tills: queue, last batch.'),
}
export const show = z.strictObject(showWords).partial()
export type Show = z.output<typeof show>
