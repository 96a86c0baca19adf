import { afterAll, expect, test } from 'vitest'
import { moduleChip } from '../../../src/schemes/purse/chips.ts'
import { arm, cutsOf, disarm } from '../../support/cuts.ts'
import {
  NEW_PASSCODE,
  tally,
  testCuts,
  testJournal,
  testPairs,
  till,
  usedCard,
  world,
  type Breadths,
  type Flow,
} from './tearing.ts'
import { audit, changePasscode, Chip, load, PASSCODE, pay } from './world.ts'

const FLOWS: Readonly<Record<string, Flow>> = {
  pay: async () => ({ issued: await usedCard(), order: pay(300n), balances: [4900n, 4600n] }),
  'pay with PIN': async () => ({
    issued: await usedCard(),
    order: pay(3000n, PASSCODE),
    balances: [4900n, 1900n],
  }),
  load: async () => ({ issued: await usedCard(), order: load(500n), balances: [4900n, 5400n] }),
  'change of PIN': async () => ({
    issued: await usedCard(),
    order: changePasscode(PASSCODE, NEW_PASSCODE),
    balances: [4900n],
  }),
}

/**
 * Every cut of a payment, a load, a change of PIN and of issuing, at the card, the module and the journal.
 *
 * @param step in the pairs of cuts where a PIN is in play, only every so manieth first one: they are many.
 */
export function defineTears(breadth: Breadths, step = 1): void {
  afterAll(() => {
    tally.print()
    world.close()
  })

  for (const [name, flow] of Object.entries(FLOWS)) {
    testCuts(name, flow, breadth)
    testPairs(name, flow, name.includes('PIN') ? step : 1)
    testJournal(name, flow)
  }

  test('issuing a card: cut anywhere, and written again', async () => {
    const rehearsal = world.issue()
    const cuts = cutsOf(
      await rehearsal.chip.count(() => rehearsal.chip.write(rehearsal.issue.plan)),
    )
    for (const cut of cuts) {
      const issued = world.issue()
      arm(issued.chip, cut)
      expect(await issued.chip.write(issued.issue.plan)).toBe('torn')
      disarm(issued.chip)
      expect(await issued.chip.write(issued.issue.plan)).toBe('written')
      expect((await till.tap(issued, pay(300n))).result).toBe('done')
      expect((await audit(world, issued)).balance).toBe(700n)
    }
    tally.add('issue of a card: cut points', cuts.length)
  })

  test('issuing a module: cut anywhere, and written again', async () => {
    const plan = world.modulePlan(9, true)
    const rehearsal = new Chip(moduleChip)
    const cuts = cutsOf(await rehearsal.count(() => rehearsal.write(plan)))
    for (const cut of cuts) {
      const chip = new Chip(moduleChip)
      arm(chip, cut)
      expect(await chip.write(plan)).toBe('torn')
      disarm(chip)
      expect(await chip.write(plan)).toBe('written')
      expect(await chip.write(plan)).toBe('written')
      expect(await chip.write(world.modulePlan(7, true))).toBe('already_issued')
    }
    tally.add('issue of a module: cut points', cuts.length)
  })
}
