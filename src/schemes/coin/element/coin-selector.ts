import { sum, type Amount } from '../../../kernel/money.ts'

/** So many coins of one denomination. */
export interface Stock {
  readonly value: Amount
  readonly count: number
}

export interface Choice {
  /** A denomination for each coin that is paid. */
  readonly paid: readonly Amount[]
  /** What comes back: 0 if the registers allow the exact sum. */
  readonly change: Amount
}

/** No coins that are there add up to it, with the change that there is. */
export interface Impossible {
  /** How much less could be paid. */
  readonly shortBy: Amount
  /** How much more could be paid; 0 if nothing more can. */
  readonly overBy: Amount
}

export interface SelectionLimits {
  /** Coins that can be paid in one. */
  readonly paidMax: number
  /** Coins that can come back. */
  readonly changeMax: number
}

/**
 * Sums of each side that are looked at. Of coins as there are some there are not so many; of odd
 * denominations there would be millions, and a chip has to answer.
 */
export const SUMS_MAX = 0x8000

/**
 * Chooses what to pay with. Of all ways the one that moves the fewest coins, there and back; of those
 * the one with the least change. Beyond {@link SUMS_MAX} it does not look, the largest coins first.
 */
export function selectCoins(
  own: readonly Stock[],
  float: readonly Stock[],
  amount: Amount,
  { paidMax, changeMax }: SelectionLimits,
): Choice | Impossible {
  const changes = reachable(float, changeMax, { from: 0n, to: totalOf(own) - amount })
  const most = amount + BigInt(Math.max(...changes.keys()))
  const payable = reachable(own, paidMax, { from: amount, to: most })
  let best: { readonly change: number; readonly paid: Way; readonly moved: number } | undefined
  for (const [change, given] of changes) {
    const paid = payable.get(Number(amount) + change)
    const moved = given.coins + (paid?.coins ?? 0)
    const isBetter = !best || moved < best.moved || (moved === best.moved && change < best.change)
    if (paid && isBetter) best = { change, paid, moved }
  }
  if (best) return { paid: coinsOf(best.paid), change: BigInt(best.change) }
  return nearest(own, float, amount, { paidMax, changeMax })
}

/** The fewest coins that are exactly so much; undefined if none are. */
export function selectExact(
  own: readonly Stock[],
  amount: Amount,
  coinsMax: number,
): readonly Amount[] | undefined {
  const way = reachable(own, coinsMax, { from: amount, to: amount }).get(Number(amount))
  return way && coinsOf(way)
}

function totalOf(stocks: readonly Stock[]): Amount {
  return sum(stocks.map(({ value, count }) => value * BigInt(count)))
}

/** The payable sums next to the amount, below and above, from two sorted lists in one pass. */
function nearest(
  own: readonly Stock[],
  float: readonly Stock[],
  amount: Amount,
  { paidMax, changeMax }: SelectionLimits,
): Impossible {
  const all = { from: 0n, to: totalOf(own) }
  const asked = Number(amount)
  const paidSums = ascending(reachable(own, paidMax, all))
  const changeSums = ascending(reachable(float, changeMax, all))
  let below = 0
  let above: number | undefined
  let next = 0
  for (const paid of paidSums) {
    // Up to here a change leaves more than the amount, from there on at most that.
    while (next < changeSums.length && paid - (changeSums[next] ?? 0) > asked) next++
    const [enough, least] = [changeSums[next - 1], changeSums[next]]
    if (enough !== undefined && (above === undefined || paid - enough < above))
      above = paid - enough
    if (least !== undefined && paid - least > below) below = paid - least
  }
  const overBy = above === undefined ? 0 : above - asked
  return { shortBy: BigInt(asked - below), overBy: BigInt(overBy) }
}

function ascending(sums: ReadonlyMap<number, unknown>): readonly number[] {
  return [...sums.keys()].toSorted((a, b) => a - b)
}

/** How a sum is made: the coin that came last, and the rest. */
interface Way {
  readonly coins: number
  readonly last?: Amount
  readonly rest?: Way
}

function coinsOf({ last, rest }: Way): readonly Amount[] {
  return last === undefined || !rest ? [] : [...coinsOf(rest), last]
}

interface Bounds {
  readonly from: Amount
  readonly to: Amount
}

/**
 * Every sum within bounds that so many coins make, each with the fewest coins that do. Sums of a few coins
 * of 4 bytes are numbers that JavaScript has exactly, and finds faster than bigints.
 */
function reachable(
  stocks: readonly Stock[],
  coinsMax: number,
  { from, to }: Bounds,
): ReadonlyMap<number, Way> {
  const [least, most] = [Number(from), Number(to)]
  const sums = new Map<number, Way>([[0, { coins: 0 }]])
  for (const { value, count } of stocks.toSorted((a, b) => Number(b.value - a.value))) {
    const step = Number(value)
    for (const [reached, way] of [...sums]) {
      // Not even with coins like this one, and those that follow are smaller.
      if (reached + (coinsMax - way.coins) * step < least) {
        if (sums.get(reached) === way) sums.delete(reached)
        continue
      }
      let [total, rest] = [reached, way]
      for (let more = 1; more <= count && rest.coins < coinsMax; more++) {
        total += step
        rest = { coins: rest.coins + 1, last: value, rest }
        if (total > most) break
        const known = sums.get(total)
        if (known ? rest.coins < known.coins : sums.size < SUMS_MAX) sums.set(total, rest)
      }
    }
  }
  return sums
}
