import { sql, type Transaction } from 'kysely'
import type { CoinVerdictWord } from '../../../kernel/coin-acts.ts'
import { currencyByNumber } from '../../../kernel/money.ts'
import { packed } from '../../packed.ts'
import type { Tables } from '../../tables.ts'
import type { CoinEntry, CoinId, ElementId } from '../coinage.ts'
import { ownersOf, type Owner } from '../elements.ts'
import type { ShownClaim } from '../rules.ts'

/**
 * What has to be told to other banks of what was just placed: who has a part in which evidence, which coins
 * of theirs are claimed here, and of which coins of this bank they wait to hear. In the placing transaction.
 *
 * @param claims everything that is claimed of the coins of these entries.
 */
export async function noteForOthers(
  trx: Transaction<Tables>,
  entries: readonly CoinEntry[],
  claims: ReadonlyMap<CoinId, readonly ShownClaim[]>,
  bank: number,
): Promise<void> {
  const hasOthers = entries.some(({ banks }) => banks.some((one) => one !== bank))
  const all = [...claims.values()].flat()
  const owners = await ownersOf(trx, [
    ...(hasOthers ? entries.map(({ vendor }) => vendor) : []),
    ...all.map(({ creditor }) => creditor),
  ])
  const isOurs = (element: ElementId) => owners.get(element)?.bank === bank
  if (hasOthers) {
    // A vendor’s own bank shows what he has signed to everybody else.
    const own = entries.filter(({ vendor }) => isOurs(vendor))
    await noteParts(trx, own, bank)
    await noteAbroad(
      trx,
      all.filter((claim) => claim.bank !== bank && isOurs(claim.creditor)),
    )
  }
  const asked = [...claims].flatMap(([coin, claimed]) => {
    const isAsked = claimed.some((claim) => claim.bank === bank && !isOurs(claim.creditor))
    return isAsked ? [coin] : []
  })
  await noteAsked(trx, asked)
}

async function noteParts(
  trx: Transaction<Tables>,
  entries: readonly CoinEntry[],
  bank: number,
): Promise<void> {
  const parts = entries.flatMap(({ digest, banks }) =>
    banks.filter((one) => one !== bank).map((one) => ({ digest, bank: one })),
  )
  if (parts.length === 0) return
  const column = packed(parts)
  await sql`
    insert into coin_part (evidence, bank) select * from unnest(
      ${column.hex(({ digest }) => digest)},
      ${column.int4((part) => part.bank)}
    ) on conflict do nothing`.execute(trx)
}

/** Their money is awaited from now on. */
async function noteAbroad(trx: Transaction<Tables>, claims: readonly ShownClaim[]): Promise<void> {
  if (claims.length === 0) return
  const column = packed(claims)
  await sql`
    insert into coin_abroad (coin, bank, currency, value)
    select distinct on (coin) * from unnest(
      ${column.text(({ coin }) => coin)},
      ${column.int4((claim) => claim.bank)},
      ${column.text(({ currency }) => currencyByNumber(currency).code)},
      ${column.int8(({ value }) => value)}
    ) as t (coin, bank, currency, value) order by coin
    on conflict do nothing`.execute(trx)
}

/** What this bank says of them has to be thought over. */
export async function noteAsked(trx: Transaction<Tables>, coins: readonly CoinId[]): Promise<void> {
  if (coins.length === 0) return
  await sql`
    insert into coin_decision (coin) select * from unnest(${packed(coins).text((coin) => coin)})
    on conflict (coin) do update set stale = true where not coin_decision.stale`.execute(trx)
}

/** The same of coins that other banks have asked for before. */
export async function noteChanged(
  trx: Transaction<Tables>,
  coins: readonly CoinId[],
): Promise<void> {
  await sql`
    update coin_decision set stale = true
    where coin = any(${packed(coins).text((coin) => coin)})`.execute(trx)
}

/** What a bank says of a coin of its own. */
export interface Decision {
  readonly verdict: CoinVerdictWord
  readonly creditor: ElementId | undefined
  /** Whose vendor that is. */
  readonly office: number | undefined
}

/** What the books have of a coin of this bank that somebody claims. */
export interface CoinBooks {
  /** Undefined: this bank has made no such coin. */
  readonly made: { readonly refunded: 'expired' | 'lost' | null } | undefined
  readonly creditor: ElementId | undefined
  /** Whether its money has gone anywhere: it does not for a claim to another coin with its number. */
  readonly isPaid: boolean
}

/** In the order of the verdicts. */
export function decisionOf(
  { made, creditor, isPaid }: CoinBooks,
  bank: number,
  ownerOf: (element: ElementId) => Owner | undefined,
): Decision {
  const nobody = { creditor: undefined, office: undefined }
  if (!made || (!isPaid && made.refunded !== 'expired')) return { verdict: 'unissued', ...nobody }
  if (!isPaid) return { verdict: 'expired', ...nobody }
  const office = creditor === undefined ? undefined : ownerOf(creditor)?.bank
  if (office === undefined) return { verdict: 'contested', ...nobody }
  if (office === bank) return { verdict: 'owed elsewhere', ...nobody }
  return { verdict: 'accepted', creditor, office }
}
