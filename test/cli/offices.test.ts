import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { sql } from 'kysely'
import { openNotary, startNotaryServer } from '../../src/cli/notary-server.ts'
import { startOfficeServer } from '../../src/cli/office-server.ts'
import { readAccounts } from '../../src/office/inter-office-store.ts'
import { generatePrivateKey } from '../../src/kernel/p256.ts'
import { listRevoked } from '../../src/notary/keys.ts'
import { createRoot } from '../../src/schemes/wallet/root.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { databaseUrl, onServer } from '../support/server.ts'
import { kontant } from './run.ts'

let directory = ''
let officeDatabase: TestDatabase
let notaryName = ''
const at = (name: string) => join(directory, name)
const notaryUrl = () => databaseUrl(inject('server').url, notaryName)
const PASSPHRASE = 'twelve words or so'

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kontant-offices-'))
  writeFileSync(at('passphrase'), PASSPHRASE)
  officeDatabase = await createTestDatabase()
  notaryName = `kontant_notary_${randomUUID().replaceAll('-', '')}`
  await onServer(inject('server').url, (client) => client.query(`create database ${notaryName}`))
  await does('certificate root @root.key --passphrase @passphrase')
  await does('certificate export @root.key --out @root')
  await does('notary request @notary.request')
  await does(`certificate sign @notary.request ${SIGN} @notary.cert`)
  await does('notary certify @notary.cert --root @root')
  await does('office request @office.request --number 2')
  await does(`certificate sign @office.request ${SIGN} @office.cert`)
})
afterAll(async () => {
  await officeDatabase.drop()
  await onServer(inject('server').url, (client) =>
    client.query(`drop database ${notaryName} with (force)`),
  )
  rmSync(directory, { recursive: true })
})

/** Runs a command line that has to work. @returns what it printed. */
async function does(line: string): Promise<string> {
  const words = line.split(' ').map((word) => word.replace(/^@/, `${directory}/`))
  const place =
    words[0] === 'notary'
      ? ['--data', at('notary'), '--database', notaryUrl()]
      : words[0] === 'office'
        ? ['--data', at('office'), '--database', officeDatabase.url]
        : []
  const { status, out, err } = await kontant(...words, ...place)
  if (status !== 0) throw new Error(`kontant ${line}: ${err}`)
  return out
}

const SIGN = '--root @root.key --passphrase @passphrase --out'

test('an office joins a notary, gets reserve, and changes its key', async () => {
  const place = { host: '127.0.0.1', port: 0 }
  const notary = await startNotaryServer({ ...place, data: at('notary'), database: notaryUrl() })
  const joined = await does(
    `office join @office.cert --root @root --notary @notary.cert --url ${notary.url}`,
  )
  expect(joined).toMatch(/^This is office and bank 2 now, with the notary at http/)
  await expect(does('office request @again --number 3')).rejects.toThrow('has joined already')

  const exchanged = async () => {
    const { db } = officeDatabase
    await sql`delete from notary_account`.execute(db)
    const options = {
      ...place,
      data: at('office'),
      database: officeDatabase.url,
      currency: 'SEK',
    } as const
    const office = await startOfficeServer(options)
    try {
      await expect.poll(() => readAccounts(db), { timeout: 30_000 }).toHaveLength(1)
      return await readAccounts(db)
    } finally {
      await office.stop()
    }
  }
  // Its first exchange makes it known: it has no account before.
  await expect(does('notary deposit 2 500.00 --currency SEK --reason first')).rejects.toThrow(
    'this office has not joined',
  )
  const { db } = officeDatabase
  const first = await startOfficeServer({
    ...place,
    data: at('office'),
    database: officeDatabase.url,
    currency: 'SEK',
  })
  const opened = await openNotary({ data: at('notary'), database: notaryUrl() })
  await expect
    .poll(async () => (await sql`select from office`.execute(opened.db)).rows.length, {
      timeout: 30_000,
    })
    .toBe(1)
  await first.stop()
  expect(await readAccounts(db)).toEqual([])
  await does('notary deposit 2 500.00 --currency SEK --reason first --reference r1')
  await expect(
    does('notary deposit 2 500.00 --currency SEK --reason first --reference r1'),
  ).rejects.toThrow('nothing was moved again')
  expect(await exchanged()).toMatchObject([{ currency: 'SEK', free: 500_00n, issued: 0n }])

  await does('office request @next.request --next')
  await does(`certificate sign @next.request ${SIGN} @next.cert`)
  expect(await does('office rotate @next.cert')).toContain('signs with its key 2')
  await does(`certificate revoke @office.cert ${SIGN} @gone`)
  expect(await does('notary revoke @gone')).toBe('Revoked: office office:2 1')
  expect([...(await listRevoked(opened.db)).keys()]).toEqual(['office office:2 1'])
  expect(await exchanged()).toMatchObject([{ currency: 'SEK', free: 500_00n, issued: 0n }])

  expect(await does('notary withdraw 2 100.00 --currency SEK --reason back')).toContain(
    '100.00 SEK',
  )
  await expect(does('notary withdraw 2 400.01 --currency SEK --reason back')).rejects.toThrow(
    'there is not so much',
  )
  await sql`
    insert into coin (id, bank, step, verdict, currency, value, state, parties, changed_at)
    values ('\\x0002000000000001', 2, 1, 'contested', 'SEK', 700, 'settled', '{3}', 0)`.execute(
    opened.db,
  )
  expect(await does('notary report')).toBe(
    'office 2, SEK: free 400.00, issued 0.00, permitted 0.00, paid 0.00, received 0.00, ' +
      'waiting 0.00\ncoins of bank 2, SEK: paid to others 0.00, waiting 0.00, not paid 7.00\nThe books agree: every sum is 0.',
  )
  expect(await does('notary cases')).toBe('No cases.')
  await notary.stop()
  await opened.close()
})

