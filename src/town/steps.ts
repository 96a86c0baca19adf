import { FormatError, invariant } from '../kernel/errors.ts'
import { Unreachable, type Transport } from '../kernel/ports.ts'
import type { Order } from '../till/scheme.ts'
import { CannotCheat } from './cheats/crook.ts'
import { postOf } from './cheats/books.ts'
import { behindMiddleman, type Middling } from './cheats/middleman.ts'
import { checkExpectations } from './expectations.ts'
import type { Accidents, CarriedBatch, Party, PartyResult, Upload } from './party.ts'
import { done, money, refused, type Outcome, type Stage } from './outcome.ts'
import { shuffled } from './random.ts'
import {
  accountTable,
  caseTable,
  cashUpText,
  ledgerTable,
  renderTable,
  tillTable,
  transactionTable,
} from './report.ts'
import type { CaseResult } from './result.ts'
import type { Path } from './scenario/check-names.ts'
import { NOTARY_NAME } from './scenario/scenario.ts'
import { verbOf, type Step, type StepOf, type Verb } from './scenario/step-words.ts'
import type { MiddlemanWords, TearWords } from './scenario/tap-words.ts'
import type { TownCard } from './town-card.ts'
import type { Town } from './town.ts'
import {
  buyCoins,
  deposit,
  give,
  loadUnbacked,
  refund,
  synchronise,
  topUp,
  transfer,
  unload,
  walletPolicy,
  withdraw,
} from './wallet-steps.ts'

type Handler<V extends Verb> = (step: StepOf<V>, stage: Stage) => Promise<Outcome> | Outcome

const HANDLERS: { readonly [V in Verb]: Handler<V> } = {
  issue: (step, stage) => issue(step, stage),
  pay: (step, stage) => pay(step, stage),
  load: (step, stage) => load(step, stage),
  passcode: (step, stage) => changePasscode(step, stage),
  unblock: (step, stage) => unblock(step, stage),
  retap: (step, stage) => retap(step, stage),
  giveUp: ({ giveUp }, { town }) => {
    const result = town.party(giveUp).giveUp()
    const text = `${giveUp} gives up its order`
    return result === 'done' ? done(text) : refused('no_order', text)
  },
  cashUp: (step, stage) => cashUp(step, stage),
  pullModule: ({ pullModule }, { town }) => {
    const party = town.party(pullModule)
    const text = `the module is taken out of ${pullModule}`
    if (!party.module) return refused('no_module', text)
    party.putModule(undefined)
    return done(text)
  },
  putModule: ({ putModule, of = putModule }, { town }) => {
    town.putModule(putModule, of)
    return done(`${putModule} gets the module of ${of}`)
  },
  offline: ({ offline }, { town }) => {
    for (const party of town.someParties(offline)) party.line.connect(false)
    return done(`${offline.join(', ')}: no network`)
  },
  online: ({ online }, { town }) => {
    for (const party of town.someParties(online)) party.line.connect(true)
    return done(`${online.join(', ')}: network`)
  },
  sync: (step, stage) => sync(step, stage),
  collect: ({ collect }, { town }) => {
    const batches = town.someParties(collect).flatMap((party) => party.carry())
    const isKnown = (batch: CarriedBatch) =>
      town.sticks.some(({ till, number }) => till === batch.till && number === batch.number)
    town.sticks.push(...batches.filter((batch) => !isKnown(batch)))
    return done(`on sticks: ${batches.map(batchName).join(', ') || 'nothing'}`)
  },
  upload: (step, stage) => upload(step, stage),
  crash: async ({ crash }, { town }) => {
    for (const name of crash) {
      if (name === NOTARY_NAME) await town.offices.notary?.crash()
      else if (isOffice(town, name)) await town.offices.crash(name)
      else for (const party of town.someParties([name])) party.stop()
    }
    return done(`${crash.join(', ')}: no power`)
  },
  restart: async ({ restart }, { town }) => {
    for (const name of restart) {
      if (name === NOTARY_NAME) await town.offices.notary?.start()
      else if (isOffice(town, name)) await town.offices.start(name)
      else for (const party of town.someParties([name])) party.start()
    }
    await town.offices.settled()
    return done(`${restart.join(', ')}: running again`)
  },
  clone: ({ clone, as }, { town }) => {
    town.cards.set(as, town.card(clone).clone(as))
    return done(`${clone} is copied: ${as}`)
  },
  snapshot: ({ snapshot, as }, { town }) => {
    town.images.set(as, town.card(snapshot).image())
    return done(`what is on ${snapshot} is remembered as ${as}`)
  },
  restore: ({ restore, to, chip }, { town }) => {
    const image = town.images.get(to)
    if (!image) return refused('no_image', `there is no image ${to}`)
    const card = town.card(restore)
    const text = `${to} is written back to ${restore}, a ${chip} chip`
    if (chip === 'magic') card.restoreAll(image)
    else if (!card.restoreWritable(image)) return refused('not_writable', text)
    return done(text)
  },
  invent: ({ invent: { till, card, amount, passcode } }, { town }) => {
    const text = `${till} invents a payment of ${money(town, amount.in(town.currency))} by ${card}`
    const { id } = town.card(card)
    if (id === undefined) return refused('not_issued', text)
    return cheat(text, () => town.party(till).crook?.invent(id, amount.in(town.currency), passcode))
  },
  release: ({ release }, { town }) => {
    town.party(release).crook?.books.release()
    return done(`${release} withholds nothing any more`)
  },
  rewrite: (step, stage) => rewrite(step, stage),
  resolve: (step, stage) => resolve(step, stage),
  deposit,
  withdraw,
  transfer,
  topUp,
  unload,
  synchronise,
  give,
  refund,
  buyCoins,
  loadUnbacked,
  walletPolicy,
  advance: ({ advance }) => done(`time goes by: ${advance / 1000} s`),
  show: (step, stage) => show(step, stage),
  expect: async ({ expect }, { town, index }) => {
    const path: Path = ['steps', index, 'expect']
    const misses = checkExpectations(expect, path, await town.snapshot(), town.currency)
    return { ...done('what must hold now'), misses }
  },
}

