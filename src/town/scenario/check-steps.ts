import type { Traffic } from '../cheats/middleman.ts'
import { cardScheme, type Cheat } from '../chips.ts'
import { COIN_CHECKS, type Check } from './check-coins.ts'
import { ALL, unknown, type Issue, type Names, type Path } from './check-names.ts'
import type { Expectations, ExpectedCase } from './expected-words.ts'
import { verbOf, type Step, type StepOf, type Verb } from './step-words.ts'
import type { Cheats, MiddlemanWords } from './tap-words.ts'
import type { HostilePhone } from './wallet-words.ts'

const CHECKS: { readonly [V in Verb]: Check<V> } = {
  ...COIN_CHECKS,
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

export function stepIssues(step: Step, path: Path, names: Names): readonly Issue[] {
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
  const known =
    'replay' in words
      ? unknown('recording', words.replay, [...names.tapes], [...path, 'replay'])
      : []
  const traffic = scheme && cardScheme(scheme).traffic
  if (!scheme || (traffic && canDo(words, traffic))) return known
  const message = traffic
    ? `nobody between a till and a ${scheme} card can do that: ${card} is one`
    : `nobody stands between a till and a ${scheme} card: ${card} is one`
  return [{ path, message }, ...known]
}

/** Not everything that passes can be read, and not every card is emulated. */
function canDo(words: MiddlemanWords, { withAmount, withOwnKeys }: Traffic): boolean {
  if ('changeCommand' in words) return withAmount !== undefined
  return !('ownKeys' in words) || withOwnKeys !== undefined
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

export function expectationIssues(
  {
    cases,
    only,
    ledger = {},
    cards = {},
    tills = {},
    cashUps = {},
    pufFailures = {},
  }: Expectations,
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
    ...Object.keys(pufFailures).flatMap((chip) =>
      names.ofSilicon(chip, [...path, 'pufFailures', chip]),
    ),
  ]
}
