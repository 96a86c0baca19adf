import type { CoinClaim, CoinId, CoinStep, ElementId } from './coinage.ts'
import type { Digest } from '../../kernel/ids.ts'

/** What several items of evidence show together, each against one element. */
export const COIN_CASES = [
  /** One element’s key signed two transfers with one number: there are two of it. */
  'cloned-element',
  /** An element gave the same coin away twice. */
  'coin-spent-twice',
  /** A vendor wants to be paid twice for one coin that he got once. */
  'coin-redeemed-twice',
] as const

export interface Clone {
  readonly giver: ElementId
  readonly sequence: number
  /** Of all transfers that it has signed with that number, in one order. */
  readonly digests: readonly Digest[]
}

/** Which elements have signed two transfers with one number. */
export function clonesAmong(
  steps: readonly Pick<CoinStep, 'giver' | 'sequence' | 'digest'>[],
): readonly Clone[] {
  const byNumber = Map.groupBy(steps, ({ giver, sequence }) => `${giver} ${sequence}`)
  return [...byNumber.values()].flatMap((own) => {
    const [first] = own
    const digests = [...new Set(own.map(({ digest }) => digest))].toSorted()
    if (!first || digests.length < 2) return []
    return [{ giver: first.giver, sequence: first.sequence, digests }]
  })
}

/** A claim, and the evidence that makes it. */
export interface ShownClaim extends CoinClaim {
  readonly evidence: Digest
}

export interface ClaimCase {
  readonly kind: Exclude<(typeof COIN_CASES)[number], 'cloned-element'>
  readonly suspect: ElementId
  readonly coin: CoinId
  /** The items of evidence that show it, in one order. */
  readonly shown: readonly Digest[]
}

export interface Settled {
  /** Who is to be paid; undefined while that cannot be told. */
  readonly creditor: ElementId | undefined
  readonly cases: readonly ClaimCase[]
}

/**
 * Who is owed a coin, from all claims to it, in whatever order they came. One coin is paid once: to the
 * only one who claims it, or the only one of them who is not to blame for there being several.
 */
export function settleCoin(claims: readonly ShownClaim[]): Settled {
  const guilty = new Set<ElementId>()
  const cases = new Map<string, ClaimCase>()
  for (const [index, first] of claims.entries()) {
    for (const second of claims.slice(index + 1)) {
      const found = conflictOf(first, second)
      if (found) guilty.add(found.suspect)
      if (!found || found.kind === 'cloned-element') continue
      const { kind, suspect } = found
      const key = `${kind} ${suspect}`
      const shown = [...(cases.get(key)?.shown ?? []), first.evidence, second.evidence]
      const distinct = [...new Set(shown)].toSorted()
      cases.set(key, { kind, suspect, coin: first.coin, shown: distinct })
    }
  }
  const creditors = [...new Set(claims.map(({ creditor }) => creditor))]
  const honest = creditors.filter((creditor) => !guilty.has(creditor))
  // A vendor who claims one coin twice is still owed it once.
  const [creditor, ...others] = creditors.length === 1 ? creditors : honest
  return { creditor: others.length > 0 ? undefined : creditor, cases: [...cases.values()] }
}

interface Conflict {
  /** Of `cloned-element` the two transfers with one number are a case by themselves. */
  readonly kind: (typeof COIN_CASES)[number]
  readonly suspect: ElementId
}

/**
 * Who is to blame for two claims to one coin: whoever gave it twice. The same whichever is first. Undefined if
 * they begin with two elements: only its bank can have made one coin for both.
 */
function conflictOf(first: ShownClaim, second: ShownClaim): Conflict | undefined {
  const [a, b] = [first.chain, second.chain]
  const fork = a.findIndex((step, index) => step.digest !== b[index]?.digest)
  const [left, right] = [a[fork], b[fork]]
  if (left && right) {
    if (left.giver !== right.giver) return undefined
    const isClone = left.sequence === right.sequence
    return { kind: isClone ? 'cloned-element' : 'coin-spent-twice', suspect: left.giver }
  }
  const [shorter, longer] = a.length <= b.length ? [first, b] : [second, a]
  const beyond = longer[shorter.chain.length]
  // One chain goes on where the other ends: who is owed the coin has also given it away.
  if (beyond && beyond.kind !== 'surrender') {
    return { kind: 'coin-spent-twice', suspect: beyond.giver }
  }
  return { kind: 'coin-redeemed-twice', suspect: shorter.creditor }
}
