import { invariant } from '../kernel/errors.ts'
import type { Bytes } from '../kernel/bytes.ts'
import type { CardId } from '../kernel/ids.ts'
import type { Amount, Currency } from '../kernel/money.ts'
import type { RandomSource } from '../kernel/ports.ts'
import { loadCoins } from '../schemes/coin/issuing.ts'
import { withoutNotary } from './cheats/office.ts'
import { cardScheme } from './chips.ts'
import type { Party } from './party.ts'
import type { TownPerson } from './people.ts'
import { randomBelow } from './random.ts'
import { isHeld, type CardWords, type Scenario } from './scenario/scenario.ts'
import type { SchemeName } from './scheme-names.ts'
import { TownChip, type CardTear, type TownCard } from './town-card.ts'
import type { IssuedCard, NewCard, TownOffice } from './town-office.ts'

/** How writing a card went. */
export type IssueResult =
  | { readonly result: 'done' | 'unfinished' }
  | { readonly result: 'refused'; readonly status: string }

/** What a desk knows of the town. */
export interface DeskParts {
  readonly scenario: Scenario
  readonly currency: Currency
  readonly random: RandomSource
  randomOf(name: string): RandomSource
  officeOfTill(till: string): TownOffice
  officeOfCard(card: string): TownOffice
  holderOf(card: string): TownPerson
  deposit(person: TownPerson, amount: Amount): Promise<void>
}

/** Where blank chips become cards and modules, and get the coins that were bought for them. */
export class IssuingDesk {
  readonly #town: DeskParts
  /** What was written on them, by till. */
  readonly modulePlans = new Map<string, Bytes>()
  readonly #plans = new Map<string, IssuedCard>()
  readonly #registers = new Map<string, readonly Bytes[]>()

  constructor(town: DeskParts) {
    this.#town = town
  }

