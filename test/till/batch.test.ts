import { DatabaseSync } from 'node:sqlite'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeBatch,
  NO_BATCH,
  verifyBatch,
  type Acknowledgement,
  type Batch,
} from '../../src/kernel/batch.ts'
import { bytesEqual, utf8, type Bytes } from '../../src/kernel/bytes.ts'
import { sha256 } from '../../src/kernel/hash.ts'
import { generatePrivateKey } from '../../src/kernel/p256.ts'
import {
  ACKNOWLEDGEMENT_OUTCOMES,
  acknowledgedRecord,
  applyAcknowledgement,
  BATCH_EVIDENCE_MAX,
  countUnacknowledged,
  countUnreported,
  lastBatchNumber,
  makeBatch,
  makeBatches,
  pendingBatches,
  readAcknowledged,
  type AcknowledgementOutcome,
} from '../../src/till/batch.ts'
import { countingFuse, PowerLost } from '../../src/till/fuse.ts'
import { journalOf, listRecords } from '../../src/till/journal.ts'
import type { Store } from '../../src/till/store.ts'
import { usageMeter } from '../../src/till/usage.ts'
import {
  batchContextOf,
  cardNumber,
  clockAt,
  freshFile,
  recordOf,
  SmallOffice,
  START,
  storeAt,
} from './support.ts'

const office = new SmallOffice(clockAt())
const context = batchContextOf(office.key.publicKey)
const { identity } = context
const { key } = identity
const ARRIVAL = { at: START + 5, live: true }

function contents(store: Store): readonly Batch[] {
  return pendingBatches(store).map(({ bytes }) => decodeBatch(bytes).batch)
}

/** What an office says that holds everything up to the batch. */
function acknowledgement(batch: Bytes, change: Partial<Acknowledgement> = {}): Bytes {
  const received = decodeBatch(batch)
  return office.acknowledge(received, { durableUpTo: received.batch.number, ...change })
}

describe('a batch', () => {
  test('tells of every record once, and again when more is known', () => {
    const store = storeAt(freshFile())
    const journal = journalOf(store, clockAt())
    const [a, b, c, d] = [1, 2, 3, 4].map((sequence) =>
      journal.intend(recordOf({ sequence, madeAt: journal.stamp() })),
    )
    journal.confirm(a?.id ?? 0)
    journal.void(d?.id ?? 0)
    expect(makeBatches(store, context)).toBe(1)
    expect(makeBatches(store, context)).toBe(0)
    journal.confirm(b?.id ?? 0)
    journal.void(c?.id ?? 0)
    journal.void(a?.id ?? 0) // changes nothing: it was confirmed
    const e = journal.intend(recordOf({ sequence: 5, kind: 'load', madeAt: journal.stamp() }))
    expect(makeBatches(store, context)).toBe(1)

    const [first, second] = contents(store)
    expect(first?.items.map(({ outcome }) => outcome)).toEqual([
      'confirmed',
      'unconfirmed',
      'unconfirmed',
      'void',
    ])
    expect(second?.items.map(({ outcome }) => outcome)).toEqual([
      'confirmed',
      'void',
      'unconfirmed',
    ])
    expect(second?.items.map(({ evidence }) => evidence)).toEqual([
      b?.evidence,
      c?.evidence,
      e.evidence,
    ])
    // Counted is what the batch itself reports as confirmed: that can be checked with it alone.
    expect(first?.totals).toEqual({ paid: 500n, loaded: 0n, cash: 0n })
    expect(second?.totals).toEqual({ paid: 500n, loaded: 0n, cash: 0n })
    expect(first?.completeUpTo).toBe(d?.madeAt)
    expect(second?.completeUpTo).toBe(e.madeAt)
    expect([first?.previous, second?.previous]).toEqual([
      NO_BATCH,
      pendingBatches(store)[0]?.digest,
    ])
  })

  test('is the same bytes whenever it is sent, also by the next program and by another key', () => {
    const path = freshFile()
    const store = storeAt(path)
    const journal = journalOf(store, clockAt())
    journal.intend(recordOf({ madeAt: journal.stamp() }))
    makeBatches(store, context)
    const before = pendingBatches(store)
    store.close()
    const reopened = storeAt(path)
    const renewed = { ...identity, generation: 2, key: generatePrivateKey() }
    makeBatches(reopened, { ...context, identity: renewed, now: START + 99 })
    expect(pendingBatches(reopened)).toEqual(before)
  })

  test('holds at most 1000 items, and is complete up to its own last record', () => {
    const store = storeAt(freshFile())
    const journal = journalOf(store, clockAt())
    for (let sequence = 0; sequence < 2001; sequence += 1) {
      journal.intend(recordOf({ sequence, madeAt: START + sequence }))
    }
    expect(makeBatches(store, context)).toBe(3)
    const made = contents(store)
    expect(made.map(({ items }) => items.length)).toEqual([1000, 1000, 1])
    expect(made.map(({ completeUpTo }) => completeUpTo - START)).toEqual([999, 1999, 2000])
  })

  test('fits into the request bodies that servers take', () => {
    const store = storeAt(freshFile())
    const journal = journalOf(store, clockAt())
    const evidence = new Uint8Array(16_384)
    for (let sequence = 0; sequence < 60; sequence += 1) {
      journal.intend(recordOf({ sequence, evidence, madeAt: journal.stamp() }))
    }
    expect(makeBatches(store, context)).toBe(2)
    for (const { bytes } of pendingBatches(store)) {
      expect(bytes.length).toBeLessThan(BATCH_EVIDENCE_MAX + 32_768)
    }
  })

  test('without items is a sign of life', () => {
    const store = storeAt(freshFile())
    makeBatch(store, context)
    expect(contents(store)).toMatchObject([{ number: 1, items: [], completeUpTo: 0 }])
    expect(countUnacknowledged(store)).toBe(0)
  })
})

