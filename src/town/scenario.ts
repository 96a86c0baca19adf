import { z } from 'zod'
import { LINK_CUTS } from '../card/field.ts'
import { TEARS } from '../card/nvm.ts'
import { CURRENCY_CODES } from '../kernel/money.ts'
import type { Instant } from '../kernel/ports.ts'
import { ACCOUNT_KINDS } from '../office/ledger/account-kinds.ts'
import { NOTARY_CASE_KINDS } from '../notary/cases.ts'
import { CASE_KINDS } from '../office/ledger/findings.ts'
import { CUTS } from '../till/fuse.ts'
import { MIDDLEMAN_STARTS } from './cheats/middleman.ts'
import { cardScheme, SCHEME_NAMES, type SchemeName } from './chips.ts'
import { RESERVE_KINDS, RESULTS } from './result.ts'
import { officeWords, personWords, walletPolicyWords, walletSteps } from './scenario-wallet.ts'
import {
  amount,
  duration,
  enteredPasscode,
  instant,
  name,
  names,
  passcode,
} from './scenario-values.ts'

/**
 * The scenario language: every word that a scenario may have, with what it means.
 * docs/scenarios.md says it in prose, docs/scenario.schema.json is made from here.
 */

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

const policy = z.strictObject(policyWords).partial()

export const invented = z.enum(['copied', 'guessed', 'brute-forced'])

/** Cheats that change what a till does while it takes a card's money. */
const cheatWords = {
  alterPreviousBalance: amount.describe(
    'Claims a previous balance that differs from the true one by this, and goes on from there. ' +
      'It cannot sign the altered block for the till that made it.',
  ),
  alterOwnBalance: amount.describe(
    'Signs a balance that differs by this from the previous balance less the amount.',
  ),
  signTwice: amount.describe(
    'Signs two blocks: the card gets one whose balance differs by this from the one uploaded.',
  ),
  tokenTwice: z.literal(true).describe('Spends a token again that it has spent before.'),
  overcharge: amount.describe('Takes this much more than its tokens say.'),
  withhold: z
    .literal(true)
    .describe(
      'Keeps the transaction back, while its later batches declare themselves complete. ' +
        'A step `release` hands it in after all.',
    ),
  deny: z.literal(true).describe('Deletes the transaction from its journal.'),
  loadWithoutRight: z.literal(true).describe('Adds money though its policy does not let it.'),
  loadBeyondCash: amount.describe('Reports this much less cash than it loaded.'),
}
export const CHEATS = Object.keys(cheatWords) as readonly (keyof typeof cheatWords)[]

const cheats = z.strictObject(cheatWords).partial()
export type Cheats = z.output<typeof cheats>

const product = z.strictObject({
  price: amount.describe('Of one unit.'),
})

/** Offices that nobody describes: there is one, of this name. */
export const OFFICE_NAME = 'office'

const inOffice = name
  .optional()
  .describe('Its office, where there are several. Default: the first.')

const card = z.strictObject({
  scheme: z.enum(SCHEME_NAMES).default('block').describe('The card technology. Default: block.'),
  balance: amount.prefault('0').describe('What it is issued with. Default: 0.'),
  passcode: passcode
    .optional()
    .describe('The holder’s first passcode, in quotes. Default: made up from the seed.'),
  holder: name.optional().describe('Whose wallet it is. Default: somebody of the card’s own name.'),
  office: inOffice,
})

const till = z.strictObject({
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
  module: z
    .literal('none')
    .optional()
    .describe('It begins without a security module. Default: one, if there are purse cards.'),
  cheats: cheats
    .optional()
    .describe('What this vendor does at every step, where it can. A cheat of a step goes before.'),
})

const ORDERS = ['given', 'reversed', 'shuffled', 'every'] as const

