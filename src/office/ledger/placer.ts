import { sql, type Kysely, type Transaction } from 'kysely'
import { decodeBatch, type Batch, type BatchItem, type ReceivedBatch } from '../../kernel/batch.ts'
import { toHex } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import type { CardId, Digest, TillNumber } from '../../kernel/ids.ts'
import type { Clock, Instant } from '../../kernel/ports.ts'
import { decodeSynchronisation, itemsOf } from '../../kernel/synchronisation.ts'
import {
  traceBatches,
  traceLate,
  traceMissing,
  traceOverdue,
  type PlacingBatch,
} from './batch-tracing.ts'
import type { Finding } from './findings.ts'
import { recordFindings, resolveCase, withdrawFindings, type ChangedCase } from './cases.ts'
import type { CoinVerdict, ShownCoins } from '../coins/coinage.ts'
import type { CardFacts } from './group-facts.ts'
import { lockLedger } from './lock.ts'
import { decide, place, type GroupFacts, type RecordDecision } from './placement.ts'
import { packed } from '../packed.ts'
import { paidIn } from './payments.ts'
import type { Upload } from './placement-store.ts'
import type { Verdict, VerifiedEntry } from '../scheme.ts'
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

/** Records that are in the ledger together, in one transaction. */
const GROUP_ITEMS_MAX = 4000
/** Groups that are verified, or being verified, while another is written: threads must not run dry. */
const GROUPS_AHEAD = 2
/** Batches kept in memory from their arrival until they are placed; the others are read again. */
const AT_HAND_MAX = 256

/**
 * Takes stored batches into the ledger, group by group: while one group is being written, the next one
 * is being verified. Stopping it at any point loses nothing: a batch is placed in the transaction that
 * says so.
 */
export class Placer {
  readonly #office: PlacerOffice
  /** By digest. Only a cache: the database has them all. */
  readonly #atHand = new Map<string, Batch>()
  /** Who waits for what to be in the ledger, by its id. */
  readonly #waiting = new Map<bigint, Waiting>()
  #running: Promise<void> | undefined
  #woken = false
  #stopped = false

  constructor(office: PlacerOffice) {
    this.#office = office
  }

