import { unlessMalformed } from '../../kernel/errors.ts'
import type { TillNumber } from '../../kernel/ids.ts'
import { abs, sum, type Amount } from '../../kernel/money.ts'
import type { CaseKind, Finding } from '../ledger/findings.ts'
import { tracePolicy, type Allowed, type Sale } from '../ledger/tracing.ts'
import { usedToken } from '../used-token.ts'
import type { GoodCoins, TillWords } from './coinage.ts'

/** What was sold for coins. No record of a card: its digest is that of the evidence. */
export interface CoinSale extends Sale {
  readonly card: undefined
  /** Whether all that it says to be tokens are some, and in its currency. */
  readonly tokensAre: 'tokens' | 'not all tokens'
  /** Whose journal was lost has no tokens to show, and may have sold by them. */
  readonly knows: TillWords['knows']
}

/**
 * What a till has sold, by its own word and that of its vendor element. Undefined if it is not about a sale, or
 * somebody else hands it in.
 *
 * @param till whose batch it came in.
 */
export function saleIn(
  { coins, told }: Pick<GoodCoins, 'coins' | 'told'>,
  till: TillNumber | undefined,
): CoinSale | undefined {
  const { paid, digest } = coins
  if (!paid || paid.till !== till || told?.request !== paid.request) return undefined
  const tokens = told.tokens.flatMap(
    (bytes) => unlessMalformed(() => usedToken(bytes, paid.currency)) ?? [],
  )
  return {
    card: undefined,
    sequence: undefined,
    kind: 'pay',
    digest,
    maker: till,
    amount: paid.amount,
    tokens,
    tokensAre: tokens.length === told.tokens.length ? 'tokens' : 'not all tokens',
    policyVersion: told.policyVersion,
    knows: told.knows,
  }
}

/** What a sale shows by itself: its batch is signed by its till, and the amount by its till’s element. */
export function traceSale(sale: CoinSale, allowed: Allowed): readonly Finding[] {
  const { digest, maker, amount, tokens, tokensAre, knows } = sale
  const finding = (kind: CaseKind, atStake?: Amount): Finding => ({
    kind,
    strength: 'proven',
    suspects: [{ kind: 'till', till: maker }],
    card: undefined,
    about: digest,
    amount: atStake,
    records: [digest],
  })
  if (tokensAre === 'not all tokens') return [finding('unknown-token')]
  if (tokens.length > 0) {
    const excess = amount - sum(tokens.map(({ price }) => price))
    return excess === 0n ? [] : [finding('overspend', abs(excess))]
  }
  const strength = knows === 'the order' ? 'proven' : 'suspected'
  return tracePolicy(sale, allowed).map((found) => ({ ...found, strength }))
}
