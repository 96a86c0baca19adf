import { Piscina } from 'piscina'
import type { Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import {
  runNamed,
  runRead,
  type CoinJob,
  type CoinReader,
  type CoinReadJob,
} from '../coins/reading.ts'
import type { OfficeScheme, Verdict } from '../scheme.ts'
import { runVerifyJob, type Verifier, type VerifyJob } from './verifier.ts'

/** Long enough to be worth the way to another thread, short enough to leave room for others between. */
const CHUNK = 1000

/**
 * The one writer and the database have the cores first: if they fall behind, everything waits for them in
 * the end. Only on Linux is it a thread that nice(2) speaks of, elsewhere the whole process.
 */
const BEHIND_THE_WRITER = process.platform === 'linux' ? { niceIncrement: 5 } : {}

/** Evidence on its way to a thread: in one piece, which is copied as one. */
interface PackedEvidence {
  /** Of each item. */
  readonly sizes: Uint32Array
  readonly evidence: Bytes
}

/** A {@link VerifyJob} on its way to a thread. */
interface PackedJob extends Omit<VerifyJob, 'items'>, PackedEvidence {
  readonly schemes: readonly string[]
}

/** The same of jobs about coins. */
type PackedCoins<Job extends CoinJob> = Omit<Job, 'evidence'> & PackedEvidence

/**
 * What a verification thread does with what it is sent: a worker module exports each under its name.
 */
export function threadTasks(schemes: readonly OfficeScheme[]) {
  return {
    verify: (job: PackedJob) => inOnePiece(runVerifyJob(schemes, unpackJob(job))),
    nameElements: (job: PackedCoins<CoinJob>) =>
      runNamed(schemes, { ...job, evidence: unpack(job) }),
    readCoins: (job: PackedCoins<CoinReadJob>) =>
      runRead(schemes, { ...job, evidence: unpack(job) }),
  }
}

type Tasks = ReturnType<typeof threadTasks>

/**
 * Verifies in worker threads, all evidence of one card in the same one.
 *
 * @param worker module that exports the {@link threadTasks} of the same schemes.
 */
export function poolVerifier(
  worker: URL,
  threads: number,
  schemes: readonly OfficeScheme[],
): Verifier {
  const workers = Array.from({ length: threads }, () => {
    return new Piscina({
      filename: worker.href,
      minThreads: 1,
      maxThreads: 1,
      // What has to wait would else be put behind what came after it, and the writer takes part after part.
      stricterFIFO: true,
      ...BEHIND_THE_WRITER,
    })
  })
  async function run<Name extends keyof Tasks>(
    thread: number,
    name: Name,
    job: Parameters<Tasks[Name]>[0],
  ): Promise<ReturnType<Tasks[Name]>> {
    const pool = workers[thread]
    invariant(pool, `there are ${threads} threads`)
    return pool.run(job, { name })
  }
  /** Each job to the next thread: nothing about one coin helps with another. */
  function coinReader(): CoinReader {
    let turn = 0
    const next = () => turn++ % threads
    return {
      named: ({ evidence, ...job }) => run(next(), 'nameElements', { ...job, ...pack(evidence) }),
      read: ({ evidence, ...job }) => run(next(), 'readCoins', { ...job, ...pack(evidence) }),
    }
  }
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
            const job = packJob({ items: chunk.map(([, item]) => item), ...context })
            const answers = await run(thread, 'verify', job)
            for (const [n, [index]] of chunk.entries()) {
              const verdict = answers[n]
              if (verdict) verdicts[index] = verdict
            }
          }),
        ),
      )
      return verdicts
    },
    coins: coinReader(),
    async stop() {
      await Promise.all(workers.map((thread) => thread.destroy()))
    },
  }
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

function packJob({ items, ...context }: VerifyJob): PackedJob {
  return {
    ...context,
    schemes: items.map(({ scheme }) => scheme),
    ...pack(items.map(({ evidence }) => evidence)),
  }
}

function unpackJob({ schemes, sizes, evidence, ...context }: PackedJob): VerifyJob {
  const items = unpack({ sizes, evidence })
  return {
    ...context,
    items: items.map((one, index) => ({ scheme: schemes[index] ?? '', evidence: one })),
  }
}

function pack(items: readonly Uint8Array[]): PackedEvidence {
  const sizes = Uint32Array.from(items, ({ length }) => length)
  const evidence = new Uint8Array(sizes.reduce((total, size) => total + size, 0))
  let offset = 0
  for (const item of items) {
    evidence.set(item, offset)
    offset += item.length
  }
  return { sizes, evidence }
}

function unpack({ sizes, evidence }: PackedEvidence): readonly Bytes[] {
  let offset = 0
  return Array.from(sizes, (size) => {
    const start = offset
    offset += size
    return evidence.subarray(start, offset)
  })
}

function chunksOf<T>(queue: readonly T[]): T[][] {
  const chunks: T[][] = []
  for (let start = 0; start < queue.length; start += CHUNK) {
    chunks.push(queue.slice(start, start + CHUNK))
  }
  return chunks
}