describe('the file', () => {
  const copy = (change: Readonly<Record<string, string | number>>): string => {
    const row = {
      number: 'number + 1',
      digest: 'zeroblob(32)',
      previous: 'digest',
      up_to_record: 'up_to_record',
      complete_up_to: 'complete_up_to',
      ...change,
    }
    return `insert into batch (items, made_at, sealed, ${Object.keys(row).join(', ')})
      select items, made_at, sealed, ${Object.values(row).join(', ')} from batch where number = 2`
  }

  // What our code never does, done behind its back.
  test.each([
    [copy({ number: 4 }), 'right after the one before'],
    [copy({ number: 2 }), 'right after the one before'],
    [copy({ previous: 'previous' }), 'right after the one before'],
    [copy({ previous: 'zeroblob(32)' }), 'right after the one before'],
    [copy({ up_to_record: 1 }), 'right after the one before'],
    [copy({ complete_up_to: 'complete_up_to - 1' }), 'right after the one before'],
    [copy({ digest: 'digest' }), 'UNIQUE constraint failed: batch.digest'],
    ['delete from batch where number = 2', 'for good'],
    ['update batch set sealed = zeroblob(1)', 'does not change'],
    ['delete from batch_item', 'stays reported'],
    [`update batch_item set outcome = 'void'`, 'stays reported'],
    [`insert into batch_item values (2, 9, 1, 'unconfirmed')`, 'UNIQUE constraint'],
    [`insert into batch_item values (9, 0, 1, 'void')`, 'FOREIGN KEY'],
    [`insert into batch_item values (2, 9, 1, 'lost')`, 'CHECK constraint'],
  ])('forbids: %s', (sql, message) => {
    const path = freshFile()
    const store = storeAt(path)
    const journal = journalOf(store, clockAt())
    for (const sequence of [1, 2]) {
      journal.intend(recordOf({ sequence, madeAt: journal.stamp() }))
      makeBatch(store, context)
    }
    store.close()
    const db = new DatabaseSync(path)
    db.exec('begin')
    expect(() => db.exec(copy({}))).not.toThrow()
    db.exec('rollback')
    expect(() => db.exec(sql)).toThrow(message)
    db.close()
  })
})

