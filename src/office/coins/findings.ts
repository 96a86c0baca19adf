import type { Finding } from '../ledger/findings.ts'
import type { CoinEntry, CoinId, ElementId } from './coinage.ts'
import { suspectsOf, type Bearer } from './elements.ts'
import { settleCoin, type ClaimCase, type Clone, type ShownClaim } from './rules.ts'
import type { ClaimedCoin } from './settlement.ts'

/** What is found about coins, before anybody is named. */
export interface CoinsFound {
  readonly entries: readonly CoinEntry[]
  readonly clones: readonly Clone[]
  readonly settled: readonly ClaimedCoin[]
}

/** Against whom there is something in it. */
export function suspectedIn({ entries, clones, settled }: CoinsFound): readonly ElementId[] {
  return [
    ...entries.flatMap(({ findings }) => findings.map(({ suspect }) => suspect)),
    ...clones.map(({ giver }) => giver),
    ...settled.flatMap(({ cases }) => cases.map(({ suspect }) => suspect)),
  ]
}

/**
 * The cases in it: an office and whoever has a case file find the same. Everything here is signed by whom
 * it speaks against, and by nobody else. Pure.
 *
 * @param bearerOf whose an element is; undefined if that is not known.
 */
export function coinFindings(
  { entries, clones, settled }: CoinsFound,
  bearerOf: (element: ElementId) => Bearer | undefined,
): readonly Finding[] {
  const against = (suspect: ElementId) => {
    const bearer = bearerOf(suspect)
    return { strength: 'proven', suspects: suspectsOf(bearer), card: bearer?.card } as const
  }
  const entryFindings = ({ findings, digest }: CoinEntry): readonly Finding[] =>
    findings.map(({ kind, suspect, coin }) => ({
      ...against(suspect),
      kind,
      about: [digest, suspect, ...(coin === undefined ? [] : [coin])].join(':'),
      amount: undefined,
      records: [digest],
    }))
  const cloneFinding = ({ giver, sequence, digests }: Clone): Finding => ({
    ...against(giver),
    kind: 'cloned-element',
    about: `${giver}:${sequence}`,
    amount: undefined,
    records: digests,
  })
  const claimFinding = (
    { kind, suspect, coin, shown }: ClaimCase,
    claims: readonly ShownClaim[],
  ): Finding => ({
    ...against(suspect),
    kind,
    about: `${coin}:${suspect}`,
    amount: claims.find(({ evidence }) => evidence === shown[0])?.value,
    records: shown,
  })
  return [
    ...entries.flatMap(entryFindings),
    ...clones.map(cloneFinding),
    ...settled.flatMap(({ cases, claims }) => cases.map((found) => claimFinding(found, claims))),
  ]
}

/** A coin that this bank has signed and never made. */
export function unissued(coin: CoinId, claims: readonly ShownClaim[]): Finding {
  return {
    kind: 'unissued-coin',
    strength: 'suspected',
    suspects: [],
    card: undefined,
    about: coin,
    amount: claims[0]?.value,
    records: claims.map(({ evidence }) => evidence),
  }
}

/** What becomes of each coin by all claims to it. */
export function settleAll(claims: Iterable<ShownClaim>): readonly ClaimedCoin[] {
  const byCoin = Map.groupBy(claims, ({ coin }) => coin)
  return [...byCoin].map(([coin, own]) => {
    const inOrder = own.toSorted((a, b) => (a.evidence < b.evidence ? -1 : 1))
    return { coin, claims: inOrder, ...settleCoin(inOrder) }
  })
}

/** Everything that is claimed in it. */
export function claimsIn(entries: readonly CoinEntry[]): readonly ShownClaim[] {
  return entries.flatMap(({ claims, digest }) =>
    claims.map((claim) => ({ ...claim, evidence: digest })),
  )
}
