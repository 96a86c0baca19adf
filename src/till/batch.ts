import { z } from 'zod'
import {
  batchDigest,
  BATCH_ITEMS_MAX,
  NO_BATCH,
  openAcknowledgement,
  signBatch,
  type Acknowledgement,
  type Batch,
  type BatchItem,
  type BatchTotals,
  type Outcome,
} from '../kernel/batch.ts'
import { bytesEqual, type Bytes } from '../kernel/bytes.ts'
import { encodeCbor } from '../kernel/cbor.ts'
import type { DocumentVersions } from '../kernel/documents.ts'
import { FormatError } from '../kernel/errors.ts'
import type { Amount } from '../kernel/money.ts'
import type { Instant } from '../kernel/ports.ts'
import { instant, parseCbor } from '../kernel/schema.ts'
import type { Identity } from './identity.ts'
import { listUnreported, wasReported } from './journal.ts'
import type { JournalRecord, RecordKind } from './scheme.ts'
import { readState, writeState, type Store, type Transaction } from './store.ts'

/** Of evidence in one batch: with its frame it stays below the 1 MiB that web servers take by default. */
export const BATCH_EVIDENCE_MAX = 768 * 1024

/** A batch as it was made: the same bytes however often it is sent. */
export interface StoredBatch {
  readonly number: number
  readonly digest: Bytes
  readonly bytes: Bytes
}

export interface BatchContext {
  readonly identity: Identity
  readonly now: Instant
  readonly documents: DocumentVersions
  /** SHA-256 of the program. */
  readonly software: Bytes
}

/** What is known of the newest acknowledgement. */
export interface Acknowledged {
  readonly durableUpTo: number
  /** By the office's clock. */
  readonly officeTime: Instant
  /** When it came, by the till's clock. */
  readonly at: Instant
  /** Whether it came as an answer: its time is then that of the office's clock now. */
  readonly live: boolean
}

const acknowledgedSchema = z.strictObject({
  durableUpTo: z.int().nonnegative(),
  officeTime: instant,
  at: instant,
  live: z.boolean(),
})

export function readAcknowledged(store: Store): Acknowledged | undefined {
  const encoded = readState(store, 'acknowledged')
  return encoded && parseCbor(acknowledgedSchema, encoded, 'acknowledged')
}

interface BatchRow {
  readonly number: number
  readonly digest: Bytes
  readonly up_to_record: number
  readonly complete_up_to: Instant
  readonly sealed: Bytes
}

const BATCH_COLUMNS = 'number, digest, up_to_record, complete_up_to, sealed'

function findLastBatch(store: Store): BatchRow | undefined {
  return store.find(`select ${BATCH_COLUMNS} from batch order by number desc limit 1`) as
    BatchRow | undefined
}

export function lastBatchNumber(store: Store): number {
  return findLastBatch(store)?.number ?? 0
}

/** Batches that the office has not said to hold for good, oldest first. */
export function pendingBatches(store: Store): readonly StoredBatch[] {
  return (
    store.list(
      `select ${BATCH_COLUMNS} from batch where number > ? order by number`,
      readAcknowledged(store)?.durableUpTo ?? 0,
    ) as readonly BatchRow[]
  ).map((row) => readBatch(store, row))
}

/** The oldest of {@link pendingBatches}. */
export function nextBatch(store: Store): StoredBatch | undefined {
  const row = store.find(
    `select ${BATCH_COLUMNS} from batch where number > ? order by number limit 1`,
    readAcknowledged(store)?.durableUpTo ?? 0,
  ) as BatchRow | undefined
  return row && readBatch(store, row)
}

function readBatch(store: Store, { number, digest, sealed }: BatchRow): StoredBatch {
  return { number, digest, bytes: store.unseal(`batch ${number}`, sealed) }
}

/** Records that no batch reports as they are now. */
export function countUnreported(store: Store): number {
  return (
    (store.find('select count(*) as count from unreported') as { count: number } | undefined)
      ?.count ?? 0
  )
}

/**
 * Records that the office does not hold for good as they are now: what would be lost with the till. One
 * that was decided after a batch told of it is one, though two batches tell of it.
 */
export function countUnacknowledged(store: Store): number {
  const row = store.find(
    `select count(*) as count from (
       select record from unreported union select record from batch_item where batch > ?
     )`,
    readAcknowledged(store)?.durableUpTo ?? 0,
  ) as { count: number } | undefined
  return row?.count ?? 0
}

/** The highest record of which the office holds for good that it exists. */
export function acknowledgedRecord(store: Store): number {
  const row = store.find(
    'select coalesce(max(up_to_record), 0) as up_to from batch where number <= ?',
    readAcknowledged(store)?.durableUpTo ?? 0,
  ) as { up_to: number } | undefined
  return row?.up_to ?? 0
}

/**
 * Makes batches until everything is reported: usually one, none if there is nothing to report.
 * Signed and kept before anything is sent, so that what was sent once never changes.
 */
export function makeBatches(store: Store, context: BatchContext): number {
  let made = 0
  while (countUnreported(store) > 0) {
    makeBatch(store, context)
    made += 1
  }
  return made
}

/**
 * One batch, of no items if there is nothing to report: a sign of life.
 *
 * @param quietUpTo that it then declares whole: every later record is stamped later.
 */
