import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestOffice, type TestOffice } from '../support/office.ts'
import { PASSWORD } from '../support/people.ts'
import { kontant, type Ran } from './run.ts'

let directory = ''
let office: TestOffice
let url = ''
const PIN = '4821'

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kontant-phone-'))
  office = await createTestOffice()
  url = await office.api.listen({ host: '127.0.0.1', port: 0 })
  await issued('alice')
  await issued('bob')
})
afterAll(async () => {
  await office.close()
  rmSync(directory, { recursive: true })
})

/** A person with money, a login and a card. */
async function issued(name: string): Promise<void> {
  const body = { name, login: name, password: PASSWORD, role: 'cardholder' }
  const { json } = await office.call('administrator', 'POST', '/api/people', body)
  const { id } = json as { readonly id: string }
  const money = { amount: '50000', currency: 'SEK', reason: 'for the test' }
  await office.call('operator', 'POST', `/api/online/${id}/deposits`, money)
  for (const login of ['operator', name]) {
    writeFileSync(join(directory, `${login}.login`), `${login}\n${PASSWORD}\n`)
  }
  const order = ['--scheme', 'wallet', '--currency', 'SEK', '--passcode', PIN, '--holder', id]
  const place = ['--office', url, '--login', join(directory, 'operator.login')]
  const { status, err } = await kontant(
    ...['card', 'issue', name, ...order, ...place, '--cards', join(directory, 'cards')],
  )
  expect([status, err]).toEqual([0, ''])
}

/** What somebody’s phone does with their card. */
async function phone(name: string, line: string): Promise<Ran> {
  const words = line.split(' ').map((word) => word.replace(/^@/, `${directory}/`))
  const card = ['--card', name, '--cards', join(directory, 'cards')]
  const login = ['--login', join(directory, `${name}.login`)]
  const memory = ['--memory', join(directory, `${name}.memory`)]
  return kontant('phone', ...words, ...card, '--office', url, ...login, ...memory)
}

async function does(name: string, line: string): Promise<string> {
  const { status, out, err } = await phone(name, line)
  if (status !== 0) throw new Error(`phone ${line}: ${err}`)
  return out
}

test('two people load, pay, refuse and empty their cards', async () => {
  expect(await does('alice', `load 300 --pin ${PIN}`)).toContain('300.00 SEK')
  await does('bob', 'ask 80 --out @ask')
  const paying = await phone('alice', `pay @ask --pin ${PIN} --out @paid`)
  expect(paying.err).toMatch(/^Paying 80.00 SEK to card:1:[0-9a-f]{16}\.$/)
  expect(await does('bob', 'receive @paid')).toMatch(/^1 {2}receive 80.00 SEK, card:1:/)
  await does('bob', 'ask 20 --out @ask')
  await does('alice', `pay @ask --pin ${PIN} --out @paid`)
  await does('bob', 'refuse @ask --out @refused')
  expect(await does('alice', 'refund @refused')).toContain('refund 20.00 SEK')
  const records = await does('alice', `records --pin ${PIN}`)
  expect(records.split('\n')).toHaveLength(3)
  await does('bob', `sync --pin ${PIN}`)
  expect(await does('alice', `unload 100 --pin ${PIN}`)).toContain('120.00 SEK')
  const shown: unknown = JSON.parse(await does('bob', 'show --json'))
  expect(shown).toMatchObject({ balance: '8000', spendable: '8000', currency: 'SEK' })
  const online = await office.call('support', 'GET', '/api/accounts?kind=online')
  const { accounts } = online.json as { readonly accounts: readonly { readonly balance: string }[] }
  expect(accounts.map(({ balance }) => balance).toSorted()).toEqual(['30000', '50000'])
})

test('every refusal says what to do', async () => {
  const says = async (line: string) => {
    const { status, err } = await phone('alice', line)
    return `${status} ${err.replace(/^Paying.*\n/, '')}`
  }
  expect(await says('sync --pin 9999')).toBe('1 the PIN is wrong; tries left: 2')
  expect(await says(`load 9999 --pin ${PIN}`)).toContain('1 the office refused: The card holds')
  expect(await says(`pay @missing --pin ${PIN}`)).toContain('3 ')
  writeFileSync(join(directory, 'nonsense'), 'nonsense')
  expect(await says(`pay @nonsense --pin ${PIN}`)).toContain('1 this is no such message')
  expect(await says(`load nothing --pin ${PIN}`)).toContain('2 AMOUNT')
  await does('bob', 'ask 500 --out @ask')
  expect(await says(`pay @ask --pin ${PIN}`)).toBe('1 there is not enough on the card: load it')
  const away = await kontant(
    ...['phone', 'sync', '--card', 'alice', '--cards', join(directory, 'cards'), '--pin', PIN],
    ...['--office', 'http://127.0.0.1:1'],
  )
  expect(away.err).toContain('the office does not answer: do the same again')
})
