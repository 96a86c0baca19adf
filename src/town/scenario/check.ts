import { FormatError } from '../../kernel/errors.ts'
import { currency as currencyOf } from '../../kernel/money.ts'
import { didYouMean } from '../nearest.ts'
import { AmountText } from './values.ts'
import type { HostilePhone } from './wallet-words.ts'
import { cardScheme, type Cheat, type SchemeName } from '../chips.ts'
import {
  hasNotary,
  holderOf,
  isHeld,
  moduleScheme,
  NOTARY_NAME,
  officeNames,
  officeOf,
  peopleOf,
  schemesOf,
  startOf,
  timeOf,
  type Scenario,
} from './scenario.ts'
import { verbOf, type Step, type StepOf, type Verb } from './step-words.ts'
import type { Cheats, MiddlemanWords } from './tap-words.ts'
import type { Expectations, ExpectedCase } from './expected-words.ts'

/** From the outside in, as Zod says it: `['steps', 3, 'pay', 'card']`. */
export type Path = readonly PropertyKey[]

/** Something wrong at a path; with a `key`, it is that word itself and not its value. */
export interface Issue {
  readonly path: Path
  readonly key?: string
  readonly message: string
}

const ALL = 'all'

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

/** Who and what there is, as the steps go by. */
class Names {
  readonly cards: Set<string>
  readonly tills: ReadonlySet<string>
  readonly products: ReadonlySet<string>
  readonly offices: ReadonlySet<string>
  /** What crashes and restarts beside tills. */
  readonly machines: ReadonlySet<string>
  /** Whose scheme each is of. */
  readonly images = new Map<string, SchemeName | undefined>()
  readonly tapes = new Set<string>()
  /** Tills for which there is a security module. */
  readonly modules: ReadonlySet<string>
  readonly #schemes: Map<string, SchemeName>
  readonly #tills: Scenario['tills']
  readonly #people: ReadonlySet<string>
  /** Cards that a step issues, until it has. */
  readonly toIssue: Set<string>

  constructor(scenario: Scenario) {
    const { cards, tills, products, steps } = scenario
    this.cards = new Set(Object.keys(cards))
    this.tills = new Set(Object.keys(tills))
    this.products = new Set(Object.keys(products))
    const notary = hasNotary(scenario) ? [NOTARY_NAME] : []
    this.machines = new Set([...officeNames(scenario), ...notary])
    this.offices = new Set(officeNames(scenario))
    this.toIssue = new Set(steps.flatMap((step) => ('issue' in step ? [step.issue] : [])))
    this.modules = new Set(moduleScheme(scenario) ? tillsWithModule(tills) : [])
    this.#schemes = new Map(Object.entries(cards).map(([card, { scheme }]) => [card, scheme]))
    this.#tills = tills
    this.#people = new Set(Object.keys(peopleOf(scenario)))
  }

  copy(original: string, as: string): void {
    this.cards.add(as)
    const scheme = this.#schemes.get(original)
    if (scheme) this.#schemes.set(as, scheme)
  }

  /** Undefined if there is no such card. */
  schemeOf(card: string): SchemeName | undefined {
    return this.#schemes.get(card)
  }

  cheatsOf(till: string): Cheats {
    return this.#tills[till]?.cheats ?? {}
  }

  module(till: string, path: Path): readonly Issue[] {
    const issues = this.till(till, path)
    if (issues.length > 0 || this.modules.has(till)) return issues
    const message = `${till} has no security module: there are no purse cards, or it says so itself`
    return [{ path, message }]
  }

  card(name: string, path: Path): readonly Issue[] {
    const issued = [...this.cards].filter((card) => !this.toIssue.has(card))
    if (this.toIssue.has(name)) return [{ path, message: `card ${name} is not issued yet` }]
    return unknown('card', name, issued, path)
  }

  anyCard(name: string, path: Path): readonly Issue[] {
    return unknown('card', name, [...this.cards], path)
  }

