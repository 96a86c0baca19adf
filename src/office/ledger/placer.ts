import { sql, type Kysely, type Transaction } from 'kysely'
import type { BatchItem, ReceivedBatch } from '../../kernel/batch.ts'
import { invariant } from '../../kernel/errors.ts'
import type { CardId } from '../../kernel/ids.ts'
import type { Clock, Instant } from '../../kernel/ports.ts'
import { Ahead } from './ahead.ts'
import { traceBatches, traceLate, traceMissing, traceOverdue } from './batch-tracing.ts'
import type { Finding } from './findings.ts'
import { recordFindings, resolveCase, withdrawFindings, type ChangedCase } from './cases.ts'
import type { CoinVerdict, ShownCoins } from '../coins/coinage.ts'
import { saleIn, type CoinSale } from '../coins/sales.ts'
import type { CardFacts, GroupFacts } from './group-facts.ts'
import { lockLedger } from './lock.ts'
import { decide, place, type RecordDecision } from './placement.ts'
import { packed } from '../packed.ts'
import { NOTHING_PAID } from './payments.ts'
import type { Upload } from './placement-store.ts'
import type { Verdict } from '../scheme.ts'
import {
  cardsShownIn,
  fromTills,
  historyOf,
  insertRejected,
  sortItems,
  takeRejected,
  type ItemPlace,
  type VerifiedUpload,
} from './sorting.ts'
import { loadContents, StoredUploads, type StoredUpload } from './stored-uploads.ts'
import type { Tables } from '../tables.ts'
import type { Verifier, VerifyJob } from './verifier.ts'

/** What the placer asks of the rest of the office. */
export interface PlacerOffice {
  readonly db: Kysely<Tables>
  readonly clock: Clock
  readonly verifier: Verifier
  readonly coins: CoinLedger
  /** Every key that a maker ever had, and the secrets of the schemes. */
  verifyContext(): Promise<Pick<VerifyJob, 'keys' | 'secrets'>>
  /** What placement must know of these cards and their uploads. */
  groupFacts(
    trx: Transaction<Tables>,
    uploads: readonly Upload[],
    uploaded: ReadonlyMap<CardId, CardFacts>,
    sold: readonly CoinSale[],
  ): Promise<GroupFacts>
  /** Which of these cards the registry has. */
  cardsOf(
    trx: Transaction<Tables>,
    cards: readonly CardId[],
  ): Promise<ReadonlyMap<CardId, CardFacts>>
  /** Contains or frees cards, and stops tills, as the changed cases ask for. */
  act(
    trx: Transaction<Tables>,
    changed: readonly ChangedCase[],
    cards: readonly CardId[],
  ): Promise<void>
  /** After the transaction: for whoever watches. */
  notify(placed: {
    readonly cards: readonly CardId[]
    readonly cases: readonly ChangedCase[]
  }): void
  /** A broken invariant or a lost database: the process must stop. */
  readonly fail: (error: unknown) => void
}

/** What the placer asks of the ledger of coins, which are no records of cards. */
export interface CoinLedger {
  /** What each item shows, in their order; undefined: it is of a scheme without coins. */
  read(items: readonly BatchItem[]): Promise<readonly (CoinVerdict | undefined)[]>
  place(trx: Transaction<Tables>, entries: readonly ShownCoins[]): Promise<readonly Finding[]>
}

/** What came of a case. */
export interface Resolution {
  readonly id: string
  /** The card of the case, if it has one. */
  readonly card: CardId | undefined
  readonly reason: string
  readonly decisions: readonly RecordDecision[]
}

/**
 * Takes stored batches into the ledger, group by group: while one group is being written, the next ones
 * are being verified. Stopping it at any point loses nothing: a batch is placed in the transaction that
 * says so.
 */
export class Placer {
  readonly #office: PlacerOffice
  readonly #stored: StoredUploads
  /** Who waits for what to be in the ledger, by its id. */
  readonly #waiting = new Map<bigint, Waiting>()
  #running: Promise<void> | undefined
  #woken = false
  #stopped = false

  constructor(office: PlacerOffice) {
    this.#office = office
    this.#stored = new StoredUploads(office.db)
  }

