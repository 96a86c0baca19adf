import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mayManage, PERMISSIONS } from '../../src/office/permissions.ts'
import { ROLES } from '../../src/office/roles.ts'
import { createTestOffice, type TestOffice } from '../support/office.ts'

let town: TestOffice

beforeAll(async () => {
  town = await createTestOffice()
})
afterAll(() => town.close())

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

const routes = Object.entries(PERMISSIONS)
  .map(([route, access]) => {
    const [method = '', path = ''] = route.split(' ')
    // A card and a till that are not there: allowed is told from refused, and nothing happens.
    const url = path
      .replace('/api/cards/:id', '/api/cards/00000000000000ff')
      .replace(':id', '999')
      .replace(':number', '999')
      .replace(':generation', '1')
    return { route, method: method as Method, url, access }
  })
  // The stream never ends by itself; signing out would end the session that the others use.
  .filter(({ route }) => route !== 'GET /api/events' && route !== 'DELETE /api/session')

describe.each(routes)('$route', ({ method, url, access }) => {
  const body = method === 'POST' || method === 'PUT' ? {} : undefined

  test.each(ROLES)('%s', async (role) => {
    const { status } = await town.call(role, method, url, body)
    const isOpen =
      access === 'public' || access === 'till' || access === 'card' || access === 'signed-in'
    const expected = isOpen || access.includes(role) ? [200, 400, 404] : [403]
    expect(expected).toContain(status)
  })

  test('nobody', async () => {
    const { status } = await town.call(undefined, method, url, body)
    expect(
      access === 'public' || access === 'till' || access === 'card' ? [200, 400] : [401],
    ).toContain(status)
  })
})

describe('who manages whom', () => {
  test.each([
    ['root', 'root', true],
    ['root', 'auditor', true],
    ['administrator', 'root', false],
    ['administrator', 'administrator', false],
    ['administrator', 'operator', true],
    ['operator', 'cardholder', false],
  ] as const)('%s manages %s: %s', (own, other, expected) => {
    expect(mayManage(own, other)).toBe(expected)
  })

  test('an administrator makes no administrator', async () => {
    const person = { login: 'new', name: 'New', role: 'administrator' }
    expect((await town.call('administrator', 'POST', '/api/people', person)).status).toBe(403)
    expect((await town.call('root', 'POST', '/api/people', person)).status).toBe(200)
  })
})
