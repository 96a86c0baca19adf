import type { TillNumber } from '../kernel/ids.ts'
import { NOTARY, type OfficeNumber, type Party } from '../kernel/party.ts'
import type { Offices } from './offices.ts'
import type { Party as Vendor } from './party.ts'
import type { TownPerson } from './people.ts'
import { NOTARY_NAME, officeOf, type Scenario } from './scenario/scenario.ts'
import type { TownCard } from './town-card.ts'

/** Whoever has a name in a scenario and a number at an office, each by name. */
export interface Named {
  readonly scenario: Scenario
  readonly offices: Offices
  readonly cards: ReadonlyMap<string, TownCard>
  readonly parties: ReadonlyMap<string, Vendor>
  readonly people: ReadonlyMap<string, TownPerson>
  /** What an office has given a merchant, by the names of both: `office merchant`. */
  readonly merchants: ReadonlyMap<string, string>
}

/** How a scenario calls what offices have numbers for; a number that it has no name for stays one. */
export class TownNames {
  readonly #town: Named

  constructor(town: Named) {
    this.#town = town
  }

  personAt(office: string, id: string): string {
    const people = [...this.#town.people.values()]
    return people.find((person) => person.office === office && person.id === id)?.name ?? id
  }

  merchantAt(office: string, id: string): string {
    const found = [...this.#town.merchants].find(
      ([key, known]) => known === id && key.startsWith(`${office} `),
    )
    return found?.[0].slice(office.length + 1) ?? id
  }

  card(id: string): string {
    return this.originals().find((card) => card.id === id)?.name ?? id
  }

  /** Offices have their numbers in the order of the scenario. */
  office(number: OfficeNumber): string {
    return this.#town.offices.names[number - 1] ?? String(number)
  }

  party(party: Party): string {
    switch (party.kind) {
      case 'card':
        return this.card(party.card)
      case 'till':
        return this.tillAt(this.office(party.office), party.till)
      case 'office':
        return party.office === NOTARY ? NOTARY_NAME : this.office(party.office)
    }
  }

  tillAt(office: string, number: TillNumber): string {
    const found = [...this.#town.parties.values()].find(
      ({ name, number: own }) =>
        own === number && officeOf(this.#town.scenario, this.#town.scenario.tills[name]) === office,
    )
    return found?.name ?? String(number)
  }

  /** Those of the scenario, without what was copied of them. */
  originals(): readonly TownCard[] {
    return Object.keys(this.#town.scenario.cards).flatMap(
      (name) => this.#town.cards.get(name) ?? [],
    )
  }

  /** Of the card that this one is a copy of, or its own. */
  originalOf(card: string): string {
    const id = this.#town.cards.get(card)?.id
    // One that is not issued yet is nobody's copy.
    if (id === undefined) return card
    return this.originals().find((original) => original.id === id)?.name ?? card
  }
}
