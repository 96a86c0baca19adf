import { sql } from 'kysely'
import { encodeCbor } from '../kernel/cbor.ts'
import { COIN_FEED_PAGE_MAX, coinNews, type CoinNews } from '../kernel/coin-acts.ts'
import type { ResultOf } from '../kernel/notary.ts'
import type { OfficeNumber } from '../kernel/party.ts'
import { parseCbor } from '../kernel/schema.ts'
import { packed } from '../office/packed.ts'
import type { NotaryDb, NotaryTransaction } from './database.ts'

/** News for one bank. */
export interface Told {
  readonly to: OfficeNumber
  /** Unique for that bank, for ever: the same name twice is the same news. */
  readonly name: string
  readonly news: CoinNews
}

/** Numbers news for each bank, in their order, and each once. Behind the lock of the books. */
export async function tell(trx: NotaryTransaction, told: readonly Told[]): Promise<void> {
  if (told.length === 0) return
  const column = packed(told)
  await sql`
    with wanted as (
      select * from unnest(
        ${column.int4(({ to }) => to)},
        ${column.text(({ name }) => name)},
        ${column.bytea(({ news }) => encodeCbor(news))}
      ) with ordinality as t (office, name, entry, place)
    ), fresh as (
      select distinct on (office, name) * from wanted
      where not exists (
        select from coin_feed where (coin_feed.office, coin_feed.name) = (wanted.office, wanted.name)
      )
      order by office, name, place
    ), entry as (
      select *, row_number() over (partition by office order by place) as nth from fresh
    ), advanced as (
      update office set coin_feed = office.coin_feed + count.entries
      from (select office, count(*) as entries from entry group by office) as count
      where office.number = count.office
      returning office.number, office.coin_feed - count.entries as before
    )
    insert into coin_feed (office, number, name, entry)
    select office, before + nth, name, entry
    from entry join advanced on advanced.number = entry.office`.execute(trx)
}

/** What is new for a bank after that number. */
export async function readCoinFeed(
  db: NotaryDb,
  office: OfficeNumber,
  after: number,
): Promise<Omit<ResultOf<'coin feed'>, 'act'>> {
  // Before the entries: what was shown until then is among them, or further on.
  const { rows: banks } = await sql<{ office: OfficeNumber; said: bigint; shown_up_to: bigint }>`
    select office, said, shown_up_to from bank order by office`.execute(db)
  const { rows } = await sql<{ number: bigint; entry: Buffer }>`
    select number, entry from coin_feed
    where office = ${office} and number > ${after}
    order by number limit ${COIN_FEED_PAGE_MAX}`.execute(db)
  const newest = await sql<{ coin_feed: bigint }>`
    select coin_feed from office where number = ${office}`.execute(db)
  return {
    upTo: Number(newest.rows[0]?.coin_feed ?? 0n),
    said: Number(banks.find((bank) => bank.office === office)?.said ?? 0n),
    others: banks
      .filter((bank) => bank.office !== office)
      .map((bank) => ({ bank: bank.office, shownUpTo: Number(bank.shown_up_to) })),
    entries: rows.map(({ number, entry }) => ({
      number: Number(number),
      entry: parseCbor(coinNews, entry, 'entry'),
    })),
  }
}