describe('an acknowledgement', () => {
  const shown = new Set<AcknowledgementOutcome>()
  const other = generatePrivateKey()

  /** Three batches are made, and the office has said at START that it holds two. */
  const rows: readonly (readonly [AcknowledgementOutcome, string, Partial<Acknowledgement>])[] = [
    ['for_another_till', 'another till', { till: 8 }],
    ['for_another_till', 'another till and batch', { till: 8, number: 99 }],
    ['unknown_batch', 'a batch never made', { number: 4, durableUpTo: 3 }],
    ['unknown_batch', 'durable beyond what was made', { durableUpTo: 4 }],
    ['unknown_batch', 'and of another digest', { durableUpTo: 4, digest: sha256(utf8('x')) }],
    ['other_digest', 'another digest', { digest: sha256(utf8('x')) }],
    ['other_digest', 'an older one with another digest', { digest: NO_BATCH, durableUpTo: 1 }],
    ['stale', 'a repeat', { durableUpTo: 2 }],
    ['stale', 'an older one', { durableUpTo: 1, officeTime: START - 1 }],
    ['taken', 'a newer one', { durableUpTo: 3, officeTime: START + 1 }],
    ['taken', 'more, from a clock that went back', { durableUpTo: 3, officeTime: START - 9 }],
    ['taken', 'the same, later', { durableUpTo: 2, officeTime: START + 1 }],
    ['taken', 'less, later: an office from its backup', { durableUpTo: 1, officeTime: START + 1 }],
  ]

  function threeBatches() {
    const store = storeAt(freshFile())
    const journal = journalOf(store, clockAt())
    const batches = [1, 2, 3].map((sequence) => {
      journal.intend(recordOf({ sequence, madeAt: journal.stamp() }))
      return makeBatch(store, context)
    })
    const [, second, third] = batches
    if (!second || !third) throw new Error('three were made')
    expect(applyAcknowledgement(store, acknowledgement(second.bytes), identity, ARRIVAL)).toBe(
      'taken',
    )
    return { store, third }
  }

  test.each(rows)('%s: %s', (expected, _name, change) => {
    shown.add(expected)
    const { store, third } = threeBatches()
    const before = readAcknowledged(store)
    const outcome = applyAcknowledgement(store, acknowledgement(third.bytes, change), identity, {
      at: START + 50,
      live: false,
    })
    expect(outcome).toBe(expected)
    const { durableUpTo: said = 3, officeTime = START } = change
    const taken = { durableUpTo: said, officeTime, at: START + 50, live: false }
    expect(readAcknowledged(store)).toEqual(expected === 'taken' ? taken : before)
    const durableUpTo = expected === 'taken' ? said : 2
    expect(pendingBatches(store).map(({ number }) => number)).toEqual(
      [1, 2, 3].filter((number) => number > durableUpTo),
    )
    expect(countUnacknowledged(store)).toBe(3 - durableUpTo)
    expect(acknowledgedRecord(store)).toBe(durableUpTo)
  })

  test('that the office did not sign is unreadable', () => {
    shown.add('unreadable')
    const { store, third } = threeBatches()
    const foreign = { ...identity, officeKey: other.publicKey }
    const received = acknowledgement(third.bytes)
    expect(applyAcknowledgement(store, received, foreign, ARRIVAL)).toBe('unreadable')
    expect(applyAcknowledgement(store, third.bytes, identity, ARRIVAL)).toBe('unreadable')
    expect(applyAcknowledgement(store, utf8('thanks'), identity, ARRIVAL)).toBe('unreadable')
  })

  test('and every outcome was shown', () => {
    expect([...shown].toSorted()).toEqual(ACKNOWLEDGEMENT_OUTCOMES.toSorted())
  })
})

describe('usage', () => {
  test('counts payments that are not acknowledged and not void', () => {
    const store = storeAt(freshFile())
    const journal = journalOf(store, clockAt())
    const meter = usageMeter(store)
    const read = () => meter(acknowledgedRecord(store))
    const add = (sequence: number, amount: bigint, kind: 'pay' | 'load' = 'pay') =>
      journal.intend(recordOf({ sequence, amount, kind, madeAt: journal.stamp() })).id
    const first = add(1, 100n)
    expect(read()).toEqual({ payments: 1, amount: 100n })
    journal.confirm(first)
    const second = add(2, 20n)
    add(3, 5000n, 'load')
    expect(read()).toEqual({ payments: 2, amount: 120n })
    journal.void(second)
    expect(read()).toEqual({ payments: 1, amount: 100n })
    const batch = makeBatch(store, context)
    expect(read()).toEqual({ payments: 1, amount: 100n }) // sent is not yet held
    add(4, 3n)
    applyAcknowledgement(store, acknowledgement(batch.bytes), identity, ARRIVAL)
    expect(read()).toEqual({ payments: 1, amount: 3n })
  })
})

type Step =
  | { readonly do: 'intend'; readonly card: number }
  | { readonly do: 'confirm' | 'void'; readonly pick: number }
  | { readonly do: 'batch' }
  | { readonly do: 'send'; readonly pick: number; readonly arrives: boolean }
  | { readonly do: 'acknowledgement'; readonly pick: number }
  | { readonly do: 'restart' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('intend' as const), card: fc.nat(3) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('confirm' as const, 'void' as const),
      pick: fc.nat(),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ do: 'batch' as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      pick: fc.nat(),
      arrives: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('acknowledgement' as const), pick: fc.nat() }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
)

describe('whatever the order of intents, outcomes, batches, acknowledgements, cuts', () => {
  test('each record is reported in its end state, and what was said stays true', () => {
    let cuts = 0
    fc.assert(
      fc.property(
        fc.array(fc.tuple(step, fc.option(fc.integer({ min: 1, max: 2 }), { freq: 6 })), {
          maxLength: 60,
        }),
        fc.array(fc.integer({ min: -5000, max: 5000 }), { minLength: 1, maxLength: 5 }),
        (steps, clockJumps) => {
          cuts += playSteps(steps, clockJumps)
        },
      ),
      { numRuns: 150 },
    )
    console.log(`batches: ${cuts} cuts survived`)
    expect(cuts).toBeGreaterThan(100)
  })
})

