import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { failuresOf, play } from './play.ts'

const DIRECTORY = new URL('../../scenarios/', import.meta.url)
const FILES = readdirSync(DIRECTORY).filter((name) => name.endsWith('.yaml'))

const read = (name: string) => readFileSync(new URL(name, DIRECTORY), 'utf8')

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

/** Played elsewhere: by test/docs.test.ts, as the README says, and in the long campaign. */
const isPlayedElsewhere = (name: string) =>
  name === 'ten-payments.yaml' || README.includes(`npm run kontant -- play scenarios/${name}`)

/** Scenarios in which nobody cheats: there is nothing to take out of them. */
const HONEST = [
  'coins-two-banks.yaml',
  'coins.yaml',
  'ekrona-flows.yaml',
  'ekrona-limits.yaml',
  'ekrona-liquidity-hold.yaml',
  'ekrona-liquidity-pool.yaml',
  'ekrona-liquidity-provenance.yaml',
  'ekrona-lost.yaml',
  'ekrona-offices.yaml',
  'ekrona-refusals.yaml',
  'frodo-life.yaml',
  'frodo-noise.yaml',
  'honest-town.yaml',
  'lost-and-repeated.yaml',
  'purse-tears.yaml',
  'purse-unheard.yaml',
  'purse.yaml',
  'tears.yaml',
]

/** Steps that nobody honest takes. */
const CHEATING = [
  ...['clone', 'snapshot', 'restore', 'invent', 'release', 'rewrite', 'loadUnbacked'],
  ...['fakeVendor', 'forgeCoins', 'loadAgain', 'playBack', 'steal', 'redeem'],
]

interface Words {
  tills: Record<string, { cheats?: object }>
  steps: Record<string, unknown>[]
  expect: { cards?: Record<string, number> }
}

/** The same town with everybody honest: no cheats, no inventions, no copies. */
function withoutCheats(text: string): string {
  const words = parse(text) as Words
  for (const till of Object.values(words.tills)) delete till.cheats
  const copies = words.steps.flatMap((step) => ('clone' in step ? String(step['as']) : []))
  const expected = words.steps.flatMap(({ expect: wanted }) =>
    typeof wanted === 'object' ? [wanted as Words['expect']] : [],
  )
  for (const { cards } of [words.expect, ...expected]) {
    for (const copy of copies) delete cards?.[copy]
  }
  const isCheat = (step: Record<string, unknown>) => {
    if (CHEATING.some((verb) => verb in step)) return true
    return 'pay' in step && copies.includes((step['pay'] as { card: string }).card)
  }
  const steps = words.steps.filter((step) => !isCheat(step))
  for (const step of steps) {
    delete step['cheat']
    delete step['middleman']
    delete step['hostile']
    delete step['order']
  }
  return JSON.stringify({ ...words, steps })
}

describe('every scenario', () => {
  test.each(FILES.filter((name) => !isPlayedElsewhere(name)))(
    '%s plays as it says',
    async (name) => {
      const result = await play(read(name), name)
      expect(failuresOf(result)).toBe('')
      expect(result.ok).toBe(true)
    },
  )
})

describe('a scenario shows a cheat', () => {
  test.each(FILES.filter((name) => !HONEST.includes(name)))(
    '%s does not hold without it',
    async (name) => {
      const result = await play(withoutCheats(read(name)), name)
      expect(result.ok).toBe(false)
      // And nobody is accused of what did not happen.
      expect(result.cases).toEqual([])
    },
  )
})
