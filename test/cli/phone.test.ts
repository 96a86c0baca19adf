import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Phones, PIN } from './phones.ts'
import { kontant } from './run.ts'

let phones: Phones

beforeAll(async () => {
  phones = await Phones.of('alice', 'bob')
})
afterAll(() => phones.close())

test('two people load, pay, refuse and empty their cards', async () => {
  expect(await phones.does('alice', `load 300 --pin ${PIN}`)).toContain('300.00 SEK')
  await phones.does('bob', 'ask 80 --out @ask')
  const paying = await phones.runs('alice', `pay @ask --pin ${PIN} --out @paid`)
  expect(paying.err).toMatch(/^Paying 80.00 SEK to card:1:[0-9a-f]{16}\.$/)
  expect(await phones.does('bob', 'receive @paid')).toMatch(/^1 {2}receive 80.00 SEK, card:1:/)
  await phones.does('bob', 'ask 20 --out @ask')
  await phones.does('alice', `pay @ask --pin ${PIN} --out @paid`)
  await phones.does('bob', 'refuse @ask --out @refused')
  expect(await phones.does('alice', 'refund @refused')).toContain('refund 20.00 SEK')
  const records = await phones.does('alice', `records --pin ${PIN}`)
  expect(records.split('\n')).toHaveLength(3)
  await phones.does('bob', `sync --pin ${PIN}`)
  expect(await phones.does('alice', `unload 100 --pin ${PIN}`)).toContain('120.00 SEK')
  const shown: unknown = JSON.parse(await phones.does('bob', 'show --json'))
  expect(shown).toMatchObject({ balance: '8000', spendable: '8000', currency: 'SEK' })
  const online = await phones.office.call('support', 'GET', '/api/accounts?kind=online')
  const { accounts } = online.json as { readonly accounts: readonly { readonly balance: string }[] }
  expect(accounts.map(({ balance }) => balance).toSorted()).toEqual(['30000', '50000'])
})

test('every refusal says what to do', async () => {
  const says = async (line: string) => {
    const { status, err } = await phones.runs('alice', line)
    return `${status} ${err.replace(/^Paying.*\n/, '')}`
  }
  expect(await says('sync --pin 9999')).toBe('1 the PIN is wrong; tries left: 2')
  expect(await says(`load 9999 --pin ${PIN}`)).toContain('1 the office refused: The card holds')
  expect(await says(`pay @missing --pin ${PIN}`)).toContain('3 ')
  writeFileSync(join(phones.directory, 'nonsense'), 'nonsense')
  expect(await says(`pay @nonsense --pin ${PIN}`)).toContain('1 this is no such message')
  expect(await says(`load nothing --pin ${PIN}`)).toContain('2 AMOUNT')
  await phones.does('bob', 'ask 500 --out @ask')
  expect(await says(`pay @ask --pin ${PIN}`)).toBe('1 there is not enough on the card: load it')
  const away = await kontant(
    ...['phone', 'sync', '--card', 'alice', '--cards', phones.cards, '--pin', PIN],
    ...['--office', 'http://127.0.0.1:1'],
  )
  expect(away.err).toContain('the office does not answer: do the same again')
})