export async function playStep(step: Step, stage: Stage): Promise<Outcome> {
  const verb = verbOf(step)
  // The schema has let no step without a verb through, and the verb decides its type.
  return verb === undefined ? done('nothing') : HANDLERS[verb](step as never, stage)
}

function isOffice(town: Town, name: string): boolean {
  return town.offices.names.includes(name)
}

async function issue({ issue: name, tear }: StepOf<'issue'>, { town }: Stage): Promise<Outcome> {
  const outcome = await town.issue(name, tearOf(tear).cardTear)
  return { ...outcome, text: `the office issues ${name}` }
}

async function pay(step: StepOf<'pay'>, { town, index }: Stage): Promise<Outcome> {
  const { card: cardName, till, products = {}, passcode } = step.pay
  const card = town.card(cardName)
  const lines = Object.entries(products).flatMap(([name, quantity]) => {
    const product = town.productOf(till, name)
    return product === undefined ? [] : [{ product, quantity }]
  })
  const total = Object.entries(products).reduce(
    (sum, [name, quantity]) => sum + town.price(name) * BigInt(quantity),
    0n,
  )
  const amount = step.pay.amount?.in(town.currency) ?? total
  const text = `${cardName} pays ${money(town, amount)} at ${till}`
  if (lines.length < Object.keys(products).length) return refused('no_token', text)
  const order: Order = {
    kind: 'pay',
    id: `step-${index + 1}`,
    amount,
    products: lines,
    passcode: entered(card, passcode),
  }
  return tap({ town, card, till, order, words: step, text })
}

async function load(step: StepOf<'load'>, { town, index }: Stage): Promise<Outcome> {
  const { card: cardName, till, passcode } = step.load
  const card = town.card(cardName)
  const amount = step.load.amount.in(town.currency)
  const order: Order = {
    kind: 'load',
    id: `step-${index + 1}`,
    amount,
    passcode: entered(card, passcode),
  }
  const text = `${cardName} is loaded with ${money(town, amount)} at ${till}`
  return tap({ town, card, till, order, words: step, text })
}

