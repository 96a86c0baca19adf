import { sql } from 'kysely'
import { toHex, type Bytes } from '../kernel/bytes.ts'
import type { CoinState, CoinVerdictWord } from '../kernel/coin-acts.ts'
import { invariant } from '../kernel/errors.ts'
import { resolveGridlock } from '../kernel/gridlock.ts'
import type { Amount, CurrencyCode } from '../kernel/money.ts'
import type { NotaryAct, ResultOf } from '../kernel/notary.ts'
import type { OfficeNumber } from '../kernel/party.ts'
import type { Instant } from '../kernel/ports.ts'
import { packed } from '../office/packed.ts'
import { banks } from './banks.ts'
import { accountKey, post, readBalances, type AccountName } from './books.ts'
import { tell } from './coin-feed.ts'
import { changeBooks, type NotaryDb, type NotaryTransaction } from './database.ts'

/**
 * Whose the money for a coin is that a vendor of another bank claims. It moves by the word of whoever has
 * it and nobody else’s: its bank gives it to the bank of the vendor to whom it is owed, and that one gives
 * it back if it was shown that it is owed to somebody else.
 */
interface CoinRow {
  readonly id: Buffer
  readonly bank: OfficeNumber
  readonly step: number
  readonly verdict: CoinVerdictWord
  readonly creditor: Buffer | null
  readonly owed_to: OfficeNumber | null
  readonly currency: CurrencyCode
  readonly value: Amount
  readonly holder: OfficeNumber
  readonly state: CoinState
  readonly parties: readonly OfficeNumber[]
}

type Act<A extends NotaryAct['act']> = Extract<NotaryAct, { readonly act: A }>
type Said<A extends 'decide' | 'return'> = ResultOf<A>

/** Takes what a bank says of a coin of its own, once a step. */
export async function decide(
  db: NotaryDb,
  office: OfficeNumber,
  act: Act<'decide'>,
  at: Instant,
): Promise<Said<'decide'>> {
  const refused = (result: Exclude<Said<'decide'>['result'], 'known'>) =>
    ({ act: 'decide', result }) as const
  return changeBooks(db, async (trx) => {
    const known = await banks(trx)
    const [creditor] = act.creditor
    if (!known.has(office)) return refused('no bank')
    if (bankOf(act.coin) !== office) return refused('not yours')
    if (!act.to.every((one) => known.has(one)) || (creditor && !known.has(creditor.office))) {
      return refused('no such bank')
    }
    const before = await findCoin(trx, act.coin)
    const isSame = before?.value === act.value && before.currency === act.currency
    if (before && !isSame) return refused('other value')
    if (before && before.step > act.step) return refused('old')
    if (before?.step !== act.step) await write(trx, office, act, before, at)
    await settleCoins(trx, at)
    const row = await findCoin(trx, act.coin)
    invariant(row, 'it was written')
    return { act: 'decide', result: 'known', state: row.state }
  })
}

/** A coin’s id begins with the number of its bank. */
function bankOf(coin: Bytes): number {
  return ((coin[0] ?? 0) << 8) | (coin[1] ?? 0)
}

async function write(
  trx: NotaryTransaction,
  office: OfficeNumber,
  { coin, step, verdict, creditor: [creditor], currency, value, to }: Act<'decide'>,
  before: CoinRow | undefined,
  at: Instant,
): Promise<void> {
  const holder = before?.holder ?? office
  const owed = creditor?.office ?? office
  const state = holder === owed ? 'settled' : holder === office ? 'waiting' : 'to return'
  const { rows } = await sql<CoinRow>`
    insert into coin (
      id, bank, step, verdict, creditor, owed_to, currency, value, holder, state, parties, changed_at
    ) values (
      ${coin}, ${office}, ${step}, ${verdict}, ${creditor?.element ?? null},
      ${creditor?.office ?? null}, ${currency}, ${String(value)}::bigint, ${holder}, ${state},
      ${[...to]}::integer[], ${at}::bigint
    )
    on conflict (id) do update set
      step = excluded.step, verdict = excluded.verdict, creditor = excluded.creditor,
      owed_to = excluded.owed_to, state = excluded.state, parties = excluded.parties,
      changed_at = excluded.changed_at
    returning *`.execute(trx)
  // Of money that is on its way they hear when it has come.
  await tellParties(
    trx,
    rows.filter((row) => row.state !== 'waiting'),
  )
}

