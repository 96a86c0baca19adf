import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { invariant } from '../kernel/errors.ts'
import { currency, type CurrencyCode } from '../kernel/money.ts'
import { defaultPolicy } from '../office/registry/policies.ts'
import { SCHEME_NAMES, type SchemeName } from '../town/chips.ts'
import { fetchedWay, OfficeRefused, signIn, type Login } from '../town/office-client.ts'
import type { OfficeClient } from '../town/town-office.ts'
import { CardDirectory } from './card-directory.ts'
import { CommandFailed } from './io.ts'
import { issueToImage, moduleToImage } from './issuing.ts'
import { done, phoneAt } from './phone.ts'
import { codeOf, makePassword, systemRandom } from './system.ts'
import { OWN_MODULE } from './till-module.ts'

/** The small town that `kontant up` begins with. Prices and balances in major units. */
export const UP_TILLS = [
  {
    name: 'till-1',
    title: 'Bakery',
    merchant: 'Bakery',
    mayLoad: false,
    products: { Bread: 4, Roll: 1 },
  },
  { name: 'till-2', title: 'Bar', merchant: 'Bar', mayLoad: true, products: { Tea: 2, Soup: 6 } },
] as const
export type UpTill = (typeof UP_TILLS)[number]
/** A card that its holder has still to load. */
export const EMPTY_WALLET = 'ida-wallet'
const UP_CARDS: Readonly<Record<SchemeName, Readonly<Record<string, number>>>> = {
  block: { ada: 25, bert: 40, cleo: 15, dora: 60, emil: 5 },
  purse: { 'fay-purse': 30, 'gus-purse': 80 },
  // What their holders have put on them.
  wallet: { 'hal-wallet': 30, [EMPTY_WALLET]: 0 },
  // Its tills have the modules of purse cards in the one slot that vendor elements need.
  coin: {},
}
/** Who holds the wallets, and what they have at the office before anything is loaded. */
const UP_HOLDERS: Readonly<Record<string, { readonly login: string; readonly name: string }>> = {
  'hal-wallet': { login: 'hal', name: 'Hal' },
  [EMPTY_WALLET]: { login: 'ida', name: 'Ida' },
}
const ONLINE_MONEY = 100
const TOKENS = 200

/** What has been made so far, by name: a first run that was interrupted goes on where it was. */
const notesSchema = z.record(z.string(), z.string())

/** Made things that are remembered, each saved as soon as it is made. Holds secrets. */
class Notes {
  readonly #path: string
  readonly #made: Record<string, string>

  private constructor(path: string, made: Record<string, string>) {
    this.#path = path
    this.#made = made
  }

  static async open(path: string): Promise<Notes> {
    try {
      const text = await readFile(path, 'utf8')
      return new Notes(path, notesSchema.parse(JSON.parse(text)))
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return new Notes(path, {})
      throw error
    }
  }