  /** There may be something to place. @param batches of it that are at hand, to save reading them. */
  wake(batches: readonly ReceivedBatch[] = []): void {
    this.#woken = true
    for (const { batch, digest } of batches) {
      if (this.#atHand.size < AT_HAND_MAX) this.#atHand.set(toHex(digest), batch)
    }
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
    const facts = await this.#office.groupFacts(trx, [], new Map())
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
    const ahead = new Ahead(
      (after) => this.#take(after),
      (group) => this.#verify(group),
    )
    await ahead.fill()
    for (let next = ahead.shift(); next && !this.#stopped; next = ahead.shift()) {
      const group = await next
      await Promise.all([this.#apply(group), ahead.fill()])
    }
  }

  /** The oldest stored batches behind that one which are not placed yet: a group. */
  async #take(after: bigint): Promise<readonly StoredUpload[]> {
    const { rows } = await sql<{ id: bigint; digest: Digest }>`
      select id, encode(digest, 'hex') as digest from (
        select id, digest, sum(items) over (order by id) - items as before
        from (
          select id, digest, items from batch
          where not placed and id > ${after}::bigint order by id limit 500
        ) as waiting
      ) as numbered
      where before < ${GROUP_ITEMS_MAX} order by numbered.id`.execute(this.#office.db)
    return this.#contents(rows)
  }

  async #verify(group: readonly StoredUpload[]): Promise<readonly PlacingUpload[]> {
    const items = group.flatMap((upload) => upload.items)
    const coins = await this.#office.coins.read(items)
    const context = await this.#office.verifyContext()
    const records = items.filter((_, index) => coins[index] === undefined)
    const verified = (await this.#office.verifier.verify({ items: records, ...context })).values()
    const verdicts = coins.map((coin) => coin ?? nextOf(verified))
    let offset = 0
    return group.map((placing) => {
      const end = offset + placing.items.length
      const own = verdicts.slice(offset, end)
      offset = end
      return { ...placing, verdicts: own }
    })
  }

  /** Their content, from memory or from the database. */
  async #contents(rows: readonly { readonly id: bigint; readonly digest: Digest }[]) {
    const missing = rows.filter(({ digest }) => !this.#atHand.has(digest)).map(({ id }) => id)
    const read = missing.length > 0 ? await loadBatches(this.#office.db, missing) : new Map()
    return rows.map(({ id, digest }) => {
      const batch = this.#atHand.get(digest)
      const content: Content | undefined = batch ? { items: batch.items, batch } : read.get(id)
      invariant(content, `batch ${id} was stored`)
      this.#atHand.delete(digest)
      return { id, digest, ...content }
    })
  }

  async #apply(group: readonly PlacingUpload[]): Promise<void> {
    const { db, clock } = this.#office
    const at = clock.now()
    const result = await db.transaction().execute(async (trx) => {
      await lockLedger(trx)
      return this.#applyIn(trx, await claim(trx, group), at)
    })
    this.#tell(group)
    this.#office.notify(result)
  }

  async #applyIn(trx: Transaction<Tables>, claimed: readonly PlacingUpload[], at: Instant) {
    const group = claimed.flatMap(fromTill).toSorted(byTillAndNumber)
    const handedIn = claimed.filter(({ batch }) => batch === undefined)
    const sorted = await this.#sort(trx, [...group, ...handedIn])
    const { uploads, cards: uploaded, rejected, coins } = sorted
    const facts = await this.#office.groupFacts(trx, uploads, uploaded)
    const placed = await place(trx, uploads, facts, at, sorted.paid)
    await insertRejected(trx, rejected)
    const histories = group.map(historyOf)
    const batches = await traceBatches(trx, histories)
    const late = await traceLate(trx, histories, placed.fresh)
    const missing = await traceMissing(trx, histories, placed.shown)
    await withdrawFindings(trx, [...placed.withdrawn, ...batches.withdrawn], at)
    const shown = await this.#office.coins.place(trx, coins)
    const findings = [...placed.findings, ...batches.findings, ...late, ...missing, ...shown]
    const cases = await recordFindings(trx, findings, at)
    const cards = [...new Set(uploads.map(({ entry }) => entry.card))]
    const forks = placed.findings.length + placed.withdrawn.length > 0 ? cards : []
    await this.#office.act(trx, cases, forks)
    return { cards, cases }
  }

  /** Splits what verified from what did not. */
  async #sort(trx: Transaction<Tables>, group: readonly PlacingUpload[]) {
    const uploads: Upload[] = []
    const rejected: RejectedItem[] = []
    /** Of records that cards have signed. */
    const signed: VerifiedEntry[] = []
    const coins: ShownCoins[] = []
    const cards = await this.#office.cardsOf(trx, [
      ...new Set(
        group.flatMap(({ verdicts }) =>
          verdicts.flatMap((verdict) => shownBy(verdict).map(({ card }) => card)),
        ),
      ),
    ])
    for (const { id, batch, items, verdicts } of group) {
      for (const [index, verdict] of verdicts.entries()) {
        const item = items[index]
        invariant(item, 'one verdict an item')
        // Whoever hands it in: its vendor element has signed it.
        if ('coins' in verdict) {
          coins.push({ ...verdict.coins, source: { batch: id, index } })
          continue
        }
        const reason = verdict.ok ? misplaced(verdict.entry, batch?.till, cards) : verdict.reason
        if (verdict.ok && reason === undefined) {
          const { outcome } = item
          const source = { batch: id, index }
          if (verdict.entry.isForeign) {
            signed.push(verdict.entry)
            continue
          }
          const others = (verdict.others ?? []).filter(
            (entry) => misplaced(entry, batch?.till, cards) === undefined,
          )
          for (const entry of [verdict.entry, ...others]) {
            if (isSignedByCard(entry, cards)) signed.push(entry)
            uploads.push(
              entry.maker === batch?.till
                ? { entry, outcome, source }
                : { entry: hearsayOf(entry), outcome, source, isHearsay: true },
            )
          }
        } else rejected.push({ batch: id, index, reason: reason ?? 'rejected' })
      }
    }
    return { uploads, cards, rejected, coins, paid: paidIn(signed) }
  }
}

/** What was handed in: by a till as a batch, or by a card through somebody’s phone. */
interface Content {
  readonly items: readonly BatchItem[]
  /** Undefined: a card’s. */
  readonly batch: Batch | undefined
}

interface StoredUpload extends Content {
  readonly id: bigint
  readonly digest: Digest
}

interface PlacingUpload extends StoredUpload {
  readonly verdicts: readonly (Verdict | CoinVerdict)[]
}

/** One for each record: the verifier has seen to it. */
function nextOf(verdicts: Iterator<Verdict>): Verdict {
  const { value, done } = verdicts.next()
  invariant(done !== true, 'one verdict a record')
  return value
}

function fromTill(upload: PlacingUpload): (PlacingUpload & Pick<PlacingBatch, 'batch'>)[] {
  return upload.batch ? [{ ...upload, batch: upload.batch }] : []
}

/** A batch as its till's history sees it: coins are no records of cards, and each is where its item is. */
function historyOf(upload: PlacingUpload & Pick<PlacingBatch, 'batch'>): PlacingBatch {
  const verdicts = upload.verdicts.map((verdict) => ('coins' in verdict ? NO_RECORD : verdict))
  return { ...upload, verdicts }
}

const NO_RECORD: Verdict = { ok: false, reason: 'coins' }

