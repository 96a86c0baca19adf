import { sql, type Transaction } from 'kysely'
import type { CardId } from '../../kernel/ids.ts'
import { sum, type Amount, type CurrencyCode } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import { OfficeError } from '../errors.ts'
import { post, type AccountName } from '../ledger/accounts.ts'
import { lockLedger } from '../ledger/lock.ts'
import type { Office } from '../office.ts'
import { packed } from '../packed.ts'
import { lockCard } from '../registry/cards.ts'
import type { Tables } from '../tables.ts'
import { onlineWallet } from '../wallets/online.ts'
import type { CoinId } from './coinage.ts'
import { coinFloat } from './elements.ts'
import { banksAwaited, heardUpTo } from './banks/late-claims.ts'
import { GRACE, OFFLINE_MAX } from './grace.ts'

interface Refundable {
  readonly id: CoinId
  readonly value: Amount
  readonly currency: CurrencyCode
  readonly person: bigint | null
  readonly merchant: bigint | null
}

/** Coins that nobody can claim any more go back to whoever bought them. May be repeated. */
export async function expireCoins(office: Office): Promise<void> {
  const at = office.clock.now()
  await office.db.transaction().execute(async (trx) => {
    await lockLedger(trx)
    // Vendors of other banks take them as long as ours do, and their claims come later.
    const before = Math.min(at - GRACE, await heardUpTo(office, trx, at))
    const { rows } = await sql<Refundable>`
      select id, value, currency, person, merchant from coin
      where refunded is null and expires < ${before}::bigint
        and not exists (select from coin_claim where coin_claim.coin = coin.id)
      order by id`.execute(trx)
    await giveBack(trx, rows, 'expired', at)
  })
}

/**
 * Gives back what a lost or damaged card held: coins that nobody has shown to have left it. Whoever could hold
 * evidence of one, a till or another bank, must have reported since the card was stopped, or be silent for
 * longer than that one may be.
 *
 * @throws {OfficeError} `not_found`, or `conflict` if the card can still pay or somebody has not reported.
 */
export async function refundLost(
  office: Office,
  trx: Transaction<Tables>,
  id: CardId,
): Promise<Amount> {
  await lockLedger(trx)
  const card = await lockCard(trx, id)
  if (!card) throw new OfficeError('not_found', `There is no card ${id}.`, 'params.id')
  if (card.status !== 'hot' && card.status !== 'retired') {
    const advice = 'Renew it as lost, so that no till takes it any more.'
    throw new OfficeError('conflict', `Card ${id} can still be used. ${advice}`)
  }
  const at = office.clock.now()
  const awaited = await awaitedFor(office, trx, id, at)
  if (awaited) {
    const message = `${awaited} may still hold a payment of card ${id}: wait until it has reported a later one.`
    throw new OfficeError('conflict', message)
  }
  const { rows } = await sql<Refundable>`
    select coin.id, value, coin.currency, person, merchant from coin
      join coin_element e on e.id = coin.holder
    where e.card = ${id} and coin.refunded is null
      and not exists (select from coin_claim where coin_claim.coin = coin.id)
    order by coin.id`.execute(trx)
  // Change that it was given belongs to its holder, and not to the merchant who had bought it.
  const { holder } = card
  if (holder === undefined) {
    throw new OfficeError('conflict', `Nobody holds card ${id}, to get its coins back.`)
  }
  const owned = rows.map((row) => ({ ...row, person: BigInt(holder), merchant: null }))
  await giveBack(trx, owned, 'lost', at)
  return sum(rows.map(({ value }) => value))
}

/** Who has not declared everything handed in up to when the card came on the hot list; undefined: nobody. */
async function awaitedFor(
  office: Office,
  trx: Transaction<Tables>,
  card: CardId,
  at: Instant,
): Promise<string | undefined> {
  const { rows } = await sql<{ at: bigint }>`
    select at from hot_change where card = ${card} and hot order by at desc limit 1`.execute(trx)
  const stopped = Number(rows[0]?.at ?? at)
  const tills = await tillsAwaited(trx, stopped, at)
  const banks = await banksAwaited(office, trx, stopped, at)
  const names = banks.map(({ bank }) => (bank === undefined ? 'Another bank' : `Bank ${bank}`))
  const [first, ...others] = [...tills, ...names]
  return others.length > 0 ? `${first} and ${others.length} more` : first
}

/**
 * Tills with a vendor element that have not declared everything handed in up to then. By the tills’ own
 * clocks: one that runs behind is waited for longer.
 */
async function tillsAwaited(
  trx: Transaction<Tables>,
  since: Instant,
  at: Instant,
): Promise<readonly string[]> {
  if (since <= at - OFFLINE_MAX) return []
  const { rows } = await sql<{ name: string }>`
    select distinct till.name from till
      join coin_element e on e.till = till.number
      left join till_placement placed on placed.till = till.number
    where coalesce(placed.complete_up_to, -1) < ${since}::bigint
    order by till.name`.execute(trx)
  return rows.map(({ name }) => name)
}

async function giveBack(
  trx: Transaction<Tables>,
  coins: readonly Refundable[],
  why: 'expired' | 'lost',
  at: Instant,
): Promise<void> {
  if (coins.length === 0) return
  await sql`
    update coin set refunded = ${why}
    where id = any(${packed(coins).text(({ id }) => id)})`.execute(trx)
  await post(
    trx,
    coins.map(({ id, value, currency, person, merchant }) => {
      const credit: AccountName =
        person === null
          ? { kind: 'merchant', owner: String(merchant), currency }
          : onlineWallet(String(person), currency)
      const reference = `coin:${id}:${why}`
      return { reference, debit: coinFloat(currency), credit, amount: value, at }
    }),
  )
}
