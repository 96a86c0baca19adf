import { FormatError } from '../../kernel/errors.ts'
import { currency as currencyOf } from '../../kernel/money.ts'
import { cardScheme } from '../chips.ts'
import { ALL, Names, unknown, type Issue, type Path } from './check-names.ts'
import { expectationIssues, stepIssues } from './check-steps.ts'
import {
  holderOf,
  isHeld,
  NOTARY_NAME,
  officeNames,
  officeOf,
  peopleOf,
  schemesOf,
  startOf,
  timeOf,
  type Scenario,
} from './scenario.ts'
import { AmountText } from './values.ts'

/**
 * What the shape alone cannot tell: that every name is one of this town, that it has come into being
 * by then, and that amounts are amounts of its currency.
 */
export function checkScenario(scenario: Scenario): readonly Issue[] {
  const names = new Names(scenario)
  return [
    ...amountIssues(scenario),
    ...nameClashes(scenario),
    ...tillIssues(scenario, names),
    ...officeIssues(scenario, names),
    ...holderIssues(scenario),
    ...slotIssues(scenario),
    ...timeIssues(scenario),
    ...scenario.steps.flatMap((step, index) => stepIssues(step, ['steps', index], names)),
    ...(scenario.expect ? expectationIssues(scenario.expect, ['expect'], names) : []),
  ]
}

function amountIssues(scenario: Scenario): readonly Issue[] {
  const currency = currencyOf(scenario.currency)
  return amountsIn(scenario, []).flatMap(({ path, amount }) => {
    try {
      amount.in(currency)
      return []
    } catch (error) {
      if (error instanceof FormatError) return [{ path, message: error.reason }]
      throw error
    }
  })
}

function amountsIn(value: unknown, path: Path): readonly { path: Path; amount: AmountText }[] {
  if (value instanceof AmountText) return [{ path, amount: value }]
  if (Array.isArray(value)) return value.flatMap((item, index) => amountsIn(item, [...path, index]))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, item]) => amountsIn(item, [...path, key]))
}

/** Cards and tills share the list of suspects, so they cannot share a name. */
function nameClashes(scenario: Scenario): readonly Issue[] {
  const reserved = [ALL, NOTARY_NAME, ...officeNames(scenario)]
  const { cards, tills } = scenario
  const taken = (where: string, names: object) =>
    reserved.flatMap((name) =>
      Object.hasOwn(names, name)
        ? [{ path: [where], key: name, message: `"${name}" is a word of its own` }]
        : [],
    )
  const shared = Object.keys(tills).filter((name) => Object.hasOwn(cards, name))
  return [
    ...taken('cards', cards),
    ...taken('tills', tills),
    ...shared.map((name) => ({
      path: ['tills'],
      key: name,
      message: `there is a card of that name as well`,
    })),
  ]
}

function tillIssues({ tills }: Scenario, names: Names): readonly Issue[] {
  return Object.entries(tills).flatMap(([till, { tokens }]) =>
    Object.keys(tokens ?? {}).flatMap((product) =>
      unknown('product', product, [...names.products], ['tills', till, 'tokens', product]),
    ),
  )
}

/** A till has one slot for what its schemes need beside it. */
function slotIssues(scenario: Scenario): readonly Issue[] {
  const [first, second] = schemesOf(scenario).filter((scheme) => cardScheme(scheme).module)
  if (!first || !second) return []
  const message = `${first} and ${second} cards each want a module in every till, which has one slot`
  return [{ path: ['cards'], message }]
}

/** A wallet's holder is at the office that issued it: nobody else can load it. */
function holderIssues(scenario: Scenario): readonly Issue[] {
  const people = peopleOf(scenario)
  return Object.entries(scenario.cards).flatMap(([card, words]) => {
    const path = ['cards', card, 'holder']
    if (!isHeld(words.scheme)) {
      const message = `only wallets and coin cards have holders here, and ${card} is a ${words.scheme} card`
      return words.holder === undefined ? [] : [{ path, message }]
    }
    const holder = holderOf(scenario, card)
    const known = unknown('person', holder, Object.keys(people), path)
    const isThere = officeOf(scenario, people[holder]) === officeOf(scenario, words)
    const message = `${holder} is at another office than the one that issues ${card}`
    return known.length > 0 || isThere ? known : [{ path, message }]
  })
}

function officeIssues({ tills, cards, people }: Scenario, names: Names): readonly Issue[] {
  const issues = (where: string, all: Readonly<Record<string, { office?: string | undefined }>>) =>
    Object.entries(all).flatMap(([name, { office }]) =>
      office === undefined
        ? []
        : unknown('office', office, [...names.offices], [where, name, 'office']),
    )
  return [...issues('tills', tills), ...issues('cards', cards), ...issues('people', people)]
}

/** Nothing happens before what happened before it. */
function timeIssues(scenario: Scenario): readonly Issue[] {
  let now = startOf(scenario)
  return scenario.steps.flatMap((step, index) => {
    const at = timeOf(step, now)
    if (at < now) {
      const before = new Date(now).toISOString()
      return [
        { path: ['steps', index], key: 'at', message: `is before what came before: ${before}` },
      ]
    }
    now = at
    return []
  })
}
