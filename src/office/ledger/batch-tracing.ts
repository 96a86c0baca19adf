import { sql, type Transaction } from 'kysely'
import type { CardId, Digest, TillNumber } from '../../kernel/ids.ts'
import type { Amount } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { Batch } from '../../kernel/batch.ts'
import type { ChainRecord } from './chain.ts'
import type { Finding } from './findings.ts'
import type { Verdict } from '../scheme.ts'
import { packed } from '../packed.ts'
import type { Tables } from '../tables.ts'
import { traceCash, withheld, type PositionFindings } from './tracing.ts'

/** One batch on its way into the ledger. */
export interface PlacingBatch {
  readonly id: bigint
  readonly batch: Batch
  readonly digest: Digest
  readonly verdicts: readonly Verdict[]
}

/** Rewritten numbers, gaps and cash that does not add up. */
export async function traceBatches(
  trx: Transaction<Tables>,
  group: readonly PlacingBatch[],
): Promise<PositionFindings> {
  const cash = group.flatMap(({ batch, verdicts }) =>
    traceCash(batch.till, batch, loadedIn(batch, verdicts)),
  )
  const history = await traceHistory(trx, group)
  return { findings: [...cash, ...history.findings], withdrawn: history.withdrawn }
}

/** Loads less loads taken back, among the records that this batch reports as done. */
export function loadedIn(batch: PlacingBatch['batch'], verdicts: PlacingBatch['verdicts']): Amount {
  return verdicts.reduce<Amount>((loaded, verdict, index) => {
    if (!verdict.ok || batch.items[index]?.outcome !== 'confirmed') return loaded
    const { kind, amount, balance, predecessor, maker } = verdict.entry
    // Not this till's doing, though it hands it in.
    if (maker !== batch.till) return loaded
    if (kind === 'load') return loaded + amount
    const takenBack = kind === 'reversal' && predecessor && balance < predecessor.balance
    return takenBack ? loaded - amount : loaded
  }, 0n)
}

/** Where a batch stands in its till's journal, by the till's own word. */
export interface BatchPlace {
  readonly till: TillNumber
  readonly number: number
  readonly digest: Digest
  readonly previous: Digest
}

/** The batches of the group with all that carry a neighbouring number. */
async function loadNeighbours(
  trx: Transaction<Tables>,
  group: readonly PlacingBatch[],
): Promise<readonly BatchPlace[]> {
  const { rows } = await sql<{ till: string; number: string; digest: Digest; previous: Digest }>`
    select distinct b.till::text, b.number::text, encode(b.digest, 'hex') as digest,
      encode(b.previous, 'hex') as previous
    from unnest(
      ${group.map(({ batch }) => batch.till)}::bigint[],
      ${group.map(({ batch }) => batch.number)}::bigint[]
    ) as placed (till, number)
    join batch b on b.till = placed.till and b.number between placed.number - 1 and placed.number + 1
  `.execute(trx)
  return rows.map(({ till, number, ...digests }) => ({
    till: Number(till),
    number: Number(number),
    ...digests,
  }))
}

async function traceHistory(
  trx: Transaction<Tables>,
  group: readonly PlacingBatch[],
): Promise<PositionFindings> {
  const neighbours = await loadNeighbours(trx, group)
  const findings = traceRewritten(neighbours)
  const withdrawn: PositionFindings['withdrawn'][number][] = []
  const known = new Set(neighbours.map(({ till, number }) => `${till}:${number}`))
  for (const { batch } of group) {
    const gap = { kind: 'batch-gap', about: `${batch.till}:${batch.number - 1}` } as const
    if (batch.number > 1 && !known.has(gap.about)) {
      findings.push(batchGap(batch.till, gap.about))
    }
    // What was missed for the batch after this one is here now.
    withdrawn.push({ kind: 'batch-gap', about: `${batch.till}:${batch.number}` })
  }
  return { findings, withdrawn }
}

/** Numbers that a till has used twice, and batches that name another one before them than it signed. Pure. */
export function traceRewritten(batches: readonly BatchPlace[]): Finding[] {
  const byNumber = Map.groupBy(batches, ({ till, number }) => `${till}:${number}`)
  return [...byNumber.values()].flatMap((versions) => {
    const [first] = versions
    if (!first) return []
    const { till, number } = first
    const before = byNumber.get(`${till}:${number - 1}`) ?? []
    const isRewritten =
      versions.length > 1 || versions.some((version) => contradicts(version, before))
    return isRewritten ? [rewritten(till, number)] : []
  })
}

