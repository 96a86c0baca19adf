import { afterAll, expect, test } from 'vitest'
import {
  abandoned,
  tally,
  testFlow,
  till,
  world,
  WRITES_BEGUN,
  WRITES_COMMITTED,
  type FlowOptions,
} from './tearing.ts'
import { audit, changePasscode, load, PASSCODE, pay } from './world.ts'

/** Every cut of a payment at whose tap an earlier order, which was given up, is undone. */
export function defineUndoing(options: FlowOptions): void {
  afterAll(() => {
    tally.print()
    world.close()
  })

  testFlow(
    'pay, after a payment given up before it was committed',
    async () => {
      const givenUp = pay(300n)
      const issued = await abandoned(givenUp, WRITES_BEGUN)
      return { issued, order: pay(200n), givenUp, balances: [900n, 600n, 700n] }
    },
    options,
  )

  testFlow(
    'pay, after a payment given up when it was committed',
    async () => {
      const givenUp = pay(300n)
      const issued = await abandoned(givenUp, WRITES_COMMITTED)
      return { issued, order: pay(200n), givenUp, balances: [900n, 600n, 700n] }
    },
    options,
  )

  testFlow(
    'pay, after a load given up when it was committed',
    async () => {
      const givenUp = load(500n)
      const issued = await abandoned(givenUp, WRITES_COMMITTED)
      return { issued, order: pay(200n), givenUp, balances: [900n, 1400n, 700n] }
    },
    options,
  )

  testFlow(
    'pay, after a change of passcode given up when it was committed',
    async () => {
      const givenUp = changePasscode(PASSCODE, '1234')
      const issued = await abandoned(givenUp, WRITES_COMMITTED)
      return { issued, order: pay(200n), givenUp, balances: [900n, 700n] }
    },
    options,
  )

  test('a change of passcode that was cut stays, if the holder then enters the new one', async () => {
    for (const writes of [WRITES_BEGUN, WRITES_COMMITTED]) {
      const issued = await abandoned(changePasscode(PASSCODE, '1234'), writes)
      expect((await till.tap(issued, pay(100n, '1234'))).result).toBe('done')
      expect(await till.tap(issued, pay(100n))).toMatchObject({ status: 'wrong_passcode' })
      const { entries } = await audit(world, issued)
      expect(entries.map(({ kind }) => kind)).toEqual(['issue', 'pay', 'passcode', 'pay'])
    }
  })
}
