import { afterAll, expect, test } from 'vitest'
import { closeTills, directoryOf, pay, Redemption, Till } from './till.ts'
import { World } from './world.ts'

const world = new World()
afterAll(closeTills)

test('a till takes coins, gives change, and the office pays its vendor for each coin once', async () => {
  const customer = await world.customer({ coins: [10n, 10n, 5n, 20n] })
  const vendor = await world.vendor({ float: [1n, 2n, 2n, 5n], keepMax: 1 })
  const till = new Till(world, vendor)
  expect(await till.tap(customer, pay(25n))).toMatchObject({
    result: 'done',
    view: { balance: 20n },
  })
  expect(await till.tap(customer, pay(13n))).toMatchObject({
    result: 'done',
    view: { balance: 7n },
  })
  expect(await till.tap(customer, pay(8n))).toMatchObject({ status: 'cannot_pay' })
  const kept = await vendor.status()
  expect(kept).toMatchObject({ outcome: 'none', number: 3 })
  const office = new Redemption(await directoryOf(world, [customer, vendor]))
  office.take(till.records())
  expect(office.total).toBe(45n + 10n - 7n - kept.total)
  expect(await till.closeDay()).toMatchObject({ result: 'closed', paid: kept.total })
  office.take(till.records())
  expect(office.total).toBe(48n)
  expect(office.cases).toEqual([])
  expect((await vendor.status()).coins).toBe(0)
})
