import { z } from 'zod'
import { coinSteps } from './coin-words.ts'
import { cheats, invented, middleman, tear } from './tap-words.ts'
import { expectations, expectedCase, outcome, show } from './expected-words.ts'
import { amount, duration, enteredPasscode, instant, name, names, passcode } from './values.ts'
import { walletSteps } from './wallet-words.ts'

/** The verbs of the scenario language. */

const ORDERS = ['given', 'reversed', 'shuffled', 'every'] as const

const at = instant
  .optional()
  .describe('When: an instant such as 2020-09-08T12:03Z. Default: a second after the step before.')

const tapWords = {
  at,
  expect: outcome.optional(),
  tear: tear.optional(),
  cheat: cheats.optional().describe('How the vendor cheats at this step.'),
  middleman: middleman.optional(),
}

/** One schema a verb. A step has exactly one verb, and the other words that belong to it. */
export const STEPS = {
  issue: z.strictObject({
    issue: name.describe('Issues this card now; without such a step it is issued at the start.'),
    at,
    expect: outcome.optional(),
    tear: tear.optional(),
  }),
  pay: z.strictObject({
    pay: z
      .strictObject({
        card: name,
        till: name,
        amount: amount.optional().describe('Or name the products.'),
        products: z
          .record(name, z.int().min(1).max(100))
          .optional()
          .describe('How many of each; the till spends a token for every unit.'),
        passcode: enteredPasscode
          .optional()
          .describe('none: nothing is entered. Default: the right one.'),
      })
      .describe('A card pays at a till.'),
    ...tapWords,
  }),
  load: z.strictObject({
    load: z
      .strictObject({
        card: name,
        till: name,
        amount,
        passcode: enteredPasscode
          .optional()
          .describe('none: nothing is entered. Default: the right one.'),
      })
      .describe('A till takes cash and adds it to a card.'),
    ...tapWords,
  }),
  passcode: z.strictObject({
    passcode: z
      .strictObject({
        card: name,
        till: name,
        old: passcode.optional().describe('Default: the right one.'),
        new: passcode,
      })
      .describe('The holder changes the passcode.'),
    ...tapWords,
  }),
  unblock: z.strictObject({
    unblock: z
      .strictObject({
        card: name,
        code: passcode.optional().describe('The unblocking code. Default: the right one.'),
        new: passcode,
      })
      .describe(
        'The holder unblocks the passcode, if the card itself blocks it, and chooses another.',
      ),
    at,
    expect: outcome.optional(),
    tear: tear.optional(),
  }),
  retap: z.strictObject({
    retap: z
      .strictObject({ card: name, till: name })
      .describe('Presents the card again to a till whose last tap was cut short.'),
    ...tapWords,
  }),
  giveUp: z.strictObject({
    giveUp: name.describe('The cashier gives up what this till has not finished.'),
    at,
  }),
  cashUp: z.strictObject({
    cashUp: name.describe(
      'The security module of this till closes its batch and says what is in it.',
    ),
    at,
    expect: outcome.optional(),
  }),
  pullModule: z.strictObject({
    pullModule: name.describe('Takes the security module out of this till.'),
    at,
  }),
  putModule: z.strictObject({
    putModule: name.describe('Puts a security module into this till.'),
    of: name.optional().describe('The till that it was made for. Default: this one.'),
    at,
  }),
  offline: z.strictObject({ offline: names.describe('Tills that lose their network.'), at }),
  online: z.strictObject({ online: names.describe('Tills that get it back.'), at }),
  sync: z.strictObject({
    sync: names.describe('Tills that upload their queue and fetch the news; all: one by one.'),
    lose: z
      .enum(['request', 'acknowledgement'])
      .optional()
      .describe('What the network swallows; the till is not told which.'),
    at,
    expect: outcome.optional(),
  }),
  collect: z.strictObject({
    collect: names.describe(
      'Puts the queue of these tills into batches that travel on a stick: `upload` hands them in.',
    ),
    at,
  }),
  upload: z.strictObject({
    upload: z
      .union([z.array(batchName()).min(1), z.literal('all')], 'expected a list of batches, or all')
      .describe('Hands in collected batches, as v1 or v1/2 for its second; all: every one.'),
    order: z
      .enum(ORDERS)
      .default('given')
      .describe(
        'given, reversed, shuffled (by the seed) or every: tries each order of at most five batches ' +
          'at a copy of the office, checks that all end the same, and goes on with the order given.',
      ),
    times: z.int().min(1).max(10).default(1).describe('How often each. Default: 1.'),
    at,
  }),
  crash: z.strictObject({
    crash: names.describe('Pulls the plug of tills, or of the `office`.'),
    at,
  }),
  restart: z.strictObject({ restart: names.describe('Starts them again.'), at }),
  clone: z.strictObject({
    clone: name.describe('Copies this card, chip number and all.'),
    as: name.describe('What the copy is called from here on.'),
    at,
  }),
  snapshot: z.strictObject({
    snapshot: name.describe('Remembers all that is on this card.'),
    as: name.describe('What the image is called.'),
    at,
  }),
  restore: z.strictObject({
    restore: name.describe('Writes a remembered image back to this card.'),
    to: name.describe('Which.'),
    chip: z
      .enum(['genuine', 'magic'])
      .default('genuine')
      .describe(
        'genuine: a bought chip, whose counter can only go down, or which takes nothing at all if it ' +
          'is of a purse card; magic: one that can be written throughout. Default: genuine.',
      ),
    at,
    expect: outcome.optional(),
  }),
  invent: z.strictObject({
    invent: z
      .strictObject({
        till: name,
        card: name,
        amount,
        passcode: invented
          .default('copied')
          .describe(
            'Where the passcode comes from: copied with its key from the block seen, guessed, or ' +
              'found by trying all. Default: copied.',
          ),
      })
      .describe('A vendor makes a payment on the block it last saw of a card, without the card.'),
    at,
  }),
  release: z.strictObject({
    release: name.describe('This till hands in what it withheld, with its next batch.'),
    at,
  }),
  rewrite: z.strictObject({
    rewrite: name.describe(
      'This till signs another batch, without its last item, under the number of its last one, ' +
        'and uploads it.',
    ),
    at,
  }),
  resolve: z.strictObject({
    resolve: expectedCase.describe('The operator closes the cases that fit this.'),
    as: z.string().min(1).describe('The resolution, in words.'),
    at,
  }),
  ...walletSteps(outcome.optional()),
  ...coinSteps(outcome.optional()),
  advance: z.strictObject({ advance: duration.describe('Time goes by: 90s, 36h, 7d.') }),
  show: z.strictObject({ show: show.describe('Prints.'), at }),
  expect: z.strictObject({ expect: expectations.describe('What must hold now.'), at }),
}