  person(name: string, path: Path): readonly Issue[] {
    return unknown('person', name, [...this.#people], path)
  }

  wallet(name: string, path: Path): readonly Issue[] {
    return this.ofScheme('wallet', name, path)
  }

  ofScheme(scheme: SchemeName, name: string, path: Path): readonly Issue[] {
    const issues = this.card(name, path)
    if (issues.length > 0 || this.schemeOf(name) === scheme) return issues
    const message = `${name} is a ${this.schemeOf(name)} card, and this is for ${scheme} cards`
    return [{ path, message }]
  }

  wallets(list: readonly string[], path: Path): readonly Issue[] {
    if (list.length === 1 && list[0] === ALL) return []
    return list.flatMap((name) => this.wallet(name, path))
  }

  till(name: string, path: Path): readonly Issue[] {
    return unknown('till', name, [...this.tills], path)
  }

  suspect(name: string, path: Path): readonly Issue[] {
    const offices = this.machines.has(NOTARY_NAME) ? this.offices : []
    return unknown('card or till', name, [...this.cards, ...this.tills, ...offices], path)
  }

  lists(kind: 'card' | 'till', list: readonly string[], path: Path): readonly Issue[] {
    if (list.length === 1 && list[0] === ALL) return []
    return list.flatMap((name) =>
      kind === 'card' ? this.anyCard(name, path) : this.till(name, path),
    )
  }
}

function unknown(
  what: string,
  name: string,
  known: readonly string[],
  path: Path,
): readonly Issue[] {
  if (known.includes(name)) return []
  const list = known.length > 0 ? known.join(', ') : 'none'
  const hint = didYouMean(name, known)
  return [{ path, message: `there is no ${what} "${name}" here.${hint} There is: ${list}` }]
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

function phoneIssues(
  { hostile }: { readonly hostile?: HostilePhone | undefined },
  path: Path,
  names: Names,
): readonly Issue[] {
  if (!hostile) return []
  const at = [...path, 'hostile']
  if ('listen' in hostile) names.tapes.add(hostile.listen)
  if ('payee' in hostile) return names.wallet(hostile.payee, [...at, 'payee'])
  return 'replay' in hostile
    ? unknown('recording', hostile.replay, [...names.tapes], [...at, 'replay'])
    : []
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

type Check<V extends Verb> = (step: StepOf<V>, path: Path, names: Names) => readonly Issue[]

const CHECKS: { readonly [V in Verb]: Check<V> } = {
  issue: ({ issue, tear }, path, names) => issueIssues(issue, tear !== undefined, path, names),
  pay: (step, path, names) => [
    ...payIssues(step.pay, [...path, 'pay'], names),
    ...tapIssues(step.pay, step, path, names),
  ],
  load: (step, path, names) => [
    ...namesOfTap(step.load, [...path, 'load'], names),
    ...tapIssues(step.load, step, path, names),
  ],
  passcode: (step, path, names) => [
    ...namesOfTap(step.passcode, [...path, 'passcode'], names),
    ...tapIssues(step.passcode, step, path, names),
  ],
  unblock: ({ unblock: { card } }, path, names) => unblockIssues(card, [...path, 'unblock'], names),
  retap: (step, path, names) => [
    ...namesOfTap(step.retap, [...path, 'retap'], names),
    ...tapIssues(step.retap, step, path, names),
  ],
  giveUp: ({ giveUp }, path, names) => names.till(giveUp, [...path, 'giveUp']),
  cashUp: ({ cashUp }, path, names) => names.module(cashUp, [...path, 'cashUp']),
  pullModule: ({ pullModule }, path, names) => names.till(pullModule, [...path, 'pullModule']),
  putModule: ({ putModule, of }, path, names) => [
    ...names.till(putModule, [...path, 'putModule']),
    ...names.module(of ?? putModule, [...path, of === undefined ? 'putModule' : 'of']),
  ],
  offline: ({ offline }, path, names) => names.lists('till', offline, [...path, 'offline']),
  online: ({ online }, path, names) => names.lists('till', online, [...path, 'online']),
  sync: ({ sync }, path, names) => names.lists('till', sync, [...path, 'sync']),
  collect: ({ collect }, path, names) => names.lists('till', collect, [...path, 'collect']),
  upload: ({ upload }, path, names) =>
    (upload === ALL ? [] : upload).flatMap((batch, index) =>
      names.till(batch.split('/')[0] ?? '', [...path, 'upload', index]),
    ),
  crash: ({ crash }, path, names) => machines(crash, [...path, 'crash'], names),
  restart: ({ restart }, path, names) => machines(restart, [...path, 'restart'], names),
  deposit: ({ deposit }, path, names) =>
    names.person(deposit.person, [...path, 'deposit', 'person']),
  withdraw: ({ withdraw }, path, names) =>
    names.person(withdraw.person, [...path, 'withdraw', 'person']),
  transfer: ({ transfer: { from, to } }, path, names) => [
    ...names.person(from, [...path, 'transfer', 'from']),
    ...names.person(to, [...path, 'transfer', 'to']),
  ],
  topUp: (step, path, names) => [
    ...names.wallet(step.topUp.card, [...path, 'topUp', 'card']),
    ...phoneIssues(step, path, names),
  ],
  unload: (step, path, names) => [
    ...names.wallet(step.unload.card, [...path, 'unload', 'card']),
    ...phoneIssues(step, path, names),
  ],
  synchronise: (step, path, names) => [
    ...names.wallets(step.synchronise, [...path, 'synchronise']),
    ...phoneIssues(step, path, names),
  ],
  give: (step, path, names) => [
    ...names.wallet(step.give.from, [...path, 'give', 'from']),
    ...names.wallet(step.give.to, [...path, 'give', 'to']),
    ...phoneIssues(step, path, names),
  ],
  refund: ({ refund: words }, path, names) => namesOfTap(words, [...path, 'refund'], names),
  buyCoins: ({ buyCoins }, path, names) =>
    names.ofScheme('coin', buyCoins.card, [...path, 'buyCoins', 'card']),
  loadUnbacked: ({ loadUnbacked }, path, names) =>
    names.wallet(loadUnbacked.card, [...path, 'loadUnbacked', 'card']),
  walletPolicy: ({ of }, path, names) => (of ? names.wallets(of, [...path, 'of']) : []),
  clone: (step, path, names) => cloneIssues(step, path, names),
  snapshot: ({ snapshot, as }, path, names) => {
    names.images.set(as, names.schemeOf(snapshot))
    return names.card(snapshot, [...path, 'snapshot'])
  },
  restore: ({ restore, to }, path, names) => [
    ...names.card(restore, [...path, 'restore']),
    ...imageIssues(restore, to, [...path, 'to'], names),
  ],
  invent: ({ invent }, path, names) => [
    ...namesOfTap(invent, [...path, 'invent'], names),
    ...cheatIssues(invent, ['invent'], [...path, 'invent'], names),
  ],
  release: ({ release }, path, names) => names.till(release, [...path, 'release']),
  rewrite: ({ rewrite }, path, names) => names.till(rewrite, [...path, 'rewrite']),
  resolve: ({ resolve }, path, names) => caseIssues(resolve, [...path, 'resolve'], names),
  advance: () => [],
  show: ({ show: { ledger = [], transactions = [], card = [] } }, path, names) => [
    ...names.lists('card', ledger, [...path, 'show', 'ledger']),
    ...names.lists('card', transactions, [...path, 'show', 'transactions']),
    ...names.lists('card', card, [...path, 'show', 'card']),
  ],
  expect: ({ expect }, path, names) => expectationIssues(expect, [...path, 'expect'], names),
}

function stepIssues(step: Step, path: Path, names: Names): readonly Issue[] {
  const verb = verbOf(step)
  // The schema has let no step without a verb through, and the verb decides its type.
  return verb === undefined ? [] : CHECKS[verb](step as never, path, names)
}

function issueIssues(card: string, torn: boolean, path: Path, names: Names): readonly Issue[] {
  const issues = names.anyCard(card, [...path, 'issue'])
  if (issues.length > 0) return issues
  const isNew = torn ? names.toIssue.has(card) : names.toIssue.delete(card)
  return isNew ? [] : [{ path: [...path, 'issue'], message: `card ${card} is issued already` }]
}

function payIssues(
  { card, till, amount, products }: StepOf<'pay'>['pay'],
  path: Path,
  names: Names,
): readonly Issue[] {
  const both = (amount === undefined) === (products === undefined)
  return [
    ...namesOfTap({ card, till }, path, names),
    ...Object.keys(products ?? {}).flatMap((product) =>
      unknown('product', product, [...names.products], [...path, 'products', product]),
    ),
    ...(both ? [{ path, message: 'expected either an amount or products' }] : []),
  ]
}

function cloneIssues({ clone, as }: StepOf<'clone'>, path: Path, names: Names): readonly Issue[] {
  const taken = names.cards.has(as) || names.tills.has(as)
  const issues = [
    ...names.card(clone, [...path, 'clone']),
    ...(taken ? [{ path: [...path, 'as'], message: `there is a "${as}" already` }] : []),
  ]
  names.copy(clone, as)
  return issues
}

interface CardAtTill {
  readonly card: string
  readonly till: string
}

function namesOfTap({ card, till }: CardAtTill, path: Path, names: Names): readonly Issue[] {
  return [...names.card(card, [...path, 'card']), ...names.till(till, [...path, 'till'])]
}

interface TapWords {
  readonly cheat?: Cheats | undefined
  readonly middleman?: MiddlemanWords | undefined
}

/** Whether what happens at a tap can happen to such a card. */
function tapIssues(
  tap: CardAtTill,
  { cheat = {}, middleman }: TapWords,
  path: Path,
  names: Names,
): readonly Issue[] {
  const standing = Object.keys(names.cheatsOf(tap.till)) as Cheat[]
  return [
    ...cheatIssues(tap, standing, path, names),
    ...cheatIssues(tap, Object.keys(cheat) as Cheat[], [...path, 'cheat'], names),
    ...(middleman ? middlemanIssues(tap.card, middleman, [...path, 'middleman'], names) : []),
  ]
}

function cheatIssues(
  { card, till }: CardAtTill,
  cheats: readonly Cheat[],
  path: Path,
  names: Names,
): readonly Issue[] {
  const scheme = names.schemeOf(card)
  const possible = scheme && cardScheme(scheme).cheats
  if (!possible) return []
  const known = [...possible].join(', ')
  return cheats
    .filter((cheat) => !possible.has(cheat))
    .map((cheat) => ({
      path,
      message: `${till} cannot cheat with ${cheat} here: ${card} is a ${scheme} card. With those: ${known}`,
    }))
}

function middlemanIssues(
  card: string,
  words: MiddlemanWords,
  path: Path,
  names: Names,
): readonly Issue[] {
  const scheme = names.schemeOf(card)
  if ('listen' in words) names.tapes.add(words.listen)
  return [
    ...(scheme && !cardScheme(scheme).traffic
      ? [{ path, message: `nobody stands between a till and a ${scheme} card: ${card} is one` }]
      : []),
    ...('replay' in words
      ? unknown('recording', words.replay, [...names.tapes], [...path, 'replay'])
      : []),
  ]
}

function unblockIssues(card: string, path: Path, names: Names): readonly Issue[] {
  const scheme = names.schemeOf(card)
  const issues = names.card(card, [...path, 'card'])
  if (issues.length > 0 || !scheme || cardScheme(scheme).unblock) return issues
  return [
    { path: [...path, 'card'], message: `a ${scheme} card blocks no passcode: ${card} is one` },
  ]
}

function imageIssues(card: string, image: string, path: Path, names: Names): readonly Issue[] {
  const issues = unknown('image', image, [...names.images.keys()], path)
  const [of, on] = [names.images.get(image), names.schemeOf(card)]
  if (issues.length > 0 || of === on) return issues
  return [{ path, message: `the image ${image} is of a ${of} card, and ${card} is a ${on} card` }]
}

function tillsWithModule(tills: Scenario['tills']): readonly string[] {
  return Object.entries(tills).flatMap(([till, { module }]) => (module === 'none' ? [] : [till]))
}

function machines(list: readonly string[], path: Path, names: Names): readonly Issue[] {
  return list.flatMap((name) => (names.machines.has(name) ? [] : names.lists('till', [name], path)))
}

function caseIssues(
  { card, suspect, suspects = [] }: Partial<ExpectedCase>,
  path: Path,
  names: Names,
): readonly Issue[] {
  return [
    ...(card === undefined ? [] : names.anyCard(card, [...path, 'card'])),
    ...(suspect === undefined ? [] : names.suspect(suspect, [...path, 'suspect'])),
    ...suspects.flatMap((name, index) => names.suspect(name, [...path, 'suspects', index])),
  ]
}

function expectationIssues(
  { cases, only, ledger = {}, cards = {}, tills = {}, cashUps = {} }: Expectations,
  path: Path,
  names: Names,
): readonly Issue[] {
  const list = Array.isArray(cases) ? cases : []
  return [
    ...list.flatMap((found, index) => caseIssues(found, [...path, 'cases', index], names)),
    ...(only && !Array.isArray(cases)
      ? [{ path: [...path, 'only'], message: '`only` goes with a list of cases' }]
      : []),
    ...Object.entries(ledger).flatMap(([card, rows]) => [
      ...names.anyCard(card, [...path, 'ledger', card]),
      ...rows.flatMap(({ till, previousTill }, index) => [
        ...(till === undefined ? [] : names.till(till, [...path, 'ledger', card, index, 'till'])),
        ...(previousTill === undefined || previousTill === '-'
          ? []
          : names.till(previousTill, [...path, 'ledger', card, index, 'previousTill'])),
      ]),
    ]),
    ...Object.keys(cards).flatMap((card) => names.anyCard(card, [...path, 'cards', card])),
    ...Object.keys(tills).flatMap((till) => names.till(till, [...path, 'tills', till])),
    ...Object.keys(cashUps).flatMap((till) => names.till(till, [...path, 'cashUps', till])),
  ]
}
