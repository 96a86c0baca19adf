import type { Route } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { tellCoins, type CoinStory } from './coin-story.ts'
import type { House } from './house.ts'
import { faultsOf, NO_FAULTS } from './look.ts'
import { cellsOf, headingOf, Setting, inTurn, sizes } from './setting.ts'
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
  const flow = inTurn(size)

  flow(
    'pays in and out at the desk, each with a reason, and shows what is there after each',
    async () => {
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
    },
  )

  flow('shows what the card said, who was paid, and gets rules of its own', async () => {
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

  flow('has one rule for all payments without cover', async () => {
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

  flow('shows its holder what is theirs, and nothing else', async () => {
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

it('gives once what is sent again after its answer was lost, and says so if something else is', async () => {
  const page = await setting.signIn('phone', wallets.ida.login)
  await headingOf(page, 'Your money and cards')
  const table = page.getByRole('table', { name: 'Statement' })
  const dialog = page.getByRole('dialog')
  const give = dialog.getByRole('button', { name: 'Give' })
  const loseAnAnswer = async (amount: string) => {
    await page.getByRole('button', { name: 'Give to somebody…' }).click()
    await dialog.getByLabel('To').fill(wallets.hal.login.name)
    await dialog.getByLabel('Amount').fill(amount)
    const loseIt = async (route: Route) => {
      await route.fetch()
      await route.abort()
    }
    await page.route('**/api/online/me/transfers', loseIt, { times: 1 })
    await give.click()
    await dialog.getByText('No answer.').waitFor()
  }
  await loseAnAnswer('1')
  await give.click()
  await dialog.waitFor({ state: 'hidden' })
  await loseAnAnswer('2')
  await dialog.getByLabel('Amount').fill('3')
  await give.click()
  await dialog.getByText('Something else was done').waitFor()
  await give.click()
  await dialog.waitFor({ state: 'hidden' })
  const given = async () => (await cellsOf(table)).map((row) => row[2] ?? '')
  await expect
    .poll(async () => (await given()).filter((amount) => /^−[123]\.00 SEK$/.test(amount)))
    .toEqual(['−3.00 SEK', '−2.00 SEK', '−1.00 SEK'])
})

it('gives up a wallet’s load with a reason, and says that it has', async () => {
  const page = await setting.console('desk', `/cards/${wallets.hal.card}`, 'Hal’s wallet')
  await page.getByRole('button', { name: 'Give up…' }).click()
  await page.getByLabel('Reason').fill('He does not want it any more')
  await page.getByRole('button', { name: 'Give up', exact: true }).click()
  await page.getByText('It was given up.').waitFor()
})

describe('coins', () => {
  let coins: CoinStory

  beforeAll(async () => {
    coins = await tellCoins(house, setting.merchant)
  })

  it('are bought by their holder on a phone, with what there is', async () => {
    const { mia } = coins
    const page = await setting.visits.open({
      size: 'phone',
      url: `${house.url}/#/cards/${mia.card}`,
      cookie: await house.sessionOf(mia.login.name),
    })
    await page.getByRole('button', { name: 'Buy coins…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('These coins').click()
    const many = (value: string) => dialog.getByLabel(`How many of ${value} SEK`)
    await many('100.00').fill('1')
    await dialog.getByRole('button', { name: 'Buy 1 coin' }).click()
    await dialog.getByText('There is not so much in the online wallet').waitFor()
    await many('100.00').fill('0')
    await many('2.00').fill('2')
    await many('0.20').fill('1')
    await dialog.getByText('4.20 SEK').waitFor()
    expect(await faultsOf(page)).toEqual(NO_FAULTS)
    await dialog.getByText('Only this card').click()
    await dialog.getByRole('button', { name: 'Buy 3 coins' }).click()
    await page.getByRole('status').getByText('3 coins bought').waitFor()
    const table = page.getByRole('table', { name: 'Coins' })
    const values = async () => (await cellsOf(table)).map(([value, , , who]) => [value, who])
    await expect.poll(values).toEqual([
      ['0.20 SEK', 'only that card'],
      ['2.00 SEK', 'only that card'],
      ['2.00 SEK', 'only that card'],
      ['5.00 SEK', 'whoever has it'],
      ['5.00 SEK', 'whoever has it'],
    ])
    expect(await faultsOf(page)).toEqual(NO_FAULTS)
  })

  it('of a lost card go back to their holder as soon as all tills have reported', async () => {
    const page = await setting.console('desk', `/cards/${coins.nic.card}`, 'Card')
    const giveBack = async () => {
      await page.getByRole('button', { name: 'Give back…' }).click()
      await page.getByLabel('Reason').fill('Left on the bus')
      await page.getByRole('button', { name: 'Give back', exact: true }).click()
    }
    await giveBack()
    await page.getByText('Market and 1 more may still hold a payment').waitFor()
    await page.keyboard.press('Escape')
    await coins.goOn()
    await giveBack()
    await page.getByText('No coins there now').waitFor()
    await page.getByText('Bought for it').click()
    await page.getByText('given back', { exact: true }).waitFor()
    expect(await faultsOf(page)).toEqual(NO_FAULTS)
  })

  it('that two tills claim are somebody’s when the office has said whose', async () => {
    const page = await setting.console('desk', `/cases/${coins.copied}`, 'Element cloned')
    await page.getByText('10.00 SEK in suspense').waitFor()
    expect(await page.getByText('here the chains part').count()).toBe(2)
    expect(await faultsOf(page)).toEqual(NO_FAULTS)
    await page.getByRole('button', { name: 'Say whose it is…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Pier').check()
    await dialog.getByLabel('Reason').fill('Nic was at the pier')
    await dialog.getByRole('button', { name: 'It is theirs' }).click()
    await page.getByText('nothing in suspense').waitFor()
    await page.getByText('paid to Pier').waitFor()
  })
})
