import { expect, test } from 'vitest'
import { Counter, paid, World } from './world.ts'

const world = new World()

test('a payment of the exact sum, one with change, and the change spent elsewhere', async () => {
  const customer = await world.customer({ coins: [10n, 10n, 5n, 20n] })
  const vendor = await world.vendor({ float: [1n, 2n, 2n, 5n] })
  const other = await world.vendor({ till: 8 })
  expect(await customer.status()).toMatchObject({ total: 45n, coins: 4, sequence: 0, open: [] })
  const exact = paid(await new Counter(customer, vendor).pay(25n))
  expect(exact.outcome).toMatchObject({ kind: 'paid', amount: 25n, change: 0n })
  expect(await customer.status()).toMatchObject({ total: 20n, sequence: 1, open: [] })
  const change = paid(await new Counter(customer, vendor).pay(13n))
  expect(change.outcome).toMatchObject({ kind: 'paid', amount: 13n, change: 7n })
  expect(await customer.status()).toMatchObject({ total: 7n, coins: 2, sequence: 2, open: [] })
  const again = paid(await new Counter(customer, other).pay(7n))
  expect(again.outcome).toMatchObject({ kind: 'paid', amount: 7n, change: 0n })
  expect(await customer.status()).toMatchObject({ total: 0n, coins: 0, sequence: 3, open: [] })
})