async function changePasscode(step: StepOf<'passcode'>, { town, index }: Stage): Promise<Outcome> {
  const { card: cardName, till, old, new: newPasscode } = step.passcode
  const card = town.card(cardName)
  const order: Order = {
    kind: 'passcode',
    id: `step-${index + 1}`,
    passcode: old ?? card.passcode,
    newPasscode,
  }
  const text = `${cardName} gets a new passcode at ${till}`
  return tap({ town, card, till, order, words: step, text })
}

/** What the holder enters. */
function entered(card: TownCard, passcode: string | undefined): string {
  return passcode === 'none' ? '' : (passcode ?? card.passcode)
}

/** At a reader of the holder's own. */
async function unblock({ unblock: words, tear }: StepOf<'unblock'>, { town }: Stage) {
  const { card: name, code, new: passcode } = words
  const card = town.card(name)
  const text = `${name} unblocks its passcode`
  const { unblock: work } = card.scheme
  invariant(work && card.unblocking !== undefined, 'the scenario was checked')
  const given = code ?? card.unblocking
  const status = await card.tap(tearOf(tear).cardTear, (channel) =>
    work(channel, { code: given, passcode }, card.parts.random),
  )
  if (status === 'unblocked') card.passcode = passcode
  if (status === 'torn') return { result: 'unfinished', text } as const
  return status === 'unblocked' ? done(text) : refused(status, text)
}

async function cashUp({ cashUp: name }: StepOf<'cashUp'>, { town }: Stage): Promise<Outcome> {
  const row = await town.cashUp(name)
  const text = `${name} cashes up`
  if ('result' in row) return refused(row.status, text)
  return { ...done(`${text}, ${cashUpText(row, town.currency)}`), cashUp: row }
}

interface TapWords {
  readonly tear?: TearWords | undefined
  readonly middleman?: MiddlemanWords | undefined
  readonly cheat?: StepOf<'pay'>['cheat']
}

interface TapStep {
  readonly town: Town
  readonly card: TownCard
  readonly till: string
  readonly order: Order
  readonly words: TapWords
  readonly text: string
}

async function tap({ town, card, till, order, words, text }: TapStep): Promise<Outcome> {
  const party = town.party(till)
  const accidents = accidentsOf(town, [card, till], words)
  return cheat(text, async () => {
    const cheating = town.cheating(till, words.cheat)
    const result = await party.tap({ card, order, cheating, accidents })
    noteTap(town, card, party, result)
    return { ...ending(result), text: `${text}${remark(town, result)}` }
  })
}

async function retap(
  { retap: { card: name, till }, ...words }: StepOf<'retap'>,
  { town }: Stage,
): Promise<Outcome> {
  const card = town.card(name)
  const party = town.party(till)
  const text = `${name} comes again to ${till}`
  return cheat(text, async () => {
    const result = await party.retap(card, accidentsOf(town, [card, till], words))
    noteTap(town, card, party, result)
    return { ...ending(result), text: `${text}${remark(town, result)}` }
  })
}

/** What only the world knows: who paid what, and which passcode the holder now has. */
function noteTap(town: Town, card: TownCard, party: Party, result: PartyResult): void {
  if (result.result !== 'done') return
  const { record } = result
  const order = party.honestOrder
  if (order?.kind === 'passcode') card.passcode = order.newPasscode
  if (!record) return
  const list = town.transactions.get(card.name) ?? []
  // A till says again that an order is done, whatever card is before it: nothing has happened then.
  const isOld = list.some(({ till, at }) => till === party.name && at === record.madeAt)
  if (isOld || record.card !== card.id) return
  const amount = order && order.kind !== 'passcode' ? order.amount : 0n
  list.push({ till: party.name, at: record.madeAt, kind: record.kind, amount })
  town.transactions.set(card.name, list)
}

function ending(result: PartyResult): Pick<Outcome, 'result' | 'status'> {
  return result.result === 'refused'
    ? { result: 'refused', status: result.status }
    : { result: result.result }
}

