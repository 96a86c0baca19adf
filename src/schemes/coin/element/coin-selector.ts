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
 * Chooses what to pay with. Of all ways the one that moves the fewest coins, there and back; of those
 * the one with the least change.
 */
export function selectCoins(
  own: readonly Stock[],
  float: readonly Stock[],
  amount: Amount,
  { paidMax, changeMax }: SelectionLimits,
): Choice | Impossible {
  const changes = reachable(float, changeMax, totalOf(own) - amount)
  const most = amount + [...changes.keys()].reduce((a, b) => (a > b ? a : b), 0n)
  const payable = reachable(own, paidMax, most)
  const [best] = [...changes]
    .flatMap(([change, given]) => {
      const paid = payable.get(amount + change)
      return paid ? [{ choice: { paid, change }, moved: paid.length + given.length }] : []
    })
    .toSorted((a, b) => a.moved - b.moved || Number(a.choice.change - b.choice.change))
  return best?.choice ?? nearest(own, float, amount, { paidMax, changeMax })
}

/** The fewest coins that are exactly so much; undefined if none are. */
export function selectExact(
  own: readonly Stock[],
  amount: Amount,
  coinsMax: number,
): readonly Amount[] | undefined {
  return reachable(own, coinsMax, amount).get(amount)
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
  const paidSums = ascending(reachable(own, paidMax, totalOf(own)))
  const changeSums = ascending(reachable(float, changeMax, totalOf(own)))
  let below = 0n
  let above: Amount | undefined
  let next = 0
  for (const paid of paidSums) {
    // Up to here a change leaves more than the amount, from there on at most that.
    while (next < changeSums.length && paid - (changeSums[next] ?? 0n) > amount) next++
    const [enough, least] = [changeSums[next - 1], changeSums[next]]
    if (enough !== undefined && (above === undefined || paid - enough < above))
      above = paid - enough
    if (least !== undefined && paid - least > below) below = paid - least
  }
  return { shortBy: amount - below, overBy: above === undefined ? 0n : above - amount }
}

function ascending(sums: ReadonlyMap<Amount, unknown>): readonly Amount[] {
  return [...sums.keys()].toSorted((a, b) => (a < b ? -1 : 1))
}

/** Every sum up to `most` that so many coins make, each with the fewest coins that do. */
function reachable(
  stocks: readonly Stock[],
  coinsMax: number,
  most: Amount,
): ReadonlyMap<Amount, readonly Amount[]> {
  let sums = new Map<Amount, readonly Amount[]>([[0n, []]])
  for (const { value, count } of stocks) {
    const extended = new Map(sums)
    for (const [reached, coins] of sums) {
      let [total, taken] = [reached, coins]
      for (let more = 1; more <= count && taken.length < coinsMax; more++) {
        total += value
        taken = [...taken, value]
        if (total > most) break
        const known = extended.get(total)
        if (!known || taken.length < known.length) extended.set(total, taken)
      }
    }
    sums = extended
  }
  return sums
}
