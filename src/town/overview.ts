import { formatAmount, type Currency } from '../kernel/money.ts'
import type { Snapshot } from './expectations.ts'
import { notaryAccounts, notaryCase, type NotaryNaming } from './notary-view.ts'
import type { Offices } from './offices.ts'
import type { AccountRow, CaseResult, CashUpRow, LedgerRow, PufRow, TillRow } from './result.ts'
import { officeOf } from './scenario/scenario.ts'
import type { TownCard, TownChip } from './town-card.ts'
import type { Named, TownNames } from './town-names.ts'
import { OfficeView, type Naming } from './view.ts'

/** What people and machines keep to themselves until somebody looks. */
export interface Townsfolk extends Named {
  readonly currency: Currency
  readonly cashUps: ReadonlyMap<string, CashUpRow>
  /** By the till that each was made for. */
  readonly modules: ReadonlyMap<string, TownChip>
}

/** What there is to see in a town, everybody by name. */
export class Overview {
  readonly #town: Townsfolk
  readonly #names: TownNames

  constructor(town: Townsfolk, names: TownNames) {
    this.#town = town
    this.#names = names
  }

  /** @param offices others than the town's own, for its copies. */
  async snapshot(offices: Offices = this.#town.offices): Promise<Snapshot> {
    return {
      ledgers: await this.ledgers(offices),
      accounts: await this.accounts(offices),
      cases: await this.cases(offices),
      tills: this.tills(),
      chips: await this.chips(),
      cashUps: this.#town.cashUps,
      pufs: this.pufs(),
      issued: this.#names.originals().map(({ name }) => name),
      ofCoins: this.#names
        .originals()
        .filter(({ parts }) => parts.scheme === 'coin')
        .map(({ name }) => name),
    }
  }

  async ledgers(
    offices: Offices = this.#town.offices,
  ): Promise<Readonly<Record<string, readonly LedgerRow[]>>> {
    const each = await inTurn(this.views(offices), (view) => view.ledgers())
    return Object.assign({}, ...each) as Readonly<Record<string, readonly LedgerRow[]>>
  }

  async accounts(offices: Offices = this.#town.offices): Promise<readonly AccountRow[]> {
    const own = (await inTurn(this.views(offices), (view) => view.accounts())).flat()
    const reports = (await offices.notary?.reports()) ?? []
    return [...own, ...notaryAccounts(reports, this.#notaryNaming())]
  }

  async cases(offices: Offices = this.#town.offices): Promise<readonly CaseResult[]> {
    const own = (await inTurn(this.views(offices), (view) => view.cases())).flat()
    const found = (await offices.notary?.cases()) ?? []
    return [...own, ...found.map((one) => notaryCase(one, this.#notaryNaming()))]
  }

  #notaryNaming(): NotaryNaming {
    return {
      currency: this.#town.currency,
      office: (number) => this.#names.office(number),
      card: (id) => this.#names.card(id),
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
      officeOf(this.#town.scenario, words) === office
    return {
      currency: this.#town.currency,
      office,
      cards: this.#names.originals().filter(({ name }) => isHere(this.#town.scenario.cards[name])),
      card: (id) => this.#names.card(id),
      till: (number) => this.#names.tillAt(office, number),
      merchant: (id) => this.#names.merchantAt(office, id),
      person: (id) => this.#names.personAt(office, id),
      party: (party) => this.#names.party(party),
    }
  }

  tills(): readonly TillRow[] {
    return [...this.#town.parties.values()].map((party) => party.row())
  }

  pufs(): readonly PufRow[] {
    const chips = [...this.#town.cards, ...this.#town.modules]
    return chips.flatMap(([name, { silicon, pufFailures: failures }]) =>
      silicon ? [{ name, bitErrorRate: silicon.puf.bitErrorRate, failures }] : [],
    )
  }

  /** What any till would show of each card now. */
  async chips(): Promise<Snapshot['chips']> {
    const chips = new Map<string, { balance: string } | { problem: string }>()
    for (const card of this.#town.cards.values()) chips.set(card.name, await this.#chip(card))
    return chips
  }

  async #chip(card: TownCard): Promise<{ balance: string } | { problem: string }> {
    let problem = 'no till is running that could read it'
    for (const { till } of this.#town.parties.values()) {
      if (!till) continue
      const shown = await card.tap(undefined, (channel) => till.show(channel))
      if (shown.result === 'shown')
        return { balance: formatAmount(shown.view.balance, this.#town.currency) }
      problem = shown.result === 'refused' ? shown.status : shown.result
    }
    return { problem }
  }
}

/** One after the other: a town waits for each. */
async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (const item of items) results.push(await work(item))
  return results
}
