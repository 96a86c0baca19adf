import { sql } from 'kysely'
import { bytesEqual, toHex, type Bytes } from '../kernel/bytes.ts'
import { bankOfCoin, type CoinVerdictWord, type DecisionState } from '../kernel/coin-acts.ts'
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

/** A coin that vendors of other banks than its own claim. Its money moves once, by its own bank’s word. */
interface CoinRow {
  readonly id: Buffer
  readonly bank: OfficeNumber
  readonly step: number
  readonly verdict: CoinVerdictWord
  readonly creditor: Buffer | null
  readonly owed_to: OfficeNumber | null
  readonly currency: CurrencyCode
  readonly value: Amount
  readonly state: DecisionState
  readonly parties: readonly OfficeNumber[]
}

type Decision = Extract<NotaryAct, { readonly act: 'decide' }>
type Said = ResultOf<'decide'>

/** Takes what a bank says of a coin of its own: the newest of its words counts, until it has accepted it. */
export async function decide(
  db: NotaryDb,
  office: OfficeNumber,
  decision: Decision,
  at: Instant,
): Promise<Said> {
  return changeBooks(db, async (trx) => {
    const before = await findCoin(trx, decision.coin)
    const refusal = refusalOf(decision, office, new Set((await banks(trx)).keys()), before)
    if (refusal) return { act: 'decide', result: refusal }
    if (!before || before.step < decision.step) await write(trx, office, decision, at)
    await settleCoins(trx, at)
    const row = await findCoin(trx, decision.coin)
    invariant(row, 'it was written')
    return { act: 'decide', result: 'known', state: row.state }
  })
}

/** In the order of the checks. */
function refusalOf(
  { coin, step, to, creditor: [creditor], value, currency }: Decision,
  office: OfficeNumber,
  known: ReadonlySet<OfficeNumber>,
  before: CoinRow | undefined,
): Exclude<Said['result'], 'known'> | undefined {
  if (!known.has(office)) return 'no bank'
  if (bankOfCoin(coin) !== office) return 'not yours'
  const named = creditor ? [...to, creditor.office] : to
  if (creditor?.office === office || !named.every((one) => known.has(one))) return 'no such bank'
  if (!before) return undefined
  if (before.value !== value || before.currency !== currency) return 'other value'
  if (before.verdict === 'accepted' && !isOwedTo(before, creditor)) return 'accepted before'
  return before.step > step ? 'old' : undefined
}

function isOwedTo(row: CoinRow, creditor: Decision['creditor'][number] | undefined): boolean {
  return (
    row.creditor !== null &&
    creditor !== undefined &&
    row.owed_to === creditor.office &&
    bytesEqual(row.creditor, creditor.element)
  )
}

async function write(
  trx: NotaryTransaction,
  office: OfficeNumber,
  { coin, step, verdict, creditor: [creditor], currency, value, to }: Decision,
  at: Instant,
): Promise<void> {
  const state: DecisionState = creditor ? 'waiting' : 'settled'
  const { rows } = await sql<CoinRow>`
    insert into coin (
      id, bank, step, verdict, creditor, owed_to, currency, value, state, parties, changed_at
    ) values (
      ${coin}, ${office}, ${step}, ${verdict}, ${creditor?.element ?? null},
      ${creditor?.office ?? null}, ${currency}, ${String(value)}::bigint, ${state},
      ${[...to]}::integer[], ${at}::bigint
    )
    on conflict (id) do update set
      step = excluded.step, verdict = excluded.verdict, creditor = excluded.creditor,
      owed_to = excluded.owed_to,
      state = case coin.verdict when 'accepted' then coin.state else excluded.state end,
      parties = excluded.parties, changed_at = excluded.changed_at
    returning *`.execute(trx)
  // Of money that is on its way they hear when it has come.
  await tellParties(
    trx,
    rows.filter((row) => row.state === 'settled'),
  )
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

/** Pays everything that the reserves bear now, free to free. Also to be called when reserves grew. */
export async function settleCoins(trx: NotaryTransaction, at: Instant): Promise<void> {
  const { rows } = await sql<CoinRow>`
    select * from coin where state = 'waiting' order by arrived limit ${TRIED_MAX}`.execute(trx)
  if (rows.length === 0) return
  const settled = resolveGridlock(await readBalances(trx), rows.map(moveOf))
  await post(
    trx,
    settled.map(({ row, source, target, amount }) => ({
      reference: `coin ${toHex(row.id)}`,
      from: source,
      to: target,
      amount,
    })),
    at,
  )
  const ids = packed(settled).bytea(({ row }) => row.id)
  const { rows: moved } = await sql<CoinRow>`
    update coin set state = 'settled', changed_at = ${at}::bigint
    where id = any(${ids}) returning *`.execute(trx)
  await tellParties(trx, moved)
}

function moveOf(row: CoinRow): CoinMove {
  const { bank, owed_to, currency, value: amount } = row
  invariant(owed_to !== null, 'what waits is owed to somebody')
  const source: AccountName = { kind: 'free', office: bank, currency }
  const target: AccountName = { kind: 'free', office: owed_to, currency }
  return { row, source, target, from: accountKey(source), to: accountKey(target), amount }
}

/** Every bank whose vendor claims it hears; its own as well, when its money has gone. */
async function tellParties(trx: NotaryTransaction, rows: readonly CoinRow[]): Promise<void> {
  await tell(
    trx,
    rows.flatMap(({ id, bank, step, verdict, creditor, owed_to, currency, value, parties }) => {
      const isOwed = creditor && owed_to !== null
      const news = {
        kind: 'coin',
        coin: new Uint8Array(id),
        step,
        verdict,
        creditor: isOwed ? [{ element: new Uint8Array(creditor), office: owed_to }] : [],
        currency,
        value,
      } as const
      const told = new Set([...parties, ...(isOwed ? [bank, owed_to] : [])])
      return [...told].map((to) => ({ to, name: `coin ${toHex(id)} ${step}`, news }))
    }),
  )
}
