import { askMessage } from '../../schemes/wallet/phone/messages.ts'
import type { Phone, Problem, Result } from '../../schemes/wallet/phone.ts'
import type { Channel } from '../../reader/channel.ts'
import { loadUnbacked as putUnbacked } from '../cheats/office.ts'
import type { TownPerson } from '../people.ts'
import { replayTo, type Hostility, type PhoneOthers, type Way } from '../phones.ts'
import type { HostilePhone } from '../scenario/wallet-words.ts'
import type { StepOf } from '../scenario/step-words.ts'
import { done, money, refused, type Outcome, type Stage } from './outcome.ts'
import type { TownCard } from '../town-card.ts'
import type { Town } from '../town.ts'

/** What people do with their wallets and phones, and offices among each other. */

interface PhoneWords {
  readonly lose?: number | undefined
  readonly hostile?: HostilePhone | undefined
}

export async function topUp(step: StepOf<'topUp'>, stage: Stage): Promise<Outcome> {
  const { town } = stage
  const { card, passcode } = step.topUp
  const amount = step.topUp.amount.in(town.currency)
  const text = `${card} is topped up with ${money(town, amount)}`
  const way = wayOf(town, step)
  return ending(
    text,
    await hold(town, card, way, (phone, channel) =>
      phone.load(channel, entered(town.card(card), passcode), amount),
    ),
  )
}

export async function unload(step: StepOf<'unload'>, stage: Stage): Promise<Outcome> {
  const { town } = stage
  const { card, passcode } = step.unload
  const amount = step.unload.amount.in(town.currency)
  const text = `${card} gives ${money(town, amount)} back to the online wallet`
  const way = wayOf(town, step)
  return ending(
    text,
    await hold(town, card, way, (phone, channel) =>
      phone.unload(channel, entered(town.card(card), passcode), amount),
    ),
  )
}

export async function synchronise(step: StepOf<'synchronise'>, { town }: Stage): Promise<Outcome> {
  const text = `${step.synchronise.join(', ')} synchronise`
  const way = wayOf(town, step)
  let worst: Outcome = done(text)
  for (const { name, passcode } of town.someWallets(step.synchronise)) {
    const result = await hold(town, name, way, (phone, channel) =>
      phone.synchronise(channel, passcode),
    )
    await town.offices.settled()
    if (worst.result !== 'done') continue
    worst = ending(text, result)
    if (result.status === 'done' && result.refused) worst = refused(result.refused, text)
  }
  return worst
}

/**
 * One wallet pays another (e-krona report, 3.6): the payee's card asks, the payer's pays, the payee's
 * takes it in; the phones are held together in between, if there are two.
 */
export async function give(step: StepOf<'give'>, { town }: Stage): Promise<Outcome> {
  const { from, to, passcode, phones, refused: refusing, lost } = step.give
  const amount = step.give.amount.in(town.currency)
  const text = `${from} gives ${money(town, amount)} to ${to}`
  const people = { payer: town.holderOf(from), payee: town.holderOf(to) }
  const way = wayOf(town, step)
  const deal = new Deal(town, way, {
    payer: { card: from, person: people.payer, other: people.payee },
    payee: {
      card: to,
      person: phones === 1 ? people.payer : people.payee,
      other: people.payer,
    },
  })
  const pin = entered(town.card(from), passcode)
  const asked = await deal.at('payee', (phone, channel) => phone.ask(channel, { amount }))
  if (asked.status !== 'done') return ending(text, asked)
  const ask = await deal.handOver('payee', 'request', asked.message)
  if (ask.status !== 'done') return ending(text, ask)
  if (refusing === 'before') {
    const sent = await deal.refuse(asked.message)
    if (sent.status !== 'done') return ending(text, sent)
  }
  const paid = await deal.at('payer', (phone, channel) => phone.pay(channel, pin, ask.message))
  if (refusing === 'before') {
    // What was refused cannot be paid any more: the card itself sees to that.
    const isRefused = paid.status === 'card_refused' && paid.refusal === 'refused'
    return isRefused ? done(`${text}: refused before it is paid`) : ending(text, paid)
  }
  if (paid.status !== 'done') return ending(text, paid)
  if (lost) return { result: 'unfinished', text }
  if (refusing === 'after') {
    return ending(`${text}: refused after it was paid`, await deal.refuse(asked.message))
  }
  const payment = await deal.handOver('payer', 'payment', paid.message)
  if (payment.status !== 'done') return ending(text, payment)
  return ending(
    text,
    await deal.at('payee', (phone, channel) => phone.receive(channel, payment.message)),
  )
}

interface Side {
  readonly card: string
  /** Whose phone the card is held to. */
  readonly person: TownPerson
  readonly other: TownPerson
}

/** Two people who pay each other, with one phone or with two. */
class Deal {
  readonly #town: Town
  readonly #way: Way
  readonly #sides: Readonly<Record<'payer' | 'payee', Side>>

  constructor(town: Town, way: Way, sides: Readonly<Record<'payer' | 'payee', Side>>) {
    this.#town = town
    this.#way = way
    this.#sides = sides
  }

