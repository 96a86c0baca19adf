import { invariant } from '../kernel/errors.ts'
import type { Bytes } from '../kernel/bytes.ts'
import type { Policy } from '../kernel/documents.ts'
import type { TillNumber } from '../kernel/ids.ts'
import { currency, formatAmount, type Amount, type Currency } from '../kernel/money.ts'
import type { RandomSource, Transport } from '../kernel/ports.ts'
import { NOTARY, type OfficeNumber, type Party } from '../kernel/party.ts'
import type { Channel } from '../reader/channel.ts'
import { loadCoins } from '../schemes/coin/issuing.ts'
import { tillSchemes } from '../schemes/till.ts'
import { DEFAULT_POLICY, type WalletPolicy } from '../schemes/wallet/message.ts'
import type { Refusal } from '../till/scheme.ts'
import type { Cheating } from './cheats/crook.ts'
import { withoutNotary } from './cheats/office.ts'
import type { Exchanged } from './cheats/middleman.ts'
import { cardScheme } from './chips.ts'
import type { SchemeName } from './scheme-names.ts'
import type { TownClock } from './clock.ts'
import type { Snapshot } from './expectations.ts'
import { Line } from './network.ts'
import { notaryAccounts, notaryCase, type NotaryNaming } from './notary-view.ts'
import type { Offices } from './offices.ts'
import { TownPerson } from './people.ts'
import { Party as Vendor, type CarriedBatch } from './party.ts'
import { randomBelow, seededRandom } from './random.ts'
import type { Transaction } from './report.ts'
import type { AccountRow, CaseResult, CashUpRow, LedgerRow, TillRow } from './result.ts'
import type { AmountText } from './scenario/values.ts'
import type { WalletPolicyWords } from './scenario/wallet-words.ts'
import {
  holderOf,
  isHeld,
  moduleScheme,
  officeOf,
  peopleOf,
  schemesOf,
  type CardWords,
  type Scenario,
  type TillWords,
} from './scenario/scenario.ts'
import type { Cheats } from './scenario/tap-words.ts'
import { OfficeView, type Naming } from './view.ts'
import { TownCard, TownChip, type CardTear } from './town-card.ts'
import { tellTillRequest } from './trace/http.ts'
import { tellPhone, type PhoneEnds, type TellWire } from './trace/phone.ts'
import { tracedChannel, tracedTransport, type Trace } from './trace/trace.ts'
import type { Words } from './trace/wallet.ts'
import { policyWith } from './wallet-policy.ts'
import type { IssuedCard, NewCard, OfficeClient, TownOffice } from './town-office.ts'

export interface TownParts {
  readonly scenario: Scenario
  readonly clock: TownClock
  /** Where tills keep their journals. */
  readonly directory: string
  readonly offices: Offices
  /** Told of every message; undefined if nobody listens. */
  readonly trace: Trace | undefined
}

interface NamedOffice {
  readonly name: string
  readonly client: OfficeClient
}

