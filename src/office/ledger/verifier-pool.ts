import { Piscina } from 'piscina'
import type { Bytes } from '../../kernel/bytes.ts'
import type { OfficeScheme, Verdict } from '../scheme.ts'
import { runVerifyJob, type Verifier, type VerifyJob } from './verifier.ts'

/** Long enough to be worth the way to another thread, short enough to leave room for others between. */
const CHUNK = 1000

/** A {@link VerifyJob} on its way to a thread: its evidence in one piece, which is copied as one. */
export interface PackedJob extends Omit<VerifyJob, 'items'> {
  readonly schemes: readonly string[]
  /** Of each item's evidence. */
  readonly sizes: Uint32Array
  readonly evidence: Uint8Array
}

/**
 * Verifies in worker threads, all evidence of one card in the same one.
 *
 * @param worker module whose default export is {@link runPackedJob} with the same schemes.
 */
export function poolVerifier(
  worker: URL,
  threads: number,
  schemes: readonly OfficeScheme[],
): Verifier {
  const workers = Array.from({ length: threads }, () => {
    return new Piscina<PackedJob, Verdict[]>({
      filename: worker.href,
      minThreads: 1,
      maxThreads: 1,
    })
  })
  const byName = new Map(schemes.map((scheme) => [scheme.name, scheme]))
  const routeOf = ({ scheme, evidence }: VerifyJob['items'][number]) =>
    byName.get(scheme)?.route(evidence) ?? 0
  return {
    async verify({ items, ...context }) {
      const verdicts: Verdict[] = []
      const queues = Map.groupBy(items.entries(), ([, item]) => routeOf(item) % threads)
      await Promise.all(
        [...queues].flatMap(([thread, queue]) =>
          chunksOf(queue).map(async (chunk) => {
            const job = pack({ items: chunk.map(([, item]) => item), ...context })
            const answers = (await workers[thread]?.run(job)) ?? []
            for (const [n, [index]] of chunk.entries()) {
              const verdict = answers[n]
              if (verdict) verdicts[index] = verdict
            }
          }),
        ),
      )
      return verdicts
    },
    async stop() {
      await Promise.all(workers.map((thread) => thread.destroy()))
    },
  }
}

/** What a verification thread does with what it is sent. */
export function runPackedJob(schemes: readonly OfficeScheme[], job: PackedJob): Verdict[] {
  return inOnePiece(runVerifyJob(schemes, unpack(job)))
}

/** With all their bytes in one buffer: a buffer each takes longer to make and to free than to fill. */
function inOnePiece(verdicts: readonly Verdict[]): Verdict[] {
  const size = verdicts.reduce(
    (total, verdict) =>
      verdict.ok ? total + verdict.entry.proof.length + verdict.entry.disclosure.length : total,
    0,
  )
  const piece = new Uint8Array(size)
  let end = 0
  const move = (bytes: Bytes) => {
    const start = end
    end += bytes.length
    piece.set(bytes, start)
    return piece.subarray(start, end)
  }
  return verdicts.map((verdict) => {
    if (!verdict.ok) return verdict
    const { entry } = verdict
    return {
      ok: true,
      entry: { ...entry, proof: move(entry.proof), disclosure: move(entry.disclosure) },
    }
  })
}

function pack({ items, ...context }: VerifyJob): PackedJob {
  const sizes = Uint32Array.from(items, ({ evidence }) => evidence.length)
  const evidence = new Uint8Array(sizes.reduce((total, size) => total + size, 0))
  let offset = 0
  for (const item of items) {
    evidence.set(item.evidence, offset)
    offset += item.evidence.length
  }
  return { ...context, schemes: items.map(({ scheme }) => scheme), sizes, evidence }
}

function unpack({ schemes, sizes, evidence, ...context }: PackedJob): VerifyJob {
  let offset = 0
  const items = schemes.map((scheme, index) => {
    const start = offset
    offset += sizes[index] ?? 0
    return { scheme, evidence: evidence.subarray(start, offset) }
  })
  return { ...context, items }
}

function chunksOf<T>(queue: readonly T[]): T[][] {
  const chunks: T[][] = []
  for (let start = 0; start < queue.length; start += CHUNK) {
    chunks.push(queue.slice(start, start + CHUNK))
  }
  return chunks
}
