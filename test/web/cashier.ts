import type { Locator, Page } from 'playwright-core'
import type { Size } from './browser.ts'

/** What somebody at a till's page does. */

export async function press(page: Page, digits: string): Promise<void> {
  for (const digit of digits) {
    await page.getByRole('button', { name: digit, exact: true }).click()
  }
}

export async function enter(page: Page, amount: string): Promise<void> {
  await page.getByText('Amount', { exact: true }).click()
  await press(page, amount)
  await page.getByRole('button', { name: /^Charge/ }).click()
}

export async function enterPasscode(page: Page, passcode: string): Promise<void> {
  await press(page, passcode)
  await page.getByRole('button', { name: 'Continue' }).click()
}

export async function begin(page: Page, amount: string, passcode: string): Promise<void> {
  await enter(page, amount)
  await enterPasscode(page, passcode)
}

export async function tap(page: Page, card: string): Promise<void> {
  await page.getByRole('button', { name: `Tap ${card}` }).click()
}

export async function outcome(page: Page, headline: string): Promise<void> {
  await page.getByRole('heading', { name: headline }).waitFor()
}

/** The till is free again for whoever looks at it next. */
export async function next(page: Page): Promise<void> {
  const button = page.getByRole('button', { name: 'Next' })
  await button.click()
  await button.waitFor({ state: 'hidden' })
}

export async function balance(page: Page, card: string): Promise<number> {
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

/** Network and receipts: on a phone they lie behind the badge. */
export async function ledge(page: Page, size: Size): Promise<Locator> {
  if (size === 'desk') return page.getByRole('complementary')
  await page.getByRole('button', { name: 'Receipts and network' }).click()
  return page.getByRole('dialog')
}

export async function leaveLedge(page: Page, size: Size): Promise<void> {
  if (size === 'phone') await page.keyboard.press('Escape')
}
