import type { Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import type { OfficeScheme } from '../scheme.ts'
import type { Coinage, CoinVerdict, ElementId } from './coinage.ts'

/**
 * Opens and checks evidence about coins, wherever that is done: here or in worker threads. In two steps:
 * between them somebody looks up whom it names.
 */
export interface CoinReader {
  /** Whom each item names: nobody, if it cannot be read. */
  named(job: CoinJob): Promise<readonly (readonly ElementId[])[]>
  /** What each item shows. */
  read(job: CoinReadJob): Promise<readonly CoinVerdict[]>
}

/** Everything that it takes, so that it can move to another thread as it is. */
export interface CoinJob {
  readonly scheme: string
  readonly evidence: readonly Uint8Array[]
  /** Of that scheme. */
  readonly secrets: Bytes
}

export interface CoinReadJob extends CoinJob {
  /** Of elements that the evidence names, as far as known. */
  readonly certificates: readonly Bytes[]
}

/** The whole of a job, in this thread. Pure. */
export function runNamed(
  schemes: readonly OfficeScheme[],
  { scheme, evidence, secrets }: CoinJob,
): readonly (readonly ElementId[])[] {
  const coinage = coinageIn(schemes, scheme)
  return evidence.map((item) => coinage.named(item, secrets))
}

/** The whole of a job, in this thread. Pure. */
export function runRead(
  schemes: readonly OfficeScheme[],
  { scheme, evidence, secrets, certificates }: CoinReadJob,
): readonly CoinVerdict[] {
  const coinage = coinageIn(schemes, scheme)
  return evidence.map((item) => coinage.read(item, secrets, certificates))
}

function coinageIn(schemes: readonly OfficeScheme[], name: string): Coinage {
  const coinage = schemes.find((scheme) => scheme.name === name)?.coinage
  invariant(coinage, `the money of the scheme ${name} is coins`)
  return coinage
}

/** Reads in the caller’s thread. */
export function localCoinReader(schemes: readonly OfficeScheme[]): CoinReader {
  return {
    named: async (job) => runNamed(schemes, job),
    read: async (job) => runRead(schemes, job),
  }
}
