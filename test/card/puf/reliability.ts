import { expect, test } from 'vitest'
import { utf8 } from '../../../src/kernel/bytes.ts'
import { failureRate, fuzzyExtractor } from '../../../src/card/puf/fuzzy-extractor.ts'
import { enrol, NoisyPuf } from '../../../src/card/puf/noisy-puf.ts'
import { keystream } from './silicon.ts'

/** How many of so many readings fail if each does with that probability, with 5 standard deviations. */
function expectedRange(reads: number, rate: number): readonly [number, number] {
  const spread = 5 * Math.sqrt(reads * rate) + 5 * rate
  return [Math.floor(reads * rate - spread), Math.ceil(reads * rate + spread)]
}

/**
 * Reads a key again and again through the whole decoder and holds the failures against the binomial
 * rate. Without a repetition code as well: there the rates are large enough to be seen.
 */
export function defineReliability(readsOf: { readonly 1: number; readonly 3: number }): void {
  for (const repetition of [1, 3] as const) {
    const reads = readsOf[repetition]
    for (const bitErrorRate of [0.03, 0.05, 0.1]) {
      const percent = Math.round(bitErrorRate * 100)
      test(`${reads} keys from ${percent} % wrong bits, repetition ${repetition}`, () => {
        const noise = keystream(`noise ${repetition} ${percent}`)
        const extractor = fuzzyExtractor(repetition)
        const { responseBits } = extractor
        const structure = utf8('one device')
        const device = { structure, responseBits, noise }
        const puf = new NoisyPuf({ ...device, bitErrorRate })
        const challenge = utf8('key')
        // The rate is one of readings against what the device would say without noise.
        const reference = new NoisyPuf({ ...device, bitErrorRate: 0 }).read(challenge)
        const { key, helper } = extractor.generate(reference, noise)
        let failures = 0
        for (let read = 0; read < reads; read++) {
          const found = extractor.reproduce(puf.read(challenge), helper)
          if (!found) failures++
          else if (Buffer.compare(found, key) !== 0) expect.fail('a wrong key passed its check')
        }
        const rate = failureRate(repetition, bitErrorRate)
        const [least, most] = expectedRange(reads, rate)
        console.log(
          `${percent} %, repetition ${repetition}: ${failures} of ${reads} failed, computed ${rate.toExponential(2)}`,
        )
        expect(failures).toBeGreaterThanOrEqual(least)
        expect(failures).toBeLessThanOrEqual(most)
        expect(enrol(puf, challenge)).toHaveLength(reference.length)
      })
    }
  }
}