const tear = z
  .union(
    [
      z.strictObject({
        cardWrite: z.int().min(1).describe('Power fails at this write of the card, from 1.'),
        mode: z.enum(TEARS).default('half').describe('What is left of it. Default: half.'),
      }),
      z.strictObject({
        tillWrite: z
          .int()
          .min(1)
          .describe('The till loses its power at this write of its journal, from 1.'),
        mode: z
          .enum(CUTS)
          .default('before')
          .describe('Just before the write is durable, or just after. Default: before.'),
      }),
      z.strictObject({
        apdu: z.int().min(1).describe('The card leaves the field at this command, from 1.'),
        mode: z
          .enum(LINK_CUTS)
          .default('answer-lost')
          .describe('Whether the command is lost, or the answer to it. Default: answer-lost.'),
      }),
    ],
    'expected { cardWrite: n }, { tillWrite: n } or { apdu: n }, each with a mode or without',
  )
  .describe('Cuts the tap short.')
export type TearWords = z.output<typeof tear>

const from = z
  .enum(MIDDLEMAN_STARTS)
  .default('start')
  .describe(
    'start: there is no card at all; act: the card introduces itself, and the laptop answers from ' +
      'the command on that is to take or add money. Default: start.',
  )
const middlemanWords = {
  listen: z.strictObject({
    listen: name.describe('Passes everything on and remembers the answers under this name.'),
  }),
  replay: z.strictObject({
    replay: name.describe('Answers what was remembered under this name.'),
    from,
  }),
  say9000: z.strictObject({
    say9000: z.literal(true).describe('Answers 9000 to everything.'),
    from,
  }),
  changeCommand: z.strictObject({
    changeCommand: amount.describe('Tells the card this amount instead of the till’s.'),
  }),
  changeAnswer: z.strictObject({
    changeAnswer: amount.describe('Tells the till this balance instead of the card’s.'),
  }),
}
export const MIDDLEMAN_WORDS = Object.keys(middlemanWords)

const middleman = z
  .union(
    [
      middlemanWords.listen,
      middlemanWords.replay,
      middlemanWords.say9000,
      middlemanWords.changeCommand,
      middlemanWords.changeAnswer,
    ],
    `expected one of ${MIDDLEMAN_WORDS.join(', ')}`,
  )
  .describe('Somebody with a laptop between a purse card and the till.')
export type MiddlemanWords = z.output<typeof middleman>

const outcome = z
  .string()
  .regex(
    new RegExp(`^(${RESULTS.join('|')})( [a-z_0-9-]+)?$`),
    `expected one of ${RESULTS.join(', ')}, and after refused the status if you like`,
  )
  .describe(
    'How the step must end: done, unfinished, acknowledged, unreachable, crashed or ' +
      'refused, with the status or without. Default: done or acknowledged; with a tear, anything.',
  )

