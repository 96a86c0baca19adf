import { readFileSync, existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { utf8, type Bytes } from '../../src/kernel/bytes.ts'
import { fromHex } from '../../src/kernel/bytes.ts'
import { decodeToken } from '../../src/kernel/token.ts'
import { PowerLost, countingFuse } from '../../src/till/fuse.ts'
import {
  giveUpOrder,
  insertToken,
  JOURNAL_CONFLICTS,
  journalOf,
  JournalRefusal,
  type JournalConflict,
  listRecords,
  listRecordsOfOrder,
} from '../../src/till/journal.ts'
import { orderView } from '../../src/till/orders.ts'
import type { NewRecord } from '../../src/till/scheme.ts'
import { MIGRATIONS } from '../../src/till/tables.ts'
import { openStore, StoreBusy, StoreUnreadable, type Store } from '../../src/till/store.ts'
import {
  cardNumber,
  clockAt,
  freshFile,
  randomFrom,
  recordOf,
  START,
  STORAGE_KEY,
  storeAt,
  tokenBytes,
} from './support.ts'

function stock(store: Store, ...tokens: readonly Bytes[]) {
  store.write('stock', (trx) => {
    for (const token of tokens) insertToken(store, trx, token)
  })
  return tokens.map((bytes) => ({ token: decodeToken(bytes), bytes }))
}

function openJournal(path = freshFile(), clock = clockAt()) {
  const store = storeAt(path)
  return { path, store, clock, journal: journalOf(store, clock) }
}

describe('a record', () => {
  test('is read back as it was written, also by the next program', () => {
    const { path, store, journal } = openJournal()
    const tokens = stock(store, tokenBytes(1), tokenBytes(2))
    const written = journal.intend(recordOf({ madeAt: journal.stamp() }, tokens))
    expect(written).toMatchObject({ id: 1, state: 'intended' })
    store.close()
    expect(openJournal(path).journal.latest(cardNumber(1))).toEqual(written)
  })

  test('is decided once, by what the card showed first', () => {
    const { store, journal } = openJournal()
    const first = journal.intend(recordOf({ sequence: 1, madeAt: journal.stamp() }))
    const second = journal.intend(recordOf({ sequence: 2, madeAt: journal.stamp() }))
    expect(journal.confirm(first.id).state).toBe('confirmed')
    expect(journal.void(first.id).state).toBe('confirmed')
    expect(journal.void(second.id).state).toBe('void')
    expect(journal.confirm(second.id).state).toBe('void')
    expect(listRecords(store, 9).map(({ state }) => state)).toEqual(['void', 'confirmed'])
  })

  test('shows the evidence that came with its confirmation, and no other later', () => {
    const { path, store, journal } = openJournal()
    const record = journal.intend(recordOf({ madeAt: journal.stamp() }))
    const stamped = utf8('what the card said')
    expect(journal.confirm(record.id, stamped).evidence).toEqual(stamped)
    expect(journal.confirm(record.id, utf8('something else')).evidence).toEqual(stamped)
    store.close()
    const latest = openJournal(path).journal.latest(cardNumber(1))
    expect(latest).toEqual({ ...record, state: 'confirmed', evidence: stamped })
  })

  test('the latest of a card is the one with the highest sequence, whatever other cards did', () => {
    const { journal } = openJournal()
    for (const [card, sequence] of [
      [1, 4],
      [2, 9],
      [1, 7],
      [2, 3],
    ] as const) {
      journal.intend(recordOf({ card: cardNumber(card), sequence, madeAt: journal.stamp() }))
    }
    expect(journal.latest(cardNumber(1))?.sequence).toBe(7)
    expect(journal.latest(cardNumber(2))?.sequence).toBe(9)
    expect(journal.latest(cardNumber(3))).toBeUndefined()
  })
})

interface Change extends Partial<Omit<NewRecord, 'tokens'>> {
  /** By their nonces. 1 is spent, 99 is not in the stock. */
  readonly tokens?: readonly number[]
}

/** What came of it: its value, or why it was refused. */
function attempt<T>(work: () => T): T | JournalConflict {
  try {
    return work()
  } catch (error) {
    if (error instanceof JournalRefusal) return error.conflict
    throw error
  }
}

describe('a journal refuses', () => {
  const shown = new Set<string>()
  /**
   * Of the record that is refused; before it stand a confirmed one of card 1, sequence 1, and what takes
   * that back.
   */
  const rows: readonly (readonly [JournalConflict | undefined, Change])[] = [
    ['order_given_up', { orderId: 'given up' }],
    ['order_given_up', { orderId: 'given up', sequence: 1 }],
    [undefined, { orderId: 'given up', kind: 'reversal' }],
    ['already_refunded', { refuses: 1, kind: 'refund', sequence: 1 }],
    ['already_refunded', { refuses: 1, kind: 'reversal', isExpected: true }],
    [undefined, { refuses: 2, kind: 'reversal', isExpected: true }],
    ['sequence_signed', { sequence: 1, orderId: 'other' }],
    [undefined, { sequence: 1, isExpected: true }],
    ['sequence_signed', { sequence: 1, orderId: 'first' }],
    [undefined, { sequence: 1, card: cardNumber(2) }],
    ['order_at_another_record', { orderId: 'first' }],
    ['order_at_another_record', { orderId: 'first', card: cardNumber(2) }],
    ['order_at_another_record', { orderId: 'first', madeAt: START }],
    [undefined, { orderId: 'first', kind: 'reversal' }],
    [undefined, { orderId: 'void' }],
    ['stamp_used', { madeAt: START + 1 }],
    ['stamp_used', { madeAt: START }],
    ['stamp_used', { madeAt: START, tokens: [1] }],
    ['token_spent', { tokens: [1] }],
    ['token_spent', { tokens: [2, 2] }],
    ['token_spent', { tokens: [99] }],
    [undefined, { tokens: [2, 3] }],
  ]

  test.each(rows)('%s: %o', (expected, { tokens = [], ...change }) => {
    const { store, journal } = openJournal()
    const [first] = stock(store, tokenBytes(1), tokenBytes(2), tokenBytes(3))
    const spent = first ? [first] : []
    journal.confirm(journal.intend(recordOf({ orderId: 'first', madeAt: START }, spent)).id)
    journal.void(
      journal.intend(recordOf({ orderId: 'void', card: cardNumber(8), madeAt: START + 1 })).id,
    )
    const refusal = { orderId: 'refund', kind: 'refund', refuses: 1, isExpected: true } as const
    journal.intend(recordOf({ ...refusal, sequence: 1, madeAt: START + 2 }))
    giveUpOrder(store, 'given up')
    const before = listRecords(store, 99)
    const wanted = tokens.map((nonce) => tokenBytes(nonce))
    const record = recordOf(
      { sequence: 2, madeAt: START + 3, ...change },
      wanted.map((bytes) => ({ token: decodeToken(bytes), bytes })),
    )
    shown.add(expected ?? 'taken')
    expect(attempt(() => journal.intend(record).id)).toBe(expected ?? 4)
    const after = listRecords(store, 99)
    expect(after.slice(expected === undefined ? 1 : 0)).toEqual(before)
    const unspent = journal.tokensFor([{ product: 3, quantity: 2 }])
    expect(unspent === undefined).toBe(expected === undefined && tokens.length > 0)
  })

  test('and every reason was shown', () => {
    expect([...shown].toSorted()).toEqual([...JOURNAL_CONFLICTS, 'taken'].toSorted())
  })
})

describe('an order', () => {
  test('is what its records say', () => {
    const { store, journal } = openJournal()
    const intend = (orderId: string, sequence: number, kind: NewRecord['kind'] = 'pay') =>
      journal.intend(recordOf({ orderId, sequence, kind, madeAt: journal.stamp() })).id
    const view = (orderId: string) => {
      const { state, record } = orderView(store, orderId)
      return [state, record?.sequence]
    }
    expect(view('a')).toEqual(['new', undefined])
    const first = intend('a', 1)
    expect(view('a')).toEqual(['unfinished', 1])
    journal.void(first)
    expect(view('a')).toEqual(['new', undefined])
    journal.confirm(intend('a', 2))
    expect(view('a')).toEqual(['done', 2])
    const reversal = intend('a', 3, 'reversal')
    expect(view('a')).toEqual(['given_up', 2])
    journal.void(reversal)
    expect(view('a')).toEqual(['done', 2])
    giveUpOrder(store, 'b')
    expect(view('b')).toEqual(['given_up', undefined])
  })
})

describe('tokens', () => {
  test('are spent with their record and never come back', () => {
    const { store, journal } = openJournal()
    stock(store, tokenBytes(1), tokenBytes(2), tokenBytes(3))
    const two = journal.tokensFor([{ product: 3, quantity: 2 }]) ?? []
    expect(two.map(({ bytes }) => bytes)).toEqual([tokenBytes(1), tokenBytes(2)].map(signedAlike))
    journal.void(journal.intend(recordOf({ madeAt: journal.stamp() }, two)).id)
    expect(journal.tokensFor([{ product: 3, quantity: 2 }])).toBeUndefined()
    expect(journal.tokensFor([{ product: 3, quantity: 1 }])).toHaveLength(1)
    stock(store, tokenBytes(1)) // the same token again, with another signature
    expect(journal.tokensFor([{ product: 3, quantity: 2 }])).toBeUndefined()
  })

  test('of what was only expected come back when it did not happen, and only then', () => {
    const { path, store, journal } = openJournal()
    const tokens = stock(store, tokenBytes(1))
    const left = () => journal.tokensFor([{ product: 3, quantity: 1 }])?.length ?? 0
    const sell = (isExpected: boolean) =>
      journal.intend(
        recordOf(
          { orderId: `${left()} ${isExpected}`, isExpected, madeAt: journal.stamp() },
          tokens,
        ),
      )
    const first = sell(true)
    expect(left()).toBe(0)
    journal.void(first.id)
    expect(left()).toBe(1)
    // It is told of the first as well as of the second, and only the second stands.
    const second = journal.confirm(sell(false).id)
    expect(left()).toBe(0)
    expect([first, second].map(({ tokens: own }) => own.length)).toEqual([1, 1])
    expect(attempt(() => sell(true))).toBe('token_spent')
    store.close()
    const db = new DatabaseSync(path)
    expect(() => db.exec('insert into token_use (token, record) values (1, 2)')).toThrow(
      'each token once',
    )
    db.close()
  })

  test('of one product in two lines are different ones', () => {
    const { store, journal } = openJournal()
    stock(store, tokenBytes(1), tokenBytes(2), tokenBytes(3, 90n, 4))
    const line = { product: 3, quantity: 1 }
    const found = journal.tokensFor([line, { product: 4, quantity: 1 }, line]) ?? []
    expect(found.map(({ token }) => token.product)).toEqual([3, 3, 4])
    expect(journal.tokensFor([line, line, line])).toBeUndefined()
    expect(journal.tokensFor([])).toEqual([])
  })
})

/** ECDSA is not deterministic: of two tokens made alike, the bodies are the same. */
function signedAlike(bytes: Bytes): unknown {
  return expect.objectContaining({ 11: bytes[11], 26: bytes[26] })
}

describe('stamps', () => {
  test('rise, whatever the clock does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -10_000, max: 10_000 }), { maxLength: 20 }),
        (jumps) => {
          const { store, journal, clock } = openJournal()
          let last = -1
          for (const [index, jump] of jumps.entries()) {
            clock.set(START + jump)
            const madeAt = journal.stamp()
            expect(madeAt).toBeGreaterThan(last)
            expect(madeAt).toBeGreaterThanOrEqual(clock.now())
            journal.intend(recordOf({ sequence: index, madeAt }))
            last = madeAt
          }
          store.close()
        },
      ),
      { numRuns: 20 },
    )
  })
})