export function makeBatch(store: Store, context: BatchContext, quietUpTo = 0): StoredBatch {
  const reports = takeReports(store)
  const last = findLastBatch(store)
  const lastFresh = reports.findLast(({ fresh }) => fresh)?.record
  const quiet = reports.length === 0 ? quietUpTo : 0
  const { till, generation, key } = context.identity
  const batch: Batch = {
    type: 'batch',
    version: 1,
    till,
    generation,
    number: (last?.number ?? 0) + 1,
    previous: last?.digest ?? NO_BATCH,
    madeAt: context.now,
    completeUpTo: lastFresh?.madeAt ?? Math.max(last?.complete_up_to ?? 0, quiet),
    documents: { ...context.documents },
    totals: totalsOf(reports),
    software: context.software,
    items: reports.map(itemOf),
  }
  const bytes = signBatch(key, batch)
  const upToRecord = lastFresh?.id ?? last?.up_to_record ?? 0
  return store.write('batch', (trx) =>
    insertBatch(store, trx, { batch, bytes, reports, upToRecord }),
  )
}

interface Report {
  readonly record: JournalRecord
  readonly outcome: Outcome
  /** Whether no batch reported this record before. */
  readonly fresh: boolean
}

/** Lowest record first: what was not reported before is then a run without gaps. */
function takeReports(store: Store): readonly Report[] {
  const reports: Report[] = []
  let size = 0
  for (const record of listUnreported(store, BATCH_ITEMS_MAX)) {
    size += record.evidence.length
    if (size > BATCH_EVIDENCE_MAX && reports.length > 0) break
    reports.push({
      record,
      outcome: OUTCOME_OF[record.state],
      fresh: !wasReported(store, record.id),
    })
  }
  return reports
}

const OUTCOME_OF: Readonly<Record<JournalRecord['state'], Outcome>> = {
  intended: 'unconfirmed',
  confirmed: 'confirmed',
  void: 'void',
}

function itemOf({ record: { scheme, evidence }, outcome }: Report): BatchItem {
  return { scheme, outcome, evidence }
}

function totalsOf(reports: readonly Report[]): BatchTotals {
  const paid = sumOf(reports, 'pay')
  const loaded = sumOf(reports, 'load')
  return { paid, loaded, cash: loaded }
}

function sumOf(reports: readonly Report[], kind: RecordKind): Amount {
  return reports
    .filter(({ record, outcome }) => outcome === 'confirmed' && record.kind === kind)
    .reduce((sum, { record }) => sum + record.amount, 0n)
}

interface NewBatch {
  readonly batch: Batch
  readonly bytes: Bytes
  readonly reports: readonly Report[]
  readonly upToRecord: number
}

function insertBatch(
  store: Store,
  trx: Transaction,
  { batch, bytes, reports, upToRecord }: NewBatch,
): StoredBatch {
  const { number, previous, completeUpTo, madeAt } = batch
  const digest = batchDigest(bytes)
  trx.run(
    `insert into batch (number, digest, previous, up_to_record, complete_up_to, items, made_at, sealed)
     values (?, ?, ?, ?, ?, ?, ?, ?)`,
    number,
    digest,
    previous,
    upToRecord,
    completeUpTo,
    reports.length,
    madeAt,
    store.seal(`batch ${number}`, bytes),
  )
  for (const [position, { record, outcome }] of reports.entries()) {
    trx.run(
      'insert into batch_item (batch, position, record, outcome) values (?, ?, ?, ?)',
      number,
      position,
      record.id,
      outcome,
    )
  }
  return { number, digest, bytes }
}

/**
 * What became of an acknowledgement. The order is the order of the checks; only `taken` changes anything.
 * `stale`: older than the newest, and says nothing that is not known; repeats are harmless.
 */
export const ACKNOWLEDGEMENT_OUTCOMES = [
  'unreadable',
  'for_another_till',
  'unknown_batch',
  'other_digest',
  'stale',
  'taken',
] as const
export type AcknowledgementOutcome = (typeof ACKNOWLEDGEMENT_OUTCOMES)[number]

/** Never throws for what is in `received`: it may have come on anybody's USB stick. */
export function applyAcknowledgement(
  store: Store,
  received: Bytes,
  identity: Identity,
  { at, live }: Pick<Acknowledged, 'at' | 'live'>,
): AcknowledgementOutcome {
  const acknowledgement = readAcknowledgement(received, identity)
  if (!acknowledgement) return 'unreadable'
  const refusal = findRefusal(store, acknowledgement, identity)
  if (refusal) return refusal

  const { durableUpTo, officeTime } = acknowledgement
  store.write('acknowledgement', (trx) =>
    writeState(store, trx, 'acknowledged', encodeCbor({ durableUpTo, officeTime, at, live })),
  )
  return 'taken'
}

function readAcknowledgement(received: Bytes, identity: Identity): Acknowledgement | undefined {
  try {
    return openAcknowledgement(received, identity.officeKey)
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}

function findRefusal(
  store: Store,
  { till, number, digest, durableUpTo, officeTime }: Acknowledgement,
  identity: Identity,
): AcknowledgementOutcome | undefined {
  if (till !== identity.till) return 'for_another_till'
  if (durableUpTo > lastBatchNumber(store)) return 'unknown_batch'
  const ours = store.find('select digest from batch where number = ?', number) as
    { digest: Bytes } | undefined
  if (!ours) return 'unknown_batch'
  if (!bytesEqual(ours.digest, digest)) return 'other_digest'
  const held = readAcknowledged(store)
  // An office that was restored from a backup says less than before, later: it gets its batches again.
  const news = !held || durableUpTo > held.durableUpTo || officeTime > held.officeTime
  return news ? undefined : 'stale'
}
