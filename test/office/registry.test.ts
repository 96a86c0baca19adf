import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { utf8 } from '../../src/kernel/bytes.ts'
import { sha256 } from '../../src/kernel/hash.ts'
import { parseCardId, type CardId } from '../../src/kernel/ids.ts'
import { createOffice } from '../../src/office/office.ts'
import { findTampering, recordAct } from '../../src/office/registry/audit.ts'
import { knownSecrets, rememberSecrets } from '../../src/office/registry/card-secrets.ts'
import {
  addCard,
  setCardStatus,
  STATUS_RESULTS,
  type StatusResult,
} from '../../src/office/registry/cards.ts'
import { once } from '../../src/office/registry/idempotency.ts'
import { listMakerKeys } from '../../src/office/registry/keys.ts'
import { CARD_STATUSES, type CardStatus } from '../../src/office/registry-tables.ts'
import { Vault } from '../../src/office/vault.ts'
import { blockOffice } from '../../src/schemes/block/office.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { RANDOM, TestClock } from '../support/office.ts'

let database: TestDatabase
const vault = new Vault(RANDOM.bytes(32), RANDOM)
let cards = 0

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

async function newCard(): Promise<CardId> {
  cards += 1
  const id = parseCardId(cards.toString(16).padStart(16, '0'))
  const uid = RANDOM.bytes(4)
  const rest = {
    scheme: 'block',
    uid,
    currency: 'USD',
    label: undefined,
    holder: undefined,
  } as const
  await database.db.transaction().execute((trx) => addCard(trx, { id, ...rest }, 0))
  return id
}

const setStatus = (card: CardId, status: CardStatus) =>
  database.db.transaction().execute((trx) => setCardStatus(trx, card, status, 'test', 0))

describe('a card’s status', () => {
  const expected: Readonly<Record<CardStatus, Readonly<Record<CardStatus, StatusResult>>>> = {
    active: { active: 'unchanged', frozen: 'changed', hot: 'changed', retired: 'changed' },
    frozen: { active: 'changed', frozen: 'unchanged', hot: 'changed', retired: 'changed' },
    hot: { active: 'final', frozen: 'final', hot: 'unchanged', retired: 'changed' },
    retired: { active: 'final', frozen: 'final', hot: 'final', retired: 'unchanged' },
  }
  const rows = CARD_STATUSES.flatMap((from) =>
    CARD_STATUSES.map((to) => [from, to, expected[from][to]] as const),
  )

  test.each(rows)('%s to %s: %s', async (from, to, result) => {
    const card = await newCard()
    await setStatus(card, from)
    expect(await setStatus(card, to)).toBe(result)
  })

  test('of a card that is not there', async () => {
    expect(await setStatus(parseCardId('ffffffffffffffff'), 'hot')).toBe(STATUS_RESULTS[0])
  })
})

describe('the audit log', () => {
  const act = { person: undefined, act: 'test', subject: 'nothing', detail: { a: 1 } }
  const record = () => database.db.transaction().execute((trx) => recordAct(trx, act, 5))

  test('is one chain, whoever writes at once', async () => {
    await Promise.all(Array.from({ length: 20 }, record))
    expect(await findTampering(database.db)).toBeUndefined()
    const { rows } = await sql<{ count: bigint }>`select max(id) as count from audit`.execute(
      database.db,
    )
    expect(rows[0]?.count).toBe(20n)
  })

  test.each([
    ['update', sql`update audit set detail = '{}' where id = 3`],
    ['delete', sql`delete from audit where id = 20`],
    ['truncate', sql`truncate audit`],
    ['update of a policy', sql`update policy set version = 9`],
  ])('refuses %s', async (what, statement) => {
    if (what.endsWith('policy')) {
      await sql`insert into merchant (name, made_at) values ('m', 0)`.execute(database.db)
      await sql`insert into till (name, merchant, currency, made_at) values ('t', 1, 'USD', 0)`.execute(
        database.db,
      )
      await sql`insert into policy values (1, 1, '{}', 0)`.execute(database.db)
    }
    await expect(statement.execute(database.db)).rejects.toThrow('is append-only')
  })

  test.each([
    ['a changed detail', sql`update audit set detail = '{"a":2}' where id = 3`, 3],
    ['a changed instant', sql`update audit set at = 6 where id = 3`, 3],
    ['another person', sql`update audit set person = null, act = 'else' where id = 3`, 3],
    ['a digest made to fit', sql`update audit set digest = sha256('x') where id = 3`, 3],
    ['one taken out', sql`delete from audit where id = 3`, 3],
  ])('shows %s, even by whoever can drop the trigger', async (_what, statement, first) => {
    const rolledBack = database.db.transaction().execute(async (trx) => {
      await sql`alter table audit disable trigger all`.execute(trx)
      await statement.execute(trx)
      expect(await findTampering(trx)).toBe(first)
      throw new Error('back')
    })
    await expect(rolledBack).rejects.toThrow('back')
  })
})

