import type { Bytes } from '../../kernel/bytes.ts'
import { FormatError, invariant } from '../../kernel/errors.ts'
import { toHex } from '../../kernel/bytes.ts'
import type { TillNumber } from '../../kernel/ids.ts'
import { publicKeyFrom, type PublicKey } from '../../kernel/p256.ts'
import { localCoinReader, type CoinReader } from '../coins/reading.ts'
import type { KeyToVerify } from '../registry/keys.ts'
import type { OfficeScheme, Verdict, VerifyContext } from '../scheme.ts'

/** Checks evidence, wherever that is done: here or in worker threads. */
export interface Verifier {
  /** One verdict an item, in the order of the items. */
  verify(job: VerifyJob): Promise<readonly Verdict[]>
  /** Of evidence about coins. */
  readonly coins: CoinReader
  stop(): Promise<void>
}

/** Everything a verification needs, so that it can move to another thread as it is. */
export interface VerifyJob {
  readonly items: readonly { readonly scheme: string; readonly evidence: Bytes }[]
  readonly keys: readonly KeyToVerify[]
  /** By the name of the scheme. */
  readonly secrets: Readonly<Record<string, Bytes>>
}

/** The whole of a job, in this thread. Pure. */
export function runVerifyJob(schemes: readonly OfficeScheme[], job: VerifyJob): Verdict[] {
  const keyOf = keyRing(job.keys)
  const byName = new Map(schemes.map((scheme) => [scheme.name, scheme]))
  return job.items.map(({ scheme: name, evidence }) => {
    const scheme = byName.get(name)
    if (!scheme) return { ok: false, reason: 'unknown_scheme' }
    const secrets = job.secrets[name]
    invariant(secrets !== undefined, `the office has secrets of the scheme ${name}`)
    return verdictOf(scheme, evidence, { secrets, keyOf })
  })
}

/** Imported keys by their bytes: importing one costs as much as using it. */
const imported = new Map<string, PublicKey>()

function importKey(bytes: Uint8Array): PublicKey {
  const name = toHex(bytes)
  const known = imported.get(name)
  if (known) return known
  const key = publicKeyFrom(bytes)
  imported.set(name, key)
  return key
}

/** Imports a key when it is asked for. */
function keyRing(keys: readonly KeyToVerify[]): VerifyContext['keyOf'] {
  const ring = new Map(keys.map((key) => [keyName(key.maker, key.generation), key]))
  const opened = new Map<number, PublicKey>()
  return (maker, generation) => {
    const name = keyName(maker, generation)
    const known = opened.get(name)
    if (known) return known
    const listed = ring.get(name)
    if (!listed) return undefined
    const key = importKey(listed.publicKey)
    opened.set(name, key)
    return key
  }
}

/** Generations are 16-bit, tills 32-bit: together less than 2^53. */
function keyName(maker: TillNumber, generation: number): number {
  return maker * 0x1_0000 + generation
}

function verdictOf(scheme: OfficeScheme, evidence: Bytes, context: VerifyContext): Verdict {
  try {
    return scheme.verify(evidence, context)
  } catch (error) {
    if (error instanceof FormatError) return { ok: false, reason: `malformed: ${error.message}` }
    throw error
  }
}

/** Verifies in the caller's thread: for a simulated town, where there is nothing to wait for. */
export function localVerifier(schemes: readonly OfficeScheme[]): Verifier {
  return {
    verify: async (job) => runVerifyJob(schemes, job),
    coins: localCoinReader(schemes),
    stop: async () => {},
  }
}
