import { join } from 'node:path'
import { z } from 'zod'
import type { CurrencyCode } from '../kernel/money.ts'
import { defaultPolicy } from '../office/registry/policies.ts'
import { OfficeRefused } from '../town/office-client.ts'
import { SCHEME_NAMES } from '../town/scheme-names.ts'
import type { OfficeClient } from '../town/town-office.ts'
import type { ModuleScheme } from './card-command.ts'
import { CardDirectory } from './card-directory.ts'
import { heldBy, offer } from './coin-holding.ts'
import {
  bought,
  layUpCard,
  minor,
  registersIn,
  UP_CARDS,
  type Codes,
  type Ground,
} from './first-run-cards.ts'
import { CommandFailed } from './io.ts'
import { moduleToImage } from './issuing.ts'
import { Notes } from './notes.ts'
import { OWN_MODULE } from './till-module.ts'

/** A till that `kontant up` begins with. Prices and coins in major units. */
export interface UpTill {
  readonly name: string
  readonly title: string
  readonly merchant: string
  readonly mayLoad: boolean
  readonly products: Readonly<Record<string, number>>
  /** A till has one slot, and so serves purse cards or takes coins. */
  readonly module: ModuleScheme
  /** To give change with. */
  readonly float: readonly number[]
}

export const UP_TILLS: readonly UpTill[] = [
  {
    name: 'till-1',
    title: 'Bakery',
    merchant: 'Bakery',
    mayLoad: false,
    products: { Bread: 4, Roll: 1 },
    module: 'purse',
    float: [],
  },
  {
    name: 'till-2',
    title: 'Bar',
    merchant: 'Bar',
    mayLoad: true,
    products: { Tea: 2, Soup: 6 },
    module: 'purse',
    float: [],
  },
  {
    name: 'till-3',
    title: 'Market',
    merchant: 'Market',
    mayLoad: false,
    products: { Apples: 3, Cheese: 7 },
    module: 'coin',
    // Enough for a first day: its page warns of less than eight.
    float: [5, 5, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1],
  },
]
const TOKENS = 200

export interface UpTown {
  /** To enrol each till with, by its name. */
  readonly codes: ReadonlyMap<string, string>
  /** Of the cards, by name. */
  readonly holders: ReadonlyMap<string, Codes>
}

/** Makes whatever of the town is not there yet. */
export async function layTown(path: string, ground: Ground): Promise<UpTown> {
  const { client, code } = ground
  const notes = await Notes.open(path)
  try {
    const codes = new Map<string, string>()
    for (const till of UP_TILLS) {
      const { number, code: enrolment } = await layTill(notes, client, code, till)
      codes.set(till.name, enrolment)
      await layModule(notes, ground, till, number)
    }
    const holders = new Map<string, Codes>()
    for (const scheme of SCHEME_NAMES) {
      for (const [name, balance] of Object.entries(UP_CARDS[scheme])) {
        holders.set(name, await layUpCard(notes, ground, { name, scheme, balance }))
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

/** Security module or vendor element of a till, in the till's own directory. */
async function layModule(
  notes: Notes,
  { client, code, tills }: Ground,
  { name, module: scheme, float }: UpTill,
  till: number,
): Promise<void> {
  const cards = new CardDirectory(join(tills, name))
  await notes.once(`module ${till}`, async () => {
    const isThere = (await cards.names()).includes(OWN_MODULE)
    return isThere ? 'there' : moduleToImage(client, cards, { name: OWN_MODULE, scheme, till })
  })
  if (float.length === 0) return
  await notes.once(`load ${name}`, async () => {
    const values = float.map((value) => minor(value, code))
    const coins = await notes.once(`float ${till}`, () => bought(client.buyFloat(till, values)))
    await cards.withCard(OWN_MODULE, async (channel) => {
      await offer(channel, await heldBy(channel), registersIn(coins))
    })
    return String(float.length)
  })
}
