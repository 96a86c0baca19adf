import { sql, type Kysely } from 'kysely'
import type { CardId, Digest, TillNumber } from '../../kernel/ids.ts'
import type { Amount, CurrencyCode } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { Case } from '../ledger/cases.ts'
import { packed } from '../packed.ts'
import type { Tables } from '../tables.ts'
import { isOfCoins } from './cases.ts'
import type { CoinId, CoinStep, ElementId, ElementRole } from './coinage.ts'
import { COIN_FINDINGS } from './coinage.ts'
import type { CoinState } from './view.ts'

/** Somebody’s wish to be paid for a coin, with all its hands. */
export interface CaseClaim {
  /** Of the evidence that makes it. */
  readonly evidence: Digest
  readonly creditor: ElementId
  readonly receivedAt: Instant
  readonly hands: readonly CoinStep[]
}

/** A coin that a case is about. */
export interface CaseCoin {
  readonly coin: CoinId
  readonly bank: number
  readonly value: Amount
  readonly currency: CurrencyCode
  /** Undefined of a coin that this office has not made. */
  readonly state: CoinState | undefined
  /** Whom it was made for; undefined where that is not known here. */
  readonly madeFor: ElementId | undefined
  /** Who is paid for it; undefined while nobody is. */
  readonly creditor: ElementId | undefined
  /** In the order in which they came. */
  readonly claims: readonly CaseClaim[]
}

/** Whose an element is that took part. */
export interface CaseElement {
  readonly id: ElementId
  readonly role: ElementRole
  readonly bank: number
  readonly card: CardId | undefined
  readonly till: TillNumber | undefined
}

export interface CoinsOfCase {
  readonly coins: readonly CaseCoin[]
  /** Of everybody in the chains who is known here. */
  readonly elements: readonly CaseElement[]
}

/** A case shows what it takes to understand it: more of the same kind are behind the coin’s other claims. */
const CLAIMS_MAX = 20

/** Undefined if the case is not about coins. */
export async function coinsOfCase(
  db: Kysely<Tables>,
  found: Pick<Case, 'kind' | 'about'>,
): Promise<CoinsOfCase | undefined> {
  if (!isOfCoins(found.kind)) return undefined
  const { rows } = await sql<{
    coin: CoinId
    evidence: Digest
    bank: number
    value: bigint
    currency: CurrencyCode
    creditor: ElementId
    chain: readonly CoinStep[]
    received_at: bigint
    made_for: ElementId | null
    refunded: string | null
    is_spent: boolean
    paid_to: ElementId | null
  }>`
    select claim.coin, encode(evidence, 'hex') as evidence, bank, claim.value, claim.currency,
      claim.creditor, chain, received_at, coin.element as made_for, coin.refunded,
      s.coin is not null as is_spent, s.creditor as paid_to
    from coin_claim claim left join coin on coin.id = claim.coin
      left join coin_spend s on s.coin = claim.coin
    where ${wanted(found)}
    order by claim.coin, received_at, evidence limit ${CLAIMS_MAX}`.execute(db)
  const coins = [...Map.groupBy(rows, ({ coin }) => coin)].flatMap(([coin, claims]) => {
    const [first] = claims
    if (!first) return []
    const { bank, value, currency, made_for, refunded, is_spent, paid_to } = first
    const fate = { refunded, is_spent, paid_to }
    return {
      coin,
      bank,
      value,
      currency,
      state: made_for === null ? undefined : stateOf(fate),
      madeFor: made_for ?? undefined,
      creditor: paid_to ?? undefined,
      claims: claims.map(({ evidence, creditor, received_at, chain }) => ({
        evidence,
        creditor,
        receivedAt: Number(received_at),
        hands: chain,
      })),
    }
  })
  return { coins, elements: await elementsIn(db, coins) }
}

function stateOf(fate: {
  readonly refunded: string | null
  readonly is_spent: boolean
  readonly paid_to: ElementId | null
}): CoinState {
  if (fate.refunded !== null) return 'refunded'
  if (!fate.is_spent) return 'outside'
  return fate.paid_to === null ? 'contested' : 'redeemed'
}

/** Which claims: as `about` of that kind is put together, see placement.ts. */
function wanted({ kind, about }: Pick<Case, 'kind' | 'about'>) {
  const [first = '', second = '', third] = about.split(':')
  if (kind === 'cloned-element') {
    const step = JSON.stringify([{ giver: first, sequence: Number(second) }])
    return sql`claim.chain @> ${step}::jsonb`
  }
  if (COIN_FINDINGS.some((one) => one === kind)) {
    const coin = third ?? null
    return sql`claim.evidence = decode(${first}, 'hex') and (${coin}::text is null or claim.coin = ${coin})`
  }
  return sql`claim.coin = ${first}`
}

async function elementsIn(
  db: Kysely<Tables>,
  coins: readonly CaseCoin[],
): Promise<readonly CaseElement[]> {
  const ids = new Set(
    coins.flatMap(({ claims, madeFor }) => [
      ...(madeFor === undefined ? [] : [madeFor]),
      ...claims.flatMap(({ creditor, hands }) => [
        creditor,
        ...hands.flatMap(({ giver, taker }) => [giver, taker]),
      ]),
    ]),
  )
  if (ids.size === 0) return []
  const { rows } = await sql<{
    id: ElementId
    role: ElementRole
    bank: number
    card: CardId | null
    till: bigint | null
  }>`
    select id, role, bank, card, till from coin_element
    where id = any(${packed([...ids]).text((id) => id)}) order by id`.execute(db)
  return rows.map(({ card, till, ...row }) => ({
    ...row,
    card: card ?? undefined,
    till: till === null ? undefined : Number(till),
  }))
}

/** The currencies of what cases about coins are about, by the case: those of cards are their cards’. */
export async function currenciesOfCases(
  db: Kysely<Tables>,
  cases: readonly Pick<Case, 'id' | 'kind' | 'about'>[],
): Promise<ReadonlyMap<string, CurrencyCode>> {
  const about = cases
    .filter(({ kind }) => isOfCoins(kind))
    .map(({ id, about: key }) => ({ id, coin: key.split(':')[0] ?? '' }))
  if (about.length === 0) return new Map()
  const column = packed(about)
  const { rows } = await sql<{ id: string; currency: CurrencyCode }>`
    select distinct on (wanted.id) wanted.id, currency
    from unnest(${column.text(({ id }) => id)}, ${column.text(({ coin }) => coin)})
      as wanted (id, coin) join coin_claim claim on claim.coin = wanted.coin
    order by wanted.id`.execute(db)
  return new Map(rows.map(({ id, currency }) => [id, currency]))
}
