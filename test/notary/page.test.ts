import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  ACTS_MAX,
  FEED_PAGE_MAX,
  GIVE_BACK_RESULTS,
  JOIN_RESULTS,
  NOTARY_ANSWER_TYPE,
  NOTARY_PATH,
  NOTARY_REQUEST_TYPE,
  PAYMENT_STATES,
  PERMIT_RESULTS,
  REQUEST_RESULTS,
  SETTLE_REFUSALS,
  SHOW_RESULTS,
} from '../../src/kernel/notary.ts'
import { NOTARY_CASE_KINDS } from '../../src/notary/cases.ts'

const PAGE = readFileSync('docs/protocol/notary.md', 'utf8')

/** The words in code marks in the last cell of the row that begins with that word. */
function lastCell(first: string): readonly string[] {
  const row = PAGE.split('\n').find((line) => line.startsWith(`| \`${first}\` `))
  const cell = row?.split('|').at(-2) ?? ''
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word)
}

test.each([
  ['join', JOIN_RESULTS],
  ['permit', PERMIT_RESULTS],
  ['give back', GIVE_BACK_RESULTS],
  ['settle', [...SETTLE_REFUSALS, 'known', 'id', 'state', 'waitingFor']],
  ['show', SHOW_RESULTS],
  ['result', REQUEST_RESULTS],
] as const)('docs/protocol/notary.md has the results of %s, in their order', (first, results) => {
  expect(lastCell(first)).toEqual([...results])
})

test('docs/protocol/notary.md has every state, every kind of case, and the numbers', () => {
  const first = [...PAGE.matchAll(/^\| `([^`]+)` /gm)].map(([, word = '']) => word)
  expect(first.filter((word) => PAYMENT_STATES.some((state) => state === word))).toEqual([
    ...PAYMENT_STATES,
  ])
  const kinds = first.filter((word) => NOTARY_CASE_KINDS.some((kind) => kind === word))
  expect([...new Set(kinds)]).toEqual([...NOTARY_CASE_KINDS])
  for (const text of [NOTARY_REQUEST_TYPE, NOTARY_ANSWER_TYPE, `POST ${NOTARY_PATH}`]) {
    expect(PAGE).toContain(text)
  }
  expect(PAGE).toContain(`at most ${ACTS_MAX} maps`)
  expect(PAGE).toContain(`at most ${FEED_PAGE_MAX} \`entries\``)
})
