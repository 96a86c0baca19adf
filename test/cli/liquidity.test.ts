import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeLogin } from '../../src/cli/login.ts'
import { listActs } from '../../src/office/registry/audit.ts'
import type { Role } from '../../src/office/roles.ts'
import { createTestOffice, type TestOffice } from '../support/office.ts'
import { PASSWORD } from '../support/people.ts'
import { kontant } from './run.ts'

let office: TestOffice
let url = ''
let directory = ''

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kontant-liquidity-'))
  office = await createTestOffice()
  url = await office.api.listen({ host: '127.0.0.1', port: 0 })
  for (const role of ['operator', 'root'] as const) {
    await writeLogin(join(directory, role), { name: role, password: PASSWORD })
  }
})
afterAll(async () => {
  await office.close()
  rmSync(directory, { recursive: true })
})

const liquidity = (role: Role, ...words: readonly string[]) =>
  kontant('liquidity', ...words, '--office', url, '--login', join(directory, role))

test('what becomes of payments without cover is shown and set from the command line', async () => {
  expect(await liquidity('operator', 'show')).toEqual({
    status: 0,
    out: 'hold: a payment whose money is not there yet waits until it comes in.',
    err: '',
  })
  const pool = ['set', 'pool', '--pool-max', '50000.00', '--reason', 'the market is open']
  expect(await liquidity('root', ...pool, '--currency', 'SEK')).toMatchObject({
    status: 0,
    out: expect.stringContaining('up to 50000.00 SEK in all'),
  })
  const shown = await liquidity('operator', 'show', '--json')
  expect(JSON.parse(shown.out)).toEqual({ policy: 'pool', poolMax: '5000000' })

  // Its limit stays, for when it is wanted again.
  await liquidity('root', 'set', 'provenance', '--reason', 'it is over')
  const last = await liquidity('root', 'set', 'hold', '--reason', 'and so is that', '--json')
  expect(JSON.parse(last.out)).toEqual({ policy: 'hold', poolMax: '5000000' })
  const acts = (await listActs(office.db, 100)).filter(({ act }) => act === 'liquidity.set')
  expect(acts).toHaveLength(3)
  expect(acts).toContainEqual(
    expect.objectContaining({
      detail: { policy: 'pool', poolMax: '5000000', reason: 'the market is open' },
    }),
  )
})

test('whoever may not change it is told so, and nothing has changed', async () => {
  const before = await liquidity('operator', 'show')
  const refused = await liquidity('operator', 'set', 'provenance', '--reason', 'I want to')
  expect(refused).toMatchObject({ status: 1, out: '' })
  expect(refused.err).toMatch(
    /^the office refused: This takes one of the roles .*; yours is operator/,
  )
  expect(await liquidity('root', 'set', 'provenance', '--reason', '?')).toMatchObject({ status: 1 })
  expect(await liquidity('operator', 'show')).toEqual(before)
  expect(await kontant('liquidity', 'set', 'pool')).toMatchObject({ status: 2 })
  const nobody = await kontant('liquidity', 'show', '--login', join(directory, 'nobody'))
  expect(nobody).toMatchObject({ status: 3 })
})