  /** The chip for the second slot of a till, made for it. */
  async makeModule({ name, number }: Party, scheme: SchemeName): Promise<TownChip> {
    const { module: chip } = cardScheme(scheme)
    invariant(chip, 'tills of that scheme have modules')
    const blank = chip.delivered(this.#town.random.bytes(4))
    const module = new TownChip(chip.kind, blank, this.#town.randomOf(`module ${name}`))
    const { client } = this.#town.officeOfTill(name)
    const { introduce } = chip
    const told = introduce && (await module.tap(undefined, introduce))
    const plan = await client.makeModule(number, scheme, told?.report)
    const status = await module.tap(undefined, (channel) =>
      chip.write(channel, plan, this.#town.random),
    )
    invariant(status === 'written', `the module of ${name} can be written`)
    this.modulePlans.set(name, plan)
    setNoise(module, this.#town.scenario.tills[name]?.bitErrorRate)
    await this.#giveFloat({ name, number }, module)
    return module
  }

  /** Coins to give change with, which its merchant pays for. */
  async #giveFloat({ name: till, number }: Pick<Party, 'name' | 'number'>, module: TownChip) {
    const { scenario, currency } = this.#town
    const coins = scenario.tills[till]?.float
    if (!coins) return
    const values = coins.map((coin) => coin.in(currency))
    await this.buyFloat({ name: till, number }, module, values)
  }

  async buyFloat(
    { name, number }: Pick<Party, 'name' | 'number'>,
    module: TownChip,
    values: readonly Amount[],
  ): Promise<void> {
    const registers = await this.#town.officeOfTill(name).client.buyFloat(number, values)
    const status = await module.tap(undefined, (channel) =>
      loadCoins(channel, 'vendor element', registers),
    )
    invariant(status === 'written', `${name} gets coins for change`)
  }

  /** Asks the office for the card, once, and writes it to the chip. */
  async issue(card: TownCard, tear: CardTear | undefined): Promise<IssueResult> {
    const { name } = card
    const issued = this.#plans.get(name) ?? (await this.#requestIssue(card))
    card.id = issued.id
    card.passcode = issued.passcode
    card.unblocking = issued.unblocking
    const plan = this.#isCrooked(name) ? withoutNotary(issued.plan) : issued.plan
    const status = await card.tap(tear, (channel) =>
      card.scheme.card.write(channel, plan, card.parts.random),
    )
    if (status === 'written') {
      setNoise(card, this.#cardWords(name).bitErrorRate)
      return this.#hand(card)
    }
    return status === 'torn' ? { result: 'unfinished' } : { result: 'refused', status }
  }

  /** Whether its office is going to put money on it that it does not have. */
  #isCrooked(card: string): boolean {
    return this.#town.scenario.steps.some(
      (step) => 'loadUnbacked' in step && step.loadUnbacked.card === card,
    )
  }

  /** To its holder. A wallet is empty when it is issued: what is to be on it, its holder puts there. */
  async #hand(card: TownCard): Promise<IssueResult> {
    const { scheme, balance } = this.#cardWords(card.name)
    const amount = balance.in(this.#town.currency)
    if (!isHeld(scheme) || amount === 0n) return { result: 'done' }
    const holder = this.#town.holderOf(card.name)
    await this.#town.deposit(holder, amount)
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
  async buyCoins(
    card: TownCard,
    values: readonly Amount[],
    bound: 'bound' | 'free' = 'free',
  ): Promise<IssueResult> {
    const client = await this.#town.holderOf(card.name).client()
    const registers = await client.buyCoins(idOf(card), values, bound)
    this.#registers.set(card.name, [...this.registersOf(card.name), ...registers])
    return this.load(card, registers)
  }

  /** Everything that was ever bought for that card, as the bank made it. */
  registersOf(card: string): readonly Bytes[] {
    return this.#registers.get(card) ?? []
  }

  async load(card: TownCard, registers: readonly Bytes[]): Promise<IssueResult> {
    const status = await card.tap(undefined, (channel) => loadCoins(channel, 'card', registers))
    return status === 'written' ? { result: 'done' } : { result: 'refused', status }
  }

  /** Puts a new card in the place of one that is lost. */
  async renew(lost: TownCard, card: TownCard): Promise<IssueResult> {
    const chip = await card.introduce()
    invariant(chip, 'a chip that nothing was written on says what it is')
    const { client } = this.#town.officeOfCard(lost.name)
    const { number: uid, report } = chip
    const { passcode = this.#madeUpPasscode() } = this.#cardWords(card.name)
    const issued = await client.renewCard(
      idOf(lost),
      { uid, passcode, ...(report && { report }) },
      { lost: true, reason: 'the town says so' },
    )
    this.#plans.set(card.name, issued)
    return this.issue(card, undefined)
  }

  async #requestIssue(card: TownCard): Promise<IssuedCard> {
    const words = this.#cardWords(card.name)
    const chip = await card.introduce()
    invariant(chip, 'a chip that nothing was written on says what it is')
    const { number: uid, report } = chip
    const issued = await this.#town.officeOfCard(card.name).client.issueCard({
      scheme: words.scheme,
      label: card.name,
      uid,
      ...(report && { report }),
      ...this.#holding(card.name, words),
      currency: this.#town.currency.code,
      passcode: words.passcode ?? this.#madeUpPasscode(),
    })
    this.#plans.set(card.name, issued)
    return issued
  }

  #cardWords(name: string): CardWords {
    const words = this.#town.scenario.cards[name]
    invariant(words, 'the scenario was checked')
    return words
  }

  #holding(card: string, { scheme, balance }: CardWords): Pick<NewCard, 'balance' | 'holder'> {
    if (!isHeld(scheme)) return { balance: balance.in(this.#town.currency) }
    return { balance: 0n, holder: this.#town.holderOf(card).id }
  }

  #madeUpPasscode(): string {
    return String(randomBelow(this.#town.random, 10_000)).padStart(4, '0')
  }
}

/** At the desk it was read in peace. */
function setNoise({ silicon }: TownChip, bitErrorRate: number | undefined): void {
  if (silicon && bitErrorRate !== undefined) silicon.puf.bitErrorRate = bitErrorRate
}

function idOf({ id }: TownCard): CardId {
  invariant(id !== undefined, 'the scenario was checked')
  return id
}
