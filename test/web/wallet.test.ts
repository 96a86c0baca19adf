import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { House } from './house.ts'
import { faultsOf, NO_FAULTS } from './look.ts'
import { cellsOf, headingOf, Setting, sizes } from './setting.ts'
import { tellWallets, type WalletStory } from './wallet-story.ts'

let setting: Setting
let house: House
let wallets: WalletStory

beforeAll(async () => {
  setting = await Setting.open()
  ;({ house } = setting)
  wallets = await tellWallets(house, setting.till)
})
afterEach(() => setting.end())
afterAll(() => setting?.close())

describe.each(sizes)('a wallet on a %s', (size) => {
  it('pays in and out at the desk, each with a reason, and shows what is there after each', async () => {
    const page = await setting.console(size, `/people/${wallets.ida.person}`, 'Ida')
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
    const statement = page.getByRole('table', { name: 'Statement' })
    await expect.poll(async () => (await cellsOf(statement))[0]?.[2]).toBe('−2.50 SEK')
  })

  it('shows what the card said, who was paid, and gets rules of its own', async () => {
    const page = await setting.console(size, `/cards/${wallets.hal.card}`, 'Hal’s wallet')
    await page.getByText('The card is to take up a load of 20.00 SEK').waitFor()
    const said = page.getByRole('region', { name: 'What the card last said' })
    await said.getByText('195.00 SEK').waitFor()
    const ledger = page.getByRole('table', { name: 'Ledger' })
    const vendors = (await cellsOf(ledger)).map(([vendor]) => vendor)
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
  })

  it('has one rule for all payments without cover', async () => {
    const page = await setting.console(size, '/rules', 'Wallet rules')
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
  })

  it('shows its holder what is theirs, and nothing else', async () => {
    const page = await setting.signIn(size, wallets.ida.login, 'dark')
    await headingOf(page, 'Your money and cards')
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
    const last = async () => {
      const [row] = await cellsOf(page.getByRole('table', { name: 'Statement' }))
      return [row?.[0], row?.[2]]
    }
    await expect.poll(last).toEqual(['To hal', '−15.00 SEK'])
    expect(await page.getByRole('table', { name: 'Cards' }).locator('tbody tr').count()).toBe(1)
    expect(await faultsOf(page)).toEqual(NO_FAULTS)
    await page.getByRole('link', { name: 'Ida’s wallet' }).click()
    await page.getByRole('heading', { level: 1, name: 'Ida’s wallet' }).waitFor()
    await page.getByText('received +80.00').waitFor()
    expect(await faultsOf(page)).toEqual(NO_FAULTS)
    expect(await page.getByRole('link', { name: 'Overview' }).count()).toBe(0)
    await setting.visit(page, `/people/${hal.person}`, 'Your money and cards')
    await setting.visit(page, `/cards/${ida.card}`, 'Ida’s wallet')
  })
})

it('gives up a wallet’s load with a reason, and says that it has', async () => {
  const page = await setting.console('desk', `/cards/${wallets.hal.card}`, 'Hal’s wallet')
  await page.getByRole('button', { name: 'Give up…' }).click()
  await page.getByLabel('Reason').fill('He does not want it any more')
  await page.getByRole('button', { name: 'Give up', exact: true }).click()
  await page.getByText('It was given up.').waitFor()
})
