import { sql, type RawBuilder, type Transaction } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Tables } from '../../src/office/tables.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { createLedgerOffice, type LedgerOffice } from '../support/ledger-office.ts'

/** migrations/0009-references.sql: what records and transfers refer to is there, and stays. */
describe('what is referred to', () => {
  let database: TestDatabase
  let town: LedgerOffice

  beforeAll(async () => {
    database = await createTestDatabase()
    town = await createLedgerOffice(database.db)
    const till = await town.addTill()
    const card = await town.addCard()
    const payment = town.mint.make(till, card, { amount: 100n })
    await town.send(town.mint.batch(till, [payment]))
  })
  afterAll(async () => {
    await town.evidence.stop()
    await database.drop()
  })

  const NOBODY = 'ffffffffffffffff'
  const another = (card: RawBuilder<unknown>, batch: RawBuilder<unknown>) => sql`
    insert into entry (
      card, sequence, digest, kind, maker, generation, made_at, balance, uploaded, received_at, batch
    )
    select ${card}, sequence, sha256('another'), kind, maker, generation, made_at, balance, false,
      received_at, ${batch}
    from entry where kind = 'pay'`
  const transfer = (debit: RawBuilder<unknown>, credit: RawBuilder<unknown>) => sql`
    insert into transfer (reference, debit, credit, amount, at)
    select 'another', ${debit}, ${credit}, amount, at from transfer limit 1`

  /** With what else refers to them. */
  const TAKE_CARDS = sql`with secrets as (delete from card_secret) delete from card`

  const REFUSED = [
    ['a record of no card', another(sql`${NOBODY}`, sql`batch`), 'refers to'],
    ['a record of no batch', another(sql`card`, sql`batch + 1000`), 'refers to'],
    ['a record that goes to no card', sql`update entry set card = ${NOBODY}`, 'refers to'],
    ['a record that goes to no batch', sql`update entry set batch = 1000`, 'refers to'],
    ['a transfer from no account', transfer(sql`1000`, sql`credit`), 'refers to'],
    ['a transfer to no account', transfer(sql`debit`, sql`1000`), 'refers to'],
    ['a transfer that goes to no account', sql`update transfer set credit = 1000`, 'refers to'],
    ['a card taken away', TAKE_CARDS, 'still refers'],
    ['a batch taken away', sql`delete from batch`, 'still refers'],
    ['an account taken away', sql`delete from account`, 'still refers'],
    ['batches emptied', sql`truncate batch cascade`, 'still refers'],
    ['accounts emptied', sql`truncate account cascade`, 'still refers'],
    ['a card with another id', sql`update card set id = ${NOBODY}`, 'stays'],
    ['a batch with another id', sql`update batch set id = default`, 'stays'],
    ['an account with another id', sql`update account set id = default`, 'stays'],
  ] as const

  test.each(REFUSED)('%s is refused', async (_what, statement, message) => {
    await expect(statement.execute(database.db)).rejects.toThrow(message)
  })

  test('what refers to what is there is taken, and nobody misses what nothing refers to', async () => {
    class Undone extends Error {}
    const all = async (trx: Transaction<Tables>) => {
      await another(sql`card`, sql`batch`).execute(trx)
      await transfer(sql`debit`, sql`credit`).execute(trx)
      await sql`delete from entry`.execute(trx)
      await sql`delete from batch`.execute(trx)
      throw new Undone()
    }
    await expect(database.db.transaction().execute(all)).rejects.toThrow(Undone)
  })

  test('who takes away and who refers wait for each other', async () => {
    await sql`insert into card (id, scheme, uid, currency, issued_at)
      values (${NOBODY}, 'block', '\\x00000000', 'USD', 0)`.execute(database.db)
    const refers = another(sql`${NOBODY}`, sql`batch`)
    const deleted = Promise.withResolvers<void>()
    const attempt = Promise.withResolvers<void>()
    const taking = database.db.transaction().execute(async (trx) => {
      await sql`delete from card where id = ${NOBODY}`.execute(trx)
      deleted.resolve()
      await attempt.promise
    })
    await deleted.promise
    const referring = refers.execute(database.db)
    attempt.resolve()
    await expect(referring).rejects.toThrow('refers to')
    await taking
  })
})
