import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toHex, utf8 } from '../../src/kernel/bytes.ts'
import { sha256 } from '../../src/kernel/hash.ts'
import { migrate, readMigrations, type Migration } from '../../src/office/migrate.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

function migration(number: number, text: string): Migration {
  return { number, name: `n${number}`, text, digest: toHex(sha256(utf8(text))) }
}

describe('migrations', () => {
  let test1: TestDatabase
  let ours: readonly Migration[]

  beforeAll(async () => {
    test1 = await createTestDatabase()
    ours = await readMigrations()
  })
  afterAll(() => test1.drop())

  const tableExists = async (name: string) => {
    const { rows } = await sql<{ found: boolean }>`
      select to_regclass(${name}) is not null as found`.execute(test1.db)
    return rows[0]?.found
  }

  test('apply to a database that has them all: nothing', async () => {
    expect(await migrate(test1.db)).toEqual([])
  })

  test('two at once apply one once', async () => {
    const more = [...ours, migration(ours.length + 1, 'create table once (id integer)')]
    const applied = await Promise.all([migrate(test1.db, more), migrate(test1.db, more)])
    expect(applied.flat()).toHaveLength(1)
    ours = more
  })

  test('one that fails leaves nothing of itself', async () => {
    const bad = migration(ours.length + 1, 'create table half (id integer); select nonsense')
    await expect(migrate(test1.db, [...ours, bad])).rejects.toThrow('nonsense')
    expect(await tableExists('half')).toBe(false)
    expect(await migrate(test1.db, ours)).toEqual([])
  })

  test.each([
    ['newer than the program', () => ours.slice(0, -1), 'newer than this program'],
    [
      'changed since it was applied',
      () => ours.map((one) => (one.number === 2 ? migration(2, `${one.text} `) : one)),
      'Migration 2 (ledger) was applied to this database with other text',
    ],
  ])('a database that is %s is refused', async (_what, migrations, message) => {
    await expect(migrate(test1.db, migrations())).rejects.toThrow(message)
  })
})