  async once(name: string, make: () => Promise<string>): Promise<string> {
    const known = this.#made[name]
    if (known !== undefined) return known
    const made = await make()
    this.#made[name] = made
    const temporary = `${this.#path}.tmp`
    await writeFile(temporary, JSON.stringify(this.#made, undefined, 2), { mode: 0o600 })
    await rename(temporary, this.#path)
    return made
  }
}

/** What a card's holder was told. */
export interface Codes {
  readonly passcode: string
  /** Of a card that blocks its passcode itself. */
  readonly unblocking?: string | undefined
  /** Who has an online wallet beside the card signs in with it. */
  readonly login?: Login | undefined
}

export interface UpTown {
  /** To enrol each till with, by its name. */
  readonly codes: ReadonlyMap<string, string>
  /** Of the cards, by name. */
  readonly holders: ReadonlyMap<string, Codes>
}

/** What the town is laid on. */
export interface Ground {
  /** Where it listens. */
  readonly office: string
  readonly client: OfficeClient
  readonly code: CurrencyCode
  readonly cards: CardDirectory
  /** Directory of all tills. */
  readonly tills: string
  /** Directory of what the holders' phones remember. */
  readonly phones: string
}

/** Makes whatever of the town is not there yet. */
export async function layTown(path: string, ground: Ground): Promise<UpTown> {
  const { client, code, tills } = ground
  const notes = await Notes.open(path)
  try {
    const codes = new Map<string, string>()
    for (const till of UP_TILLS) {
      const { number, code: enrolment } = await layTill(notes, client, code, till)
      codes.set(till.name, enrolment)
      await layModule(notes, client, join(tills, till.name), number)
    }
    const holders = new Map<string, Codes>()
    for (const scheme of SCHEME_NAMES) {
      for (const [name, balance] of Object.entries(UP_CARDS[scheme])) {
        const wanted = { name, scheme, balance }
        const lay = scheme === 'wallet' ? layWallet : layCard
        holders.set(name, await lay(notes, ground, wanted))
      }
    }
    return { codes, holders }
  } catch (error) {
    if (!(error instanceof OfficeRefused)) throw error
    throw new CommandFailed(
      `the office does not want the town that belongs to ${path}: ${error.message} ` +
        'Was a first run interrupted, or a file deleted? Then begin anew in another directory.',
    )
  }
}

async function layTill(
  notes: Notes,
  client: OfficeClient,
  code: CurrencyCode,
  { name, title, merchant: shop, mayLoad, products }: UpTill,
): Promise<NewTill> {
  const merchant = await notes.once(`merchant ${shop}`, () => client.addMerchant(shop))
  const made = await notes.once(`till ${name}`, async () => {
    const policy = { ...defaultPolicy(code), mayLoad }
    return JSON.stringify(await client.addTill({ name: title, merchant, policy }))
  })
  const till = newTill.parse(JSON.parse(made))
  for (const [product, price] of Object.entries(products)) {
    const id = await notes.once(`product ${product}`, async () =>
      String(
        await client.addProduct({
          merchant,
          name: product,
          price: minor(price, code),
          currency: code,
        }),
      ),
    )
    await notes.once(`tokens ${product}`, async () => {
      await client.mintTokens(Number(id), till.number, TOKENS)
      return String(TOKENS)
    })
  }
  return till
}

const newTill = z.object({ number: z.int(), code: z.string() })
type NewTill = z.output<typeof newTill>

/** The security module of a till, in the till's own directory. */
async function layModule(
  notes: Notes,
  client: OfficeClient,
  directory: string,
  till: number,
): Promise<void> {
  const cards = new CardDirectory(directory)
  await notes.once(`module ${till}`, async () => {
    const isThere = (await cards.names()).includes(OWN_MODULE)
    return isThere ? 'there' : moduleToImage(client, cards, { name: OWN_MODULE, till })
  })
}

interface WantedCard {
  readonly name: string
  readonly scheme: SchemeName
  /** In major units. */
  readonly balance: number
  readonly holder?: string
}

async function layCard(
  notes: Notes,
  { client, cards, code }: Ground,
  { name, scheme, balance, holder }: WantedCard,
): Promise<Codes> {
  const noted = await notes.once(`card ${name}`, async () => {
    const first = minor(balance, code)
    const order = { name, scheme, balance: first, currency: code, passcode: undefined, holder }
    const { passcode, unblocking } = await issueToImage(client, cards, order)
    return [passcode, unblocking].join(' ').trim()
  })
  const [passcode = '', unblocking] = noted.split(' ')
  return { passcode, unblocking }
}

/** A wallet is issued empty: its holder puts money on it with a phone. */
async function layWallet(notes: Notes, ground: Ground, wanted: WantedCard): Promise<Codes> {
  const { client, cards, code, office, phones } = ground
  const { name, balance } = wanted
  const person = UP_HOLDERS[name]
  invariant(person, 'every wallet has a holder')
  const password = await notes.once(`password ${person.login}`, async () =>
    makePassword(systemRandom),
  )
  const login = { name: person.login, password }
  const holder = await notes.once(`person ${person.login}`, () =>
    client.addPerson(person.name, login),
  )
  await notes.once(`online ${person.login}`, async () => {
    await client.deposit(holder, { amount: minor(ONLINE_MONEY, code), currency: code })
    return String(ONLINE_MONEY)
  })
  const codes = await layCard(notes, ground, { ...wanted, balance: 0, holder })
  if (balance > 0) {
    await notes.once(`load ${name}`, async () => {
      const cookie = await signIn(fetchedWay(office), login)
      const phone = phoneAt(office, phones, { cookie })
      await cards.withCard(name, async (channel) => {
        // A first run that was interrupted may have loaded it already.
        const { state } = done(await phone.show(channel))
        if (state.balance > 0n) return
        done(await phone.load(channel, codes.passcode, minor(balance, code)))
      })
      return String(balance)
    })
  }
  return { ...codes, login }
}

/** As people call an amount, in minor units. */
function minor(major: number, code: CurrencyCode): bigint {
  return BigInt(major) * 10n ** BigInt(currency(code).decimals)
}