describe('the file', () => {
  test('says nothing without its key', () => {
    const { path, store, journal } = openJournal()
    const tokens = stock(store, tokenBytes(1))
    const record = recordOf(
      { amount: 0x1122334455n, balanceAfter: 0x66778899aan, madeAt: journal.stamp() },
      tokens,
    )
    journal.confirm(journal.intend(record).id)
    giveUpOrder(store, 'an order of Alice')
    const secrets: readonly (readonly [string, Uint8Array])[] = [
      ['card id', fromHex(record.card)],
      ['card id in words', utf8(record.card)],
      ['evidence', record.evidence],
      ['order id', utf8(record.orderId)],
      ['given up order', utf8('an order of Alice')],
      ['amount', fromHex('1122334455')],
      ['balance', fromHex('66778899aa')],
      ['digest', fromHex(record.digest)],
      ['token', tokenBytes(1).slice(0, 31)],
      ['storage key', STORAGE_KEY],
    ]
    const found = () =>
      [path, `${path}-wal`]
        .filter((file) => existsSync(file))
        .flatMap((file) => {
          const content = readFileSync(file)
          return secrets.filter(([, secret]) => content.includes(secret)).map(([name]) => name)
        })
    expect(found()).toEqual([])
    store.close()
    expect(found()).toEqual([])
    expect(readFileSync(path).includes('intended')).toBe(true) // the search does find what is there
  })

  test('does not open with another key', () => {
    const { path, store } = openJournal()
    store.close()
    const storageKey = STORAGE_KEY.map((byte) => byte ^ 1)
    expect(() => openStore({ path, storageKey, random: randomFrom('x') })).toThrow(StoreUnreadable)
    openJournal(path)
  })

  test('opens once', () => {
    const { path, store } = openJournal()
    expect(() => storeAt(path)).toThrow(StoreBusy)
    store.close()
    storeAt(path).close()
  })

  test('of a newer program is left alone', () => {
    const { path, store } = openJournal()
    store.close()
    const db = new DatabaseSync(path)
    db.exec('pragma user_version = 99')
    db.close()
    expect(() => storeAt(path)).toThrow(StoreUnreadable)
  })

  // What our code never does, done behind its back.
  test.each([
    ['delete from record', 'for good'],
    [`update record set state = 'void'`, 'only the state changes'],
    [`update record set made_at = 5 where state = 'intended'`, 'only the state changes'],
    [`update record set sealed = zeroblob(9) where state = 'intended'`, 'only the state changes'],
    [`update record set state = 'void', made_at = 5 where id = 2`, 'only the state changes'],
    [`update record set state = 'void', sequence = 5 where id = 2`, 'only the state changes'],
    [`update record set state = 'void', undoes = 1 where id = 2`, 'only the state changes'],
    [`update record set state = 'void', id = 5 where id = 2`, 'only the state changes'],
    [
      `update record set state = 'void', shown = zeroblob(9) where id = 2`,
      'only the state changes',
    ],
    [`update record set shown = zeroblob(9) where id = 2`, 'only the state changes'],
    [
      `update record set state = 'void', sealed = zeroblob(9) where id = 2`,
      'only the state changes',
    ],
    [
      `update record set state = 'void', card_key = zeroblob(32) where id = 2`,
      'only the state changes',
    ],
    [
      `update record set state = 'void', order_key = zeroblob(32) where id = 2`,
      'only the state changes',
    ],
    [`update record set state = 'intended'`, 'only the state changes'],
    [`update record set state = 'lost' where state = 'intended'`, 'CHECK constraint'],
    [insertion({ id: 4, sequence: 9, made_at: START + 9 }), 'comes after all others'],
    [insertion({ id: 3, sequence: 9, made_at: START }), 'comes after all others'],
    [insertion({ id: 3, sequence: 1, made_at: START + 9 }), 'UNIQUE constraint'],
    [insertion({ id: 3, sequence: -1, made_at: START + 9 }), 'CHECK constraint'],
    [
      insertion({ id: 3, sequence: 9, made_at: START + 9, state: `'confirmed'` }),
      'comes after all others',
    ],
    [
      insertion({ id: 3, sequence: 9, made_at: START + 9, order_key: 'order_key' }),
      'UNIQUE constraint failed: record.order_key',
    ],
    [insertion({ id: 3, sequence: 9, made_at: START + 9, refuses: 3 }), 'CHECK constraint'],
    [insertion({ id: 3, sequence: 9, made_at: START + 9, refuses: 7 }), 'CHECK constraint'],
    [`update record set refuses = 1 where id = 2`, 'only the state changes'],
    [`update record set signs = 0, state = 'void' where id = 2`, 'only the state changes'],
    ['delete from token', 'for good'],
    ['update token set product = 9', 'does not change'],
    ['delete from token_use', 'never comes back'],
    ['update token_use set record = 2', 'never comes back'],
    ['insert into token_use (token, record) values (1, 2)', 'each token once'],
    ['insert into token_use (token, record) values (77, 2)', 'FOREIGN KEY'],
    ['delete from given_up', 'stays so'],
  ])('forbids: %s', (sql, message) => {
    const { path, store, journal } = openJournal()
    const tokens = stock(store, tokenBytes(1))
    journal.confirm(journal.intend(recordOf({ sequence: 1, madeAt: START }, tokens)).id)
    journal.intend(recordOf({ sequence: 2, madeAt: START + 1 }))
    giveUpOrder(store, 'x')
    store.close()
    const db = new DatabaseSync(path)
    expect(() => db.exec(sql)).toThrow(message)
    db.close()
  })
})

