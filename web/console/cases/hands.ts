import type { CaseCoins } from '../../shared/api.ts'

/** One change of hands of a coin. */
export type Hand = CaseCoins['coins'][number]['claims'][number]['hands'][number]

/**
 * Where chains of one coin part: the first place at which not all of them have the same transfer.
 * Undefined if they are one chain, all of them as long.
 */
export function forkOf(chains: readonly (readonly Hand[])[]): number | undefined {
  const longest = Math.max(0, ...chains.map(({ length }) => length))
  for (let at = 0; at < longest; at++) {
    if (new Set(chains.map((chain) => chain[at]?.digest)).size > 1) return at
  }
  return undefined
}
