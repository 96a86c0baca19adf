import type { SchemeName } from '../scheme-names.ts'
import { didYouMean } from '../nearest.ts'
import {
  hasNotary,
  issuedLater,
  moduleScheme,
  NOTARY_NAME,
  officeNames,
  peopleOf,
  type Scenario,
} from './scenario.ts'
import type { Cheats } from './tap-words.ts'

/** From the outside in, as Zod says it: `['steps', 3, 'pay', 'card']`. */
export type Path = readonly PropertyKey[]

/** Something wrong at a path; with a `key`, it is that word itself and not its value. */
export interface Issue {
  readonly path: Path
  readonly key?: string
  readonly message: string
}

export const ALL = 'all'

/** Who and what there is, as the steps go by. */
export class Names {
  readonly cards: Set<string>
  readonly tills: ReadonlySet<string>
  readonly products: ReadonlySet<string>
  readonly offices: ReadonlySet<string>
  /** What crashes and restarts beside tills. */
  readonly machines: ReadonlySet<string>
  /** Whose scheme each is of. */
  readonly images = new Map<string, SchemeName | undefined>()
  readonly tapes = new Set<string>()
  readonly journals = new Set<string>()
  /** Tills for which there is a security module. */
  readonly modules: ReadonlySet<string>
  readonly #schemes: Map<string, SchemeName>
  readonly #tills: Scenario['tills']
  readonly #people: ReadonlySet<string>
  /** Cards that a step issues, until it has. */
  readonly toIssue: Set<string>

  constructor(scenario: Scenario) {
    const { cards, tills, products } = scenario
    this.cards = new Set(Object.keys(cards))
    this.tills = new Set(Object.keys(tills))
    this.products = new Set(Object.keys(products))
    const notary = hasNotary(scenario) ? [NOTARY_NAME] : []
    this.machines = new Set([...officeNames(scenario), ...notary])
    this.offices = new Set(officeNames(scenario))
    this.toIssue = new Set(issuedLater(scenario))
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
    const message = `${till} has no security module: there are no cards that want one, or it says so itself`
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

  /** A chip with a PUF: a card with coins, or the vendor element of a till. */
  ofSilicon(name: string, path: Path): readonly Issue[] {
    if (name === ALL) return []
    return this.tills.has(name) ? this.module(name, path) : this.ofScheme('coin', name, path)
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

export function unknown(
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

function tillsWithModule(tills: Scenario['tills']): readonly string[] {
  return Object.entries(tills).flatMap(([till, { module }]) => (module === 'none' ? [] : [till]))
}