describe('positions and refusals', () => {
  test('what a till only expects of a card can go, and come again', () => {
    const { journal } = openJournal()
    const expected = (orderId: string) =>
      journal.intend(recordOf({ sequence: 5, isExpected: true, orderId, madeAt: journal.stamp() }))
    const first = expected('a')
    expect(journal.open(cardNumber(1))).toEqual([first])
    journal.void(first.id)
    const second = expected('b')
    expect(journal.open(cardNumber(1))).toEqual([second])
    expect(journal.open(cardNumber(2))).toEqual([])
    expect(journal.latest(cardNumber(1))).toEqual(second)
    expect(second.isExpected).toBe(true)
  })

  test('a refusal is found by what it takes back', () => {
    const { journal } = openJournal()
    const payment = journal.intend(recordOf({ madeAt: journal.stamp() }))
    expect(journal.refusalOf(payment.id)).toBeUndefined()
    const refusal = journal.intend(
      recordOf({
        kind: 'refund',
        orderId: 'back',
        isExpected: true,
        refuses: payment.id,
        madeAt: journal.stamp(),
      }),
    )
    expect(journal.refusalOf(payment.id)).toEqual(refusal)
    expect(journal.record(refusal.id)?.refuses).toBe(payment.id)
  })

  test('an order is given up and undone in one write', () => {
    const { store, journal } = openJournal()
    const payment = journal.intend(recordOf({ orderId: 'a', madeAt: journal.stamp() }))
    const undoing = recordOf({
      kind: 'reversal',
      orderId: 'a',
      isExpected: true,
      refuses: payment.id,
      madeAt: journal.stamp(),
    })
    giveUpOrder(store, 'a', undoing)
    expect(orderView(store, 'a').state).toBe('given_up')
    expect(journal.refusalOf(payment.id)).toMatchObject({ kind: 'reversal', state: 'intended' })
    // Whole or not at all.
    expect(() => giveUpOrder(store, 'b', undoing)).toThrow('already_refunded')
    expect(orderView(store, 'b').state).toBe('new')
  })
})

