import { sql, type Kysely } from 'kysely'
import { createApi } from '../../src/office/api.ts'
import type { Api } from '../../src/office/http.ts'
import type { Tables } from '../../src/office/tables.ts'
import { createTestDatabase } from '../support/database.ts'
import { createLedgerOffice, type LedgerOffice } from '../support/ledger-office.ts'
import type { MintCard, MintTill } from '../support/mint.ts'
import { addTestPerson, sessionOf } from '../support/people.ts'

/** A real office with its real API, a few tills and cards, and some honest payments. */
export interface House {
  readonly db: Kysely<Tables>
  readonly town: LedgerOffice
  readonly api: Api
  /** Of a session that may do everything. */
  readonly cookie: string
  readonly tills: readonly [MintTill, MintTill]
  readonly cards: readonly [MintCard, MintCard]
  /** What broke that must never break. */
  readonly broken: unknown[]
  close(): Promise<void>
}

export async function createHouse(): Promise<House> {
  const { db, drop } = await createTestDatabase()
  const broken: unknown[] = []
  const town = await createLedgerOffice(db)
  const api = await createApi(town.office, {
    evidence: town.evidence,
    fail: (error) => broken.push(error),
  })
  await addTestPerson(town.office, { login: 'root', role: 'root' })
  const cookie = await sessionOf(api, 'root')
  const tills = [await town.addTill(), await town.addTill()] as const
  const cards = [await town.addCard(), await town.addCard()] as const
  for (const till of tills) {
    const made = cards.map((card) => town.mint.make(till, card))
    await town.send(town.mint.batch(till, made))
  }
  return {
    db,
    town,
    api,
    cookie,
    tills,
    cards,
    broken,
    async close() {
      await api.close()
      await town.evidence.stop()
      await drop()
    },
  }
}

/** Rows and their content, table by table: equal exactly if nothing has changed. */
export async function digestOf(
  db: Kysely<Tables>,
  except: readonly string[] = [],
): Promise<Readonly<Record<string, string>>> {
  const { rows: tables } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE' order by 1`.execute(db)
  const digests: Record<string, string> = {}
  for (const { name } of tables) {
    if (except.includes(name)) continue
    const { rows } = await sql<{ count: bigint; digest: string }>`
      select count(*) as count, md5(coalesce(string_agg(line, '' order by line), '')) as digest
      from (select md5(t::text) as line from ${sql.table(name)} as t) as lines`.execute(db)
    digests[name] = `${rows[0]?.count} rows, ${rows[0]?.digest}`
  }
  return digests
}