const expectedCase = z.strictObject({
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

const expectations = z.strictObject({
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
const show = z.strictObject(showWords).partial()
export type Show = z.output<typeof show>

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
      .describe('The holder of a purse card unblocks the passcode and chooses another.'),
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
  STEPS.buyCoins,
  STEPS.loadUnbacked,
  STEPS.walletPolicy,
  STEPS.advance,
  STEPS.show,
  STEPS.expect,
])
export type Step = z.output<typeof stepSchema>

/** What a step has beside `at`, by its verb. */
export type StepOf<V extends Verb> = z.output<(typeof STEPS)[V]>

export const scenarioSchema = z.strictObject({
  title: z.string().optional().describe('What it is about, in a line.'),
  currency: z.enum(CURRENCY_CODES).describe('Of all amounts: an ISO 4217 code.'),
  seed: z
    .int()
    .nonnegative()
    .default(1)
    .describe('Of everything random that a scenario can see. Default: 1.'),
  start: instant
    .optional()
    .describe(
      'When cards are issued and tills enrolled. Default: an hour before the first `at`, or ' +
        '2026-01-01T00:00Z if there is none.',
    ),
  policy: policy.default({}).describe('What every till may do, unless it says otherwise itself.'),
  products: z.record(name, product).default({}).describe('What tills sell.'),
  offices: z
    .record(name, officeWords)
    .default({})
    .describe('The offices, by name. Default: one, office.'),
  people: z.record(name, personWords).default({}).describe('Holders of wallets, by name.'),
  walletPolicy: walletPolicyWords
    .default({})
    .describe('What wallets may do offline, unless a step changes it.'),
  cards: z.record(name, card).default({}).describe('The cards, by name.'),
  tills: z.record(name, till).default({}).describe('The tills, by name.'),
  steps: z.array(stepSchema).describe('What happens, in order.'),
  expect: expectations.optional().describe('What must hold at the end.'),
})
export type Scenario = z.output<typeof scenarioSchema>
export type TillWords = Scenario['tills'][string]
export type CardWords = Scenario['cards'][string]
export type PersonWords = Scenario['people'][string]

/** By name, in the order of their numbers. */
export function officeNames({ offices }: Scenario): readonly string[] {
  const described = Object.keys(offices)
  return described.length === 0 ? [OFFICE_NAME] : described
}

/** Reserved for the notary, where there is one. */
export const NOTARY_NAME = 'notary'

/** Several offices whose wallets pay each other settle at a notary. */
export function hasNotary(scenario: Scenario): boolean {
  return officeNames(scenario).length > 1 && schemesOf(scenario).includes('wallet')
}

/** Whether such a card is paid from somebody's online wallet. */
export function isHeld(scheme: SchemeName): boolean {
  return scheme === 'wallet' || scheme === 'coin'
}

/** Whose wallet that card is: the name of somebody. */
export function holderOf({ cards }: Scenario, wallet: string): string {
  return cards[wallet]?.holder ?? wallet
}

/** Everybody who holds a wallet, or is said to be there. */
export function peopleOf(scenario: Scenario): Readonly<Record<string, PersonWords>> {
  const holders = Object.entries(scenario.cards).flatMap(([wallet, { scheme, office }]) =>
    isHeld(scheme) ? [[holderOf(scenario, wallet), personWith(office)] as const] : [],
  )
  return { ...Object.fromEntries(holders), ...scenario.people }
}

function personWith(its: string | undefined): PersonWords {
  return personWords.parse(its === undefined ? {} : { office: its })
}

/** Whose a till, a card or a person is. */
export function officeOf(
  scenario: Scenario,
  words: { readonly office?: string | undefined } | undefined,
): string {
  return words?.office ?? officeNames(scenario)[0] ?? OFFICE_NAME
}

export function schemesOf({ cards }: Scenario): readonly SchemeName[] {
  const used = new Set(Object.values(cards).map(({ scheme }) => scheme))
  return SCHEME_NAMES.filter((scheme) => used.has(scheme))
}

/** The scheme for which every till needs a security module; undefined if no card of the town asks for one. */
export function moduleScheme(scenario: Scenario): SchemeName | undefined {
  return schemesOf(scenario).find((scheme) => cardScheme(scheme).module)
}

const HOUR = 3_600_000
/** Between two steps of which nothing is said. */
const STEP = 1000
const NEW_YEAR = Date.UTC(2026, 0, 1)

/** When a scenario begins: cards are issued and tills enrolled then. */
export function startOf({ start, steps }: Scenario): Instant {
  if (start !== undefined) return start
  const first = steps.find((step) => 'at' in step && step.at !== undefined)
  return first && 'at' in first && first.at !== undefined ? first.at - HOUR : NEW_YEAR
}

/** When the step after `now` happens. */
export function timeOf(step: Step, now: Instant): Instant {
  if ('advance' in step) return now + step.advance
  return step.at ?? now + STEP
}

/** The verb of a step: its one word that is a verb; `expect` only where there is no other. */
export function verbOf(step: object): Verb | undefined {
  const verbs = VERBS.filter((verb) => Object.hasOwn(step, verb))
  return verbs.find((verb) => verb !== 'expect') ?? verbs[0]
}