describe('a file of an older version', () => {
  test('keeps its records, and signs none of their positions again', () => {
    const newer = openJournal()
    const tokens = stock(newer.store, tokenBytes(1))
    const first = newer.journal.intend(recordOf({ sequence: 1, madeAt: START }, tokens))
    const second = newer.journal.intend(recordOf({ sequence: 2, madeAt: START + 1 }))
    newer.store.close()
    const path = freshFile()
    const db = new DatabaseSync(path)
    db.exec(`${MIGRATIONS[0] ?? ''}; pragma user_version = 1; attach '${newer.path}' as newer`)
    const columns = 'id, card_key, sequence, order_key, undoes, state, made_at, sealed, shown'
    db.exec(`
      insert into record (${columns}) select ${columns} from newer.record;
      insert into state select * from newer.state;
      insert into token select * from newer.token;
      insert into token_use select * from newer.token_use;`)
    db.close()

    const { store, journal } = openJournal(path)
    expect(listRecords(store, 9)).toEqual([second, first])
    journal.confirm(first.id)
    expect(attempt(() => journal.intend(recordOf({ sequence: 2, madeAt: START + 2 })))).toBe(
      'sequence_signed',
    )
    expect(journal.tokensFor([{ product: 3, quantity: 1 }])).toBeUndefined()
    expect(journal.intend(recordOf({ sequence: 3, madeAt: START + 2 })).id).toBe(3)
    store.close()
    const after = new DatabaseSync(path)
    expect(after.prepare('pragma foreign_key_check').all()).toEqual([])
    expect(after.prepare('select count(*) as count from unreported').get()).toEqual({ count: 3 })
    after.close()
  })
})

