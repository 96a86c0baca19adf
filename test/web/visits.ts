import type { Browser, BrowserContext, Page } from 'playwright-core'
import { invariant } from '../../src/kernel/errors.ts'
import { buildPages, launchBrowser, SIZES, type Size } from './browser.ts'

export interface Visit {
  readonly size: Size
  readonly url: string
  readonly scheme?: 'light' | 'dark'
  /** Of a session that is open already; without one nobody is signed in. */
  readonly cookie?: string
}

/**
 * The pages that a test opens, in one browser. Whoever comes again with the same screen and session finds
 * the same browser context, with the scripts that it has loaded; whoever has none finds a fresh one.
 */
export class Visits {
  readonly #browser: Browser
  readonly #contexts = new Map<string, BrowserContext>()
  readonly #open = new Set<Page | BrowserContext>()
  #complaints: string[] = []

  private constructor(browser: Browser) {
    this.#browser = browser
  }

  static async start(): Promise<Visits> {
    buildPages()
    return new Visits(await launchBrowser())
  }

  async open(visit: Visit): Promise<Page> {
    const context = await this.#contextOf(visit)
    const page = await context.newPage()
    this.#open.add(page)
    page.setDefaultTimeout(15_000)
    page.on('pageerror', (error) => this.#complaints.push(error.message))
    page.on('console', (message) => {
      // Not being signed in yet is an answer, not a fault, and so is a name that nobody has, or what cannot
      // be done yet or under that key; and an answer that a test has lost is no fault of the page.
      const isExpected = /status of (40[019]|422)|net::ERR_FAILED/.test(message.text())
      if (message.type() === 'error' && !isExpected) this.#complaints.push(message.text())
    })
    await page.emulateMedia({ colorScheme: visit.scheme ?? 'light' })
    await page.goto(visit.url)
    return page
  }

  /** Closes what is open. @returns what the browser complained of: a page of ours gives it no reason to. */
  async end(): Promise<readonly string[]> {
    for (const one of this.#open) await one.close()
    this.#open.clear()
    const complaints = this.#complaints
    this.#complaints = []
    return complaints
  }

  async stop(): Promise<void> {
    await this.#browser.close()
  }

  async #contextOf({ size, url, cookie }: Visit): Promise<BrowserContext> {
    if (cookie === undefined) {
      const context = await this.#makeContext(size)
      this.#open.add(context)
      return context
    }
    const key = `${size} ${cookie}`
    const known = this.#contexts.get(key)
    if (known) return known
    const context = await this.#makeContext(size)
    const [name, value] = cookie.split('=')
    invariant(name !== undefined && value !== undefined, 'a cookie has a name and a value')
    await context.addCookies([{ name, value, url, httpOnly: true, sameSite: 'Strict' }])
    this.#contexts.set(key, context)
    return context
  }

  #makeContext(size: Size): Promise<BrowserContext> {
    return this.#browser.newContext({
      ...SIZES[size],
      timezoneId: 'UTC',
      locale: 'en-GB',
      // What moves is not looked at, and what moves has to be waited for.
      reducedMotion: 'reduce',
    })
  }
}
