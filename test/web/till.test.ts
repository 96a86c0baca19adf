import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  balance,
  begin,
  enter,
  enterPasscode,
  leaveLedge,
  ledge,
  next,
  outcome,
  press,
  tap,
} from './cashier.ts'
import type { House, HouseTill } from './house.ts'
import { faultsOf, NO_FAULTS } from './look.ts'
import { Setting, inTurn, sizes } from './setting.ts'
import { PASSCODE } from './story.ts'

let setting: Setting
let house: House
let till: HouseTill

beforeAll(async () => {
  setting = await Setting.open()
  ;({ house, till } = setting)
  const coffee = await house.addProduct(setting.merchant, 'Coffee', 3_200n)
  await house.stock(coffee, till, 20)
  await house.issueCard('Cleo', 15_000n, PASSCODE, 'purse')
})
afterEach(() => setting.end())
afterAll(() => setting?.close())

describe.each(sizes)('the till on a %s', (size) => {
  const flow = inTurn(size)

  flow('sells by products and by amount, and shows what is left', async () => {
    const page = await setting.visits.open({ size, url: till.url })
    await page.getByRole('button', { name: /^Coffee/ }).click()
    await page.getByRole('button', { name: /^Coffee/ }).click()
    await page.getByRole('button', { name: 'One Coffee less' }).click()
    await page.getByRole('button', { name: 'Charge 32.00 SEK' }).click()
    await enterPasscode(page, PASSCODE)
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
  })

  flow(
    'refuses a wrong passcode, and takes the right one without typing the amount again',
    async () => {
      const page = await setting.visits.open({ size, url: till.url })
      await begin(page, '500', '0000')
      await tap(page, 'Ada')
      await outcome(page, 'Refused')
      await page.getByText('The passcode is wrong').waitFor()
      await page.getByRole('button', { name: 'Enter again' }).click()
      await enterPasscode(page, PASSCODE)
      await tap(page, 'Ada')
      await outcome(page, 'Paid')
      expect(await page.getByText('5.00 SEK', { exact: true }).count()).toBeGreaterThan(0)
      await next(page)
    },
  )

  flow(
    'takes a small amount from a purse card without a passcode, and a large one with it',
    async () => {
      const page = await setting.visits.open({ size, url: till.url })
      const charge = async (amount: string) => {
        await page.getByText('Amount', { exact: true }).click()
        await press(page, amount)
        await page.getByRole('button', { name: /^Charge/ }).click()
        await page
          .getByText('Purses, wallets and cards of coins need it for large amounts only')
          .waitFor()
        expect(await faultsOf(page)).toEqual(NO_FAULTS)
        await page.getByRole('button', { name: 'Without passcode' }).click()
        await tap(page, 'Cleo')
      }
      const before = await balance(page, 'Cleo')
      await charge('250')
      await outcome(page, 'Paid')
      await next(page)
      await charge('2600')
      await outcome(page, 'Refused')
      await page.getByText('This needs the PIN.').waitFor()
      await page.getByRole('button', { name: 'Enter passcode' }).click()
      await enterPasscode(page, PASSCODE)
      await tap(page, 'Cleo')
      await outcome(page, 'Paid')
      await next(page)
      expect(await balance(page, 'Cleo')).toBeCloseTo(before - 28.5, 5)
    },
  )

  flow('sells without a network, and uploads when it is back', async () => {
    const page = await setting.visits.open({ size, url: till.url })
    const before = await ledge(page, size)
    await before.getByText('0 records').waitFor()
    await before.getByRole('switch', { name: 'Network' }).press(' ')
    await before.getByText('Off', { exact: true }).waitFor()
    await leaveLedge(page, size)
    await page.getByRole('button', { name: /Offline/ }).waitFor()
    for (const amount of ['100', '200']) {
      await begin(page, amount, PASSCODE)
      await tap(page, 'Bo')
      await outcome(page, 'Paid')
      await next(page)
    }
    await page.getByRole('button', { name: /Offline 2/ }).waitFor()
    const after = await ledge(page, size)
    await after.getByText('2 records').waitFor()
    await after.getByRole('switch', { name: 'Network' }).press(' ')
    await after.getByText('0 records').waitFor()
    await leaveLedge(page, size)
    await page.getByRole('button', { name: /Online/ }).waitFor()
    expect(till.network.on).toBe(true)
  })

  flow('asks for the same card again after a tear, and charges once', async () => {
    const page = await setting.visits.open({ size, url: till.url })
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
  })

  flow('adds money and changes a passcode', async () => {
    const page = await setting.visits.open({ size, url: till.url })
    await page.getByRole('button', { name: 'Add money' }).click()
    await press(page, '1000')
    await page.getByRole('button', { name: 'Add 10.00 SEK' }).click()
    await enterPasscode(page, PASSCODE)
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
  })

  it.each(['light', 'dark'] as const)('can be read by everybody, %s', async (scheme) => {
    const page = await setting.visits.open({ size, url: till.url, scheme })
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
    await ledge(page, size)
    await look('ledge')
  })
})

