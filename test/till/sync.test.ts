import { describe, expect, test } from 'vitest'
import { BATCH_PATH } from '../../src/kernel/batch.ts'
import { utf8 } from '../../src/kernel/bytes.ts'
import { DOCUMENTS_PATH } from '../../src/kernel/documents.ts'
import type { RandomSource, Transport, TransportRequest } from '../../src/kernel/ports.ts'
import { networkSwitch } from '../../src/till/network.ts'
import { backoff, SYNC_RESULTS } from '../../src/till/sync.ts'
import type { TillScheme } from '../../src/till/scheme.ts'
import type { Till } from '../../src/till/till.ts'
import {
  clockAt,
  enrolledTill,
  freshFile,
  policyDocument,
  SmallOffice,
  START,
  tillAt,
  tokensDocument,
} from './support.ts'
import { channelTo, pay, ToyCard, toyScheme } from './toy.ts'

const DAY = 24 * 3600 * 1000
const schemes = [toyScheme]

async function openTown(
  change: Parameters<typeof policyDocument>[0] = {},
  known: readonly TillScheme[] = schemes,
) {
  const clock = clockAt()
  const office = new SmallOffice(clock)
  office.documents = [policyDocument(change)]
  const path = freshFile()
  const till = await enrolledTill(office, { path, clock, schemes: known })
  return { clock, office, till, path }
}

async function sell(till: Till, from: number, to = from): Promise<void> {
  const card = new ToyCard(1, 1_000_000n)
  card.content = { ...card.content, sequence: from }
  for (let number = from; number <= to; number += 1) {
    expect(await till.tap(channelTo(card), pay(`order ${number}`))).toMatchObject({
      result: 'done',
    })
  }
}

