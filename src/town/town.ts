import { invariant } from '../kernel/errors.ts'
import type { Bytes } from '../kernel/bytes.ts'
import { currency, formatAmount, type Amount, type Currency } from '../kernel/money.ts'
import type { RandomSource, Transport } from '../kernel/ports.ts'
import type { Party } from '../kernel/party.ts'
import type { Channel } from '../reader/channel.ts'
import { tillSchemes } from '../schemes/till.ts'
import { DEFAULT_POLICY, type WalletPolicy } from '../schemes/wallet/message.ts'
import type { JournalRecord, Refusal } from '../till/scheme.ts'
import type { Cheating } from './cheats/crook.ts'
import type { Exchanged } from './cheats/middleman.ts'
import { cardScheme } from './chips.ts'
import type { TownClock } from './clock.ts'
import { IssuingDesk } from './issuing-desk.ts'
import { Line } from './network.ts'
import type { Offices } from './offices.ts'
import { Overview } from './overview.ts'
import { TownPerson } from './people.ts'
import { Party as Vendor, type CarriedBatch } from './party.ts'
import { seededRandom } from './random.ts'
import { Registry } from './registry.ts'
import type { Transaction } from './report.ts'
import type { CashUpRow } from './result.ts'
import type { WalletPolicyWords } from './scenario/wallet-words.ts'
import {
  holderOf,
  issuedLater,
  moduleScheme,
  officeOf,
  peopleOf,
  schemesOf,
  type CardWords,
  type Scenario,
  type TillWords,
} from './scenario/scenario.ts'
import type { Cheats } from './scenario/tap-words.ts'
import { TownCard, TownChip } from './town-card.ts'
import { TownNames } from './town-names.ts'
import { tellTillRequest } from './trace/http.ts'
import { tellPhone, type PhoneEnds, type TellWire } from './trace/phone.ts'
import { tracedChannel, tracedTransport, type Trace } from './trace/trace.ts'
import type { Words } from './trace/wallet.ts'
import { policyWith } from './wallet-policy.ts'
import type { TownOffice } from './town-office.ts'

export interface TownParts {
  readonly scenario: Scenario
  readonly clock: TownClock
  /** Where tills keep their journals. */
  readonly directory: string
  readonly offices: Offices
  /** Told of every message; undefined if nobody listens. */
  readonly trace: Trace | undefined
}

/** Everybody in it and everything that lies about. */
export class Town {
  readonly scenario: Scenario
  readonly currency: Currency
  readonly clock: TownClock
  readonly random: RandomSource
  readonly cards = new Map<string, TownCard>()
  readonly parties = new Map<string, Vendor>()
  readonly people = new Map<string, TownPerson>()
  readonly images = new Map<string, Bytes>()
  /** What laptops have heard. */
  readonly tapes = new Map<string, Exchanged[]>()
  /** By the till that each was made for. */
  readonly modules = new Map<string, TownChip>()
  /** The last one of each till. */
  readonly cashUps = new Map<string, CashUpRow>()
  readonly sticks: CarriedBatch[] = []
  /** What was copied of tills. */
  readonly journals = new Map<string, readonly JournalRecord[]>()
  /** By card: what it did, as the people at the tills saw it. */
  readonly transactions = new Map<string, Transaction[]>()
  readonly registry: Registry
  readonly desk: IssuingDesk
  readonly names: TownNames
  readonly overview: Overview
  readonly #parts: TownParts
  #walletPolicy: WalletPolicy = DEFAULT_POLICY

  private constructor(parts: TownParts) {
    const { scenario } = parts
    this.#parts = parts
    this.scenario = scenario
    this.currency = currency(scenario.currency)
    this.clock = parts.clock
    this.random = seededRandom(`town ${scenario.seed}`)
    this.registry = new Registry(this)
    this.desk = new IssuingDesk(this)
    this.names = new TownNames(this)
    this.overview = new Overview(this, this.names)
  }

  /** Enrols tills, gives them their documents and issues the cards that no step issues. */
  static async open(parts: TownParts): Promise<Town> {
    const town = new Town(parts)
    await town.offices.startAll()
    // A vendor element takes the coins of the banks that its own one knows when it is made.
    if (schemesOf(parts.scenario).includes('coin')) await town.offices.settled()
    await town.#openTills()
    await town.#openPeople()
    const later = issuedLater(parts.scenario)
    for (const name of Object.keys(parts.scenario.cards)) {
      const card = town.#blankCard(name)
      town.cards.set(name, card)
      if (!later.includes(name)) {
        const { result } = await town.desk.issue(card, undefined)
        invariant(result === 'done', `card ${name} can be issued`)
      }
    }
    return town
  }

