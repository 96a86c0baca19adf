import { sql, type Transaction } from 'kysely'
import type { CardId, Digest } from '../../kernel/ids.ts'
import {
  currency as currencyOf,
  currencyByNumber,
  type Amount,
  type CurrencyCode,
} from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { Finding } from '../ledger/findings.ts'
import { packed } from '../packed.ts'
import type { Tables } from '../tables.ts'
import type { CoinClaim, CoinEntry, CoinId, CoinStep, ElementId } from './coinage.ts'
import { ownersOf, suspectsOf, type Owner } from './elements.ts'
import { clonesAmong, settleCoin, type ClaimCase, type Clone, type ShownClaim } from './rules.ts'
import { moveSpends } from './settlement.ts'

/**
 * Takes coins that tills have shown into the ledger: who signed what, who had which coin, who is owed what.
 * All of it follows from the set of what was shown, so the order in which it came does not matter, nor how
 * often. In the transaction that places the batch, behind the ledger’s lock.
 *
 * @param bank this office’s.
 */
export async function placeCoins(
  trx: Transaction<Tables>,
  entries: readonly CoinEntry[],
  bank: number,
  at: Instant,
): Promise<readonly Finding[]> {
  if (entries.length === 0) return []
  const clones = await noteSteps(
    trx,
    entries.flatMap(({ steps }) => steps),
  )
  await noteHolders(trx, entries)
  const shown = entries.flatMap(({ claims, digest }) =>
    claims.map((claim) => ({ ...claim, evidence: digest })),
  )
  await noteClaims(trx, shown, at)
  const all = await claimsTo(
    trx,
    shown.map(({ coin }) => coin),
  )
  const settled = [...all].map(([coin, claims]) => ({ coin, claims, ...settleCoin(claims) }))
  const unknown = await moveSpends(trx, settled, bank, at)
  const claimCases = settled.flatMap(({ cases }) => cases)
  const named: readonly ElementId[] = [
    ...entries.flatMap(({ findings }) => findings.map(({ suspect }) => suspect)),
    ...clones.map(({ giver }) => giver),
    ...claimCases.map(({ suspect }) => suspect),
  ]
  const owners = await ownersOf(trx, named)
  const valueOf = new Map(settled.map(({ coin, claims }) => [coin, claims[0]?.value]))
  return [
    ...entries.flatMap((entry) => findingsOf(entry, owners)),
    ...clones.map((clone) => cloneFinding(clone, owners)),
    ...claimCases.map((found) => claimFinding(found, owners, valueOf.get(found.coin))),
    ...unknown.map((coin) => unissued(coin, all.get(coin) ?? [])),
  ]
}

/** Which of these elements have signed two transfers with one number. */
async function noteSteps(
  trx: Transaction<Tables>,
  steps: readonly CoinStep[],
): Promise<readonly Clone[]> {
  const distinct = [
    ...new Map(steps.map((step) => [`${step.giver} ${step.digest}`, step])).values(),
  ]
  if (distinct.length === 0) return []
  const column = packed(distinct)
  await sql`
    insert into coin_step (giver, sequence, digest)
    select * from unnest(
      ${column.text(({ giver }) => giver)},
      ${column.int8(({ sequence }) => sequence)},
      ${column.hex(({ digest }) => digest)}
    ) on conflict do nothing`.execute(trx)
  const { rows } = await sql<{ giver: ElementId; sequence: bigint; digest: Digest }>`
    select giver, sequence, encode(digest, 'hex') as digest from coin_step
    where (giver, sequence) in (
      select * from unnest(
        ${column.text(({ giver }) => giver)},
        ${column.int8(({ sequence }) => sequence)}
      )
    )`.execute(trx)
  return clonesAmong(rows.map((row) => ({ ...row, sequence: Number(row.sequence) })))
}

