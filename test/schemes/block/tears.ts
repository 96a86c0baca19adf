import { afterAll, expect, test } from 'vitest'
import { arm, cutsOf, disarm, type Breadth, type Cut } from '../../support/cuts.ts'
import { tally, testFlow, till, usedCard, world } from './tearing.ts'
import { audit, changePasscode, load, PASSCODE, pay } from './world.ts'

/** Every cut of a payment, a load, a change of passcode and an issue, by a writing till and its card. */
export function defineTears({ breadth }: { readonly breadth: Breadth }): void {
  afterAll(() => {
    tally.print()
    world.close()
  })

  testFlow(
    'pay',
    async () => ({ issued: await usedCard(), order: pay(300n), balances: [900n, 600n] }),
    { breadth },
  )

  testFlow(
    'load',
    async () => ({ issued: await usedCard(), order: load(500n), balances: [900n, 1400n] }),
    { breadth },
  )

  testFlow(
    'passcode',
    async () => ({
      issued: await usedCard(),
      order: changePasscode(PASSCODE, '1234'),
      balances: [900n],
    }),
    { breadth },
  )

  test('issuing: cut anywhere, and written again', async () => {
    const rehearsal = world.issue()
    const size = await rehearsal.chip.count(() => rehearsal.chip.write(rehearsal.issue.plan))
    const cuts = cutsOf(size)
    const spoilt: Cut[] = []
    for (const cut of cuts) {
      const issued = world.issue()
      arm(issued.chip, cut)
      expect(await issued.chip.write(issued.issue.plan)).not.toBe('written')
      disarm(issued.chip)
      const status = await issued.chip.write(issued.issue.plan)
      if (status === 'spoilt_chip') {
        spoilt.push(cut)
        continue
      }
      expect(status).toBe('written')
      expect((await till.tap(issued, pay(300n))).result).toBe('done')
      expect((await audit(world, issued)).balance).toBe(700n)
    }
    // A sector whose trailer is torn is dead: no chip of this kind can survive that.
    expect(
      spoilt.every((cut) => cut.what === 'write' && !['before', 'after'].includes(cut.tear)),
    ).toBe(true)
    expect(new Set(spoilt.map(({ at }) => at)).size).toBe(7)
    tally.add('issue: cut points', cuts.length)
    tally.add('issue: cut points in a trailer, which spoil the chip', spoilt.length)
  })

  test('issuing: cut twice, and written a third time', async () => {
    const rehearsal = world.issue()
    const { writes } = await rehearsal.chip.count(() => rehearsal.chip.write(rehearsal.issue.plan))
    let count = 0
    for (let first = 1; first <= writes; first++) {
      for (let second = 1; ; second++) {
        const issued = world.issue()
        arm(issued.chip, { what: 'write', at: first, tear: 'after' })
        expect(await issued.chip.write(issued.issue.plan)).toBe('torn')
        arm(issued.chip, { what: 'write', at: second, tear: 'before' })
        if ((await issued.chip.write(issued.issue.plan)) === 'written') break
        disarm(issued.chip)
        expect(await issued.chip.write(issued.issue.plan)).toBe('written')
        expect((await audit(world, issued)).balance).toBe(1000n)
        count += 1
      }
    }
    tally.add('issue: pairs of cuts in page writes', count)
  })
}