/** How writing a card went. */
export type IssueResult =
  | { readonly result: 'done' | 'unfinished' }
  | { readonly result: 'refused'; readonly status: string }

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
  /** By card: what it did, as the people at the tills saw it. */
  readonly transactions = new Map<string, Transaction[]>()
  readonly #parts: TownParts
  readonly #plans = new Map<string, IssuedCard>()
  readonly #products = new Map<string, number>()
  readonly #merchants = new Map<string, string>()
  #walletPolicy: WalletPolicy = DEFAULT_POLICY

  private constructor(parts: TownParts) {
    const { scenario } = parts
    this.#parts = parts
    this.scenario = scenario
    this.currency = currency(scenario.currency)
    this.clock = parts.clock
    this.random = seededRandom(`town ${scenario.seed}`)
  }

  /** Enrols tills, gives them their documents and issues the cards that no step issues. */
  static async open(parts: TownParts): Promise<Town> {
    const town = new Town(parts)
    await town.offices.startAll()
    await town.#openTills()
    await town.#openPeople()
    const { cards, steps } = parts.scenario
    const later = new Set(steps.flatMap((step) => ('issue' in step ? [step.issue] : [])))
    for (const name of Object.keys(cards)) {
      town.cards.set(name, town.#blankCard(name))
      if (!later.has(name)) {
        const { result } = await town.issue(name, undefined)
        invariant(result === 'done', `card ${name} can be issued`)
      }
    }
    return town
  }

  #blankCard(name: string): TownCard {
    const { scheme } = this.#cardWords(name)
    const number = this.random.bytes(4)
    return TownCard.blank({ name, scheme, number, random: this.#randomOf(`card ${name}`) })
  }

  #cardWords(name: string): CardWords {
    const words = this.scenario.cards[name]
    invariant(words, 'the scenario was checked')
    return words
  }

  #randomOf(name: string): RandomSource {
    return seededRandom(`${name} ${this.scenario.seed}`)
  }

  get offices(): Offices {
    return this.#parts.offices
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
        random: this.#randomOf(`phone ${name}`),
        tell: this.#parts.trace && ((ends) => this.#tellPhone(name, ends)),
      })
      this.people.set(name, person)
      const { client } = this.offices.get(person.office)
      await person.register(client)
      await this.#deposit(person, words.online.in(this.currency))
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

  async #deposit(person: TownPerson, amount: Amount): Promise<void> {
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
    return { party: (party) => this.partyName(party), money: (amount) => this.money(amount) }
  }

  async #openTill(name: string, words: TillWords): Promise<void> {
    const office = officeOf(this.scenario, words)
    const { client } = this.offices.get(office)
    const merchant = await this.#merchant({ name: office, client }, words.merchant ?? name)
    const policy = this.#policy(words)
    const { number, code } = await client.addTill({ name, merchant, policy })
    for (const [product, count] of Object.entries(this.#tokens(words))) {
      await client.mintTokens(
        await this.#product({ name: office, client }, merchant, product),
        number,
        count,
      )
    }
    const party = new Vendor({
      name,
      directory: this.#parts.directory,
      schemes: tillSchemes,
      clock: this.clock.partyClock(words.clock ?? 0),
      random: this.#randomOf(`till ${name}`),
      line: new Line(
        () => this.offices.ifUp(office)?.transport,
        (line) => this.#heardAt(line, [name, office]),
      ),
      isCrook: isCrook(this.scenario, name),
    })
    this.parties.set(name, party)
    await party.enrol(code)
    const scheme = moduleScheme(this.scenario)
    if (scheme && words.module !== 'none') party.putModule(await this.#makeModule(party, scheme))
  }

  #heardAt(line: Transport, between: Parameters<typeof tracedTransport>[1]): Transport {
    const { trace } = this.#parts
    return trace ? tracedTransport(line, between, tellTillRequest, trace) : line
  }

  /** That card's channel, whose messages are told if anybody listens. */
  heard(channel: Channel, between: Parameters<typeof tracedChannel>[1], card: TownCard): Channel {
    const { trace } = this.#parts
    if (!trace) return channel
    return tracedChannel(channel, between, card.scheme.tell(this.#words()), trace)
  }

  async #makeModule({ name, number }: Vendor, scheme: SchemeName): Promise<TownChip> {
    const { module: chip } = cardScheme(scheme)
    invariant(chip, 'tills of that scheme have modules')
    const blank = chip.delivered(this.random.bytes(4))
    const module = new TownChip(chip.kind, blank, this.#randomOf(`module ${name}`))
    const { client } = this.officeOfTill(name)
    const { introduce } = chip
    const told = introduce && (await module.tap(undefined, introduce))
    const plan = await client.makeModule(number, scheme, told?.report)
    const status = await module.tap(undefined, (channel) => chip.write(channel, plan, this.random))
    invariant(status === 'written', `the module of ${name} can be written`)
    this.modules.set(name, module)
    await this.#giveFloat(name, module)
    return module
  }

  /** Coins to give change with, which its merchant pays for. */
  async #giveFloat(till: string, module: TownChip): Promise<void> {
    const coins = this.scenario.tills[till]?.float
    if (!coins) return
    const values = coins.map((coin) => coin.in(this.currency))
    const { number } = this.party(till)
    const registers = await this.officeOfTill(till).client.buyFloat(number, values)
    const status = await module.tap(undefined, (channel) =>
      loadCoins(channel, 'vendor element', registers),
    )
    invariant(status === 'written', `${till} gets coins for change`)
  }

  async #merchant({ name: office, client }: NamedOffice, name: string): Promise<string> {
    const key = `${office} ${name}`
    const known = this.#merchants.get(key)
    if (known !== undefined) return known
    const id = await client.addMerchant(name)
    this.#merchants.set(key, id)
    return id
  }

  #tokens({ tokens }: TillWords): Readonly<Record<string, number>> {
    const products = Object.keys(this.scenario.products)
    return tokens ?? Object.fromEntries(products.map((product) => [product, TOKENS]))
  }

  /** A merchant's product of that name, made when it is first asked for. */
  async #product(
    { name: office, client }: NamedOffice,
    merchant: string,
    name: string,
  ): Promise<number> {
    const key = `${office} ${merchant} ${name}`
    const known = this.#products.get(key)
    if (known !== undefined) return known
    const price = this.price(name)
    const { code } = this.currency
    const product = { merchant, name, price, currency: code }
    const id = await client.addProduct(product)
    this.#products.set(key, id)
    return id
  }

  /** The number of a product as that till sells it, if it does. */
  productOf(till: string, name: string): number | undefined {
    const words = this.scenario.tills[till]
    const office = officeOf(this.scenario, words)
    const merchant = this.#merchants.get(`${office} ${words?.merchant ?? till}`)
    return merchant === undefined ? undefined : this.#products.get(`${office} ${merchant} ${name}`)
  }

  price(product: string): Amount {
    const words = this.scenario.products[product]
    invariant(words, 'the scenario was checked')
    return words.price.in(this.currency)
  }

  #policy(words: TillWords): Policy {
    const wanted = { ...this.scenario.policy, ...words }
    const limit = (text: AmountText | 'none' | undefined) =>
      text === undefined || text === 'none' ? null : text.in(this.currency)
    const number = (value: number | 'none' | undefined) =>
      value === undefined || value === 'none' ? null : value
    return {
      currency: this.currency.code,
      mayLoad: wanted.mayLoad ?? false,
      freeAmounts: wanted.freeAmounts ?? true,
      paymentMax: limit(wanted.paymentMax),
      balanceMax: wanted.balanceMax?.in(this.currency) ?? this.#cardBalanceMax(),
      offlinePaymentsMax: number(wanted.offlinePaymentsMax),
      offlineAmountMax: limit(wanted.offlineAmountMax),
      offlineAgeMax: number(wanted.offlineAgeMax),
      passcodeTries: wanted.passcodeTries ?? 3,
      passcodePause: wanted.passcodePause ?? 5 * MINUTE,
    }
  }

  /** What any card of the town can hold: it and not the policy then sets the limit. */
  #cardBalanceMax(): Amount {
    const largest = schemesOf(this.scenario).map((scheme) => cardScheme(scheme).balanceMax)
    return largest.reduce((a, b) => (a > b ? a : b), cardScheme('block').balanceMax)
  }

  /** Asks the office for the card, once, and writes it to the chip. */
  async issue(name: string, tear: CardTear | undefined): Promise<IssueResult> {
    const card = this.card(name)
    const issued = this.#plans.get(name) ?? (await this.#requestIssue(card))
    card.id = issued.id
    card.passcode = issued.passcode
    card.unblocking = issued.unblocking
    const plan = this.#isCrooked(name) ? withoutNotary(issued.plan) : issued.plan
    const status = await card.tap(tear, (channel) =>
      card.scheme.card.write(channel, plan, card.parts.random),
    )
    if (status === 'written') return this.#hand(card)
    return status === 'torn' ? { result: 'unfinished' } : { result: 'refused', status }
  }

  /** Whether its office is going to put money on it that it does not have. */
  #isCrooked(card: string): boolean {
    return this.scenario.steps.some(
      (step) => 'loadUnbacked' in step && step.loadUnbacked.card === card,
    )
  }

  /** To its holder. A wallet is empty when it is issued: what is to be on it, its holder puts there. */
  async #hand(card: TownCard): Promise<IssueResult> {
    const { scheme, balance } = this.#cardWords(card.name)
    const amount = balance.in(this.currency)
    if (!isHeld(scheme) || amount === 0n) return { result: 'done' }
    const holder = this.holderOf(card.name)
    await this.#deposit(holder, amount)
    if (scheme === 'coin') return this.buyCoins(card, [amount])
    const way = { lose: undefined, hostile: undefined, passed: 0 }
    const phone = holder.phone.on(way, await holder.online(), { card: card.name, phone: '' })
    const loaded = await card.tap(undefined, (channel) =>
      phone.load(channel, card.passcode, amount),
    )
    return loaded.status === 'done'
      ? { result: 'done' }
      : { result: 'refused', status: loaded.status }
  }

  /** From its holder's online wallet, over any channel: nothing but that chip opens them. */
  async buyCoins(card: TownCard, values: readonly Amount[]): Promise<IssueResult> {
    const { id } = card
    invariant(id !== undefined, 'the scenario was checked')
    const registers = await (await this.holderOf(card.name).client()).buyCoins(id, values)
    const status = await card.tap(undefined, (channel) => loadCoins(channel, 'card', registers))
    return status === 'written' ? { result: 'done' } : { result: 'refused', status }
  }

  async #requestIssue(card: TownCard): Promise<IssuedCard> {
    const words = this.#cardWords(card.name)
    const chip = await card.introduce()
    invariant(chip, 'a chip that nothing was written on says what it is')
    const { number: uid, report } = chip
    const issued = await this.officeOfCard(card.name).client.issueCard({
      scheme: words.scheme,
      label: card.name,
      uid,
      ...(report && { report }),
      ...this.#holding(card.name, words),
      currency: this.currency.code,
      passcode: words.passcode ?? this.#madeUpPasscode(),
    })
    this.#plans.set(card.name, issued)
    return issued
  }

  #holding(card: string, { scheme, balance }: CardWords): Pick<NewCard, 'balance' | 'holder'> {
    if (!isHeld(scheme)) return { balance: balance.in(this.currency) }
    return { balance: 0n, holder: this.holderOf(card).id }
  }

  #madeUpPasscode(): string {
    return String(randomBelow(this.random, 10_000)).padStart(4, '0')
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
    return this.person(holderOf(this.scenario, this.originalOf(card)))
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
    const office = officeOf(this.scenario, this.#cardWords(this.originalOf(name)))
    return { kind: 'card', office: this.offices.names.indexOf(office) + 1, card: id }
  }

  /** What wallets may do from now on. */
  changePolicy(words: WalletPolicyWords): WalletPolicy {
    this.#walletPolicy = policyWith(this.#walletPolicy, words, this)
    return this.#walletPolicy
  }

  /** The name in the scenario of the card that this one is a copy of, or its own. */
  originalOf(card: string): string {
    const { id } = this.card(card)
    return this.#originals().find((original) => original.id === id)?.name ?? card
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

  // What there is to see.

  /** @param offices others than the town's own, for its copies. */
  async snapshot(offices: Offices = this.offices): Promise<Snapshot> {
    return {
      ledgers: await this.ledgers(offices),
      accounts: await this.accounts(offices),
      cases: await this.cases(offices),
      tills: this.tills(),
      chips: await this.chips(),
      cashUps: this.cashUps,
      issued: this.#originals().map(({ name }) => name),
    }
  }

  async ledgers(
    offices: Offices = this.offices,
  ): Promise<Readonly<Record<string, readonly LedgerRow[]>>> {
    const each = await inTurn(this.views(offices), (view) => view.ledgers())
    return Object.assign({}, ...each) as Readonly<Record<string, readonly LedgerRow[]>>
  }

  async accounts(offices: Offices = this.offices): Promise<readonly AccountRow[]> {
    const own = (await inTurn(this.views(offices), (view) => view.accounts())).flat()
    const reports = (await offices.notary?.reports()) ?? []
    return [...own, ...notaryAccounts(reports, this.#notaryNaming())]
  }

  async cases(offices: Offices = this.offices): Promise<readonly CaseResult[]> {
    const own = (await inTurn(this.views(offices), (view) => view.cases())).flat()
    const found = (await offices.notary?.cases()) ?? []
    return [...own, ...found.map((one) => notaryCase(one, this.#notaryNaming()))]
  }

  #notaryNaming(): NotaryNaming {
    return {
      currency: this.currency,
      office: (number) => this.officeName(number),
      card: (id) => this.cardName(id),
    }
  }

  /** What there is to see at one office, or at each that is up. */
  views(offices: Offices, ...names: readonly string[]): readonly OfficeView[] {
    const up = offices.names.filter((name) => offices.ifUp(name))
    // With one alone there would be nothing to see at all.
    const wanted = names.length > 0 ? names : up.length > 0 ? up : offices.names
    return wanted.map((name) => new OfficeView(offices.get(name), this.#naming(name)))
  }

  #naming(office: string): Naming {
    const isHere = (words: { readonly office?: string | undefined } | undefined) =>
      officeOf(this.scenario, words) === office
    return {
      currency: this.currency,
      office,
      cards: this.#originals().filter(({ name }) => isHere(this.#cardWords(name))),
      card: (id) => this.cardName(id),
      till: (number) => this.#tillNameAt(office, number),
      merchant: (id) => this.#merchantNameAt(office, id),
      person: (id) => this.#personNameAt(office, id),
      party: (party) => this.partyName(party),
    }
  }

  #personNameAt(office: string, id: string): string {
    const people = [...this.people.values()]
    return people.find((person) => person.office === office && person.id === id)?.name ?? id
  }

  #merchantNameAt(office: string, id: string): string {
    const found = [...this.#merchants].find(
      ([key, known]) => known === id && key.startsWith(`${office} `),
    )
    return found?.[0].slice(office.length + 1) ?? id
  }

  tills(): readonly TillRow[] {
    return [...this.parties.values()].map((party) => party.row())
  }

  /** What any till would show of each card now. */
  async chips(): Promise<Snapshot['chips']> {
    const chips = new Map<string, { balance: string } | { problem: string }>()
    for (const card of this.cards.values()) chips.set(card.name, await this.#chip(card))
    return chips
  }

  async #chip(card: TownCard): Promise<{ balance: string } | { problem: string }> {
    let problem = 'no till is running that could read it'
    for (const { till } of this.parties.values()) {
      if (!till) continue
      const shown = await card.tap(undefined, (channel) => till.show(channel))
      if (shown.result === 'shown') return { balance: this.money(shown.view.balance) }
      problem = shown.result === 'refused' ? shown.status : shown.result
    }
    return { problem }
  }

  cardName(id: string): string {
    return this.#originals().find((card) => card.id === id)?.name ?? id
  }

  /** Offices have their numbers in the order of the scenario. */
  officeName(number: OfficeNumber): string {
    return this.offices.names[number - 1] ?? String(number)
  }

  partyName(party: Party): string {
    switch (party.kind) {
      case 'card':
        return this.cardName(party.card)
      case 'till':
        return this.#tillNameAt(this.officeName(party.office), party.till)
      case 'office':
        return party.office === NOTARY ? 'notary' : this.officeName(party.office)
    }
  }

  #tillNameAt(office: string, number: TillNumber): string {
    const party = [...this.parties.values()].find(
      ({ name, number: own }) =>
        own === number && officeOf(this.scenario, this.scenario.tills[name]) === office,
    )
    return party?.name ?? String(number)
  }

  #originals(): readonly TownCard[] {
    return Object.keys(this.scenario.cards).flatMap((name) => this.cards.get(name) ?? [])
  }
}

/** More than the cards of any town hold, minor units. */
const RESERVE = 100_000_000n
/** Of each product, unless a till says otherwise. */
const TOKENS = 10
const MINUTE = 60_000

/** Whether that till needs a second set of books: whatever it tells then goes into them. */
function isCrook({ tills, steps }: Scenario, name: string): boolean {
  if (tills[name]?.cheats) return true
  return steps.some((step) => {
    if ('release' in step) return step.release === name
    if ('rewrite' in step) return step.rewrite === name
    if ('invent' in step) return step.invent.till === name
    if ('pay' in step) return step.cheat !== undefined && step.pay.till === name
    return 'load' in step && step.cheat !== undefined && step.load.till === name
  })
}

function isAll(names: readonly string[]): boolean {
  return names.length === 1 && names[0] === 'all'
}

/** One after the other: a town waits for each. */
async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (const item of items) results.push(await work(item))
  return results
}