/** The money for a coin goes back to its bank, which has said that it is owed to somebody else. */
export async function returnCoin(
  db: NotaryDb,
  office: OfficeNumber,
  { coin, step }: Act<'return'>,
  at: Instant,
): Promise<Said<'return'>> {
  return changeBooks(db, async (trx) => {
    const row = await findCoin(trx, coin)
    if (!row || (row.holder !== office && !row.parties.includes(office))) {
      return { act: 'return', result: 'not yours' }
    }
    if (row.holder === office) {
      if (row.owed_to === office || row.step !== step) {
        return { act: 'return', result: 'not asked' }
      }
      await sql`
        update coin set state = 'returning', changed_at = ${at}::bigint
        where id = ${coin} and state = 'to return'`.execute(trx)
      await settleCoins(trx, at)
    }
    const after = await findCoin(trx, coin)
    invariant(after, 'it was there')
    return { act: 'return', result: 'known', state: after.state }
  })
}

async function findCoin(trx: NotaryTransaction, id: Bytes): Promise<CoinRow | undefined> {
  const { rows } = await sql<CoinRow>`select * from coin where id = ${id}`.execute(trx)
  return rows[0]
}

interface CoinMove {
  readonly row: CoinRow
  readonly source: AccountName
  readonly target: AccountName
  readonly from: string
  readonly to: string
  readonly amount: Amount
}

/** So many are tried at a time. */
const TRIED_MAX = 2000

/** Moves everything that the reserves bear now. Also to be called when reserves grew. */
export async function settleCoins(trx: NotaryTransaction, at: Instant): Promise<void> {
  // What comes back may have to go on to a third bank at once.
  for (let isMoved = true; isMoved;) {
    const { rows } = await sql<CoinRow>`
      select * from coin where state in ('waiting', 'returning')
      order by arrived limit ${TRIED_MAX}`.execute(trx)
    if (rows.length === 0) return
    const settled = resolveGridlock(await readBalances(trx), rows.map(moveOf))
    await post(
      trx,
      settled.map(({ row, source, target, amount }) => {
        const what = row.state === 'waiting' ? 'award' : 'return'
        const reference = `coin ${toHex(row.id)} ${row.step} ${what}`
        return { reference, from: source, to: target, amount }
      }),
      at,
    )
    const ids = packed(settled).bytea(({ row }) => row.id)
    const { rows: moved } = await sql<CoinRow & { readonly giver: OfficeNumber }>`
      with before as (select id, holder as giver from coin where id = any(${ids}))
      update coin set
        holder = case state when 'waiting' then owed_to else bank end,
        state = case when state = 'waiting' or owed_to is null or owed_to = bank
          then 'settled' else 'waiting' end,
        changed_at = ${at}::bigint
      from before where before.id = coin.id
      returning coin.*, before.giver`.execute(trx)
    await tellParties(trx, moved)
    isMoved = moved.some(({ state }) => state === 'waiting')
  }
}

function moveOf(row: CoinRow): CoinMove {
  const { bank, holder, owed_to, currency, value: amount, state } = row
  const free = (office: OfficeNumber): AccountName => ({ kind: 'free', office, currency })
  const [source, target] =
    state === 'waiting' ? [free(bank), free(owed_to ?? bank)] : [free(holder), free(bank)]
  return { row, source, target, from: accountKey(source), to: accountKey(target), amount }
}

/** Everybody who has a part in it hears what was said, who has its money, and if it has just moved. */
async function tellParties(
  trx: NotaryTransaction,
  rows: readonly (CoinRow & { readonly giver?: OfficeNumber })[],
): Promise<void> {
  await tell(
    trx,
    rows.flatMap(({ giver, ...row }) => {
      const { id, bank, step, verdict, creditor, owed_to, currency, value, holder, parties } = row
      const moved = giver === undefined ? [] : [{ from: giver, to: holder }]
      const news = {
        kind: 'coin',
        coin: new Uint8Array(id),
        step,
        verdict,
        creditor:
          creditor && owed_to !== null
            ? [{ element: new Uint8Array(creditor), office: owed_to }]
            : [],
        currency,
        value,
        holder,
        moved,
      } as const
      const told = new Set([...parties, ...moved.flatMap(({ from, to }) => [from, to])])
      // Its bank knows what it has said itself.
      if (moved.length === 0) told.delete(bank)
      const name = ['coin', toHex(id), step, ...moved.map(({ from, to }) => `${from} ${to}`)].join(
        ' ',
      )
      return [...told].map((to) => ({ to, name, news }))
    }),
  )
}
