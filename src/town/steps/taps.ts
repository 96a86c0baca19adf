import { FormatError, invariant } from '../../kernel/errors.ts'
import type { Order } from '../../till/scheme.ts'
import { CannotCheat } from '../cheats/crook.ts'
import { behindMiddleman, type Middling } from '../cheats/middleman.ts'
import type { Accidents, Party, PartyResult } from '../party.ts'
import { cashUpText } from '../report.ts'
import type { StepOf } from '../scenario/step-words.ts'
import type { MiddlemanWords, TearWords } from '../scenario/tap-words.ts'
import type { TownCard } from '../town-card.ts'
import type { Town } from '../town.ts'
import { done, money, refused, type Outcome, type Stage } from './outcome.ts'

/** Cards at tills, and whoever cheats or stands in between. */

export async function issue(
  { issue: name, tear }: StepOf<'issue'>,
  { town }: Stage,
): Promise<Outcome> {
  const outcome = await town.desk.issue(town.card(name), tearOf(tear).cardTear)
  return { ...outcome, text: `the office issues ${name}` }
}

export async function pay(step: StepOf<'pay'>, { town, index }: Stage): Promise<Outcome> {
  const { card: cardName, till, products = {}, passcode } = step.pay
  const card = town.card(cardName)
  const lines = Object.entries(products).flatMap(([name, quantity]) => {
    const product = town.registry.productOf(till, name)
    return product === undefined ? [] : [{ product, quantity }]
  })
  const total = Object.entries(products).reduce(
    (sum, [name, quantity]) => sum + town.registry.price(name) * BigInt(quantity),
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

export async function load(step: StepOf<'load'>, { town, index }: Stage): Promise<Outcome> {
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

export async function changePasscode(
  step: StepOf<'passcode'>,
  { town, index }: Stage,
): Promise<Outcome> {
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
export async function unblock({ unblock: words, tear }: StepOf<'unblock'>, { town }: Stage) {
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

export async function cashUp(
  { cashUp: name }: StepOf<'cashUp'>,
  { town }: Stage,
): Promise<Outcome> {
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

export async function retap(
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
  if (order?.kind === 'passcode' && party.customer === card) card.passcode = order.newPasscode
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
export async function cheat(text: string, work: () => Promise<Outcome> | void): Promise<Outcome> {
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
  if ('spoil' in words || 'ownKeys' in words) return words
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
