import { Piscina } from 'piscina'
import type { OfficeScheme, Verdict } from '../scheme.ts'
import type { Verifier, VerifyJob } from './verifier.ts'

/** Long enough to be worth the way to another thread, short enough to start on the next at once. */
const CHUNK = 250

/**
 * Verifies in worker threads, all evidence of one card in the same one.
 *
 * @param worker module whose default export takes a {@link VerifyJob} and gives its verdicts.
 */
export function poolVerifier(
  worker: URL,
  threads: number,
  schemes: readonly OfficeScheme[],
): Verifier {
  const workers = Array.from({ length: threads }, () => {
    return new Piscina<VerifyJob, Verdict[]>({
      filename: worker.href,
      minThreads: 1,
      maxThreads: 1,
    })
  })
  const routeOf = ({ scheme, evidence }: VerifyJob['items'][number]) =>
    schemes.find(({ name }) => name === scheme)?.route(evidence) ?? 0
  return {
    async verify({ items, ...context }) {
      const verdicts: Verdict[] = []
      const queues = Map.groupBy(items.entries(), ([, item]) => routeOf(item) % threads)
      await Promise.all(
        [...queues].flatMap(([thread, queue]) =>
          chunksOf(queue).map(async (chunk) => {
            const job = { items: chunk.map(([, item]) => item), ...context }
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

function chunksOf<T>(queue: readonly T[]): T[][] {
  const chunks: T[][] = []
  for (let start = 0; start < queue.length; start += CHUNK) {
    chunks.push(queue.slice(start, start + CHUNK))
  }
  return chunks
}
