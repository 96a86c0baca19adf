import { afterAll, describe, expect, test } from 'vitest'
import { SECURE_ELEMENT } from '../../../src/card/chip-times.ts'
import { contactless } from '../../../src/card/iso/link.ts'
import { coinTill } from '../../../src/schemes/coin/till.ts'
import { closeTills, pay, Till } from './till.ts'
import { Chip, World } from './world.ts'

const world = new World('traffic')
afterAll(closeTills)
const shop = await world.vendor()
const changing = await world.vendor({ float: [1n, 2n, 2n, 5n] })
const tens = (count: number) => Array.from({ length: count }, () => 10n)

/** APDUs, bytes to the card and from it. Times are modelled: docs/benchmarks.md has them in words. */
const ROWS = [
  { name: '1 coin', coins: tens(1), amount: 10n, vendor: shop, expected: [12, 855, 1405] },
  { name: '5 coins', coins: tens(5), amount: 50n, vendor: shop, expected: [13, 860, 1891] },
  { name: '10 coins', coins: tens(10), amount: 100n, vendor: shop, expected: [16, 875, 2502] },
  { name: '2 back', coins: tens(1), amount: 7n, vendor: changing, expected: [13, 1117, 1422] },
] as const

describe('a payment at the card', () => {
  test.for(ROWS)('$name', async ({ name, coins, amount, vendor, expected }) => {
    const customer = await world.customer({ coins })
    const times: string[] = []
    for (const rate of [106, 424] as const) {
      const card = customer.clone()
      card.chip = new Chip(world, 'card', customer.chip, rate)
      const { field, nvm } = card.chip
      const before = { ...field.traffic, writes: nvm.writes }
      expect(await new Till(world, vendor.clone()).tap(card, pay(amount))).toMatchObject({
        result: 'done',
      })
      const after = field.traffic
      const apdus = after.apdus - before.apdus
      const out = after.bytesToCard - before.bytesToCard
      const back = after.bytesFromCard - before.bytesFromCard
      expect([apdus, out, back]).toEqual(expected)
      const whole = after.modelledMs - before.modelledMs
      const link = contactless(rate).exchangeMs(out, back) + 0.7 * (apdus - 1)
      const memory = (nvm.writes - before.writes) * SECURE_ELEMENT.pageWriteMs
      const parts = [link, 3 * apdus, memory, whole - link - 3 * apdus - memory].map(Math.round)
      times.push(
        `${rate} kbit/s ${Math.round(whole)} ms (link, reader, memory, computing: ${parts.join(', ')})`,
      )
      // Five agreements and five signatures: docs/benchmarks.md has what each takes.
      expect(whole).toBeGreaterThan(500)
      expect(whole).toBeLessThan(1700)
    }
    console.log(`${name}: ${expected.join(', ')} ${times.join(', ')}`)
  })

  test('costs what the till says beforehand', () => {
    const [apdus, bytesOut, bytesIn] = ROWS[0].expected
    expect(coinTill.cost(pay(10n))).toEqual({ apdus, bytesOut, bytesIn })
  })
})
