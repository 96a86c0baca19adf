import { Agent, request } from 'node:http'
import { sql, type Kysely } from 'kysely'
import { BATCH_PATH, openAcknowledgement } from '../../src/kernel/batch.ts'
import type { Bytes } from '../../src/kernel/bytes.ts'
import type { Tables } from '../../src/office/tables.ts'
import type { Chance } from '../fuzz/chance.ts'
import type { LedgerOffice } from '../support/ledger-office.ts'
import type { Made, MintCard, MintTill } from '../support/mint.ts'

/** What a day brought: every payment honest, every batch signed, nothing handed in yet. */
export interface Day {
  readonly cards: readonly MintCard[]
  readonly tills: readonly MintTill[]
  readonly batches: readonly DayBatch[]
  readonly payments: number
  /** Minor units by the number of the till. */
  readonly takings: ReadonlyMap<number, bigint>
  /** Minor units by card: what each holds at the end. */
  readonly balances: ReadonlyMap<string, bigint>
}

export interface DayBatch {
  readonly till: number
  readonly number: number
  readonly bytes: Bytes
}

export interface DaySize {
  readonly cards: number
  readonly tills: number
  readonly payments: number
}

const BALANCE = 60_000n

/** Cards go from till to till, so that every chain is spread over many batches of many tills. */
export async function playDay(town: LedgerOffice, chance: Chance, size: DaySize): Promise<Day> {
  const tills = await Promise.all(Array.from({ length: size.tills }, () => town.addTill()))
  const cards: MintCard[] = []
  for (let count = 0; count < size.cards; count += 1) cards.push(await town.addCard(BALANCE))
  const pending = new Map<MintTill, Made[]>(tills.map((till) => [till, []]))
  const takings = new Map(tills.map(({ number }) => [number, 0n]))
  const balances = new Map<string, bigint>(cards.map(({ id }) => [id, BALANCE]))
  const batches: DayBatch[] = []
  const close = (till: MintTill) => {
    const bytes = town.mint.batch(till, pending.get(till) ?? [])
    batches.push({ till: till.number, number: till.sent.length, bytes })
    pending.set(till, [])
  }
  for (let paid = 0; paid < size.payments; paid += 1) {
    for (const card of cards) {
      const till = chance.one(tills)
      const amount = BigInt(1 + chance.below(200))
      const made = pending.get(till) ?? []
      made.push(town.mint.make(till, card, { amount }))
      takings.set(till.number, (takings.get(till.number) ?? 0n) + amount)
      balances.set(card.id, (balances.get(card.id) ?? 0n) - amount)
      if (made.length > chance.below(40)) close(till)
    }
  }
  for (const till of tills) close(till)
  return { cards, tills, batches, payments: size.payments * size.cards, takings, balances }
}

/** The same in another order. */
export function shuffledBy<T>(chance: Chance, items: readonly T[]): T[] {
  const rest = [...items]
  const result: T[] = []
  while (rest.length > 0) {
    const [taken] = rest.splice(chance.below(rest.length), 1)
    if (taken !== undefined) result.push(taken)
  }
  return result
}

export type Sent = { readonly status: number; readonly body: Bytes } | undefined

/** One connection, used for one request after the other; undefined if nobody answered. */
export class Connection {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  send(url: string, body: Bytes): Promise<Sent> {
    const { promise, resolve } = Promise.withResolvers<Sent>()
    const sent = request(
      `${url}${BATCH_PATH}`,
      { method: 'POST', agent: this.#agent, headers: { 'content-type': 'application/cose' } },
      (answer) => {
        const parts: Buffer[] = []
        answer.on('data', (part: Buffer) => parts.push(part))
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, body: new Uint8Array(Buffer.concat(parts)) }),
        )
        answer.on('error', () => resolve(undefined))
      },
    )
    sent.on('error', () => resolve(undefined))
    sent.end(body)
    return promise
  }

  close(): void {
    this.#agent.destroy()
  }
}

/** Whether the office's own signature says that it holds that batch. */
export function isAcknowledged(
  town: LedgerOffice,
  { till, number }: DayBatch,
  sent: Sent,
): boolean {
  if (sent?.status !== 200) return false
  const acknowledgement = openAcknowledgement(sent.body, town.office.key.publicKey)
  return acknowledgement.till === till && acknowledgement.number === number
}

/** What is in the books, in the same words as {@link expectedBooks}. */
export async function booksOf(db: Kysely<Tables>, town: LedgerOffice) {
  const { rows: entries } = await sql<{ uploaded: boolean; complete: boolean; count: number }>`
    select uploaded, complete, count(*)::integer as count from entry where kind = 'pay'
    group by 1, 2`.execute(db)
  const { rows: takings } = await sql<{ till: number; balance: bigint }>`
    select till.number::integer as till, coalesce(max(account.balance), 0)::bigint as balance
    from till left join account on account.kind = 'merchant' and account.owner = till.merchant::text
    group by 1 order by 1`.execute(db)
  const { rows: shadows } = await sql<{ owner: string; balance: bigint }>`
    select owner, balance from account where kind = 'shadow' order by owner`.execute(db)
  const { rows: sums } = await sql<{ total: bigint; suspense: bigint }>`
    select coalesce(sum(balance), 0)::bigint as total,
      coalesce(sum(balance) filter (where kind = 'suspense'), 0)::bigint as suspense
    from account`.execute(db)
  return {
    payments: entries,
    takings: takings.map(({ till, balance }) => [till, balance]),
    balances: shadows.map(({ owner, balance }) => [owner, balance]),
    sums: sums[0],
    cases: (await town.cases()).map(({ kind, strength }) => ({ kind, strength })),
  }
}

export function expectedBooks(day: Day): Awaited<ReturnType<typeof booksOf>> {
  return {
    payments: [{ uploaded: true, complete: true, count: day.payments }],
    takings: [...day.takings].toSorted(([a], [b]) => a - b),
    balances: [...day.balances].toSorted(([a], [b]) => (a < b ? -1 : 1)),
    sums: { total: 0n, suspense: 0n },
    cases: [],
  }
}