function remark(town: Town, result: PartyResult): string {
  return result.result === 'done' ? `, ${money(town, result.view.balance)} left` : ''
}

/** What the crook lacks is the scenario's affair, not ours. */
async function cheat(text: string, work: () => Promise<Outcome> | void): Promise<Outcome> {
  try {
    return (await work()) ?? done(text)
  } catch (error) {
    if (error instanceof CannotCheat) return refused('cannot_cheat', `${text}: ${error.message}`)
    if (error instanceof FormatError) return refused('impossible', `${text}: ${error.message}`)
    throw error
  }
}

/** Whose it is nobody knows. */
const LAPTOP = 'laptop'

function accidentsOf(
  town: Town,
  [card, till]: readonly [card: TownCard, till: string],
  { tear, middleman }: TapWords,
): Accidents {
  const { traffic } = card.scheme
  if (!middleman || !traffic) {
    return { ...tearOf(tear), between: (channel) => town.heard(channel, [till, card.name], card) }
  }
  const does = middlingOf(town, middleman)
  return {
    ...tearOf(tear),
    between(channel) {
      const laptop = behindMiddleman(town.heard(channel, [LAPTOP, card.name], card), does, traffic)
      return town.heard(laptop, [till, LAPTOP], card)
    },
  }
}

function middlingOf(town: Town, words: MiddlemanWords): Middling {
  if ('listen' in words) return { listen: town.tape(words.listen) }
  if ('replay' in words) return { replay: town.tape(words.replay), from: words.from }
  if ('say9000' in words) return words
  return 'changeCommand' in words
    ? { changeCommand: words.changeCommand.in(town.currency) }
    : { changeAnswer: words.changeAnswer.in(town.currency) }
}

function tearOf(words: TearWords | undefined): Pick<Accidents, 'cardTear' | 'tillTear'> {
  if (words === undefined) return { cardTear: undefined, tillTear: undefined }
  if ('cardWrite' in words) {
    const fuse = { atWrite: words.cardWrite, tear: words.mode }
    return { cardTear: { fuse }, tillTear: undefined }
  }
  if ('apdu' in words) {
    const link = { atApdu: words.apdu, cut: words.mode }
    return { cardTear: { link }, tillTear: undefined }
  }
  return { cardTear: undefined, tillTear: { write: words.tillWrite, cut: words.mode } }
}

async function sync({ sync: names, lose }: StepOf<'sync'>, { town }: Stage): Promise<Outcome> {
  const text = `${names.join(', ')} upload`
  let worst: Upload = { result: 'acknowledged' }
  for (const party of town.someParties(names)) {
    party.line.lose(lose)
    const ended = await party.sync()
    party.line.lose(undefined)
    await town.offices.settled()
    if (worst.result === 'acknowledged') worst = ended
  }
  return { ...worst, text }
}

async function upload(step: StepOf<'upload'>, stage: Stage): Promise<Outcome> {
  const { town } = stage
  const { upload: names, order, times } = step
  const chosen = names === 'all' ? town.sticks : names.flatMap((name) => named(town.sticks, name))
  const batches = chosen.flatMap((batch) => Array.from({ length: times }, () => batch))
  const text = `batches are handed in: ${batches.map(batchName).join(', ') || 'none'}`
  if (batches.length === 0) return refused('no_batch', text)
  if (order === 'every') {
    if (town.offices.names.length > 1) return refused('several_offices', text)
    if (chosen.length > ORDERS_MAX) return refused('too_many_orders', text)
    const misses = await stage.tryOrders(permutations(batches), batches)
    return { ...done(text), misses }
  }
  const arranged =
    order === 'given'
      ? batches
      : order === 'reversed'
        ? batches.toReversed()
        : shuffled(town.random, batches)
  const ended = await handIn((till) => town.officeOfTill(till).transport, arranged)
  await town.offices.settled()
  return { ...ended, text }
}

/** 120 orders take seconds; six batches would have 720. */
const ORDERS_MAX = 5