test('an office that has issued wallet cards cannot join any more, nor with another’s certificate', async () => {
  const other = await createTestDatabase()
  const run = (...words: readonly string[]) =>
    kontant('office', ...words, '--data', at('other'), '--database', other.url)
  const parts = ['--root', at('root'), '--notary', at('notary.cert'), '--url', 'http://127.0.0.1:1']
  expect(await run('join', at('office.cert'), ...parts)).toMatchObject({
    status: 3,
    err: expect.stringContaining('is not the key of this office') as string,
  })
  await run('request', at('other.request'), '--number', '3')
  await does(`certificate sign @other.request ${SIGN} @other.cert`)
  await sql`
    insert into card (id, scheme, uid, currency, issued_at)
    values ('00c0ffee00c0ffee', 'wallet', '\\x01', 'SEK', 0)`.execute(other.db)
  expect(await run('join', at('other.cert'), ...parts)).toMatchObject({
    status: 1,
    err: expect.stringContaining('A new request leaves them out') as string,
  })
  expect(await run('rotate', at('other.cert'))).toMatchObject({ status: 1 })

  // As a bank it still can: no element knows its own root yet.
  const request = await run('request', at('bank.request'), '--number', '3')
  expect(request.out).toContain('asks for certificates of bank 3.')
  expect(request.err).toContain('this office has made wallet cards')
  await does(`certificate sign @bank.request ${SIGN} @bank.cert`)
  expect(
    (await kontant('certificate', 'verify', at('bank.cert'), '--root', at('root'))).out,
  ).toMatch(/root of coins: ZZR.*\n.*bank 3: ZZB/)
  const [, , ...elsewhere] = parts
  const stranger = createRoot(generatePrivateKey(), 1, Date.now())
  writeFileSync(at('root2'), stranger.certificate.bytes)
  expect(await run('join', at('bank.cert'), '--root', at('root2'), ...elsewhere)).toMatchObject({
    status: 3,
    err: expect.stringContaining('is another one than the bank’s') as string,
  })
  expect((await run('join', at('bank.cert'), ...parts)).out).toMatch(/^This is bank 3 now/)
  await sql`
    insert into coin_element (id, role, bank, certificate, made_at)
    values ('00c0ffee00c0ffee', 'coin element', 3, '\\x01', 0)`.execute(other.db)
  expect(await run('request', at('none'), '--number', '3')).toMatchObject({
    status: 1,
    err: expect.stringMatching(/^this office has made wallet cards, which know/) as string,
  })
  await other.drop()
})
