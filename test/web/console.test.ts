import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { publicKeyFromPem } from '../../src/kernel/p256.ts'
import { verifyCaseFile } from '../../src/office/case-file/verify.ts'
import { officeSchemes } from '../../src/schemes/office.ts'
import { OPERATOR, type House, type HouseTill } from './house.ts'
import { faultsOf, layoutShiftOf, NO_FAULTS } from './look.ts'
import { cellsOf, headingOf, Setting, inTurn, sizes } from './setting.ts'
import { PASSCODE, tellStory, type Story } from './story.ts'
import { tellWallets, type WalletStory } from './wallet-story.ts'

let setting: Setting
let house: House
let till: HouseTill
let story: Story
let wallets: WalletStory

beforeAll(async () => {
  setting = await Setting.open()
  ;({ house, till } = setting)
  story = await tellStory(house)
  wallets = await tellWallets(house, till)
})
afterEach(() => setting.end())
afterAll(() => setting?.close())

describe.each(sizes)('the console on a %s', (size) => {
  const flow = inTurn(size)

  flow('says what is wrong with a login, where it is wrong', async () => {
    const page = await setting.signIn(size, { ...OPERATOR, password: 'wrong' })
    const alert = page.getByRole('alert')
    await alert.waitFor()
    expect(await alert.innerText()).toContain('Wrong name or password')
    await page.getByLabel('Password', { exact: true }).fill(OPERATOR.password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await headingOf(page, 'Overview')
  })

  flow('prints Table IV as the document does', async () => {
    const page = await setting.console(size, `/cards/${story.altered}`, 'Table IV')
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
    const rows = await cellsOf(ledger)
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
  })

  flow('shows gaps and forks for what they are', async () => {
    const page = await setting.console(size, `/cards/${story.gap}`, 'Table II')
    await page.getByText('Sequence 2: not uploaded, shown by v1').waitFor()
    await setting.visit(page, `/cards/${story.hole}`, 'Long way')
    await page.getByText('Sequence 2: not uploaded, and nobody has shown it').waitFor()
    await page.getByText('Sequence 3: not uploaded, shown by v2').waitFor()
    await setting.visit(page, `/cards/${story.forked}`, 'Copied')
    expect(await page.getByText('1 of 2 claims').count()).toBe(2)
  })

  flow('says of a case what happened, who did it, and by which records', async () => {
    const page = await setting.console(size, '/', 'Overview')
    await page.getByRole('navigation').getByRole('link', { name: 'Cases' }).click()
    await page.getByRole('link', { name: 'Previous balance altered' }).click()
    await page.getByText('v4 reported another balance for the transaction before its own').waitFor()
    const proven = page.getByRole('region', { name: 'Proven against' })
    expect(await proven.getByRole('listitem').allInnerTexts()).toEqual([
      expect.stringContaining('v4'),
    ])
    await page.getByRole('button', { name: /^Copy digest [0-9a-f]{64}$/ }).waitFor()
  })

  flow('gives a proven case away as a file, with the key to check it', async () => {
    const page = await setting.console(size, '/cases/1', 'Previous balance altered')
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
  })

  flow(
    'freezes and releases a card, each with a reason, and keeps both in the audit log',
    async () => {
      const page = await setting.console(size, `/cards/${story.gap}`, 'Table II')
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
      await setting.visit(page, '/audit', 'Audit')
      await page.getByText(`Freeze on a ${size}`).waitFor()
      await page.getByText(`Release on a ${size}`).waitFor()
    },
  )

  flow('shows a sale as soon as it arrives, without being asked', async () => {
    const page = await setting.console(size, '/', 'Overview')
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
  })

  flow('does not jump while its figures come in', async () => {
    const page = await setting.console(size, '/', 'Overview')
    for (const place of ['/', '/cards', `/cards/${story.altered}`, '/cases/1', '/accounts']) {
      await page.goto('about:blank')
      await page.goto(`${house.url}/#${place}`)
      await page.getByRole('table').first().waitFor()
      await page.waitForTimeout(600)
      const shift = await layoutShiftOf(page)
      expect({ place, isSteady: shift <= 0.1, shift }).toEqual({ place, isSteady: true, shift })
    }
  })

  flow('equips a vendor: a till and its code, a limit, a product and units of it', async () => {
    const page = await setting.console(size, '/tills', 'Tills')
    await page.getByRole('button', { name: 'Add a till…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill(`Gate on a ${size}`)
    await dialog.getByRole('combobox', { name: 'Merchant' }).fill(`Ferry, ${size}`)
    await dialog.getByRole('button', { name: 'Add', exact: true }).click()
    const code = page.getByRole('dialog', { name: 'Enrolment code' }).locator('output')
    expect(await code.innerText()).toMatch(/^\d+(-[0-9A-Z]{4}){3}$/)
    await page.keyboard.press('Escape')

    await setting.visit(page, `/tills/${till.number}`, 'Counter 1')
    await page.getByRole('button', { name: 'Change…' }).click()
    await page.getByLabel('One payment').fill('a lot')
    await page.getByRole('button', { name: 'Change', exact: true }).click()
    await page.getByText('Enter an amount such as 12.50').waitFor()
    const most = size === 'phone' ? '450' : '440,50'
    await page.getByLabel('One payment').fill(most)
    await page.getByRole('button', { name: 'Change', exact: true }).click()
    await page.getByText(size === 'phone' ? '450.00 SEK' : '440.50 SEK').waitFor()

    await setting.visit(page, '/products', 'Products')
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
    const kiosk = await setting.visits.open({ size, url: till.url })
    await kiosk
      .getByRole('button', { name: `Waffle on a ${size}` })
      .getByText('20 left')
      .waitFor()
  })

  flow('resolves a case and says which of its payments are paid', async () => {
    const page = await setting.console(size, '/', 'Overview')
    const fork = story.forks[size === 'phone' ? 0 : 1]
    const cases = await house.call<{ cases: { id: string; card: string }[] }>('GET', '/api/cases')
    const id = cases.cases.find(({ card }) => card === fork)?.id ?? ''
    await setting.visit(page, `/cases/${id}`, 'Chain forks')
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
  })

  it.each(['light', 'dark'] as const)('can be read by everybody, %s', async (scheme) => {
    const page = await setting.console(size, '/', 'Overview', scheme)
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
      await setting.visit(page, place, heading)
      await page.waitForLoadState('networkidle').catch(() => undefined)
      expect({ place, ...(await faultsOf(page)) }).toEqual({ place, ...NO_FAULTS })
    }
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
    const page = await setting.console(size, `/cases/${found?.id}`, 'Chain forks')
    await page.getByText('its chip was copied, or an older state was put back').waitFor()
    await page.getByText('No vendor is to blame').waitFor()
    expect(await page.getByText('Nobody is proven guilty').count()).toBe(0)
    expect(await faultsOf(page)).toEqual(NO_FAULTS)
  })
})
