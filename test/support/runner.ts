import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'
import { TestRunner } from 'vitest'

const TESTS = new URL('..', import.meta.url).href

/**
 * Files of tests share a process, so that what they test is loaded and compiled once. What a file imports
 * from `test/` is its own, under a name that says whose: no file finds what another did to its world.
 */
registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context)
    const { parentURL } = context
    if (!parentURL?.startsWith(TESTS) || !resolved.url.startsWith(TESTS)) return resolved
    if (parentURL === import.meta.url) return resolved
    const { search } = new URL(parentURL)
    return { ...resolved, url: resolved.url + (search || `?of=${parentURL.slice(TESTS.length)}`) }
  },
})

export default class extends TestRunner {
  /** As Node does it, and always under the same name: it keeps what it compiled by name. */
  override importFile(path: string): Promise<unknown> {
    return import(pathToFileURL(path).href)
  }
}