describe('a synchronisation', () => {
  const shown = new Set<string>()

  test('uploads what is unreported and fetches what is newer', async () => {
    const { till, office } = await openTown()
    await sell(till, 1, 3)
    office.documents = [policyDocument({ paymentMax: 5n }, 2), tokensDocument(2)]
    const report = await till.syncOnce()
    shown.add(report.result)
    expect(report).toMatchObject({ result: 'synchronised', made: 1, delivered: 1 })
    expect(report.documents).toMatchObject([
      { outcome: 'applied', kind: 'policy', version: 2 },
      { outcome: 'applied', kind: 'tokens', version: 1 },
    ])
    expect(till.status).toMatchObject({ queued: 0, lastBatch: 1, policy: { paymentMax: 5n } })
    expect(office.batches.get(1)?.batch.documents).toEqual({
      keys: 0,
      secrets: 0,
      policy: 1,
      hot: 0,
      tokens: 0,
    })
    expect(await till.syncOnce()).toMatchObject({ result: 'synchronised', made: 0, delivered: 0 })
  })

  test('whose answer is lost sends the same bytes again', async () => {
    const { till, office } = await openTown()
    await sell(till, 1)
    office.loseAnswers = 2
    const results = [await till.syncOnce(), await till.syncOnce(), await till.syncOnce()]
    shown.add(results[0]?.result ?? '')
    expect(results.map(({ result }) => result)).toEqual([
      'unreachable',
      'unreachable',
      'synchronised',
    ])
    expect(office.received).toHaveLength(3)
    expect(office.received[1]).toEqual(office.received[0])
    expect(office.received[2]).toEqual(office.received[0])
  })

  test('goes on where the last one stopped, also after a restart', async () => {
    const { till, office, path, clock } = await openTown()
    for (const number of [1, 2, 3]) {
      await sell(till, number)
      till.pendingBatches()
    }
    let left = 1
    const flaky: Transport = {
      send: (request) =>
        left-- > 0 ? office.send(request) : networkSwitch(office, false).transport.send(request),
    }
    till.close()
    const cut = tillAt(flaky, { path, clock, schemes })
    expect(await cut.syncOnce()).toMatchObject({ result: 'unreachable', delivered: 1 })
    cut.close()
    const reopened = tillAt(office, { path, clock, schemes })
    expect(await reopened.syncOnce()).toMatchObject({ result: 'synchronised', delivered: 2 })
    expect(office.received).toHaveLength(3)
  })

  test('counts a record once that was decided after a batch had told of it', async () => {
    const { till, office } = await openTown()
    office.reachable = false
    const card = new ToyCard(1)
    card.tear = { at: 2, carriedOut: true }
    const order = pay('a')
    expect(await till.tap(channelTo(card), order)).toMatchObject({ result: 'unfinished' })
    expect(await till.syncOnce()).toMatchObject({ result: 'unreachable', made: 1 })
    expect(till.status.queued).toBe(1)
    expect(await till.tap(channelTo(card), order)).toMatchObject({ result: 'done' })
    expect(till.status.queued).toBe(1)
    expect(await till.syncOnce()).toMatchObject({ result: 'unreachable', made: 1 })
    expect(till.status).toMatchObject({ queued: 1, lastBatch: 2 })
    office.reachable = true
    expect(await till.syncOnce()).toMatchObject({ result: 'synchronised', delivered: 2 })
    expect(till.status.queued).toBe(0)
  })

  test.each([
    [400, 'refused'],
    [403, 'refused'],
    [408, 'unreachable'],
    [429, 'unreachable'],
    [500, 'unreachable'],
    [503, 'unreachable'],
    [200, 'puzzling'],
    [302, 'puzzling'],
  ] as const)('that is answered with %i is %s, and nothing is lost', async (status, expected) => {
    const { till, office } = await openTown()
    await sell(till, 1)
    office.refuse = { status, body: utf8('because') }
    const report = await till.syncOnce()
    shown.add(report.result)
    expect(report).toMatchObject({ result: expected, delivered: 0 })
    expect(report.problem).toContain(status === 200 ? 'unreadable' : String(status))
    expect(till.status.queued).toBe(1)
    office.refuse = undefined
    expect(await till.syncOnce()).toMatchObject({ result: 'synchronised', delivered: 1 })
  })

  test('and every result was shown', () => {
    expect([...shown].toSorted()).toEqual(SYNC_RESULTS.toSorted())
  })

  test('with an office that acknowledges and never holds anything comes to an end', async () => {
    const { till, office } = await openTown()
    await sell(till, 1)
    office.durableUpTo = () => 0
    expect(await till.syncOnce()).toMatchObject({ result: 'puzzling', delivered: 0 })
    expect(office.received).toHaveLength(1)
  })

  test('with an office that came back from its backup uploads again what it lost', async () => {
    const { till, office, clock } = await openTown()
    for (const number of [1, 2, 3]) {
      await sell(till, number)
      await till.syncOnce()
    }
    for (const lost of [2, 3]) office.batches.delete(lost)
    clock.set(START + 1000)
    await sell(till, 4)
    // It cannot hold batch 4 for good before 2 and 3 have come, and says so.
    expect(await till.syncOnce()).toMatchObject({ result: 'synchronised', delivered: 3 })
    expect(new Set(office.batches.keys())).toEqual(new Set([1, 2, 3, 4]))
  })

  test('of a till that sold nothing is a sign of life before it counts as lost', async () => {
    const { till, office, clock } = await openTown({ offlineAgeMax: 1000 })
    clock.set(START + 250)
    expect(await till.syncOnce()).toMatchObject({ made: 0 })
    clock.set(START + 251)
    expect(await till.syncOnce()).toMatchObject({ made: 1, delivered: 1 })
    expect(office.batches.get(1)?.batch.items).toEqual([])
    expect(till.status.usage.age).toBe(0)
    clock.set(START + 252)
    expect(await till.syncOnce()).toMatchObject({ made: 0 })
  })

  test('of a till that sells nothing declares it whole, once a day', async () => {
    const { till, office, clock } = await openTown()
    const declared = () =>
      [...office.batches.values()].map(({ batch }) => batch.completeUpTo - START)
    clock.set(START + DAY)
    expect(await till.syncOnce()).toMatchObject({ made: 0 })
    clock.set(START + DAY + 1)
    expect(await till.syncOnce()).toMatchObject({ made: 1, delivered: 1 })
    expect(await till.syncOnce()).toMatchObject({ made: 0 })
    clock.set(START + 2 * DAY + 1)
    expect(await till.syncOnce()).toMatchObject({ made: 0 })
    clock.set(START + 2 * DAY + 2)
    office.reachable = false
    expect(await till.syncOnce()).toMatchObject({ result: 'unreachable', made: 1 })
    clock.set(START + 9 * DAY)
    expect(await till.syncOnce()).toMatchObject({ made: 0 })
    office.reachable = true
    expect(await till.syncOnce()).toMatchObject({ made: 0, delivered: 1 })
    // Up to when the office was heard last: at enrolment, then with the first of them.
    expect(declared()).toEqual([0, DAY + 1])

    // What it signs afterwards is later, whatever its clock says.
    clock.set(START + 5)
    await sell(till, 1)
    expect(till.records(1)).toMatchObject([{ madeAt: START + DAY + 2 }])
    await till.syncOnce()
    expect(declared()).toEqual([0, DAY + 1, DAY + 2])
  })

  test('declares nothing while a card is tapped: its record may be stamped already', async () => {
    const [stamped, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const slow: TillScheme = {
      ...toyScheme,
      async perform(channel, order, desk) {
        const madeAt = desk.journal.stamp()
        const early = { ...desk, journal: { ...desk.journal, stamp: () => madeAt } }
        stamped.resolve()
        await go.promise
        return toyScheme.perform(channel, order, early)
      },
    }
    const { till, office, clock } = await openTown({}, [slow])
    for (const days of [1, 2]) {
      clock.set(START + days * DAY + days)
      await till.syncOnce()
    }
    const tapped = till.tap(channelTo(new ToyCard(1)), pay('order 1'))
    await stamped.promise
    clock.set(START + 4 * DAY)
    const synchronised = till.syncOnce()
    go.resolve()
    expect(await tapped).toMatchObject({ result: 'done' })
    expect(await synchronised).toMatchObject({ made: 1, delivered: 1 })
    const [record] = till.records(1)
    expect(office.batches.get(3)?.batch).toMatchObject({ completeUpTo: record?.madeAt })
    expect(office.batches.get(3)?.batch.items).toHaveLength(1)
  })

  test('posts what the protocol says', async () => {
    const { till, office, path, clock } = await openTown()
    await sell(till, 1)
    till.close()
    const requests: TransportRequest[] = []
    const spy: Transport = {
      send: (request) => {
        requests.push(request)
        return office.send(request)
      },
    }
    await tillAt(spy, { path, clock, schemes }).syncOnce()
    const sent = requests.map(({ method, path: to, headers }) => [
      method,
      to,
      headers?.['content-type'],
    ])
    expect(sent).toEqual([
      ['POST', BATCH_PATH, 'application/cose'],
      ['POST', DOCUMENTS_PATH, 'application/cose'],
    ])
  })
})

test('a thousand payments that were made offline go up in one batch', async () => {
  const { till, office } = await openTown()
  office.reachable = false
  await sell(till, 1, 1000)
  expect(await till.syncOnce()).toMatchObject({ result: 'unreachable', made: 1 })
  office.reachable = true
  expect(await till.syncOnce()).toMatchObject({ result: 'synchronised', delivered: 1 })
  expect(till.status).toMatchObject({ queued: 0, lastBatch: 1 })
})

describe('the pause before the next attempt', () => {
  const always = (byte: number): RandomSource => ({
    bytes: (size) => new Uint8Array(size).fill(byte),
  })

  test.each([
    [1, 500, 1000],
    [2, 1000, 2000],
    [5, 8000, 16_000],
    [9, 128_000, 256_000],
    [10, 150_000, 300_000],
    [1000, 150_000, 300_000],
  ])('after %i failures is between %i and %i ms', (failures, least, most) => {
    expect(backoff(failures, always(0))).toBe(least)
    expect(backoff(failures, always(255))).toBe(most)
  })
})

test('a network that is switched off reaches nobody', async () => {
  const { till, office, path, clock } = await openTown()
  till.close()
  const network = networkSwitch(office)
  const switched = tillAt(network.transport, { path, clock, schemes })
  network.set(false)
  expect(await switched.syncOnce()).toMatchObject({ result: 'unreachable' })
  network.set(true)
  expect(await switched.syncOnce()).toMatchObject({ result: 'synchronised' })
})
