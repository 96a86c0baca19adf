import { fuzzyExtractor } from '../src/card/puf/fuzzy-extractor.ts'
import { NoisyPuf } from '../src/card/puf/noisy-puf.ts'
import { utf8 } from '../src/kernel/bytes.ts'
import { keystream } from '../test/card/puf/silicon.ts'

/** As coins are made with. */
const BIT_ERROR_RATE = 0.05

/** Readings of a key a second, each corrected: what a campaign over a million of them takes. */
export function readingsPerSecond(readings: number): number {
  const noise = keystream('bench')
  const extractor = fuzzyExtractor()
  const { responseBits } = extractor
  const puf = new NoisyPuf({
    structure: utf8('one device'),
    responseBits,
    noise,
    bitErrorRate: BIT_ERROR_RATE,
  })
  const challenge = utf8('key')
  const { helper } = extractor.generate(puf.read(challenge), noise)
  const start = performance.now()
  for (let n = 0; n < readings; n += 1) extractor.reproduce(puf.read(challenge), helper)
  return (1000 * readings) / (performance.now() - start)
}