  #blankCard(name: string): TownCard {
    const { scheme } = this.#cardWords(name)
    const number = this.random.bytes(4)
    return TownCard.blank({ name, scheme, number, random: this.randomOf(`card ${name}`) })
  }

  #cardWords(name: string): CardWords {
    const words = this.scenario.cards[name]
    invariant(words, 'the scenario was checked')
    return words
  }

  randomOf(name: string): RandomSource {
    return seededRandom(`${name} ${this.scenario.seed}`)
  }

  get offices(): Offices {
    return this.#parts.offices
  }

  /** What offices have given merchants. */
  get merchants(): ReadonlyMap<string, string> {
    return this.registry.merchants
  }

  /** Where this till is registered. */
  officeOfTill(till: string): TownOffice {
    return this.offices.get(officeOf(this.scenario, this.scenario.tills[till]))
  }

  /** Where this card was issued; of a copy, its original. */
  officeOfCard(card: string): TownOffice {
    return this.offices.get(officeOf(this.scenario, this.#cardWords(card)))
  }

  async close(): Promise<void> {
    for (const party of this.parties.values()) party.stop()
    await this.offices.stopAll()
  }

  async #openTills(): Promise<void> {
    const { tills } = this.scenario
    for (const [name, words] of Object.entries(tills)) await this.#openTill(name, words)
    // Only now the directory has everybody's key.
    for (const party of this.parties.values()) await party.sync()
  }

  async #openPeople(): Promise<void> {
    const { scenario } = this
    for (const name of this.offices.names) await this.#equipOffice(name)
    for (const [name, words] of Object.entries(peopleOf(scenario))) {
      const person = new TownPerson({
        name,
        office: officeOf(scenario, words),
        offices: this.offices,
        clock: this.clock.partyClock(0),
        random: this.randomOf(`phone ${name}`),
        tell: this.#parts.trace && ((ends) => this.#tellPhone(name, ends)),
      })
      this.people.set(name, person)
      const { client } = this.offices.get(person.office)
      await person.register(client)
      await this.deposit(person, words.online.in(this.currency))
    }
  }

  async #equipOffice(name: string): Promise<void> {
    const office = this.offices.get(name)
    const { client } = office
    const { liquidity: policy, poolMax, reserve } = this.scenario.offices[name] ?? {}
    const { notary } = this.offices
    if (notary) {
      // The notary hears of it.
      await office.exchange()
      const number = this.offices.names.indexOf(name) + 1
      const amount = reserve?.in(this.currency) ?? RESERVE
      await notary.deposit(number, this.currency.code, amount)
    }
    if (policy) {
      await client.setLiquidity({ policy, poolMax: poolMax?.in(this.currency) ?? 0n })
    }
    const { walletPolicy } = this.scenario
    if (Object.keys(walletPolicy).length > 0) {
      await client.setWalletPolicy(undefined, this.changePolicy(walletPolicy))
    }
  }

  /** Into that online wallet. */
  async deposit(person: TownPerson, amount: Amount): Promise<void> {
    if (amount === 0n) return
    const { client } = this.offices.get(person.office)
    await client.deposit(person.id, { amount, currency: this.currency.code })
  }

  #tellPhone(name: string, ends: PhoneEnds): ReturnType<TellWire> {
    const { trace } = this.#parts
    invariant(trace, 'somebody listens')
    return tellPhone(this.person(name).office, this.#words(), trace)(ends)
  }

  #words(): Words {
    return { party: (party) => this.names.party(party), money: (amount) => this.money(amount) }
  }

  async #openTill(name: string, words: TillWords): Promise<void> {
    const office = officeOf(this.scenario, words)
    const { code } = await this.registry.addTill(name, words)
    const party = new Vendor({
      name,
      directory: this.#parts.directory,
      schemes: tillSchemes,
      clock: this.clock.partyClock(words.clock ?? 0),
      random: this.randomOf(`till ${name}`),
      line: new Line(
        () => this.offices.ifUp(office)?.transport,
        (line) => this.#heardAt(line, [name, office]),
      ),
      hearModule: (module) => this.#hearModule(module, name),
      isCrook: isCrook(this.scenario, name),
    })
    this.parties.set(name, party)
    await party.enrol(code)
    const scheme = moduleScheme(this.scenario)
    if (!scheme || words.module === 'none') return
    const module = await this.desk.makeModule(party, scheme)
    this.modules.set(name, module)
    party.putModule(module)
  }

  #heardAt(line: Transport, between: Parameters<typeof tracedTransport>[1]): Transport {
    const { trace } = this.#parts
    return trace ? tracedTransport(line, between, tellTillRequest, trace) : line
  }

  #hearModule(module: Channel, till: string): Channel {
    const { trace } = this.#parts
    const scheme = moduleScheme(this.scenario)
    const tell = scheme && cardScheme(scheme).tellModule
    if (!trace || !tell) return module
    return tracedChannel(module, [till, `${till}’s element`], tell(this.#words()), trace)
  }

  /** That card's channel, whose messages are told if anybody listens. */
  heard(channel: Channel, between: Parameters<typeof tracedChannel>[1], card: TownCard): Channel {
    const { trace } = this.#parts
    if (!trace) return channel
    return tracedChannel(channel, between, card.scheme.tell(this.#words()), trace)
  }

  card(name: string): TownCard {
    const card = this.cards.get(name)
    invariant(card, 'the scenario was checked')
    return card
  }

  person(name: string): TownPerson {
    const person = this.people.get(name)
    invariant(person, 'the scenario was checked')
    return person
  }

  /** Of a copy, whose the original is. */
  holderOf(card: string): TownPerson {
    return this.person(holderOf(this.scenario, this.names.originalOf(card)))
  }

  /** `all` wallets that were issued, or what was named. */
  someWallets(names: readonly string[]): readonly TownCard[] {
    return this.someCards(names).filter(
      ({ parts, id }) => parts.scheme === 'wallet' && id !== undefined,
    )
  }

  cardParty(name: string): Party {
    const { id } = this.card(name)
    invariant(id !== undefined, 'the scenario was checked')
    const office = officeOf(this.scenario, this.#cardWords(this.names.originalOf(name)))
    return { kind: 'card', office: this.offices.names.indexOf(office) + 1, card: id }
  }

  /** What wallets may do from now on. */
  changePolicy(words: WalletPolicyWords): WalletPolicy {
    this.#walletPolicy = policyWith(this.#walletPolicy, words, this)
    return this.#walletPolicy
  }

  /** What that laptop has heard so far. */
  tape(name: string): Exchanged[] {
    const tape = this.tapes.get(name) ?? []
    this.tapes.set(name, tape)
    return tape
  }

  /** A module is in one slot at a time. */
  putModule(till: string, of: string): void {
    const module = this.modules.get(of)
    invariant(module, 'the scenario was checked')
    for (const party of this.parties.values()) {
      if (party.module === module) party.putModule(undefined)
    }
    this.party(till).putModule(module)
  }

  async cashUp(till: string): Promise<CashUpRow | Refusal> {
    const found = await this.party(till).cashUp()
    if (found.result === 'refused') return found
    const { batch, count, paid, paidBack, loaded, loadedBack } = found
    const row: CashUpRow = {
      till,
      batch,
      count,
      paid: this.money(paid),
      paidBack: this.money(paidBack),
      loaded: this.money(loaded),
      loadedBack: this.money(loadedBack),
    }
    this.cashUps.set(till, row)
    return row
  }

  party(name: string): Vendor {
    const party = this.parties.get(name)
    invariant(party, 'the scenario was checked')
    return party
  }

  /** `all`, or what was named. */
  someParties(names: readonly string[]): readonly Vendor[] {
    return isAll(names) ? [...this.parties.values()] : names.map((name) => this.party(name))
  }

  someCards(names: readonly string[]): readonly TownCard[] {
    return isAll(names) ? [...this.cards.values()] : names.map((name) => this.card(name))
  }

  cheating(till: string, ofStep: Cheats | undefined): Cheating {
    const words = { ...this.scenario.tills[till]?.cheats, ...ofStep }
    const entries = Object.entries(words).map(([word, value]) => [
      word,
      typeof value === 'object' ? value.in(this.currency) : value,
    ])
    return Object.fromEntries(entries) as Cheating
  }

  money(amount: Amount): string {
    return formatAmount(amount, this.currency)
  }
}

/** More than the cards of any town hold, minor units. */
const RESERVE = 100_000_000n

/** Whether that till needs a second set of books: whatever it tells then goes into them. */
function isCrook({ tills, steps }: Scenario, name: string): boolean {
  if (tills[name]?.cheats) return true
  return steps.some((step) => {
    if ('release' in step) return step.release === name
    if ('rewrite' in step) return step.rewrite === name
    if ('redeem' in step) return step.till === name
    if ('invent' in step) return step.invent.till === name
    if ('pay' in step) return step.cheat !== undefined && step.pay.till === name
    return 'load' in step && step.cheat !== undefined && step.load.till === name
  })
}

function isAll(names: readonly string[]): boolean {
  return names.length === 1 && names[0] === 'all'
}
