import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { CASE_KINDS } from '../../src/office/ledger/findings.ts'
import { scenarioJsonSchema } from '../../src/town/scenario/schema.ts'
import { CHEATS, MIDDLEMAN_WORDS } from '../../src/town/scenario/tap-words.ts'
import { STEPS, VERBS } from '../../src/town/scenario/step-words.ts'
import { scenarioSchema } from '../../src/town/scenario/scenario.ts'
import { failuresOf, play } from './play.ts'

const REFERENCE = readFileSync(new URL('../../docs/scenarios.md', import.meta.url), 'utf8')
const EXAMPLES = [...REFERENCE.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text)

describe('docs/scenarios.md', () => {
  test.each(EXAMPLES.map((text) => [/title: (.*)/.exec(text)?.[1] ?? text, text]))(
    'example "%s" plays as it says',
    async (_title, text) => {
      expect(failuresOf(await play(text))).toBe('')
    },
  )

  test('there are examples', () => {
    expect(EXAMPLES.length).toBeGreaterThanOrEqual(5)
  })

  test.each([
    ['verb', VERBS],
    ['cheat', CHEATS],
    ['middleman', MIDDLEMAN_WORDS],
    ['word of a scenario', Object.keys(scenarioSchema.shape)],
    ['word of a step', Object.values(STEPS).flatMap((step) => Object.keys(step.shape))],
  ])('every %s is in it', (_what, words) => {
    const missing = words.filter((word) => !new RegExp(`\\b${word}\\b`).test(REFERENCE))
    expect(missing).toEqual([])
  })

  test('every cheat says which case it ends in', () => {
    for (const cheat of CHEATS) {
      const row = REFERENCE.split('\n').find((line) => line.startsWith(`| \`${cheat}:`))
      const kind = row?.split('|')[3]?.trim().split(',')[0]
      expect(CASE_KINDS, `${cheat}: ${kind}`).toContain(kind)
    }
  })
})

/** The rows of the table of middlemen: what he does, and how it ends. */
const MIDDLEMEN = [...REFERENCE.matchAll(/^\| `(\{ \w+: .*? \})`[^|]*\|[^|]*\| ([^|]*) \|$/gm)].map(
  ([, words = '', ends = '']): [string, string] => [words, ends.trim().replaceAll('`', '')],
)

describe('a middleman ends as docs/scenarios.md says', () => {
  test.each(MIDDLEMEN)('%s: %s', async (words, ends) => {
    const payment = '{ card: eve, till: bar, amount: 5.00 }'
    const wanted = ends === 'as without him' ? 'done' : ends
    const isPaid = wanted === 'done'
    const result = await play(`currency: EUR
cards: { eve: { scheme: purse, balance: 50.00 } }
tills: { bar: {} }
steps:
  - { pay: ${payment}, middleman: { listen: tape } }
  - { pay: ${payment}, middleman: ${words}, expect: ${wanted} }
  - { expect: { cards: { eve: ${isPaid ? '40.00' : '45.00'} } } }
  - { sync: bar }
expect:
  accounts: { merchant: { bar: ${isPaid ? '10.00' : '5.00'} } }
  cases: none
  conservation: true
`)
    expect(failuresOf(result)).toBe('')
  })

  test('all of them', () => {
    expect(MIDDLEMEN.length).toBe(7)
  })
})

test('docs/scenario.schema.json is the language', async () => {
  await expect(scenarioJsonSchema()).toMatchFileSnapshot('../../docs/scenario.schema.json')
})
