import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestOffice, type TestOffice } from '../support/office.ts'

let town: TestOffice

beforeAll(async () => {
  town = await createTestOffice()
})
afterAll(() => town.close())

const set = (body: object) => town.call('administrator', 'PUT', '/api/liquidity', body)
const POOL = { policy: 'pool', poolMax: '5000' }

test('an office holds what is not covered until somebody says otherwise, and why', async () => {
  const before = await town.call('auditor', 'GET', '/api/liquidity')
  expect(before.json).toEqual({ policy: 'hold', poolMax: '0' })
  expect(await set({ ...POOL, reason: 'the market is open' })).toMatchObject({ json: POOL })
  const after = await town.call('auditor', 'GET', '/api/liquidity')
  expect(after.json).toEqual(POOL)
  const audit = await town.call('auditor', 'GET', '/api/audit')
  expect(JSON.stringify(audit.json)).toContain('the market is open')
})

test.for([
  ['no reason', POOL],
  ['no such policy', { ...POOL, policy: 'trust', reason: 'the market is open' }],
  ['no limit', { policy: 'pool', reason: 'the market is open' }],
  ['less than nothing', { ...POOL, poolMax: '-1', reason: 'the market is open' }],
] as const)('is not changed with %s', async ([, body]) => {
  expect(await set(body)).toMatchObject({ status: 400 })
})