function batchName() {
  return z.string().regex(/^[a-zA-Z][\w-]*(\/[1-9]\d*)?$/, 'expected a till, or a batch: v1/2')
}

export type Verb = keyof typeof STEPS
export const VERBS = Object.keys(STEPS) as readonly Verb[]

export const stepSchema = z.union([
  STEPS.issue,
  STEPS.pay,
  STEPS.load,
  STEPS.passcode,
  STEPS.unblock,
  STEPS.retap,
  STEPS.giveUp,
  STEPS.cashUp,
  STEPS.pullModule,
  STEPS.putModule,
  STEPS.offline,
  STEPS.online,
  STEPS.sync,
  STEPS.collect,
  STEPS.upload,
  STEPS.crash,
  STEPS.restart,
  STEPS.clone,
  STEPS.snapshot,
  STEPS.restore,
  STEPS.invent,
  STEPS.release,
  STEPS.rewrite,
  STEPS.resolve,
  STEPS.deposit,
  STEPS.withdraw,
  STEPS.transfer,
  STEPS.topUp,
  STEPS.unload,
  STEPS.synchronise,
  STEPS.give,
  STEPS.refund,
  STEPS.loadUnbacked,
  STEPS.walletPolicy,
  STEPS.buyCoins,
  STEPS.buyFloat,
  STEPS.renew,
  STEPS.refundCoins,
  STEPS.noise,
  STEPS.fakeVendor,
  STEPS.forgeCoins,
  STEPS.loadAgain,
  STEPS.playBack,
  STEPS.steal,
  STEPS.redeem,
  STEPS.advance,
  STEPS.show,
  STEPS.expect,
])
export type Step = z.output<typeof stepSchema>

/** What a step has beside `at`, by its verb. */
export type StepOf<V extends Verb> = z.output<(typeof STEPS)[V]>

/** The verb of a step: its one word that is a verb; `expect` only where there is no other. */
export function verbOf(step: object): Verb | undefined {
  const verbs = VERBS.filter((verb) => Object.hasOwn(step, verb))
  return verbs.find((verb) => verb !== 'expect') ?? verbs[0]
}