describe('an idempotent request', () => {
  const ask = (key: string, what: string, act: () => Promise<string>) =>
    database.db.transaction().execute(async (trx) => {
      const digest = sha256(utf8(what))
      const answer = await once(trx, vault, { person: '1', key, digest }, 0, async () =>
        utf8(await act()),
      )
      return new TextDecoder().decode(answer)
    })

  beforeAll(async () => {
    await sql`insert into person (login, name, role, made_at) values ('a', 'A', 'root', 0)`.execute(
      database.db,
    )
  })

  test('eight at once are done once', async () => {
    let done = 0
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        ask('key-0001', 'this', async () => {
          done += 1
          return `answer ${done}`
        }),
      ),
    )
    expect(new Set(answers)).toEqual(new Set(['answer 1']))
    expect(done).toBe(1)
  })

  test('another request under the same key is refused', async () => {
    const other = ask('key-0001', 'that', async () => 'never')
    await expect(other).rejects.toMatchObject({ refusal: 'key_reused' })
  })

  test('one that failed was never asked', async () => {
    const failed = ask('key-0002', 'this', () => Promise.reject(new Error('broke')))
    await expect(failed).rejects.toThrow('broke')
    expect(await ask('key-0002', 'this', async () => 'now')).toBe('now')
  })

  test('the answer is not in the database in clear', async () => {
    const { rows } = await sql<{ sealed_answer: Buffer }>`
      select sealed_answer from idempotent_answer where key = 'key-0001'`.execute(database.db)
    expect(rows[0]?.sealed_answer.toString('latin1')).not.toContain('answer')
  })
})

describe('what the office knows of a card', () => {
  test('is remembered once a source, and sealed', async () => {
    const card = await newCard()
    await database.db.transaction().execute(async (trx) => {
      const learn = (source: string, text: string) =>
        rememberSecrets(trx, vault, [{ card, source, secret: utf8(text) }], 0)
      await learn('issue', '1234')
      await learn('issue', '9999')
      await learn('ab', '5678')
      const known = await knownSecrets(trx, vault, [card])
      expect(
        known
          .get(card)
          ?.map((one) => new TextDecoder().decode(one))
          .toSorted(),
      ).toEqual(['1234', '5678'])
      const { rows } = await sql<{ sealed: Buffer }>`select sealed from card_secret`.execute(trx)
      for (const { sealed } of rows) expect(sealed.toString('latin1')).not.toContain('1234')
    })
  })
})

describe('an office', () => {
  const parts = () => ({
    db: database.db,
    schemes: [blockOffice],
    clock: new TestClock(),
    random: RANDOM,
    currency: 'USD' as const,
  })
  const dataKey = RANDOM.bytes(32)

  test('two that start at once on one database have one key', async () => {
    const [a, b] = await Promise.all([
      createOffice({ ...parts(), dataKey }),
      createOffice({ ...parts(), dataKey }),
    ])
    expect(a.key.publicKey.bytes).toEqual(b.key.publicKey.bytes)
    expect(a.secretsOf('block')).toEqual(b.secretsOf('block'))
    expect(await listMakerKeys(database.db, 0)).toHaveLength(1)
  })

  test('with another data key does not start', async () => {
    const started = createOffice({ ...parts(), dataKey: RANDOM.bytes(32) })
    await expect(started).rejects.toThrow('sealed with another data key')
  })

  test('with half a data key does not start', async () => {
    const started = createOffice({ ...parts(), dataKey: RANDOM.bytes(16) })
    await expect(started).rejects.toThrow('dataKey: expected 32 bytes, got 16')
  })
})