  /** There may be something to place. @param batches of it that are at hand, to save reading them. */
  wake(batches: readonly ReceivedBatch[] = []): void {
    this.#woken = true
    this.#stored.remember(batches)
    if (this.#stopped) return
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      if (this.#woken && !this.#stopped) this.wake()
    })
  }

  /** Resolves when everything that was stored when it was called is in the ledger. */
  async settled(): Promise<void> {
    this.wake()
    while (this.#running) await this.#running
  }

  /** Resolves when that upload, which is stored, is in the ledger. @throws if the placer stops before. */
  async placed(id: bigint): Promise<void> {
    const waiting = this.#waiting.get(id) ?? Promise.withResolvers<void>()
    this.#waiting.set(id, waiting)
    // Nobody may be there to hear of it.
    waiting.promise.catch(() => {})
    const row = await this.#office.db
      .selectFrom('batch')
      .select('placed')
      .where('id', '=', id)
      .executeTakeFirst()
    if (row?.placed) this.#tell([{ id }])
    else if (this.#stopped) this.#giveUp()
    else this.wake()
    return waiting.promise
  }

  /**
   * Closes a case as somebody has decided, in that person's transaction.
   *
   * @returns whether it was open.
   */
  async resolve(trx: Transaction<Tables>, resolution: Resolution): Promise<boolean> {
    const at = this.#office.clock.now()
    const { decisions, card } = resolution
    await lockLedger(trx)
    if (!(await resolveCase(trx, resolution.id, resolution.reason, at))) return false
    const facts = await this.#office.groupFacts(trx, [], new Map(), [])
    const traced = await decide(trx, decisions, facts, at)
    await withdrawFindings(trx, traced.withdrawn, at)
    await this.#office.act(trx, [], card === undefined ? [] : [card])
    return true
  }

  /** Opens a case for what was shown before that instant and is still not handed in. */
  async sweep(before: Instant): Promise<void> {
    const { db, clock } = this.#office
    const cases = await db.transaction().execute(async (trx) => {
      await lockLedger(trx)
      return recordFindings(trx, await traceOverdue(trx, before), clock.now())
    })
    if (cases.length > 0) this.#office.notify({ cards: [], cases })
  }

  /**
   * Takes evidence about coins into the ledger that said nothing when it was placed, and may by now: whoever
   * it names may have become known.
   */
  async readAgain(places: readonly ItemPlace[]): Promise<void> {
    const { db, clock, coins } = this.#office
    const stored = await loadContents(
      db,
      places.map(({ batch }) => batch),
    )
    const items = places.flatMap(({ batch, index }) => stored.get(batch)?.items[index] ?? [])
    invariant(items.length === places.length, 'what was rejected is stored')
    const verdicts = await coins.read(items)
    const good = verdicts.flatMap((verdict, n) => {
      const source = places[n]
      if (!source || !verdict?.ok) return []
      const sale = saleIn(verdict, stored.get(source.batch)?.batch?.till)
      return [{ coins: { ...verdict.coins, source }, sale }]
    })
    if (good.length === 0) return
    const cases = await db.transaction().execute(async (trx) => {
      await lockLedger(trx)
      const taken = await takeRejected(
        trx,
        good.map(({ coins: { source } }) => source),
      )
      const isTaken = ({ source }: ShownCoins) => taken.has(`${source.batch} ${source.index}`)
      const news = good.filter((one) => isTaken(one.coins))
      const sold = news.flatMap(({ sale }) => sale ?? [])
      const facts = await this.#office.groupFacts(trx, [], new Map(), sold)
      const placed = await place(trx, [], facts, clock.now(), NOTHING_PAID, sold)
      const found = await coins.place(
        trx,
        news.map((one) => one.coins),
      )
      const changed = await recordFindings(trx, [...placed.findings, ...found], clock.now())
      await this.#office.act(trx, changed, [])
      return changed
    })
    this.#office.notify({ cards: [], cases })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
    this.#giveUp()
  }

  #tell(placed: readonly { readonly id: bigint }[]): void {
    for (const { id } of placed) {
      this.#waiting.get(id)?.resolve()
      this.#waiting.delete(id)
    }
  }

  #giveUp(): void {
    for (const { reject } of this.#waiting.values()) reject(new Error('the ledger was stopped'))
    this.#waiting.clear()
  }

  async #run(): Promise<void> {
    try {
      while (this.#woken && !this.#stopped) {
        this.#woken = false
        await this.#placeAll()
      }
    } catch (error) {
      this.#stopped = true
      this.#giveUp()
      this.#office.fail(error)
    }
  }