/** A record like the first but for this. */
function insertion(change: Readonly<Record<string, string | number>>): string {
  const row = { undoes: 0, signs: 1, order_key: 'zeroblob(32)', state: `'intended'`, ...change }
  return `insert into record (card_key, sealed, ${Object.keys(row).join(', ')})
    select card_key, sealed, ${Object.values(row).join(', ')} from record where id = 1`
}

describe('a cut', () => {
  test('at any write leaves the write whole or undone, and the till dead', () => {
    /** Why it stopped, and why it does not go on. */
    const script = (path: string, { fuse }: ReturnType<typeof countingFuse>): unknown[] => {
      const store = storeAt(path, fuse)
      try {
        const journal = journalOf(store, clockAt())
        const tokens = stock(store, tokenBytes(1))
        const { id } = journal.intend(
          recordOf({ sequence: 1, orderId: 'a', madeAt: START }, tokens),
        )
        journal.confirm(id)
        const second = journal.intend(recordOf({ sequence: 2, orderId: 'b', madeAt: START + 1 }))
        giveUpOrder(store, 'b')
        journal.void(second.id)
        store.close()
        return []
      } catch (error) {
        return [
          error,
          failureOf(() => listRecords(store, 1)),
          failureOf(() => store.write('more', () => undefined)),
        ]
      }
    }
    const uncut = countingFuse()
    expect(script(freshFile(), uncut)).toEqual([])
    expect(uncut.passed).toEqual(
      ['stock', 'intend', 'confirm', 'intend', 'give-up', 'void'].flatMap((write) => [
        `before ${write}`,
        `after ${write}`,
      ]),
    )

    // What is in the file after k whole writes.
    const states = ['', '', 'a:intended', 'a:confirmed', 'a:confirmed b:intended']
    states.push(`${states[4]}`, 'a:confirmed b:void')
    for (let point = 1; point <= uncut.passed.length; point += 1) {
      const path = freshFile()
      const place = uncut.passed[point - 1]
      const lost = new PowerLost(place)
      expect(script(path, countingFuse(point))).toEqual([lost, lost, lost])
      const { store } = openJournal(path)
      const found = ['a', 'b'].flatMap((order) =>
        listRecordsOfOrder(store, order).map(({ state }) => `${order}:${state}`),
      )
      expect(`${place}: ${found.join(' ')}`).toBe(`${place}: ${states[Math.floor(point / 2)]}`)
      store.close()
    }
    console.log(`journal: ${uncut.passed.length} cut points`)
  })
})

function failureOf(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return error
  }
}
