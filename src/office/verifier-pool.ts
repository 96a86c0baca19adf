import { Piscina } from 'piscina'
import type { Verdict } from './scheme.ts'
import type { Verifier, VerifyJob } from './verifier.ts'

/** Long enough to be worth the way to another thread, short enough to share one batch out. */
const CHUNK = 250

/**
 * Verifies in worker threads.
 *
 * @param worker module whose default export takes a {@link VerifyJob} and gives its verdicts.
 */
export function poolVerifier(worker: URL, threads: number): Verifier {
  const pool = new Piscina<VerifyJob, Verdict[]>({
    filename: worker.href,
    minThreads: threads,
    maxThreads: threads,
  })
  return {
    async verify({ items, ...context }) {
      const chunks: VerifyJob[] = []
      for (let start = 0; start < items.length; start += CHUNK) {
        chunks.push({ items: items.slice(start, start + CHUNK), ...context })
      }
      const verdicts = await Promise.all(chunks.map((chunk) => pool.run(chunk)))
      return verdicts.flat()
    },
    stop: () => pool.destroy(),
  }
}
