import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { currency, type CurrencyCode } from '../kernel/money.ts'
import { defaultPolicy } from '../office/registry/policies.ts'
import { SCHEME_NAMES, type SchemeName } from '../town/chips.ts'
import { OfficeRefused } from '../town/office-client.ts'
import type { OfficeClient } from '../town/town-office.ts'
import { CardDirectory } from './card-directory.ts'
import { CommandFailed } from './io.ts'
import { issueToImage, moduleToImage } from './issuing.ts'
import { codeOf } from './system.ts'
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
const UP_CARDS: Readonly<Record<SchemeName, Readonly<Record<string, number>>>> = {
  block: { ada: 25, bert: 40, cleo: 15, dora: 60, emil: 5 },
  purse: { 'fay-purse': 30, 'gus-purse': 80 },
  wallet: {},
}
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
}

export interface UpTown {
  /** To enrol each till with, by its name. */
  readonly codes: ReadonlyMap<string, string>
  /** Of the cards, by name. */
  readonly holders: ReadonlyMap<string, Codes>
}

/** Makes whatever of the town is not there yet. */
export async function layTown(
  path: string,
  client: OfficeClient,
  code: CurrencyCode,
  { cards, tills }: { readonly cards: CardDirectory; readonly tills: string },
): Promise<UpTown> {
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
        const wanted = { name, scheme, balance, code }
        holders.set(name, await layCard(notes, client, cards, wanted))
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

async function layCard(
  notes: Notes,
  client: OfficeClient,
  cards: CardDirectory,
  wanted: {
    readonly name: string
    readonly scheme: SchemeName
    readonly balance: number
    readonly code: CurrencyCode
  },
): Promise<Codes> {
  const { name, scheme, code } = wanted
  const balance = minor(wanted.balance, code)
  const noted = await notes.once(`card ${name}`, async () => {
    const order = { name, scheme, balance, currency: code, passcode: undefined }
    const { passcode, unblocking } = await issueToImage(client, cards, order)
    return [passcode, unblocking].join(' ').trim()
  })
  const [passcode = '', unblocking] = noted.split(' ')
  return { passcode, unblocking }
}

/** As people call an amount, in minor units. */
function minor(major: number, code: CurrencyCode): bigint {
  return BigInt(major) * 10n ** BigInt(currency(code).decimals)
}
