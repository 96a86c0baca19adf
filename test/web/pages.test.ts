import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Browser, Locator, Page } from 'playwright-core'
import { publicKeyFromPem } from '../../src/kernel/p256.ts'
import { verifyCaseFile } from '../../src/office/case-file/verify.ts'
import { officeSchemes } from '../../src/schemes/office.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { buildPages, launchBrowser, SIZES, type Size } from './browser.ts'
import { openHouse, OPERATOR, type House, type HouseTill } from './house.ts'
import { faultsOf, layoutShiftOf, NO_FAULTS } from './look.ts'
import { PASSCODE, tellStory, type Story } from './story.ts'
import { tellWallets, type WalletStory } from './wallet-story.ts'

/** The real pages in a real browser before the real servers, at both sizes. */
let database: TestDatabase
let house: House
let story: Story
let wallets: WalletStory
let till: HouseTill
let browser: Browser

beforeAll(async () => {
  buildPages()
  browser = await launchBrowser()
  database = await createTestDatabase()
  house = await openHouse(database.db)
  story = await tellStory(house)
  const merchant = await house.addMerchant('Harbour Kiosk')
  till = await house.addTill('Counter 1', merchant, { mayLoad: true })
  const coffee = await house.addProduct(merchant, 'Coffee', 3_200n)
  await house.stock(coffee, till, 20)
  await house.issueCard('Ada', 50_000n, PASSCODE)
  await house.issueCard('Bo', 50_000n, PASSCODE)
  await house.issueCard('Cleo', 15_000n, PASSCODE, 'purse')
  wallets = await tellWallets(house, till)
})

afterAll(async () => {
  await browser?.close()
  await house?.close()
  await database?.drop()
})

const sizes = Object.keys(SIZES) as Size[]

/** Everything that the browser complains of goes here: a page of ours gives it no reason to. */
const complaints: string[] = []

async function openPage(size: Size, url: string, scheme: 'light' | 'dark' = 'light') {
  const context = await browser.newContext({
    ...SIZES[size],
    colorScheme: scheme,
    timezoneId: 'UTC',
    locale: 'en-GB',
  })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    // Not being signed in yet is an answer, not a fault, and so is a name that nobody has.
    const isExpected = /status of 40[01]/.test(message.text())
    if (message.type() === 'error' && !isExpected) complaints.push(message.text())
  })
  await page.goto(url)
  return page
}

async function signIn(size: Size, scheme?: 'light' | 'dark', who = OPERATOR): Promise<Page> {
  const page = await openPage(size, house.url, scheme)
  await page.getByLabel('Name').fill(who.name)
  await page.getByLabel('Password', { exact: true }).fill(who.password)
  await page.keyboard.press('Enter')
  const first = who === OPERATOR ? 'Overview' : 'Your money and cards'
  await page.getByRole('heading', { name: first }).waitFor()
  return page
}

async function visit(page: Page, place: string, heading: string): Promise<void> {
  await page.goto(`${house.url}/#${place}`)
  await page.getByRole('heading', { level: 1, name: heading }).waitFor()
}

/** The first line of every cell that has a heading. */
async function cells(rows: Locator): Promise<string[][]> {
  const found: string[][] = []
  for (const row of await rows.all()) {
    const words = await row.locator('td[data-label]').allInnerTexts()
    found.push(words.map((text) => text.split('\n', 1)[0] ?? ''))
  }
  return found
}

