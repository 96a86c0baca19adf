import { expect, it } from 'vitest'
import type { Locator, Page } from 'playwright-core'
import type { Login } from '../../src/town/office-client.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { SIZES, type Size } from './browser.ts'
import { openHouse, OPERATOR, type House, type HouseTill } from './house.ts'
import { PASSCODE } from './story.ts'
import { Visits } from './visits.ts'

export const sizes = Object.keys(SIZES) as Size[]

/** All at every size; otherwise each at one of them, in turn. The long campaign asks for all. */
const EVERY_SIZE = process.env['KONTANT_SIZES'] === 'every'

type Define = (name: string, work: () => Promise<void>) => void

const leaveToOtherSize: Define = () => {}

/** An `it` for what is done alike at every size. */
export function inTurn(size: Size): Define {
  let turn = sizes.indexOf(size)
  return (name, work) => {
    const define: Define = EVERY_SIZE || turn % sizes.length === 0 ? it : leaveToOtherSize
    turn += 1
    define(name, work)
  }
}

interface Parts {
  readonly database: TestDatabase
  readonly house: House
  readonly till: HouseTill
  readonly merchant: string
  readonly visits: Visits
}

/** The real pages in a real browser before the real servers: a house with one till, and its customers. */
export class Setting {
  readonly house: House
  readonly till: HouseTill
  /** Whose till it is. */
  readonly merchant: string
  readonly visits: Visits
  readonly #database: TestDatabase

  private constructor({ database, house, till, merchant, visits }: Parts) {
    this.#database = database
    this.house = house
    this.till = till
    this.merchant = merchant
    this.visits = visits
  }

  static async open(): Promise<Setting> {
    const visits = await Visits.start()
    const database = await createTestDatabase()
    const house = await openHouse(database.db)
    const merchant = await house.addMerchant('Harbour Kiosk')
    const till = await house.addTill('Counter 1', merchant, { mayLoad: true })
    await house.issueCard('Ada', 50_000n, PASSCODE)
    await house.issueCard('Bo', 50_000n, PASSCODE)
    return new Setting({ database, house, till, merchant, visits })
  }

  /** A page of the console, before the operator, who has signed in. */
  async console(
    size: Size,
    place: string,
    heading: string,
    scheme: 'light' | 'dark' = 'light',
  ): Promise<Page> {
    const page = await this.visits.open({
      size,
      url: this.#placeOf(place),
      cookie: await this.house.sessionOf(OPERATOR.name),
      scheme,
    })
    await headingOf(page, heading)
    return page
  }

  /** By hand. */
  async signIn(
    size: Size,
    { name, password }: Login,
    scheme: 'light' | 'dark' = 'light',
  ): Promise<Page> {
    const page = await this.visits.open({ size, url: this.house.url, scheme })
    await page.getByLabel('Name').fill(name)
    await page.getByLabel('Password', { exact: true }).fill(password)
    await page.keyboard.press('Enter')
    return page
  }

  /** Another page of the console, in the same tab. */
  async visit(page: Page, place: string, heading: string): Promise<void> {
    await page.goto(this.#placeOf(place))
    await headingOf(page, heading)
  }

  #placeOf(place: string): string {
    return `${this.house.url}/#${place}`
  }

  /** After each test. */
  async end(): Promise<void> {
    expect(await this.visits.end()).toEqual([])
  }

  async close(): Promise<void> {
    await this.visits.stop()
    await this.house.close()
    await this.#database.drop()
  }
}

export async function headingOf(page: Page, name: string): Promise<void> {
  await page.getByRole('heading', { level: 1, name }).waitFor()
}

/** The first line of every cell that has a heading. */
export async function cellsOf(table: Locator): Promise<string[][]> {
  const found: string[][] = []
  for (const row of await table.locator('tbody tr').all()) {
    const words = await row.locator('td[data-label]').allInnerTexts()
    found.push(words.map((text) => text.split('\n', 1)[0] ?? ''))
  }
  return found
}
