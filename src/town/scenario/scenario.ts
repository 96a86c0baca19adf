import { z } from 'zod'
import { CURRENCY_CODES } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { MemberScheme } from '../../schemes/membership.ts'
import { cardScheme } from '../chips.ts'
import { SCHEME_NAMES, type SchemeName } from '../scheme-names.ts'
import { expectations } from './expected-words.ts'
import { stepSchema, type Step } from './step-words.ts'
import { card, policy, product, till } from './town-words.ts'
import { instant, name } from './values.ts'
import { officeWords, personWords, walletPolicyWords } from './wallet-words.ts'

/**
 * The scenario language: every word that a scenario may have, with what it means. docs/scenarios.md says it
 * in prose, docs/scenario.schema.json is made from here and the files of words beside it.
 */

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

/** Offices that nobody describes: there is one, of this name. */
export const OFFICE_NAME = 'office'

/** By name, in the order of their numbers. */
export function officeNames({ offices }: Scenario): readonly string[] {
  const described = Object.keys(offices)
  return described.length === 0 ? [OFFICE_NAME] : described
}

/** Reserved for the notary, where there is one. */
export const NOTARY_NAME = 'notary'

/** Several offices whose cards pay each other’s settle at a notary. */
export function hasNotary(scenario: Scenario): boolean {
  return officeNames(scenario).length > 1 && schemesOf(scenario).some(isHeld)
}

/** In which offices with a notary know each other: they speak to it as offices for wallets, whatever else they are. */
export function memberSchemes(scenario: Scenario): readonly MemberScheme[] {
  return schemesOf(scenario).includes('coin') ? ['wallet', 'coin'] : ['wallet']
}

/** Cards that a step issues. */
export function issuedLater({ steps }: Scenario): readonly string[] {
  return steps.flatMap((step) => {
    if ('issue' in step) return [step.issue]
    return 'renew' in step ? [step.as] : []
  })
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