/** Who had each coin of this bank by the longest chain. */
async function noteHolders(trx: Transaction<Tables>, entries: readonly CoinEntry[]): Promise<void> {
  const moved = entries.flatMap((entry) => [...entry.moved, ...entry.claims])
  const held = moved.flatMap(({ coin, chain }) => {
    const last = chain.at(-1)
    return last ? [{ coin, holder: last.taker, hops: chain.length }] : []
  })
  if (held.length === 0) return
  const column = packed(held)
  await sql`
    update coin set holder = longest.holder, hops = longest.hops
    from (
      select distinct on (id) * from unnest(
        ${column.text(({ coin }) => coin)},
        ${column.text(({ holder }) => holder)},
        ${column.int4(({ hops }) => hops)}
      ) as shown (id, holder, hops)
      order by id, hops desc, holder
    ) as longest
    where coin.id = longest.id
      and (coin.hops < longest.hops or (coin.hops = longest.hops and coin.holder > longest.holder))`.execute(
    trx,
  )
}

async function noteClaims(
  trx: Transaction<Tables>,
  claims: readonly ShownClaim[],
  at: Instant,
): Promise<void> {
  if (claims.length === 0) return
  const column = packed(claims)
  await sql`
    insert into coin_claim
      (coin, evidence, bank, currency, value, expires, creditor, chain, received_at)
    select coin, evidence, bank, currency, value, expires, creditor, chain::jsonb, ${at}::bigint
    from unnest(
      ${column.text(({ coin }) => coin)},
      ${column.hex(({ evidence }) => evidence)},
      ${column.int4(({ bank }) => bank)},
      ${column.text(({ currency }) => currencyByNumber(currency).code)},
      ${column.int8(({ value }) => value)},
      ${column.int8(({ expires }) => expires)},
      ${column.text(({ creditor }) => creditor)},
      ${column.text(({ chain }) => JSON.stringify(chain))}
    ) as shown (coin, evidence, bank, currency, value, expires, creditor, chain)
    on conflict do nothing`.execute(trx)
}

/** Everything that is claimed of these coins, in one order. */
export async function claimsTo(
  trx: Transaction<Tables>,
  coins: readonly CoinId[],
): Promise<ReadonlyMap<CoinId, readonly ShownClaim[]>> {
  if (coins.length === 0) return new Map()
  const { rows } = await sql<
    Omit<CoinClaim, 'currency' | 'expires'> & {
      readonly evidence: Digest
      readonly expires: bigint
      readonly number: CurrencyCode
    }
  >`
    select coin, encode(evidence, 'hex') as evidence, bank, currency as number, value, expires,
      creditor, chain
    from coin_claim where coin = any(${packed([...new Set(coins)]).text((coin) => coin)})
    order by coin, evidence`.execute(trx)
  const claims = new Map<CoinId, ShownClaim[]>()
  for (const { number, expires, ...row } of rows) {
    const claim = { ...row, currency: currencyOf(number).numeric, expires: Number(expires) }
    const known = claims.get(claim.coin)
    if (known) known.push(claim)
    else claims.set(claim.coin, [claim])
  }
  return claims
}

type Owners = ReadonlyMap<ElementId, Owner>

function findingsOf({ findings, digest }: CoinEntry, owners: Owners): readonly Finding[] {
  return findings.map(({ kind, suspect, coin }) => ({
    ...against(owners.get(suspect)),
    kind,
    about: [digest, suspect, ...(coin === undefined ? [] : [coin])].join(':'),
    amount: undefined,
    records: [digest],
  }))
}

function cloneFinding({ giver, sequence, digests }: Clone, owners: Owners): Finding {
  return {
    ...against(owners.get(giver)),
    kind: 'cloned-element',
    about: `${giver}:${sequence}`,
    amount: undefined,
    records: digests,
  }
}

function claimFinding(
  { kind, suspect, coin, shown }: ClaimCase,
  owners: Owners,
  value: Amount | undefined,
): Finding {
  return {
    ...against(owners.get(suspect)),
    kind,
    about: `${coin}:${suspect}`,
    amount: value,
    records: shown,
  }
}

function unissued(coin: CoinId, claims: readonly ShownClaim[]): Finding {
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

/** Everything here is signed by whom it speaks against, and by nobody else. */
function against(owner: Owner | undefined): Pick<Finding, 'strength' | 'suspects' | 'card'> {
  const card: CardId | undefined = owner?.card
  return { strength: 'proven', suspects: suspectsOf(owner), card }
}
