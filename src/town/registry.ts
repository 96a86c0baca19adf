import type { Policy } from '../kernel/documents.ts'
import type { Amount, Currency } from '../kernel/money.ts'
import { invariant } from '../kernel/errors.ts'
import { cardScheme } from './chips.ts'
import type { Offices } from './offices.ts'
import type { AmountText } from './scenario/values.ts'
import { officeOf, schemesOf, type Scenario, type TillWords } from './scenario/scenario.ts'
import type { OfficeClient } from './town-office.ts'

interface NamedOffice {
  readonly name: string
  readonly client: OfficeClient
}

export interface RegistryParts {
  readonly scenario: Scenario
  readonly currency: Currency
  readonly offices: Offices
}

/** Tills, with what offices have to know of them: merchants, products, tokens and policies. */
export class Registry {
  /** What an office has given a merchant, by the names of both: `office merchant`. */
  readonly merchants = new Map<string, string>()
  readonly #parts: RegistryParts
  /** By the names of office, merchant and product. */
  readonly #products = new Map<string, number>()

  constructor(parts: RegistryParts) {
    this.#parts = parts
  }

  /** Registers a till. @returns its number, and the code to enrol it with. */
  async addTill(name: string, words: TillWords): ReturnType<OfficeClient['addTill']> {
    const office = officeOf(this.#parts.scenario, words)
    const { client } = this.#parts.offices.get(office)
    const merchant = await this.#merchant({ name: office, client }, words.merchant ?? name)
    const till = await client.addTill({ name, merchant, policy: this.#policy(words) })
    for (const [product, count] of Object.entries(this.#tokens(words))) {
      const id = await this.#product({ name: office, client }, merchant, product)
      await client.mintTokens(id, till.number, count)
    }
    return till
  }

  async #merchant({ name: office, client }: NamedOffice, name: string): Promise<string> {
    const key = `${office} ${name}`
    const known = this.merchants.get(key)
    if (known !== undefined) return known
    const id = await client.addMerchant(name)
    this.merchants.set(key, id)
    return id
  }

  #tokens({ tokens }: TillWords): Readonly<Record<string, number>> {
    const products = Object.keys(this.#parts.scenario.products)
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
    const { code } = this.#parts.currency
    const product = { merchant, name, price, currency: code }
    const id = await client.addProduct(product)
    this.#products.set(key, id)
    return id
  }

  /** The number of a product as that till sells it, if it does. */
  productOf(till: string, name: string): number | undefined {
    const words = this.#parts.scenario.tills[till]
    const office = officeOf(this.#parts.scenario, words)
    const merchant = this.merchants.get(`${office} ${words?.merchant ?? till}`)
    return merchant === undefined ? undefined : this.#products.get(`${office} ${merchant} ${name}`)
  }

  price(product: string): Amount {
    const words = this.#parts.scenario.products[product]
    invariant(words, 'the scenario was checked')
    return words.price.in(this.#parts.currency)
  }

  #policy(words: TillWords): Policy {
    const wanted = { ...this.#parts.scenario.policy, ...words }
    const limit = (text: AmountText | 'none' | undefined) =>
      text === undefined || text === 'none' ? null : text.in(this.#parts.currency)
    const number = (value: number | 'none' | undefined) =>
      value === undefined || value === 'none' ? null : value
    return {
      currency: this.#parts.currency.code,
      mayLoad: wanted.mayLoad ?? false,
      freeAmounts: wanted.freeAmounts ?? true,
      paymentMax: limit(wanted.paymentMax),
      balanceMax: wanted.balanceMax?.in(this.#parts.currency) ?? this.#cardBalanceMax(),
      offlinePaymentsMax: number(wanted.offlinePaymentsMax),
      offlineAmountMax: limit(wanted.offlineAmountMax),
      offlineAgeMax: number(wanted.offlineAgeMax),
      passcodeTries: wanted.passcodeTries ?? 3,
      passcodePause: wanted.passcodePause ?? 5 * MINUTE,
    }
  }

  /** What any card of the town can hold: it and not the policy then sets the limit. */
  #cardBalanceMax(): Amount {
    const largest = schemesOf(this.#parts.scenario).map((scheme) => cardScheme(scheme).balanceMax)
    return largest.reduce((a, b) => (a > b ? a : b), cardScheme('block').balanceMax)
  }
}

/** Of each product, unless a till says otherwise. */
const TOKENS = 10
const MINUTE = 60_000
