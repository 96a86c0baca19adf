import { BATCH_PATH, tillKeyId } from '../kernel/batch.ts'
import type { Bytes } from '../kernel/bytes.ts'
import { decodeDocuments, DOCUMENTS_PATH, signDocumentRequest } from '../kernel/documents.ts'
import { FormatError } from '../kernel/errors.ts'
import {
  Unreachable,
  type Clock,
  type Instant,
  type RandomSource,
  type Transport,
  type TransportRequest,
} from '../kernel/ports.ts'
import {
  applyAcknowledgement,
  makeBatch,
  makeBatches,
  nextBatch,
  readAcknowledged,
  type AcknowledgementOutcome,
  type BatchContext,
} from './batch.ts'
import type { DocumentResult, Documents } from './documents.ts'
import type { Identity } from './identity.ts'
import type { Store } from './store.ts'

/**
 * How a synchronisation ended. `unreachable`: nobody answered, or the office was too busy; trying again
 * helps. `refused`: the office will not take what was sent; nothing is lost, and somebody must look.
 * `puzzling`: an answer that no office of ours gives.
 */
export const SYNC_RESULTS = ['unreachable', 'refused', 'puzzling', 'synchronised'] as const
export type SyncResult = (typeof SYNC_RESULTS)[number]

export interface SyncReport {
  readonly result: SyncResult
  /** Batches made now. */
  readonly made: number
  /** Batches that the office now says to hold for good. */
  readonly delivered: number
  readonly documents: readonly DocumentResult[]
  /** For people, if `result` is not `synchronised`. */
  readonly problem: string | undefined
}

export interface SyncParts {
  readonly store: Store
  readonly identity: Identity
  readonly documents: Documents
  readonly clock: Clock
  readonly transport: Transport
  readonly software: Bytes
}

/**
 * Uploads every batch that is made, oldest first, then fetches what is newer. Safe to repeat at any point: a
 * batch is sent until it is acknowledged, always as the same bytes.
 *
 * @param made as {@link makeDueBatches} says: not in here, because that has to be between taps.
 */
export async function syncOnce(parts: SyncParts, made: number): Promise<SyncReport> {
  const progress: Progress = { delivered: 0, documents: [] }
  const failure = (await upload(parts, progress)) ?? (await fetchDocuments(parts, progress))
  return {
    made,
    ...progress,
    result: failure?.result ?? 'synchronised',
    problem: failure?.problem,
  }
}

interface Progress {
  delivered: number
  documents: DocumentResult[]
}

interface Failure {
  readonly result: Exclude<SyncResult, 'synchronised'>
  readonly problem: string
}

export function batchContext({ identity, documents, clock, software }: SyncParts): BatchContext {
  return { identity, now: clock.now(), documents: documents.versions(), software }
}

/**
 * Batches until everything is reported, or a sign of life if one is due. Only between taps: of a record that
 * is stamped and not written down yet no batch may say that it is handed in.
 *
 * @returns how many.
 */
export function makeDueBatches(parts: SyncParts): number {
  const { store } = parts
  const made = makeBatches(store, batchContext(parts))
  if (made > 0 || !isSignOfLifeDue(parts)) return made
  makeBatch(store, batchContext(parts), heardOfficeAt(parts))
  return 1
}

const DAY = 24 * 3600 * 1000

/**
 * A till that sells nothing must not be taken for one that cannot be reached, and what others wait for from
 * all tills not wait for it.
 */
function isSignOfLifeDue({ store, identity, documents, clock }: SyncParts): boolean {
  if (nextBatch(store)) return false
  const most = documents.policy()?.offlineAgeMax ?? null
  const pause = most === null ? DAY : Math.min(DAY, most / 4)
  const since = readAcknowledged(store)?.at ?? identity.enrolledAt
  return clock.now() - since > pause
}

/** By the clock of the two that is behind: every later record is stamped later, and a clock may be wrong. */
function heardOfficeAt({ store, identity, clock }: SyncParts): Instant {
  const { officeTime } = readAcknowledged(store) ?? identity
  return Math.min(clock.now(), officeTime)
}