/** Both are signed by the till, so the digest that one gives of the other is the till's own word. */
function contradicts({ previous }: BatchPlace, before: readonly BatchPlace[]): boolean {
  return before.length > 0 && before.every(({ digest }) => digest !== previous)
}

function rewritten(till: TillNumber, number: number): Finding {
  return {
    kind: 'rewritten-journal',
    strength: 'proven',
    suspects: [{ kind: 'till', till }],
    card: undefined,
    about: `${till}:${number}`,
    amount: undefined,
    records: [],
  }
}

function batchGap(till: TillNumber, about: string): Finding {
  return {
    kind: 'batch-gap',
    strength: 'suspected',
    suspects: [{ kind: 'till', till }],
    card: undefined,
    about,
    amount: undefined,
    records: [],
  }
}

/**
 * Records that come in a batch after one that declared itself complete beyond their time: they had been
 * kept back. It can be told only when every batch before is here; until then they are noted.
 */
export async function traceLate(
  trx: Transaction<Tables>,
  group: readonly PlacingBatch[],
  fresh: ReadonlySet<Digest>,
): Promise<Finding[]> {
  const tills = [...new Set(group.map(({ batch }) => batch.till))]
  await sql`
    insert into till_placement (till) select * from unnest(${tills}::bigint[])
    on conflict (till) do nothing`.execute(trx)
  const before = await loadProgress(trx, tills)
  await noteFirstReports(trx, group, fresh, before)
  await advance(trx, tills)
  return checkNoted(trx, tills)
}

interface TillProgress {
  readonly placedUpTo: number
  readonly completeUpTo: Instant
}

async function loadProgress(
  trx: Transaction<Tables>,
  tills: readonly TillNumber[],
): Promise<ReadonlyMap<TillNumber, TillProgress>> {
  const { rows } = await sql<{ till: string; placed: string; complete: string }>`
    select till::text, placed_up_to::text as placed, complete_up_to::text as complete
    from till_placement where till = any(${[...tills]}::bigint[])`.execute(trx)
  return new Map(
    rows.map(({ till, placed, complete }) => [
      Number(till),
      { placedUpTo: Number(placed), completeUpTo: Number(complete) },
    ]),
  )
}

interface Note {
  readonly till: TillNumber
  readonly number: number
  readonly card: CardId
  readonly sequence: number
  readonly digest: Digest
  readonly madeAt: Instant
}

/**
 * Notes records with the lowest batch number that reports them, unless it is plain at once that they
 * came in time: their batch follows the last one placed, and they are later than what that declared.
 */
async function noteFirstReports(
  trx: Transaction<Tables>,
  group: readonly PlacingBatch[],
  fresh: ReadonlySet<Digest>,
  progress: ReadonlyMap<TillNumber, TillProgress>,
): Promise<void> {
  const declared = new Map(progress)
  const notes: Note[] = []
  const repeats: Note[] = []
  const seen = new Set<Digest>()
  for (const { batch, verdicts } of group) {
    const { placedUpTo, completeUpTo } = declared.get(batch.till) ?? {
      placedUpTo: 0,
      completeUpTo: -1,
    }
    const inOrder = batch.number === placedUpTo + 1
    for (const verdict of verdicts) {
      if (!verdict.ok) continue
      const { card, sequence, digest, madeAt } = verdict.entry
      const inTime = inOrder && madeAt > completeUpTo
      const known = !fresh.has(digest) || seen.has(digest)
      seen.add(digest)
      const note = { till: batch.till, number: batch.number, card, sequence, digest, madeAt }
      // A repeat is no first report; but what a later batch had reported before is first reported here.
      if (known) repeats.push(note)
      else if (!inTime) notes.push(note)
    }
    if (inOrder) {
      const next = Math.max(completeUpTo, batch.completeUpTo)
      declared.set(batch.till, { placedUpTo: batch.number, completeUpTo: next })
    }
  }
  await lowerNotes(trx, repeats)
  if (notes.length === 0) return
  const column = packed(notes)
  await sql`
    insert into late_check (till, number, card, sequence, digest, made_at)
    select till, min(number), card, sequence, digest, made_at
    from unnest(
      ${column.int8(({ till }) => till)},
      ${column.int8(({ number }) => number)},
      ${column.text(({ card }) => card)},
      ${column.int4(({ sequence }) => sequence)},
      ${column.hex(({ digest }) => digest)},
      ${column.int8(({ madeAt }) => madeAt)}
    ) as note (till, number, card, sequence, digest, made_at)
    group by till, card, sequence, digest, made_at
    on conflict (till, card, sequence, digest)
    do update set number = least(late_check.number, excluded.number)`.execute(trx)
}