  async #placeAll(): Promise<void> {
    const ahead = new Ahead<StoredUpload, VerifiedUpload>({
      take: (after, items) => this.#stored.take(after, items),
      verify: (part) => this.#verify(part),
    })
    await ahead.fill()
    for (let group = await ahead.next(); group && !this.#stopped; group = await ahead.next()) {
      await Promise.all([this.#apply(group), ahead.fill()])
    }
  }

  async #verify(part: readonly StoredUpload[]): Promise<readonly VerifiedUpload[]> {
    const items = part.flatMap((upload) => upload.items)
    const coins = await this.#office.coins.read(items)
    const context = await this.#office.verifyContext()
    const records = items.filter((_, index) => coins[index] === undefined)
    const verified = (await this.#office.verifier.verify({ items: records, ...context })).values()
    const verdicts = coins.map((coin) => coin ?? nextOf(verified))
    let offset = 0
    return part.map((upload) => {
      const end = offset + upload.items.length
      const own = verdicts.slice(offset, end)
      offset = end
      return { ...upload, verdicts: own }
    })
  }

  async #apply(group: readonly VerifiedUpload[]): Promise<void> {
    const { db, clock } = this.#office
    const at = clock.now()
    const result = await db.transaction().execute(async (trx) => {
      await lockLedger(trx)
      return this.#applyIn(trx, await claim(trx, group), at)
    })
    this.#tell(group)
    this.#office.notify(result)
  }

  async #applyIn(trx: Transaction<Tables>, claimed: readonly VerifiedUpload[], at: Instant) {
    const batches = fromTills(claimed)
    const uploaded = await this.#office.cardsOf(trx, cardsShownIn(claimed))
    const handedIn = claimed.filter(({ batch }) => batch === undefined)
    const { uploads, coins, sold, paid, rejected } = sortItems([...batches, ...handedIn], uploaded)
    const facts = await this.#office.groupFacts(trx, uploads, uploaded, sold)
    const placed = await place(trx, uploads, facts, at, paid, sold)
    await insertRejected(trx, rejected)
    const histories = batches.map(historyOf)
    const traced = await traceBatches(trx, histories)
    const late = await traceLate(trx, histories, placed.fresh)
    const missing = await traceMissing(trx, histories, placed.shown)
    await withdrawFindings(trx, [...placed.withdrawn, ...traced.withdrawn], at)
    const shown = await this.#office.coins.place(trx, coins)
    const findings = [...placed.findings, ...traced.findings, ...late, ...missing, ...shown]
    const cases = await recordFindings(trx, findings, at)
    const cards = [...new Set(uploads.map(({ entry }) => entry.card))]
    const forks = placed.findings.length + placed.withdrawn.length > 0 ? cards : []
    await this.#office.act(trx, cases, forks)
    return { cards, cases }
  }
}

/** One for each record: the verifier has seen to it. */
function nextOf(verdicts: Iterator<Verdict>): Verdict {
  const { value, done } = verdicts.next()
  invariant(done !== true, 'one verdict a record')
  return value
}

type Waiting = PromiseWithResolvers<void>

/** Takes those that no other process has placed meanwhile. */
async function claim(
  trx: Transaction<Tables>,
  group: readonly VerifiedUpload[],
): Promise<readonly VerifiedUpload[]> {
  const { rows } = await sql<{ id: bigint }>`
    update batch set placed = true
    where id = any(${packed(group).int8(({ id }) => id)}) and not placed
    returning id`.execute(trx)
  const claimed = new Set(rows.map(({ id }) => id))
  return group.filter(({ id }) => claimed.has(id))
}
