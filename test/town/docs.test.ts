import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { CASE_KINDS } from '../../src/office/ledger/findings.ts'
import { scenarioJsonSchema } from '../../src/town/scenario-schema.ts'
import { CHEATS, STEPS, VERBS, scenarioSchema } from '../../src/town/scenario.ts'
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

test('docs/scenario.schema.json is the language', async () => {
  await expect(scenarioJsonSchema()).toMatchFileSnapshot('../../docs/scenario.schema.json')
})