function named(sticks: readonly CarriedBatch[], name: string): readonly CarriedBatch[] {
  return sticks.filter((batch) => batch.till === name || batchName(batch) === name)
}

export function batchName({ till, number }: CarriedBatch): string {
  return `${till}/${number}`
}

/** Puts batches to their offices, one after the other, as whoever carries a stick does. */
export async function handIn(
  officeOf: (till: string) => Transport,
  batches: readonly CarriedBatch[],
): Promise<Pick<Outcome, 'result' | 'status'>> {
  for (const { till, bytes } of batches) {
    const { status } = await officeOf(till).send(postOf(bytes))
    if (status !== 200) return { result: 'refused', status: String(status) }
  }
  return { result: 'acknowledged' }
}

/** Every different order, the same batch twice counting as one and the same. */
export function* permutations<T>(items: readonly T[]): Iterable<readonly T[]> {
  if (items.length === 0) yield []
  for (const first of new Set(items)) {
    const index = items.indexOf(first)
    for (const rest of permutations(items.toSpliced(index, 1))) yield [first, ...rest]
  }
}

async function rewrite({ rewrite: name }: StepOf<'rewrite'>, { town }: Stage): Promise<Outcome> {
  const text = `${name} signs another batch under the number of its last one`
  const party = town.party(name)
  const bytes = party.crook?.books.rewriteLast(party.signing())
  if (!bytes) return refused('no_batch', text)
  try {
    const { status } = await party.line.send(postOf(bytes))
    await town.offices.settled()
    return status === 200 ? { result: 'acknowledged', text } : refused(String(status), text)
  } catch (error) {
    if (error instanceof Unreachable) return { result: 'unreachable', text }
    throw error
  }
}

async function resolve(step: StepOf<'resolve'>, { town }: Stage): Promise<Outcome> {
  const { resolve: wanted, as } = step
  const text = `the operator resolves ${wanted.kind}: ${as}`
  let resolved = 0
  for (const name of town.offices.names) {
    const { client } = town.offices.get(name)
    const [view] = town.views(town.offices, name)
    const fitting = (await client.cases()).filter(
      (found) => view && isWanted(view.caseResult(found), wanted),
    )
    for (const { id } of fitting) await client.resolveCase(id, as)
    resolved += fitting.length
  }
  return resolved === 0 ? refused('no_case', text) : done(text)
}

function isWanted(
  shown: CaseResult,
  { kind, card, suspect, strength }: StepOf<'resolve'>['resolve'],
): boolean {
  return (
    shown.state === 'open' &&
    shown.kind === kind &&
    (card === undefined || card === shown.card) &&
    (suspect === undefined || suspect === shown.suspects[0]) &&
    (strength === undefined || strength === shown.strength)
  )
}

async function show({ show: words }: StepOf<'show'>, { town, print }: Stage): Promise<Outcome> {
  const { currency } = town
  const tables: string[] = []
  for (const { name } of town.someCards(words.transactions ?? [])) {
    const list = town.transactions.get(name) ?? []
    tables.push(renderTable(transactionTable(name, list, currency)))
  }
  if (words.ledger) {
    const ledgers = await town.ledgers()
    for (const { name } of town.someCards(words.ledger)) {
      tables.push(renderTable(ledgerTable(name, ledgers[name] ?? [], currency)))
    }
  }
  if (words.card) tables.push(...(await cardLines(town, words.card)))
  if (words.accounts) tables.push(renderTable(accountTable(await town.accounts(), currency)))
  if (words.cases) tables.push(renderTable(caseTable(await town.cases(), currency)))
  if (words.tills) tables.push(renderTable(tillTable(town.tills())))
  for (const table of tables) print(`\n${table}\n`)
  return done('shown')
}

async function cardLines(town: Town, names: readonly string[]): Promise<readonly string[]> {
  const chips = await town.chips()
  return town.someCards(names).map(({ name }) => {
    const chip = chips.get(name)
    return `${name} holds ${chip && 'balance' in chip ? chip.balance : `nothing that counts: ${chip?.problem ?? ''}`}`
  })
}