/** A noted record turns out to be in an earlier batch. */
async function lowerNotes(trx: Transaction<Tables>, repeats: readonly Note[]): Promise<void> {
  if (repeats.length === 0) return
  const column = packed(repeats)
  await sql`
    update late_check set number = least(late_check.number, first.number)
    from (
      select till, min(number) as number, digest
      from unnest(
        ${column.int8(({ till }) => till)},
        ${column.int8(({ number }) => number)},
        ${column.hex(({ digest }) => digest)}
      ) as repeat (till, number, digest)
      group by till, digest
    ) as first
    where late_check.till = first.till and late_check.digest = first.digest`.execute(trx)
}

/** Moves each till's progress over the batches that are placed without a gap. */
async function advance(trx: Transaction<Tables>, tills: readonly TillNumber[]): Promise<void> {
  await sql`
    with recursive step (till, number, complete_up_to) as (
      select till, placed_up_to, complete_up_to from till_placement
      where till = any(${[...tills]}::bigint[])
      union all
      select step.till, step.number + 1, greatest(step.complete_up_to, next.complete_up_to)
      from step cross join lateral (
        select max(batch.complete_up_to) as complete_up_to from batch
        where batch.till = step.till and batch.number = step.number + 1 and batch.placed
        having count(*) > 0
      ) as next
    ), reached as (
      select distinct on (till) till, number, complete_up_to from step order by till, number desc
    )
    update till_placement set placed_up_to = reached.number, complete_up_to = reached.complete_up_to
    from reached where till_placement.till = reached.till`.execute(trx)
}

/** Decides the notes whose batches are no longer behind a gap. */
async function checkNoted(
  trx: Transaction<Tables>,
  tills: readonly TillNumber[],
): Promise<Finding[]> {
  const { rows } = await sql<{ card: CardId; digest: Digest; till: string; late: boolean }>`
    with decided as (
      delete from late_check using till_placement
      where late_check.till = any(${[...tills]}::bigint[])
        and till_placement.till = late_check.till
        and late_check.number <= till_placement.placed_up_to
      returning late_check.till, late_check.number, late_check.card, late_check.digest,
        late_check.made_at
    )
    select card, encode(digest, 'hex') as digest, till::text, exists (
      select from batch
      where batch.till = decided.till and batch.number < decided.number
        and batch.complete_up_to >= decided.made_at
    ) as late from decided`.execute(trx)
  return rows.flatMap(({ card, digest, till, late }) =>
    late ? withheld({ card, digest, maker: Number(till) }) : [],
  )
}

/** Records that others have shown and whose maker declares to have handed in everything by then. */
export async function traceMissing(
  trx: Transaction<Tables>,
  group: readonly PlacingBatch[],
  shown: readonly ChainRecord[],
): Promise<Finding[]> {
  const makers = new Set([
    ...group.map(({ batch }) => batch.till),
    ...shown.map(({ maker }) => maker),
  ])
  const { rows } = await sql<{ card: CardId; digest: Digest; maker: string }>`
    select e.card, encode(e.digest, 'hex') as digest, e.maker::text
    from till_placement p
    join entry e on not e.uploaded and e.maker = p.till and e.made_at <= p.complete_up_to
    where p.till = any(${[...makers]}::bigint[])
      -- who handed in another version has not kept this one back: he has signed two
      and not exists (
        select from entry other
        where other.card = e.card and other.sequence = e.sequence and other.maker = e.maker
          and other.digest <> e.digest
      )`.execute(trx)
  return rows.map(({ card, digest, maker }) => withheld({ card, digest, maker: Number(maker) }))
}

/** Records that others have shown so long ago that their maker should have handed them in by now. */
export async function traceOverdue(trx: Transaction<Tables>, before: Instant): Promise<Finding[]> {
  const { rows } = await sql<{ card: CardId; digest: Digest; maker: string }>`
    select card, encode(digest, 'hex') as digest, maker::text from entry
    where not uploaded and received_at < ${before}::bigint`.execute(trx)
  return rows.map(({ card, digest, maker }) => ({
    kind: 'missing-transaction',
    strength: 'suspected',
    // Or its network: a till that is still offline has done nothing wrong.
    suspects: [{ kind: 'till', till: Number(maker) }],
    card,
    about: digest,
    amount: undefined,
    records: [digest],
  }))
}
