import { afterAll, expect, test } from 'vitest'
import type { Order } from '../../../src/till/scheme.ts'
import {
  ABANDONED,
  abandoned,
  NEW_PASSCODE,
  tally,
  testCuts,
  testJournal,
  till,
  world,
  type Breadths,
  type Flow,
  type Where,
} from './tearing.ts'
import { audit, changePasscode, load, orderId, PASSCODE, pay } from './world.ts'

const given =
  (givenUp: Order, where: Where, balances: readonly bigint[]): Flow =>
  async () => {
    const order = givenUp.kind === 'passcode' ? pay(3000n, PASSCODE) : pay(200n)
    const undone = { ...givenUp, id: orderId() }
    return { issued: await abandoned(undone, where), order, givenUp: undone, balances }
  }

const FLOWS: Readonly<Record<string, Flow>> = {
  'a payment that was begun': given(pay(300n), ABANDONED.begun, [4900n, 4600n, 4700n]),
  'a payment that the card took': given(pay(300n), ABANDONED.taken, [4900n, 4600n, 4700n]),
  'a payment that was not counted': given(pay(300n), ABANDONED.uncounted, [4900n, 4600n, 4700n]),
  'a load that the card took': given(load(500n), ABANDONED.taken, [4900n, 5400n, 4700n]),
  'a change of PIN that was begun': given(changePasscode(PASSCODE, NEW_PASSCODE), ABANDONED.begun, [
    4900n,
    1900n,
  ]),
}

/** Every cut of a payment at whose tap an earlier order, which was given up, is undone. */
export function defineUndoing(breadth: Breadths): void {
  afterAll(() => {
    tally.print()
    world.close()
  })

  for (const [name, flow] of Object.entries(FLOWS)) {
    testCuts(`pay, after ${name}`, flow, breadth)
    testJournal(`pay, after ${name}`, flow)
  }

  test('a change of PIN that the card took stays: the old one is wrong', async () => {
    const issued = await abandoned(changePasscode(PASSCODE, NEW_PASSCODE), ABANDONED.taken)
    expect(await till.tap(issued, pay(3000n, PASSCODE))).toMatchObject({ status: 'wrong_passcode' })
    expect((await till.tap(issued, pay(3000n, NEW_PASSCODE))).result).toBe('done')
    const { entries } = await audit(world, issued)
    expect(entries.map(({ kind }) => kind)).toEqual(['issue', 'pay', 'passcode', 'pay'])
  })
}