function playSteps(steps: readonly (readonly [Step, number | null])[], jumps: readonly number[]) {
  const path = freshFile()
  const counter = countingFuse()
  const clock = clockAt()
  const held = new Map<number, Bytes>()
  const answers: Bytes[] = []
  let store = storeAt(path, counter.fuse)
  let sequence = 0
  let cuts = 0

  const durable = () => {
    let number = 0
    while (held.has(number + 1)) number += 1
    return number
  }

  const carryOut = (action: Step, turn: number): void => {
    const journal = journalOf(store, clock)
    clock.set(START + turn + (jumps[turn % jumps.length] ?? 0))
    switch (action.do) {
      case 'intend':
        sequence += 1
        journal.intend(
          recordOf({ card: cardNumber(action.card), sequence, madeAt: journal.stamp() }),
        )
        break
      case 'confirm':
      case 'void': {
        const records = listRecords(store, 99)
        const record = records[action.pick % Math.max(1, records.length)]
        if (record) journal[action.do](record.id)
        break
      }
      case 'batch':
        makeBatch(store, { ...context, now: clock.now() })
        break
      case 'send': {
        const pending = pendingBatches(store)
        const batch = pending[action.pick % Math.max(1, pending.length)]
        if (!batch) break
        const known = held.get(batch.number)
        insist(known === undefined || bytesEqual(known, batch.bytes), 'sent the same again')
        held.set(batch.number, batch.bytes)
        answers.push(
          acknowledgement(batch.bytes, { durableUpTo: durable(), officeTime: START + turn }),
        )
        if (action.arrives) carryOut({ do: 'acknowledgement', pick: answers.length - 1 }, turn)
        break
      }
      case 'acknowledgement': {
        const answer = answers[action.pick % Math.max(1, answers.length)]
        if (!answer) break
        const outcome = applyAcknowledgement(store, answer, identity, {
          at: clock.now(),
          live: true,
        })
        insist(outcome === 'taken' || outcome === 'stale', 'understood the office')
        break
      }
      case 'restart':
        store.close()
        store = storeAt(path, counter.fuse)
        break
    }
  }

  for (const [turn, [action, cutIn]] of steps.entries()) {
    counter.arm(cutIn ?? undefined)
    try {
      carryOut(action, turn)
    } catch (error) {
      if (!(error instanceof PowerLost)) throw error
      cuts += 1
      store = storeAt(path, counter.fuse)
    }
    counter.arm(undefined)
  }

  carryOut({ do: 'batch' }, steps.length)
  makeBatches(store, context)
  for (const { number, bytes } of pendingBatches(store)) held.set(number, bytes)
  checkEnd(store, held)
  store.close()
  return cuts
}

function insist(condition: boolean, promise: string): void {
  if (!condition) throw new Error(`not kept: ${promise}`)
}

function checkEnd(store: Store, held: ReadonlyMap<number, Bytes>): void {
  expect(countUnreported(store)).toBe(0)
  const numbers = Array.from({ length: lastBatchNumber(store) }, (_, index) => index + 1)
  expect([...held.keys()].toSorted((a, b) => a - b)).toEqual(numbers)

  const records = new Map(listRecords(store, 999).map((record) => [evidenceText(record), record]))
  const told = new Map<string, string[]>()
  let previous: Bytes = NO_BATCH
  let paid = 0n
  for (const number of numbers) {
    const received = decodeBatch(held.get(number) ?? new Uint8Array())
    const { batch } = received
    expect(verifyBatch(received, key.publicKey)).toBe(true)
    expect([batch.number, batch.previous]).toEqual([number, previous])
    previous = received.digest
    paid += batch.totals.paid
    for (const item of batch.items) {
      const name = evidenceText(item)
      told.set(name, [...(told.get(name) ?? []), item.outcome])
    }
    // The promise that makes a withheld record provable.
    for (const [name, { madeAt }] of records) {
      if (madeAt <= batch.completeUpTo) expect(told.has(name)).toBe(true)
    }
  }

  const counted = [...records].filter(([, { state }]) => state === 'confirmed')
  expect(paid).toBe(counted.reduce((sum, [, { amount }]) => sum + amount, 0n))
  expect(told.size).toBe(records.size)
  for (const [name, { state }] of records) {
    const outcomes = told.get(name) ?? []
    expect(outcomes.at(-1)).toBe(state === 'intended' ? 'unconfirmed' : state)
    expect(new Set(outcomes).size).toBe(outcomes.length)
    expect(outcomes.slice(0, -1).every((outcome) => outcome === 'unconfirmed')).toBe(true)
  }
}

function evidenceText({ evidence }: { readonly evidence: Bytes }): string {
  return new TextDecoder().decode(evidence)
}