/** Which command of a payment gives the card its change. */
const BEFORE_SETTLEMENT = 14

describe('coins at the till', () => {
  let market: HouseTill

  beforeAll(async () => {
    market = await house.addCoinTill('Market', setting.merchant, [500n, 200n, 200n, 100n, 100n])
    await house.stock(await house.addProduct(setting.merchant, 'Apples', 300n), market, 1)
    const holder = await house.addHolder('Mia', 10_000n)
    const card = await house.issueCard('Mia', 0n, PASSCODE, 'coin', holder)
    await house.giveCoins(card, [1_000n, 1_000n, 1_000n])
  })

  it('takes coins and gives change; says what would go where they do not make the amount', async () => {
    const page = await setting.visits.open({ size: 'phone', url: market.url })
    const pay = async (amount: string) => {
      await enter(page, amount)
      await page.getByRole('button', { name: 'Without passcode' }).click()
      await tap(page, 'Mia')
    }
    await pay('700')
    await outcome(page, 'Paid')
    await page.getByText('Gave 10.00 SEK in coins, got 3.00 SEK back').waitFor()
    expect(await faultsOf(page)).toEqual(NO_FAULTS)
    await next(page)
    await pay('650')
    await outcome(page, 'Refused')
    const others = page.getByRole('list', { name: 'Amounts that would go' })
    expect(await others.getByRole('button').allInnerTexts()).toEqual([
      'Charge 6.00 SEK\n0.50 less',
      'Charge 7.00 SEK\n0.50 more',
    ])
    expect(await faultsOf(page)).toEqual(NO_FAULTS)
    await others.getByRole('button', { name: 'Charge 6.00 SEK' }).click()
    await page.getByRole('button', { name: 'Without passcode' }).click()
    await tap(page, 'Mia')
    await outcome(page, 'Paid')
    await page.getByText('17.00 SEK', { exact: true }).waitFor()
    await next(page)
  })

  it('gives change to a card that left too early, and hands in what coins there are', async () => {
    const page = await setting.visits.open({ size: 'desk', url: market.url })
    // It has paid by then, and the vendor element has taken it.
    house.tearNext({ link: { atApdu: BEFORE_SETTLEMENT, cut: 'before' } })
    await begin(page, '800', PASSCODE)
    await tap(page, 'Mia')
    await outcome(page, 'Hold the same card again')
    await page.getByText('It has paid, but left before it had its receipt').waitFor()
    await page.getByRole('button', { name: 'Hold it again' }).click()
    await page.getByText('Holding it again charges nothing').waitFor()
    await tap(page, 'Mia')
    await outcome(page, 'Paid')
    await page.getByText('Gave 10.00 SEK in coins, got 2.00 SEK back').waitFor()
    await next(page)
    await page.getByRole('button', { name: 'Hand in all coins' }).click()
    await page.getByText(/^\d+ coins, 32.00 SEK$/).waitFor()
    await page.getByText('There is no change left').waitFor()
    await page.getByText('Coins handed in').waitFor()
  })
})