function byTillAndNumber(
  { batch: a }: Pick<PlacingBatch, 'batch'>,
  { batch: b }: Pick<PlacingBatch, 'batch'>,
): number {
  return a.till - b.till || a.number - b.number
}

type Waiting = PromiseWithResolvers<void>

/** The groups after the one that is being written, in order. */
class Ahead {
  readonly #take: (after: bigint) => Promise<readonly StoredUpload[]>
  readonly #verify: (group: readonly StoredUpload[]) => Promise<readonly PlacingUpload[]>
  readonly #groups: Promise<readonly PlacingUpload[]>[] = []
  #taken = 0n

  constructor(
    take: (after: bigint) => Promise<readonly StoredUpload[]>,
    verify: (group: readonly StoredUpload[]) => Promise<readonly PlacingUpload[]>,
  ) {
    this.#take = take
    this.#verify = verify
  }

  shift(): Promise<readonly PlacingUpload[]> | undefined {
    return this.#groups.shift()
  }

  /** Resolves as soon as enough groups are taken: they are verified meanwhile. */
  async fill(): Promise<void> {
    while (this.#groups.length < GROUPS_AHEAD) {
      const group = await this.#take(this.#taken)
      const last = group.at(-1)
      if (!last) return
      this.#taken = last.id
      const verified = this.#verify(group)
      // Whoever takes it out sees its failure; nobody may be there to do so.
      verified.catch(() => {})
      this.#groups.push(verified)
    }
  }
}

async function loadBatches(
  db: Kysely<Tables>,
  ids: readonly bigint[],
): Promise<ReadonlyMap<bigint, Content>> {
  const { rows } = await sql<StoredRow & { readonly id: bigint }>`
    select id, card, bytes from batch where id = any(${packed(ids).int8((id) => id)})`.execute(db)
  return new Map(rows.map(({ id, ...row }) => [id, contentOf(row)]))
}

interface StoredRow {
  /** Null: a till’s. */
  readonly card: CardId | null
  readonly bytes: Uint8Array
}

/** What a row of the table `batch` holds, from its raw bytes. */
export function contentOf({ card, bytes }: StoredRow): Content {
  const raw = new Uint8Array(bytes)
  if (card !== null) return { items: itemsOf(decodeSynchronisation(raw)), batch: undefined }
  const { batch } = decodeBatch(raw)
  return { items: batch.items, batch }
}

interface RejectedItem {
  readonly batch: bigint
  readonly index: number
  readonly reason: string
}

function isSignedByCard({ card }: VerifiedEntry, cards: ReadonlyMap<CardId, CardFacts>): boolean {
  return cards.get(card)?.scheme.recordsAreSigned === 'by the card'
}

function shownBy(verdict: Verdict | CoinVerdict): readonly VerifiedEntry[] {
  return verdict.ok && 'entry' in verdict ? [verdict.entry, ...(verdict.others ?? [])] : []
}

/** What is left of an entry when whoever hands it in could have said anything of its till. */
export function hearsayOf(entry: VerifiedEntry): VerifiedEntry {
  return { ...entry, tokens: [], policyVersion: 0, findings: [] }
}

/** Why a record that verified cannot stand in this office's ledger, in the order of the checks. */
function misplaced(
  entry: Upload['entry'],
  /** Whose batch it came in; undefined if a card handed it in. */
  till: TillNumber | undefined,
  cards: ReadonlyMap<CardId, CardFacts>,
): string | undefined {
  if (entry.isForeign) return undefined
  const card = cards.get(entry.card)
  const isHearsay = till !== undefined && entry.maker !== till
  if (isHearsay && !isSignedByCard(entry, cards)) return 'foreign_maker'
  if (!card) return 'unknown_card'
  if (card.scheme.name !== entry.scheme) return 'foreign_scheme'
  if (card.currency !== entry.currency.code) return 'foreign_currency'
  return undefined
}

/** Takes those that no other process has placed meanwhile. */
async function claim(
  trx: Transaction<Tables>,
  group: readonly PlacingUpload[],
): Promise<readonly PlacingUpload[]> {
  const { rows } = await sql<{ id: bigint }>`
    update batch set placed = true
    where id = any(${packed(group).int8(({ id }) => id)}) and not placed
    returning id`.execute(trx)
  const claimed = new Set(rows.map(({ id }) => id))
  return group.filter(({ id }) => claimed.has(id))
}

async function insertRejected(
  trx: Transaction<Tables>,
  rejected: readonly RejectedItem[],
): Promise<void> {
  if (rejected.length === 0) return
  const column = packed(rejected)
  await sql`
    insert into rejected_item (batch, index, reason)
    select * from unnest(
      ${column.int8(({ batch }) => batch)},
      ${column.int4(({ index }) => index)},
      ${column.text(({ reason }) => reason)}
    )`.execute(trx)
}
