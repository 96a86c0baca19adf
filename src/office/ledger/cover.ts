import { resolveGridlock, type Move } from '../../kernel/gridlock.ts'
import type { Amount } from '../../kernel/money.ts'

/** An account that payments move money from or to. */
export interface Purse {
  /** What it has, less what it owes the pool: below 0 it has nothing and owes that. */
  readonly net: Amount
  /**
   * `by the pool`: never below 0, unless the pool advances it. `alone`: never below 0. `not`: as far as
   * it goes, as a merchant’s, which is an account with the office.
   */
  readonly covered: 'by the pool' | 'alone' | 'not'
}

export interface Settled<M> {
  /** In the order in which they were asked for. */
  readonly made: readonly M[]
  /** What every account has then, less what it owes. */
  readonly net: ReadonlyMap<string, Amount>
}

/**
 * Which moves are made, and what everybody has then. As many as those involved can bear together; the
 * others, oldest first, as far as the pool advances what is lacking. If everybody can bear all of them,
 * all are made and nobody owes anything, whatever came first. Pure.
 *
 * @param moves oldest first; of accounts that are all in `purses`.
 * @param room what the pool may still advance, in all.
 */
export function settleMoves<M extends Move>(
  moves: readonly M[],
  purses: ReadonlyMap<string, Purse>,
  room: Amount,
): Settled<M> {
  const net = new Map([...purses].map(([name, purse]) => [name, purse.net]))
  const made = new Set<M>()
  const make = (move: M) => {
    made.add(move)
    net.set(move.from, of(net, move.from) - move.amount)
    net.set(move.to, of(net, move.to) + move.amount)
  }
  let left = room
  for (let before = -1; made.size > before;) {
    before = made.size
    for (const move of resolveGridlock(bearing(net, purses), waiting(moves, made))) make(move)
    for (const move of waiting(moves, made)) {
      if (purses.get(move.from)?.covered !== 'by the pool') continue
      const advance = owedBy(of(net, move.from) - move.amount) - owedBy(of(net, move.from))
      if (advance > left) continue
      const repaid = owedBy(of(net, move.to)) - owedBy(of(net, move.to) + move.amount)
      left += (purses.get(move.to)?.covered === 'by the pool' ? repaid : 0n) - advance
      make(move)
    }
  }
  return { made: moves.filter((move) => made.has(move)), net }
}

/** What an account with that net amount owes. */
export function owedBy(net: Amount): Amount {
  return net < 0n ? -net : 0n
}

/** More than all the money there is. */
const ENDLESS: Amount = 1n << 62n

function bearing(
  net: ReadonlyMap<string, Amount>,
  purses: ReadonlyMap<string, Purse>,
): ReadonlyMap<string, Amount> {
  return new Map(
    [...net].map(([name, amount]) => [
      name,
      purses.get(name)?.covered === 'not' ? ENDLESS : amount,
    ]),
  )
}

function waiting<M extends Move>(moves: readonly M[], made: ReadonlySet<M>): readonly M[] {
  return moves.filter((move) => !made.has(move))
}

function of(net: ReadonlyMap<string, Amount>, name: string): Amount {
  return net.get(name) ?? 0n
}
