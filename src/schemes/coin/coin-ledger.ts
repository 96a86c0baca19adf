import type { Digest } from '../../kernel/ids.ts'
import type { Amount } from '../../kernel/money.ts'
import type { Claim, CoinEntry, CoinFinding, CoinId, ElementId, Step } from './office/redemption.ts'

/** What several items of evidence show together, each against one element. */
export const COIN_CASES = [
  /** One element’s key signed two transfers with one number: there are two of it. */
  'cloned-element',
  /** An element gave the same coin away twice. */
  'coin-spent-twice',
  /** A vendor wants to be paid twice for the same transfer of the same coin. */
  'coin-redeemed-twice',
] as const
export type CoinCaseKind = (typeof COIN_CASES)[number]

export interface CoinCase {
  readonly kind: CoinCaseKind
  readonly suspect: ElementId
  readonly coin: CoinId | undefined
  /** The two items of evidence that show it. */
  readonly shown: readonly [Digest, Digest]
}

/** A coin that a bank owes a vendor. */
export interface Credit {
  readonly coin: CoinId
  readonly bank: number
  readonly value: Amount
  readonly creditor: ElementId
}

export interface Placed {
  readonly credits: readonly Credit[]
  readonly cases: readonly CoinCase[]
  readonly findings: readonly CoinFinding[]
}

interface Redeemed {
  readonly claim: Claim
  readonly evidence: Digest
}

interface Seen {
  readonly step: Step
  readonly evidence: Digest
}

/**
 * The rules of redemption: one spend for each coin, whoever comes first. An office keeps the two maps as
 * tables, with the keys as unique keys: a coin, and giver and sequence. Nothing else is needed.
 */
export class CoinLedger {
  readonly #redeemed = new Map<CoinId, Redeemed>()
  readonly #signed = new Map<string, Seen>()

  /** The same evidence again changes nothing. */
  place(entry: CoinEntry): Placed {
    const credits: Credit[] = []
    const cases: CoinCase[] = []
    for (const step of entry.steps) cases.push(...this.#note(step, entry.digest))
    for (const claim of entry.claims) {
      const before = this.#redeemed.get(claim.coin)
      if (before) {
        cases.push(...conflictOf(before, { claim, evidence: entry.digest }))
        continue
      }
      this.#redeemed.set(claim.coin, { claim, evidence: entry.digest })
      const { coin, bank, value, creditor } = claim
      credits.push({ coin, bank, value, creditor })
    }
    return { credits, cases: distinct(cases), findings: entry.findings }
  }

  /**
   * Whether nobody can ask for the coin any more: then its value goes back to whoever bought it. `grace`:
   * how long after a coin has expired vendors may still show it, ms.
   */
  isRefundable(coin: { readonly id: CoinId; readonly expires: number }, at: number, grace: number) {
    return !this.#redeemed.has(coin.id) && at > coin.expires + grace
  }

  #note(step: Step, evidence: Digest): readonly CoinCase[] {
    const key = `${step.giver}:${step.sequence}`
    const before = this.#signed.get(key)
    if (!before) this.#signed.set(key, { step, evidence })
    if (!before || before.step.digest === step.digest) return []
    return [
      {
        kind: 'cloned-element',
        suspect: step.giver,
        coin: undefined,
        shown: [before.evidence, evidence],
      },
    ]
  }
}

/** Who is to blame for two claims to one coin: whoever gave it the second time. */
function conflictOf(first: Redeemed, second: Redeemed): readonly CoinCase[] {
  const shown = [first.evidence, second.evidence] as const
  if (first.evidence === second.evidence) return []
  const { coin, creditor } = second.claim
  const [a, b] = [first.claim.chain, second.claim.chain]
  const fork = a.findIndex((step, index) => step.digest !== b[index]?.digest)
  const [left, right] = [a[fork], b[fork]]
  if (left && right && left.giver === right.giver) {
    const isClone = left.sequence === right.sequence
    const kind = isClone ? 'cloned-element' : 'coin-spent-twice'
    return [{ kind, suspect: left.giver, coin, shown }]
  }
  // One chain goes on where the other ends: who was paid for the coin has also given it away.
  const [shorter, longer] = a.length < b.length ? [first.claim, b] : [second.claim, a]
  const beyond = longer[shorter.chain.length]
  if (beyond && beyond.kind !== 'surrender') {
    return [{ kind: 'coin-spent-twice', suspect: beyond.giver, coin, shown }]
  }
  return [{ kind: 'coin-redeemed-twice', suspect: creditor, coin, shown }]
}

function distinct(cases: readonly CoinCase[]): readonly CoinCase[] {
  const byKey = new Map(cases.map((found) => [`${found.kind}:${found.suspect}`, found]))
  return [...byKey.values()]
}
