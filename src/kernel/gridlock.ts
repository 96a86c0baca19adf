import type { Amount } from './money.ts'

/** A move of money between two accounts that must not fall below 0, named as the caller likes. */
export interface Move {
  readonly from: string
  readonly to: string
  readonly amount: Amount
}

/**
 * Which of these moves can be made at once. Payments come in any order, so one may need the money that
 * another brings, and that one’s the next’s, round in a circle: taken one by one they would wait for
 * each other for ever. So all are tried together; who then has too little gives up the newest that he
 * pays, until nobody has. What was given up is made after all where it fits by itself. (The algorithm of
 * Bech and Soramäki, “Gridlock resolution in interbank payment systems”, 2001, without its rule that a
 * bank’s payments leave in order: one that is unbacked must not hold up those behind it.)
 *
 * If every account can bear all moves together, all are made: whatever came first.
 *
 * @param balances of all accounts, none below 0; an account that is not there has 0.
 * @param moves oldest first.
 */
export function resolveGridlock<M extends Move>(
  balances: ReadonlyMap<string, Amount>,
  moves: readonly M[],
): readonly M[] {
  const after = new Map(balances)
  const change = (account: string, amount: Amount) =>
    after.set(account, (after.get(account) ?? 0n) + amount)
  const make = ({ from, to, amount }: M) => {
    change(from, -amount)
    change(to, amount)
  }
  const undo = ({ from, to, amount }: M) => {
    change(from, amount)
    change(to, -amount)
  }
  for (const move of moves) make(move)
  const made = new Set(moves)
  const newestFirst = Map.groupBy(moves.toReversed(), ({ from }) => from)
  const short = [...newestFirst.keys()]
  for (let account = short.pop(); account !== undefined; account = short.pop()) {
    const candidates = newestFirst.get(account) ?? []
    while ((after.get(account) ?? 0n) < 0n) {
      const given = candidates.shift()
      // An account whose moves are all given up has no less than it had.
      if (!given) break
      made.delete(given)
      undo(given)
      short.push(given.to)
    }
  }
  for (let added = true; added;) {
    added = false
    for (const move of moves) {
      if (made.has(move) || (after.get(move.from) ?? 0n) < move.amount) continue
      made.add(move)
      make(move)
      added = true
    }
  }
  return moves.filter((move) => made.has(move))
}
