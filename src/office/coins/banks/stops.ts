import { sql, type Kysely, type Transaction } from 'kysely'
import { toHex } from '../../../kernel/bytes.ts'
import type { CoinNews } from '../../../kernel/coin-acts.ts'
import { cardIdOf } from '../../../kernel/ids.ts'
import type { Instant } from '../../../kernel/ports.ts'
import { setHot } from '../../registry/cards.ts'
import type { Tables } from '../../tables.ts'
import type { ElementId } from '../coinage.ts'

/** A card of this bank that came on its hot list, or left it. */
export interface UntoldStop {
  readonly element: ElementId
  /** Of the hot list. */
  readonly version: number
  readonly hot: boolean
}

/** What the notary has not been told, oldest first. */
export async function untoldStops(
  db: Kysely<Tables>,
  limit: number,
): Promise<readonly UntoldStop[]> {
  const { rows } = await sql<{ element: ElementId; version: bigint; hot: boolean }>`
    select h.card as element, h.version, h.hot
    from hot_change h join coin_element e on e.id = h.card
    where e.card is not null
      and h.version > coalesce((select stops_told from coin_exchange), 0)
    order by h.version limit ${limit}`.execute(db)
  return rows.map(({ version, ...row }) => ({ ...row, version: Number(version) }))
}

export async function noteStopsTold(db: Kysely<Tables>, version: number): Promise<void> {
  await sql`
    insert into coin_exchange (stops_told) values (${version})
    on conflict (one) do update
      set stops_told = greatest(coin_exchange.stops_told, excluded.stops_told)`.execute(db)
}

/** Somebody has joined who has heard of none of them. Those who have are not told again. */
export async function forgetStopsTold(trx: Transaction<Tables>): Promise<void> {
  await sql`update coin_exchange set stops_told = 0`.execute(trx)
}

/** What other banks say of their cards, for the hot list that tills here get. The same again changes nothing. */
export async function takeStops(
  trx: Transaction<Tables>,
  news: readonly Extract<CoinNews, { readonly kind: 'card' }>[],
  at: Instant,
): Promise<void> {
  for (const { from, element, number, state } of news) {
    const card = toHex(element)
    const stopped = state === 'stopped'
    // Of a card of this office nobody else has to say anything.
    const { rows } = await sql`
      insert into coin_card_abroad (card, bank, number, stopped)
      select ${card}, ${from}::integer, ${number}::bigint, ${stopped}::boolean
      where not exists (select from card where id = ${card})
      on conflict (card) do update set number = excluded.number, stopped = excluded.stopped
      where coin_card_abroad.bank = excluded.bank and coin_card_abroad.number < excluded.number
      returning card`.execute(trx)
    if (rows.length > 0) await setHot(trx, cardIdOf(element), stopped, at)
  }
}