  async at<T extends object>(
    side: 'payer' | 'payee',
    work: (phone: Phone, channel: Channel) => Promise<Result<T>>,
  ): Promise<Result<T>> {
    const { card, person, other } = this.#sides[side]
    const others = { card, phone: other.phone.name }
    return atPhone(this.#town, { person, others, way: this.#way }, this.#town.card(card), work)
  }

  /** Nothing has to go anywhere on one phone. */
  async handOver(
    from: 'payer' | 'payee',
    name: string,
    message: Uint8Array<ArrayBuffer>,
  ): Promise<Result<{ readonly message: Uint8Array<ArrayBuffer> }>> {
    const { card, person, other } = this.#sides[from]
    if (this.#sides.payer.person === this.#sides.payee.person) return { status: 'done', message }
    const phone = person.phone.on(this.#way, undefined, { card, phone: other.phone.name })
    return phone.handOver(name, message)
  }

  /** The payee's card refuses what it asked for, and the payer's card hears of it. */
  async refuse(asked: Uint8Array<ArrayBuffer>): Promise<Result<object>> {
    const { request: signed } = askMessage.decode(asked)
    const refusal = await this.at('payee', (phone, channel) => phone.refuse(channel, signed))
    if (refusal.status !== 'done') return refusal
    const handed = await this.handOver('payee', 'refusal', refusal.message)
    if (handed.status !== 'done') return handed
    return this.at('payer', (phone, channel) => phone.refund(channel, handed.message))
  }
}

/** A holder's card at the holder's own phone, with a network. */
async function hold<T extends object>(
  town: Town,
  card: string,
  way: Way,
  work: (phone: Phone, channel: Channel) => Promise<Result<T>>,
): Promise<Result<T>> {
  const person = town.holderOf(card)
  const others = { card, phone: '' }
  return atPhone(town, { person, others, way, online: true }, town.card(card), work)
}

interface Holding {
  readonly person: TownPerson
  readonly others: PhoneOthers
  readonly way: Way
  readonly online?: true
}

async function atPhone<T extends object>(
  town: Town,
  { person, others, way, online }: Holding,
  card: TownCard,
  work: (phone: Phone, channel: Channel) => Promise<Result<T>>,
): Promise<Result<T>> {
  const office = online && (await person.online())
  const phone = person.phone.on(way, office, others)
  const result = await card.tap(undefined, async (channel) => {
    await replayTo(channel, way)
    return work(phone, channel)
  })
  await town.offices.settled()
  return result
}

function wayOf(town: Town, { lose, hostile }: PhoneWords): Way {
  return { lose, hostile: hostile && hostilityOf(town, hostile), passed: 0 }
}

function hostilityOf(town: Town, words: HostilePhone): Hostility {
  if ('amount' in words) return { amount: words.amount.in(town.currency) }
  if ('order' in words) return { order: words.order.in(town.currency) }
  if ('payee' in words) return { payee: town.cardParty(words.payee) }
  if ('listen' in words) return { listen: town.tape(words.listen) }
  return { replay: town.tape(words.replay) }
}

/** What the holder types; nothing is a PIN that cannot be right. */
function entered(card: TownCard, passcode: string | undefined): string {
  return passcode === 'none' ? '00000000' : (passcode ?? card.passcode)
}

function ending(text: string, result: Result<object>): Outcome {
  return result.status === 'done' ? done(text) : problemOutcome(text, result)
}

function problemOutcome(text: string, problem: Problem): Outcome {
  switch (problem.status) {
    case 'card_gone':
    case 'phone_gone':
      return { result: 'unfinished', text }
    case 'no_office':
      return { result: 'unreachable', text }
    case 'card_refused':
      return refused(problem.refusal, text)
    case 'office_refused':
      return refused(problem.refusal.code, `${text}: ${problem.refusal.message}`)
    case 'malformed':
    case 'no_wallet':
    case 'wrong_pin':
      return refused(problem.status, text)
  }
}

export async function loadUnbacked(
  { loadUnbacked: words }: StepOf<'loadUnbacked'>,
  { town }: Stage,
): Promise<Outcome> {
  const card = town.card(words.card)
  const amount = words.amount.in(town.currency)
  const text = `the office of ${words.card} puts ${money(town, amount)} on it that it does not have`
  const secrets = town.officeOfCard(words.card).secretsOf('wallet')
  const load = { secrets, amount, at: town.clock.now() }
  const status = await card.tap(undefined, (channel) =>
    putUnbacked(channel, load, card.parts.random),
  )
  return status === 'done' ? done(text) : refused(status, text)
}

/** The last payment that a till took, given back. */
export async function refund(
  { refund: words }: StepOf<'refund'>,
  { town, index }: Stage,
): Promise<Outcome> {
  const { card: name, till } = words
  const text = `${till} gives its last payment back to ${name}`
  const party = town.party(till)
  const card = town.card(name)
  const result = await party.refund(card, `step-${index + 1}`, (channel) =>
    town.heard(channel, [till, name], card),
  )
  switch (result.result) {
    case 'done':
      return done(text)
    case 'refused':
      return refused(result.status, text)
    case 'unfinished':
    case 'crashed':
      return { result: result.result, text } as const
  }
}