describe.each(sizes)('the console on a %s', (size) => {
  it('says what is wrong with a login, where it is wrong', async () => {
    const page = await openPage(size, house.url)
    await page.getByLabel('Name').fill(OPERATOR.name)
    await page.getByLabel('Password', { exact: true }).fill('wrong')
    await page.getByRole('button', { name: 'Sign in' }).click()
    const alert = page.getByRole('alert')
    await alert.waitFor()
    expect(await alert.innerText()).toContain('Wrong name or password')
    await page.context().close()
  })

  it('prints Table IV as the document does', async () => {
    const page = await signIn(size)
    await visit(page, `/cards/${story.altered}`, 'Table IV')
    const ledger = page.getByRole('table', { name: 'Ledger' })
    const headings = await ledger.locator('thead th').allTextContents()
    expect(headings.filter((heading) => heading !== '')).toEqual([
      'vendor',
      'balance',
      'timestamp',
      'prev vendor',
      'prev balance',
      'prev timestamp',
      'sequence number',
      'complete',
    ])
    const rows = await cells(ledger.locator('tbody tr'))
    expect(rows.slice(1)).toEqual([
      ['v1', '95.00 SEK', '8 Sept 2020, 12:03', '–', '100.00 SEK', '–', '1', 'yes'],
      [
        'v2',
        '92.00 SEK',
        '8 Sept 2020, 14:03',
        'v1',
        '95.00 SEK',
        '8 Sept 2020, 12:03',
        '2',
        'yes',
      ],
      [
        'v1',
        '90.00 SEK',
        '8 Sept 2020, 16:07',
        'v2',
        '92.00 SEK',
        '8 Sept 2020, 14:03',
        '3',
        'yes',
      ],
      [
        'v3',
        '89.00 SEK',
        '9 Sept 2020, 08:23',
        'v1',
        '90.00 SEK',
        '8 Sept 2020, 16:07',
        '4',
        'yes',
      ],
      ['v4', '81.00 SEK', '9 Sept 2020, 22:41', 'v3', '85.00 SEK', '9 Sept 2020, 08:23', '5', 'no'],
    ])
    await ledger.getByText('really 89.00').waitFor()
    await page.context().close()
  })

  it('shows gaps and forks for what they are', async () => {
    const page = await signIn(size)
    await visit(page, `/cards/${story.gap}`, 'Table II')
    await page.getByText('Sequence 2: not uploaded, shown by v1').waitFor()
    await visit(page, `/cards/${story.hole}`, 'Long way')
    await page.getByText('Sequence 2: not uploaded, and nobody has shown it').waitFor()
    await page.getByText('Sequence 3: not uploaded, shown by v2').waitFor()
    await visit(page, `/cards/${story.forked}`, 'Copied')
    expect(await page.getByText('1 of 2 claims').count()).toBe(2)
    await page.context().close()
  })

  it('says of a case what happened, who did it, and by which records', async () => {
    const page = await signIn(size)
    await page.getByRole('navigation').getByRole('link', { name: 'Cases' }).click()
    await page.getByRole('link', { name: 'Previous balance altered' }).click()
    await page.getByText('v4 reported another balance for the transaction before its own').waitFor()
    const proven = page.getByRole('region', { name: 'Proven against' })
    expect(await proven.getByRole('listitem').allInnerTexts()).toEqual([
      expect.stringContaining('v4'),
    ])
    await page.getByRole('button', { name: /^Copy digest [0-9a-f]{64}$/ }).waitFor()
    await page.context().close()
  })

  it('gives a proven case away as a file, with the key to check it', async () => {
    const page = await signIn(size)
    await visit(page, '/cases/1', 'Previous balance altered')
    const contentOf = async (link: string) => {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name: link }).click(),
      ])
      return readFileSync(await download.path())
    }
    const key = publicKeyFromPem((await contentOf('Public key')).toString())
    const { result } = verifyCaseFile(await contentOf('Case file'), key, officeSchemes)
    expect(result).toBe('proven')
    await page.context().close()
  })

  it('freezes and releases a card, each with a reason, and keeps both in the audit log', async () => {
    const page = await signIn(size)
    await visit(page, `/cards/${story.gap}`, 'Table II')
    for (const [act, state] of [
      ['Freeze', 'frozen'],
      ['Release', 'active'],
    ] as const) {
      await page.getByRole('button', { name: `${act}…` }).click()
      const dialog = page.getByRole('dialog')
      expect(await dialog.getByRole('button', { name: act }).isDisabled()).toBe(true)
      await dialog.getByLabel('Reason').fill(`${act} on a ${size}`)
      await dialog.getByRole('button', { name: act }).click()
      await page.getByText(state, { exact: true }).first().waitFor()
    }
    await visit(page, '/audit', 'Audit')
    await page.getByText(`Freeze on a ${size}`).waitFor()
    await page.getByText(`Release on a ${size}`).waitFor()
    await page.context().close()
  })

  it('shows a sale as soon as it arrives, without being asked', async () => {
    const page = await signIn(size)
    const received = page.getByRole('region', { name: 'Progress' }).getByRole('definition').first()
    await received.filter({ hasText: /\d/ }).waitFor()
    const before = Number(await received.innerText())
    till.counter.begin({ kind: 'pay', amount: 100n, products: [], passcode: PASSCODE })
    await house.cards.get('Bo')?.tap(undefined, (channel) => till.counter.present(channel))
    await till.counter.sync()
    await expect
      .poll(async () => Number(await received.innerText()), { timeout: 10_000 })
      .toBe(before + 1)
    await page.getByText('Books balance').waitFor()
    await page.context().close()
  })

  it('does not jump while its figures come in', async () => {
    const page = await signIn(size)
    for (const place of ['/', '/cards', `/cards/${story.altered}`, '/cases/1', '/accounts']) {
      await page.goto('about:blank')
      await page.goto(`${house.url}/#${place}`)
      await page.getByRole('table').first().waitFor()
      await page.waitForTimeout(600)
      const shift = await layoutShiftOf(page)
      expect({ place, isSteady: shift <= 0.1, shift }).toEqual({ place, isSteady: true, shift })
    }
    await page.context().close()
  })

  it('equips a vendor: a till and its code, a limit, a product and units of it', async () => {
    const page = await signIn(size)
    await visit(page, '/tills', 'Tills')
    await page.getByRole('button', { name: 'Add a till…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill(`Gate on a ${size}`)
    await dialog.getByRole('combobox', { name: 'Merchant' }).fill(`Ferry, ${size}`)
    await dialog.getByRole('button', { name: 'Add', exact: true }).click()
    const code = page.getByRole('dialog', { name: 'Enrolment code' }).locator('output')
    expect(await code.innerText()).toMatch(/^\d+(-[0-9A-Z]{4}){3}$/)
    await page.keyboard.press('Escape')

    await visit(page, `/tills/${till.number}`, 'Counter 1')
    await page.getByRole('button', { name: 'Change…' }).click()
    await page.getByLabel('One payment').fill('a lot')
    await page.getByRole('button', { name: 'Change', exact: true }).click()
    await page.getByText('Enter an amount such as 12.50').waitFor()
    const most = size === 'phone' ? '450' : '440,50'
    await page.getByLabel('One payment').fill(most)
    await page.getByRole('button', { name: 'Change', exact: true }).click()
    await page.getByText(size === 'phone' ? '450.00 SEK' : '440.50 SEK').waitFor()

    await visit(page, '/products', 'Products')
    await page.getByRole('button', { name: 'Add a product…' }).click()
    await page.getByRole('combobox', { name: 'Merchant' }).click()
    await page.getByRole('option', { name: 'Harbour Kiosk' }).click()
    await page.getByLabel('Name').fill(`Waffle on a ${size}`)
    await page.getByLabel('Price').fill('45')
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    const row = page.getByRole('row').filter({ hasText: `Waffle on a ${size}` })
    await row.getByRole('button', { name: 'Give units to a till…' }).click()
    await page.getByRole('combobox', { name: 'Till' }).click()
    await page.getByRole('option', { name: 'Counter 1' }).click()
    await page.getByRole('button', { name: 'Give', exact: true }).click()
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await till.counter.sync()
    const kiosk = await openPage(size, till.url)
    await kiosk
      .getByRole('button', { name: `Waffle on a ${size}` })
      .getByText('20 left')
      .waitFor()
    await kiosk.context().close()
    await page.context().close()
  })

  it('resolves a case and says which of its payments are paid', async () => {
    const page = await signIn(size)
    const fork = story.forks[size === 'phone' ? 0 : 1]
    const cases = await house.call<{ cases: { id: string; card: string }[] }>('GET', '/api/cases')
    const id = cases.cases.find(({ card }) => card === fork)?.id ?? ''
    await visit(page, `/cases/${id}`, 'Chain forks')
    await page.getByRole('button', { name: 'Resolve…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('What was found').fill('The holder showed the card: v2 is right')
    const choose = (vendor: string, choice: string) =>
      dialog.getByRole('radiogroup', { name: vendor }).getByText(choice).click()
    await choose('v2', 'Pay it')
    await choose('v3', 'Do not pay')
    await dialog.getByRole('button', { name: 'Resolve' }).click()
    await page.getByText('The holder showed the card').waitFor()
    await page.goto(`${house.url}/#/cards/${fork}`)
    await page.getByText('not paid by decision', { exact: true }).waitFor()
    expect(await page.getByText('paid by decision', { exact: true }).count()).toBe(1)
    await page.context().close()
  })

  it.each(['light', 'dark'] as const)('can be read by everybody, %s', async (scheme) => {
    const page = await signIn(size, scheme)
    for (const [place, heading] of [
      ['/', 'Overview'],
      ['/cards', 'Cards'],
      [`/cards/${story.altered}`, 'Table IV'],
      [`/cards/${story.hole}`, 'Long way'],
      [`/cards/${story.forked}`, 'Copied'],
      [`/cards/${wallets.hal.card}`, 'Hal’s wallet'],
      ['/people', 'People'],
      [`/people/${wallets.hal.person}`, 'Hal'],
      ['/rules', 'Wallet rules'],
      ['/cases', 'Cases'],
      ['/cases/1', 'Previous balance altered'],
      ['/tills', 'Tills'],
      [`/tills/${till.number}`, 'Counter 1'],
      ['/products', 'Products'],
      ['/accounts', 'Accounts'],
      ['/audit', 'Audit'],
    ] as const) {
      await visit(page, place, heading)
      await page.waitForLoadState('networkidle').catch(() => undefined)
      expect({ place, ...(await faultsOf(page)) }).toEqual({ place, ...NO_FAULTS })
    }
    await page.context().close()
  })
})

describe.each(sizes)('the till on a %s', (size) => {
  const press = async (page: Page, digits: string) => {
    for (const digit of digits) {
      await page.getByRole('button', { name: digit, exact: true }).click()
    }
  }
  const begin = async (page: Page, amount: string, passcode: string) => {
    await page.getByText('Amount', { exact: true }).click()
    await press(page, amount)
    await page.getByRole('button', { name: /^Charge/ }).click()
    await press(page, passcode)
    await page.getByRole('button', { name: 'Continue' }).click()
  }
  const tap = (page: Page, card: string) =>
    page.getByRole('button', { name: `Tap ${card}` }).click()
  const outcome = (page: Page, headline: string) =>
    page.getByRole('heading', { name: headline }).waitFor()
  const next = (page: Page) => page.getByRole('button', { name: 'Next' }).click()
  const balance = async (page: Page, card: string) => {
    await page.getByRole('button', { name: 'Balance' }).click()
    await tap(page, card)
    await outcome(page, 'On this card')
    const text = await page
      .getByText(/^\d+\.\d\d SEK$/)
      .first()
      .innerText()
    await next(page)
    await page.getByRole('button', { name: 'Sell' }).click()
    return Number(text.replace(' SEK', ''))
  }
  /** On a phone they lie behind the badge. */
  const ledge = async (page: Page) => {
    if (size === 'desk') return page.getByRole('complementary')
    await page.getByRole('button', { name: 'Receipts and network' }).click()
    return page.getByRole('dialog')
  }
  const leaveLedge = async (page: Page) => {
    if (size === 'phone') await page.keyboard.press('Escape')
  }

  it('sells by products and by amount, and shows what is left', async () => {
    const page = await openPage(size, till.url)
    await page.getByRole('button', { name: /^Coffee/ }).click()
    await page.getByRole('button', { name: /^Coffee/ }).click()
    await page.getByRole('button', { name: 'One Coffee less' }).click()
    await page.getByRole('button', { name: 'Charge 32.00 SEK' }).click()
    await press(page, PASSCODE)
    await page.getByRole('button', { name: 'Continue' }).click()
    await tap(page, 'Ada')
    await outcome(page, 'Paid')
    expect(await page.getByText('32.00 SEK', { exact: true }).count()).toBeGreaterThan(0)
    await page.getByRole('button', { name: 'Receipt', exact: true }).click()
    await page.getByRole('img', { name: /QR code/ }).waitFor()
    expect(await page.locator('pre').innerText()).toMatch(/1 × Coffee +32\.00/)
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await next(page)
    const before = await balance(page, 'Ada')
    await begin(page, '1250', PASSCODE)
    await tap(page, 'Ada')
    await outcome(page, 'Paid')
    await next(page)
    expect(await balance(page, 'Ada')).toBeCloseTo(before - 12.5, 5)
    await page.context().close()
  })

  it('refuses a wrong passcode, and takes the right one without typing the amount again', async () => {
    const page = await openPage(size, till.url)
    await begin(page, '500', '0000')
    await tap(page, 'Ada')
    await outcome(page, 'Refused')
    await page.getByText('The passcode is wrong').waitFor()
    await page.getByRole('button', { name: 'Enter again' }).click()
    await press(page, PASSCODE)
    await page.getByRole('button', { name: 'Continue' }).click()
    await tap(page, 'Ada')
    await outcome(page, 'Paid')
    expect(await page.getByText('5.00 SEK', { exact: true }).count()).toBeGreaterThan(0)
    await next(page)
    await page.context().close()
  })

  it('takes a small amount from a purse card without a passcode, and a large one with it', async () => {
    const page = await openPage(size, till.url)
    const enter = async (amount: string) => {
      await page.getByText('Amount', { exact: true }).click()
      await press(page, amount)
      await page.getByRole('button', { name: /^Charge/ }).click()
      await page.getByText('A purse card needs it for large amounts only').waitFor()
      expect(await faultsOf(page)).toEqual(NO_FAULTS)
      await page.getByRole('button', { name: 'Without passcode' }).click()
      await tap(page, 'Cleo')
    }
    const before = await balance(page, 'Cleo')
    await enter('250')
    await outcome(page, 'Paid')
    await next(page)
    await enter('2600')
    await outcome(page, 'Refused')
    await page.getByText('This needs the PIN.').waitFor()
    await page.getByRole('button', { name: 'Enter passcode' }).click()
    await press(page, PASSCODE)
    await page.getByRole('button', { name: 'Continue' }).click()
    await tap(page, 'Cleo')
    await outcome(page, 'Paid')
    await next(page)
    expect(await balance(page, 'Cleo')).toBeCloseTo(before - 28.5, 5)
    await page.context().close()
  })

  it('sells without a network, and uploads when it is back', async () => {
    const page = await openPage(size, till.url)
    const before = await ledge(page)
    await before.getByText('0 records').waitFor()
    await before.getByRole('switch', { name: 'Network' }).press(' ')
    await before.getByText('Off', { exact: true }).waitFor()
    await leaveLedge(page)
    await page.getByRole('button', { name: /Offline/ }).waitFor()
    for (const amount of ['100', '200']) {
      await begin(page, amount, PASSCODE)
      await tap(page, 'Bo')
      await outcome(page, 'Paid')
      await next(page)
    }
    await page.getByRole('button', { name: /Offline 2/ }).waitFor()
    const after = await ledge(page)
    await after.getByText('2 records').waitFor()
    await after.getByRole('switch', { name: 'Network' }).press(' ')
    await after.getByText('0 records').waitFor()
    await leaveLedge(page)
    await page.getByRole('button', { name: /Online/ }).waitFor()
    expect(till.network.on).toBe(true)
    await page.context().close()
  })

  it('asks for the same card again after a tear, and charges once', async () => {
    const page = await openPage(size, till.url)
    const before = await balance(page, 'Ada')
    house.tearNext({ link: { atApdu: 24, cut: 'before' } })
    await begin(page, '700', PASSCODE)
    await tap(page, 'Ada')
    await outcome(page, 'Hold the same card again')
    await page.reload()
    await outcome(page, 'Hold the same card again')
    await page.getByRole('button', { name: 'Hold it again' }).click()
    await tap(page, 'Ada')
    await outcome(page, 'Paid')
    await next(page)
    expect(await balance(page, 'Ada')).toBeCloseTo(before - 7, 5)
    await page.context().close()
  })

  it('adds money and changes a passcode', async () => {
    const page = await openPage(size, till.url)
    await page.getByRole('button', { name: 'Add money' }).click()
    await press(page, '1000')
    await page.getByRole('button', { name: 'Add 10.00 SEK' }).click()
    await press(page, PASSCODE)
    await page.getByRole('button', { name: 'Continue' }).click()
    await tap(page, 'Bo')
    await outcome(page, 'Money added')
    await next(page)
    for (const [old, fresh] of [
      [PASSCODE, '135790'],
      ['135790', PASSCODE],
    ] as const) {
      await page.getByRole('button', { name: 'Passcode', exact: true }).click()
      await press(page, old)
      await page.getByRole('button', { name: 'Continue' }).click()
      await press(page, fresh)
      await page.getByRole('button', { name: 'Continue' }).click()
      await press(page, fresh)
      await page.getByRole('button', { name: 'Change passcode' }).click()
      await tap(page, 'Bo')
      await outcome(page, 'Passcode changed')
      await next(page)
    }
    expect(till.counter.answer?.result.result).toBe('done')
    await page.context().close()
  })

  it.each(['light', 'dark'] as const)('can be read by everybody, %s', async (scheme) => {
    const page = await openPage(size, till.url, scheme)
    const look = async (place: string) => {
      expect({ place, ...(await faultsOf(page)) }).toEqual({ place, ...NO_FAULTS })
    }
    await page.getByRole('button', { name: /^Coffee/ }).click()
    await look('products')
    await page.getByText('Amount', { exact: true }).click()
    await press(page, '123456')
    await look('amount')
    await page.getByRole('button', { name: /^Charge/ }).click()
    await press(page, PASSCODE)
    await look('passcode')
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByRole('button', { name: 'Tap Ada' }).waitFor()
    await look('tap')
    await tap(page, 'Ada')
    await outcome(page, 'Refused')
    await look('refused')
    await page.getByRole('button', { name: 'Give up' }).click()
    await page.getByRole('button', { name: 'Sell' }).waitFor()
    await ledge(page)
    await look('ledge')
    await page.context().close()
  })
})

describe('a purse card that was copied', () => {
  let found: { readonly id: string } | undefined

  beforeAll(async () => {
    const other = await house.addTill('Counter 2', await house.addMerchant('Pier Kiosk'))
    const card = await house.issueCard('Dora', 10_000n, PASSCODE, 'purse')
    for (const [at, chip] of [
      [till, card.clone('copy')],
      [other, card],
    ] as const) {
      at.counter.begin({ kind: 'pay', amount: 500n, products: [], passcode: '' })
      const answer = await chip.tap(undefined, (channel) => at.counter.present(channel))
      expect(answer.result.result).toBe('done')
      await at.counter.sync()
    }
    await house.evidence.settled()
    const { cases } = await house.call<{ cases: { id: string; card: string | null }[] }>(
      'GET',
      '/api/cases',
    )
    found = cases.find((one) => one.card === card.id)
  })

  it.each(sizes)('is told as what it is on a %s: no vendor is suspected', async (size) => {
    const page = await signIn(size)
    await visit(page, `/cases/${found?.id}`, 'Chain forks')
    await page.getByText('its chip was copied, or an older state was put back').waitFor()
    await page.getByText('No vendor is to blame').waitFor()
    expect(await page.getByText('Nobody is proven guilty').count()).toBe(0)
    expect(await faultsOf(page)).toEqual(NO_FAULTS)
    await page.context().close()
  })
})

describe.each(sizes)('a wallet on a %s', (size) => {
  it('pays in and out at the desk, each with a reason, and shows what is there after each', async () => {
    const page = await signIn(size)
    await visit(page, `/people/${wallets.ida.person}`, 'Ida')
    const balances = page.getByRole('list', { name: 'Balances' })
    const had = Number((await balances.innerText()).replace(/[^\d.]/g, ''))
    for (const [act, amount, left] of [
      ['Pay in', '12,50', had + 12.5],
      ['Pay out', '2.50', had + 10],
    ] as const) {
      await page.getByRole('button', { name: `${act}…` }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByLabel('Amount').fill(amount)
      expect(await dialog.getByRole('button', { name: act }).isDisabled()).toBe(true)
      await dialog.getByLabel('Reason').fill(`Over the counter, ${size}`)
      await dialog.getByRole('button', { name: act }).click()
      await dialog.waitFor({ state: 'hidden' })
      const there = async () => (await balances.innerText()).replace(/[^\d.]/g, '')
      await expect.poll(there).toBe(left.toFixed(2))
    }
    const [last] = await cells(page.getByRole('table', { name: 'Statement' }).locator('tbody tr'))
    expect(last?.slice(2)[0]).toBe('−2.50 SEK')
    await page.context().close()
  })

  it('shows what the card said, who was paid, and gets rules of its own', async () => {
    const page = await signIn(size)
    await visit(page, `/cards/${wallets.hal.card}`, 'Hal’s wallet')
    await page.getByText('The card is to take up a load of 20.00 SEK').waitFor()
    const said = page.getByRole('region', { name: 'What the card last said' })
    await said.getByText('195.00 SEK').waitFor()
    const ledger = page.getByRole('table', { name: 'Ledger' })
    const vendors = (await cells(ledger.locator('tbody tr'))).map(([vendor]) => vendor)
    expect(vendors.slice(0, 3)).toEqual(['office', 'office', 'Counter 1'])
    await ledger.locator(`a[href$="/cards/${wallets.ida.card}"]`).waitFor()
    await page.getByRole('button', { name: 'Change…' }).click()
    const dialog = page.getByRole('dialog')
    const most = size === 'phone' ? '450' : '440.50'
    await dialog.getByLabel('One payment').fill(most)
    await dialog.getByLabel('Reason').fill('They asked for it')
    await dialog.getByRole('button', { name: 'Change' }).click()
    await page.getByText(size === 'phone' ? '450.00 SEK' : '440.50 SEK').waitFor()
    await said.getByText(/of its own, with its next synchronisation/).waitFor()
    await page.context().close()
  })

  it('has one rule for all payments without cover', async () => {
    const page = await signIn(size)
    await visit(page, '/rules', 'Wallet rules')
    const section = page.getByRole('region', { name: 'A payment whose money is not there yet' })
    await section.getByRole('button', { name: 'Change…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('combobox', { name: 'What happens to it' }).click()
    await page.getByRole('option', { name: 'The office advances it' }).click()
    const most = size === 'phone' ? '500' : '600'
    await dialog.getByLabel('Most that the pool advances').fill(most)
    await dialog.getByLabel('Reason').fill('Shops want their money')
    await dialog.getByRole('button', { name: 'Change' }).click()
    await page.getByText(`${most}.00 SEK`).waitFor()
    expect(await house.call('GET', '/api/liquidity')).toEqual({
      policy: 'pool',
      poolMax: `${most}00`,
    })
    await page.context().close()
  })

  it('shows its holder what is theirs, and nothing else', async () => {
    const page = await signIn(size, 'dark', wallets.ida.login)
    const { hal, ida } = wallets
    await page.getByRole('button', { name: 'Give to somebody…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('To').fill('nobody')
    await dialog.getByLabel('Amount').fill('15')
    await dialog.getByRole('button', { name: 'Give' }).click()
    await dialog.getByText('There is nobody else of that login').waitFor()
    await dialog.getByLabel('To').fill(hal.login.name)
    await dialog.getByRole('button', { name: 'Give' }).click()
    await dialog.waitFor({ state: 'hidden' })
    const [last] = await cells(page.getByRole('table', { name: 'Statement' }).locator('tbody tr'))
    expect([last?.[0], last?.[2]]).toEqual(['To hal', '−15.00 SEK'])
    expect(await page.getByRole('table', { name: 'Cards' }).locator('tbody tr').count()).toBe(1)
    expect(await faultsOf(page)).toEqual(NO_FAULTS)
    await page.getByRole('link', { name: 'Ida’s wallet' }).click()
    await page.getByRole('heading', { level: 1, name: 'Ida’s wallet' }).waitFor()
    await page.getByText('received +80.00').waitFor()
    expect(await faultsOf(page)).toEqual(NO_FAULTS)
    expect(await page.getByRole('link', { name: 'Overview' }).count()).toBe(0)
    await visit(page, `/people/${hal.person}`, 'Your money and cards')
    await visit(page, `/cards/${ida.card}`, 'Ida’s wallet')
    await page.context().close()
  })
})

it('gives up a wallet’s load with a reason, and says that it has', async () => {
  const page = await signIn('desk')
  await visit(page, `/cards/${wallets.hal.card}`, 'Hal’s wallet')
  await page.getByRole('button', { name: 'Give up…' }).click()
  await page.getByLabel('Reason').fill('He does not want it any more')
  await page.getByRole('button', { name: 'Give up', exact: true }).click()
  await page.getByText('It was given up.').waitFor()
  await page.context().close()
})

it('gives the browser no reason to complain', () => {
  expect(complaints).toEqual([])
})
