import { afterAll, describe, expect, test } from 'vitest'
import { TEARS } from '../../../src/card/nvm.ts'
import { COMMANDS, type CommandName } from '../../../src/card/multiflex/commands.ts'
import { differences } from './cards.ts'
import { arrange, ROWS, type Row } from './rows.ts'

const NAMES = Object.keys(COMMANDS) as CommandName[]
/** A try that was taken away, and not given back: of the PIN, the unblocking PIN or key 1. */
const TRY_LESS = /^00(00@(12|22)|11@24) 0([1-3])>0([0-2])$/

let cuts = 0
const seen = { old: 0, tried: 0, new: 0 }
afterAll(() => {
  console.log(
    `multiflex: ${cuts} cuts: ${seen.old} times the old state, ${seen.tried} times a try less, ` +
      `${seen.new} times the new one`,
  )
})

const TRYING: readonly CommandName[] = [
  'Change PIN',
  'External Authentication',
  'Unblock PIN',
  'Verify PIN',
  'Verify Key',
]

/** How many page writes the command of a row does. */
function writesOf(row: Row): number {
  const { bench, apdu } = arrange(row)
  const before = bench.card.nvm.writes
  bench.send(apdu)
  return bench.card.nvm.writes - before
}

const WRITING = NAMES.filter((name) => ROWS[name].some((row) => writesOf(row) > 0))

describe.each(WRITING)('%s, power lost at every page write', (name) => {
  const writing = ROWS[name].filter((row) => writesOf(row) > 0)

  test.each(writing)('$what', (row) => {
    const done = row.effect ?? []
    const writes = writesOf(row)
    const states = new Set<string | undefined>()
    for (let atWrite = 1; atWrite <= writes; atWrite++) {
      for (const tear of TEARS) {
        const { bench, apdu } = arrange(row)
        const before = bench.contents()
        bench.card.nvm.arm({ atWrite, tear })
        expect(bench.send(apdu)).toBe('')
        bench.reset()
        expect(bench.send('c0a40000023f00')).toBe('6114')

        const changes = differences(before, bench.contents())
        const state = stateOf(changes, done)
        expect({ atWrite, tear, changes, state }).toMatchObject({ state: expect.any(String) })
        seen[state ?? 'old']++
        states.add(state)
        cuts++
      }
    }
    // A right PIN or key costs a try as well, until it is given back: nobody can stop a wrong one in time.
    if (TRYING.includes(name) && row.answer === '9000') expect(states).toContain('tried')
  })
})

/** Nothing has happened; a try was taken and that is all; all has happened. Anything else is undefined. */
function stateOf(
  changes: readonly string[],
  done: readonly string[],
): keyof typeof seen | undefined {
  if (changes.length === 0) return 'old'
  if (JSON.stringify(changes) === JSON.stringify(done)) return 'new'
  const [, , , was, is] = TRY_LESS.exec(changes.join()) ?? []
  return was !== undefined && Number(is) === Number(was) - 1 ? 'tried' : undefined
}

test('every command that can change something was cut', () => {
  const silent = /^(Get|Give|Read|Seek|Select|Internal|Directory|Logout)/
  expect(WRITING).toEqual(NAMES.filter((name) => !silent.test(name)))
})
