import { afterAll, expect, test } from 'vitest'
import { FormatError } from '../../../src/kernel/errors.ts'
import { WRITE_STATUSES, type WriteStatus } from '../../../src/reader/writing.ts'
import { pay, readRaw, World, type Issued } from './world.ts'

const world = new World()
afterAll(() => world.close())
const till = world.till(7)

/** A second issue for a chip, as after a first one that was broken off. */
function reissue({ chip, uid }: Issued): Issued {
  return { ...world.issue(500n, undefined, uid), chip }
}

/** Each row differs from a chip that is written by one thing. */
const ROWS: readonly (readonly [WriteStatus, string, (issued: Issued) => unknown])[] = [
  ['wrong_chip', 'the plan of another chip', () => world.issue().issue.plan],
  [
    'already_issued',
    'used since',
    async (issued) => {
      await issued.chip.write(issued.issue.plan)
      await till.tap(issued, pay())
    },
  ],
  [
    'already_issued',
    'issued as another card',
    (issued) => issued.chip.write(reissue(issued).issue.plan),
  ],
  [
    'spoilt_chip',
    'a trailer torn',
    async (issued) => {
      issued.chip.nvm.arm({ atWrite: 4, tear: 'half' })
      await issued.chip.write(issued.issue.plan)
    },
  ],
  ['torn', 'taken away', ({ chip }) => chip.field.arm({ atApdu: 9, cut: 'answer-lost' })],
  ['written', 'as it should be', () => undefined],
  ['written', 'written already', (issued) => issued.chip.write(issued.issue.plan)],
  [
    'written',
    'broken off before',
    async (issued) => {
      issued.chip.nvm.arm({ atWrite: 19, tear: 'half' })
      await issued.chip.write(issued.issue.plan)
    },
  ],
]

test.for(ROWS)('%s: %s', async ([status, , before]) => {
  const issued = world.issue()
  const plan = await before(issued)
  const written = await issued.chip.write(
    plan instanceof Uint8Array ? plan.slice() : issued.issue.plan,
  )
  expect(written).toBe(status)
})

test('every status is in the table, in its order', () => {
  expect([...new Set(ROWS.map(([status]) => status))]).toEqual(WRITE_STATUSES)
})

test('what the last plan says is on the card, whatever an earlier one left', async () => {
  for (let at = 1; at <= 27; at++) {
    const first = world.issue()
    first.chip.nvm.arm({ atWrite: at, tear: 'after' })
    expect(await first.chip.write(first.issue.plan)).toBe('torn')
    const second = reissue(first)
    expect(await second.chip.write(second.issue.plan)).toBe('written')
    const { block, counters } = await readRaw(world, second)
    expect(block).toMatchObject({ card: second.card, balance: 500n, sequence: 0 })
    expect(counters).toEqual([0, 0])
    expect((await till.tap(second, pay(100n))).result).toBe('done')
  }
})

test('what is no plan is an error that names the field, and writes nothing', async () => {
  const { chip, issue } = world.issue()
  for (const plan of [new Uint8Array(), issue.plan.slice(1), issue.plan.slice(0, -1)]) {
    await expect(chip.write(plan)).rejects.toThrow(FormatError)
    await expect(chip.write(plan)).rejects.toThrow('cardPlan')
  }
  expect(chip.nvm.writes).toBe(0)
})