async function upload(parts: SyncParts, progress: Progress): Promise<Failure | undefined> {
  const { store, identity, clock, transport } = parts
  let fellBehind = false
  for (let batch = nextBatch(store); batch; batch = nextBatch(store)) {
    const before = readAcknowledged(store)?.durableUpTo ?? 0
    const answer = await post(transport, BATCH_PATH, batch.bytes)
    if (answer.failure) return answer.failure
    const arrival = { at: clock.now(), live: true }
    const outcome = applyAcknowledgement(store, answer.body, identity, arrival)
    const after = readAcknowledged(store)?.durableUpTo ?? 0
    progress.delivered += Math.max(0, after - before)
    // An office that came back from a backup falls behind once, and gets again what it lost.
    const lost: boolean = after < before && !fellBehind
    if (after < batch.number && !lost) return noProgress(outcome, batch.number)
    fellBehind ||= lost
  }
  return undefined
}

/** Without this, an office that acknowledges nothing would be asked for ever. */
function noProgress(outcome: AcknowledgementOutcome, number: number): Failure {
  return {
    result: 'puzzling',
    problem: `The office answered batch ${number} with an acknowledgement that is ${outcome} and does not include it.`,
  }
}

async function fetchDocuments(parts: SyncParts, progress: Progress): Promise<Failure | undefined> {
  const { identity, documents, clock, transport } = parts
  const { till, generation, key } = identity
  const request = signDocumentRequest(key, tillKeyId(till, generation), {
    type: 'document-request',
    version: 1,
    till,
    generation,
    madeAt: clock.now(),
    holds: { ...documents.versions() },
  })
  const answer = await post(transport, DOCUMENTS_PATH, request)
  if (answer.failure) return answer.failure
  const received = readList(answer.body)
  if (!received) {
    return {
      result: 'puzzling',
      problem: 'The office answered with something else than documents.',
    }
  }
  progress.documents.push(...received.map((document) => documents.apply(document)))
  return undefined
}

function readList(body: Bytes): readonly Bytes[] | undefined {
  try {
    return decodeDocuments(body)
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}

type Answer = { readonly failure: Failure } | { readonly failure?: undefined; readonly body: Bytes }

async function post(transport: Transport, path: string, body: Bytes): Promise<Answer> {
  const request: TransportRequest = {
    method: 'POST',
    path,
    headers: { 'content-type': 'application/cose' },
    body,
  }
  try {
    const answer = await transport.send(request)
    return answer.status === 200
      ? { body: answer.body }
      : { failure: failureOf(answer.status, answer.body) }
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error
    return {
      failure: { result: 'unreachable', problem: `The office does not answer: ${error.message}` },
    }
  }
}

const TOO_MANY_REQUESTS = 429
const REQUEST_TIMEOUT = 408

function failureOf(status: number, body: Bytes): Failure {
  const said = new TextDecoder().decode(body.subarray(0, 500))
  const busy = status >= 500 || status === TOO_MANY_REQUESTS || status === REQUEST_TIMEOUT
  if (busy)
    return { result: 'unreachable', problem: `The office is not ready (${status}): ${said}` }
  if (status >= 400)
    return { result: 'refused', problem: `The office refused (${status}): ${said}` }
  return { result: 'puzzling', problem: `The office answered with status ${status}.` }
}

const BACKOFF_FIRST = 1000
const BACKOFF_MAX = 300_000

/**
 * Milliseconds to wait before the next attempt: doubled each time, between half and whole, so that
 * tills that lost one network together do not come back together.
 */
export function backoff(failures: number, random: RandomSource): number {
  const longest = Math.min(BACKOFF_MAX, BACKOFF_FIRST * 2 ** Math.min(failures - 1, 20))
  const [high = 0, low = 0] = random.bytes(2)
  const share = (high * 256 + low) / 0xffff
  return Math.round(longest / 2 + (longest / 2) * share)
}
