import { sql, type Transaction } from 'kysely'
import type { Digest } from '../../kernel/ids.ts'
import { currency as currencyOf, currencyByNumber, type CurrencyCode } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { Finding } from '../ledger/findings.ts'
import { packed } from '../packed.ts'
import type { Tables } from '../tables.ts'
import type { CoinClaim, CoinEntry, CoinId, ElementId, ShownCoins } from './coinage.ts'
import { noteForOthers } from './banks/standing.ts'
import { ownersOf } from './elements.ts'
import { claimsIn, coinFindings, settleAll, suspectedIn, unissued } from './findings.ts'
import { clonesAmong, type Clone, type ShownClaim } from './rules.ts'
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
  entries: readonly ShownCoins[],
  bank: number,
  at: Instant,
): Promise<readonly Finding[]> {
  if (entries.length === 0) return []
  await noteEvidence(trx, entries)
  const clones = await noteSteps(trx, entries)
  await noteHolders(trx, entries)
  const shown = claimsIn(entries)
  await noteClaims(trx, shown, at)
  const all = await claimsTo(
    trx,
    shown.map(({ coin }) => coin),
  )
  const settled = settleAll([...all.values()].flat())
  const unknown = await moveSpends(trx, settled, bank, at)
  await noteForOthers(trx, entries, all, bank)
  const found = { entries, clones, settled }
  const owners = await ownersOf(trx, suspectedIn(found))
  return [
    ...coinFindings(found, (element) => owners.get(element)),
    ...unknown.map((coin) => unissued(coin, all.get(coin) ?? [])),
  ]
}

/** Where each item is stored, for case files. */
async function noteEvidence(
  trx: Transaction<Tables>,
  entries: readonly ShownCoins[],
): Promise<void> {
  const distinct = [...new Map(entries.map((entry) => [entry.digest, entry])).values()]
  const column = packed(distinct)
  await sql`
    insert into coin_evidence (digest, batch, index)
    select * from unnest(
      ${column.hex(({ digest }) => digest)},
      ${column.int8(({ source }) => source.batch)},
      ${column.int4(({ source }) => source.index)}
    ) on conflict do nothing`.execute(trx)
}

/** Which of these elements have signed two transfers with one number. */
async function noteSteps(
  trx: Transaction<Tables>,
  entries: readonly CoinEntry[],
): Promise<readonly Clone[]> {
  const steps = entries.flatMap(({ steps: own, digest: evidence }) =>
    own.map((step) => ({ ...step, evidence })),
  )
  const distinct = [
    ...new Map(steps.map((step) => [`${step.giver} ${step.digest}`, step])).values(),
  ]
  if (distinct.length === 0) return []
  const column = packed(distinct)
  await sql`
    insert into coin_step (giver, sequence, digest, evidence)
    select * from unnest(
      ${column.text(({ giver }) => giver)},
      ${column.int8(({ sequence }) => sequence)},
      ${column.hex(({ digest }) => digest)},
      ${column.hex(({ evidence }) => evidence)}
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
