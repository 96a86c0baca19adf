import { readFile, rename, writeFile } from 'node:fs/promises'
import { z } from 'zod'
import { writePlan } from '../schemes/block/card.ts'
import { currency, type CurrencyCode } from '../kernel/money.ts'
import { defaultPolicy } from '../office/registry/policies.ts'
import { TownCard } from '../town/town-card.ts'
import { OfficeRefused } from '../town/office-client.ts'
import type { OfficeClient } from '../town/town-office.ts'
import type { CardDirectory } from './card-directory.ts'
import { CommandFailed } from './io.ts'
import { codeOf, systemRandom } from './system.ts'

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
const UP_CARDS = { ada: 25, bert: 40, cleo: 15, dora: 60, emil: 5 } as const
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

export interface UpTown {
  /** To enrol each till with, by its name. */
  readonly codes: ReadonlyMap<string, string>
  /** Passcodes of the cards, by name. */
  readonly passcodes: ReadonlyMap<string, string>
}

/** Makes whatever of the town is not there yet. */
export async function layTown(
  path: string,
  client: OfficeClient,
  code: CurrencyCode,
  cards: CardDirectory,
): Promise<UpTown> {
  const notes = await Notes.open(path)
  try {
    const codes = new Map<string, string>()
    for (const till of UP_TILLS) codes.set(till.name, await layTill(notes, client, code, till))
    const passcodes = new Map<string, string>()
    for (const [name, balance] of Object.entries(UP_CARDS)) {
      passcodes.set(name, await layCard(notes, client, cards, { name, balance, code }))
    }
    return { codes, passcodes }
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
): Promise<string> {
  const merchant = await notes.once(`merchant ${shop}`, () => client.addMerchant(shop))
  const made = await notes.once(`till ${name}`, async () => {
    const policy = { ...defaultPolicy(code), mayLoad }
    return JSON.stringify(await client.addTill({ name: title, merchant, policy }))
  })
  const till = z.object({ number: z.int(), code: z.string() }).parse(JSON.parse(made))
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
  return till.code
}

async function layCard(
  notes: Notes,
  client: OfficeClient,
  cards: CardDirectory,
  wanted: { readonly name: string; readonly balance: number; readonly code: CurrencyCode },
): Promise<string> {
  const { name, code } = wanted
  const balance = minor(wanted.balance, code)
  return notes.once(`card ${name}`, () =>
    issueToImage(client, cards, { name, balance, currency: code, passcode: undefined }),
  )
}

/** As people call an amount, in minor units. */
function minor(major: number, code: CurrencyCode): bigint {
  return BigInt(major) * 10n ** BigInt(currency(code).decimals)
}

export interface ImageOrder {
  readonly name: string
  /** Minor units. */
  readonly balance: bigint
  readonly currency: CurrencyCode
  /** Made up if there is none. */
  readonly passcode: string | undefined
}

/** Issues a card at the office and writes it to a new image. @returns its passcode. */
export async function issueToImage(
  client: OfficeClient,
  cards: CardDirectory,
  { name, balance, currency: code, passcode }: ImageOrder,
): Promise<string> {
  const number = chipNumber()
  const card = TownCard.blank({ name, scheme: 'block', number, random: systemRandom })
  const issued = await client.issueCard({
    scheme: 'block',
    label: name,
    uid: number,
    balance,
    currency: code,
    ...(passcode !== undefined && { passcode }),
  })
  const status = await card.tap(undefined, (channel) => writePlan(channel, issued.plan))
  if (status !== 'written') throw new CommandFailed(`the image could not be written: ${status}`)
  await cards.write(name, card.image())
  return issued.passcode
}

/** 88 in front would announce a longer number (ISO/IEC 14443-3, 6.5.4). */
const CASCADE_TAG = 0x88

function chipNumber() {
  const uid = systemRandom.bytes(4)
  if (uid[0] === CASCADE_TAG) uid[0] = 0x08
  return uid
}
