import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { failuresOf, play } from '../town/play.ts'

process.env['KONTANT_TOWNS'] = '50'

await import('../office/order.test.ts')
await import('../office/payment-order.test.ts')
await import('../town/orders.test.ts')

test('ten-payments.yaml ends as it says in all 120 orders', async () => {
  const file = new URL('../../scenarios/ten-payments.yaml', import.meta.url)
  const result = await play(readFileSync(file, 'utf8'), 'ten-payments.yaml')
  expect(failuresOf(result)).toBe('')
  expect(result.ok).toBe(true)
})
