import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { openDatabase, type OpenDatabase } from '../../src/office/database.ts'
import { addMerchant, listMerchants } from '../../src/office/registry/merchants.ts'

const PROGRAM = `
  import { openDatabase } from ${JSON.stringify(new URL('../../src/office/database.ts', import.meta.url).href)}
  await openDatabase({ directory: process.argv[1] })
  console.log('open')
  setInterval(() => {}, 1000)
`

/** A server of our own costs a second to lay out: each test asks one question of one directory. */
describe('embedded PostgreSQL', () => {
  let directory: string
  const open: OpenDatabase[] = []

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kontant-embedded-'))
  })
  afterEach(async () => {
    for (const database of open.splice(0).toReversed()) {
      await database.close()
      if (database.cluster !== undefined) await rm(database.cluster, { recursive: true })
    }
    await rm(directory, { recursive: true, force: true })
  })

  const start = async () => {
    const database = await openDatabase({ directory })
    open.push(database)
    return database
  }
  const serverOf = async ({ cluster }: OpenDatabase) =>
    Number((await readFile(join(cluster ?? '', 'postmaster.pid'), 'utf8')).split('\n')[0])
  const names = async ({ db }: OpenDatabase) => (await listMerchants(db)).map(({ name }) => name)

  test('keeps what is in it, and its password to itself', async () => {
    const warnings: Error[] = []
    const listen = (warning: Error) => void warnings.push(warning)
    process.on('warning', listen)
    onTestFinished(() => void process.off('warning', listen))
    const first = await start()
    await addMerchant(first.db, 'Kiosk', 0)
    await Promise.all(
      Array.from({ length: 20 }, () => sql`select pg_sleep(0.02)`.execute(first.db)),
    )
    await first.close()
    open.pop()
    // No connection was broken that was still saying goodbye; warnings are told in the next turn.
    await setImmediate()
    expect(warnings).toEqual([])
    expect(await names(await start())).toEqual(['Kiosk'])
    expect((await stat(join(directory, 'database.password'))).mode & 0o777).toBe(0o600)
  })

  test('is shared by a second process, which does not stop it', async () => {
    const first = await start()
    const second = await openDatabase({ directory })
    await second.close()
    await addMerchant(first.db, 'Kiosk', 0)
    expect(await names(first)).toEqual(['Kiosk'])
  })

  test('outlives its killed office and is taken over by the next one', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, directory])
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    const next = await start()
    const server = await serverOf(next)
    await addMerchant(next.db, 'Kiosk', 0)
    await next.close()
    open.pop()
    await expect(serverOf(next)).rejects.toThrow('ENOENT')
    const again = await start()
    expect(await serverOf(again)).not.toBe(server)
    expect(await names(again)).toEqual(['Kiosk'])
  })

  test.each([
    ['a process that is gone', () => 2 ** 22 - 3],
    ['some other program', () => process.pid],
  ])('starts although a pid file names %s', async (_what, pid) => {
    const first = await start()
    await first.close()
    open.pop()
    const file = join(first.cluster ?? '', 'postmaster.pid')
    await writeFile(file, `${pid()}\n${first.cluster}\n0\n1\n\n127.0.0.1\n\n`)
    expect(await names(await start())).toEqual([])
  })

  test('says what is wrong when nobody answers', async () => {
    const url = 'postgres://nobody:nothing@127.0.0.1:1/nowhere'
    await expect(openDatabase({ url })).rejects.toThrow('The database does not answer')
  })
})
