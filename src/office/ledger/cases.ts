import { sql, type Kysely, type Transaction } from 'kysely'
import type { CardId, Digest, TillNumber } from '../../kernel/ids.ts'
import type { Amount } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { CaseKind, Finding, Strength, Suspect } from './findings.ts'
import type { Tables } from '../tables.ts'

/** A discrepancy, with its suspects and its evidence. */
export interface Case {
  readonly id: string
  readonly kind: CaseKind
  /** What it is about, as the finding says it. */
  readonly about: string
  readonly card: CardId | undefined
  readonly strength: Strength
  /** Most suspect first. */
  readonly suspects: readonly RankedSuspect[]
  /** At stake, minor units; undefined while it cannot be told. */
  readonly amount: Amount | undefined
  readonly records: readonly Digest[]
  /** By the office's clock. */
  readonly openedAt: Instant
  readonly changedAt: Instant
  /** Later evidence has explained it. */
  readonly withdrawn: boolean
  readonly resolution: { readonly at: Instant; readonly text: string } | undefined
}

export type RankedSuspect = Suspect & {
  /** How many forks speak against it; 1 for who is proven guilty. */
  readonly weight: number
}

/** A case that this group of evidence opened or changed. */
export interface ChangedCase {
  readonly id: string
  readonly kind: CaseKind
  readonly strength: Strength
  readonly card: CardId | undefined
  readonly suspects: readonly Suspect[]
}

/** Opens a case a finding, or brings the one there is up to date. The same finding twice is one case. */
export async function recordFindings(
  trx: Transaction<Tables>,
  findings: readonly Finding[],
  at: Instant,
): Promise<readonly ChangedCase[]> {
  if (findings.length === 0) return []
  const distinct = [...new Map(findings.map((f) => [`${f.kind} ${f.about}`, f])).values()]
  const column = <T>(value: (finding: Finding) => T) => distinct.map(value)
  const { rows } = await sql<{
    id: string
    kind: CaseKind
    strength: Strength
    card: CardId | null
    suspects: readonly Suspect[]
  }>`
    insert into "case" (kind, about, card, strength, suspects, amount, records, opened_at, changed_at)
    select kind, about, card, strength, suspects, amount, records, ${at}::bigint, ${at}::bigint
    from unnest(
      ${column(({ kind }) => kind)}::text[],
      ${column(({ about }) => about)}::text[],
      ${column(({ card }) => card ?? null)}::text[],
      ${column(({ strength }) => strength)}::text[],
      ${column(({ suspects }) => JSON.stringify(suspects))}::jsonb[],
      ${column(({ amount }) => (amount === undefined ? null : String(amount)))}::bigint[],
      ${column(({ records }) => JSON.stringify(records))}::jsonb[]
    ) as new (kind, about, card, strength, suspects, amount, records)
    on conflict (kind, about) do update set
      strength = excluded.strength, suspects = excluded.suspects, amount = excluded.amount,
      records = excluded.records, changed_at = excluded.changed_at, withdrawn = false
    where ("case".strength, "case".suspects, "case".amount, "case".records, "case".withdrawn)
      is distinct from
      (excluded.strength, excluded.suspects, excluded.amount, excluded.records, false)
    returning id::text, kind, strength, card, suspects`.execute(trx)
  return rows.map(({ card, ...row }) => ({ ...row, card: card ?? undefined }))
}

/** Takes back what the records no longer support. */
export async function withdrawFindings(
  trx: Transaction<Tables>,
  withdrawn: readonly { readonly kind: CaseKind; readonly about: string }[],
  at: Instant,
): Promise<void> {
  if (withdrawn.length === 0) return
  await sql`
    update "case" set withdrawn = true, changed_at = ${at}::bigint
    from unnest(
      ${withdrawn.map(({ kind }) => kind)}::text[],
      ${withdrawn.map(({ about }) => about)}::text[]
    ) as gone (kind, about)
    where "case".kind = gone.kind and "case".about = gone.about and not "case".withdrawn`.execute(
    trx,
  )
}

/**
 * Which of these cards are to be contained: those that stand in an open fork, until somebody has looked,
 * and those that are proven to have signed what no card of ours signs, for good.
 */
export async function containedCards(
  trx: Transaction<Tables>,
  cards: readonly CardId[],
): Promise<ReadonlySet<CardId>> {
  if (cards.length === 0) return new Set()
  const { rows } = await sql<{ card: CardId }>`
    select distinct card from "case"
    where card = any(${[...cards]}::text[]) and not withdrawn
      and ((kind = 'fork' and resolved_at is null) or kind = 'card-key-extracted')`.execute(trx)
  return new Set(rows.map(({ card }) => card))
}

export interface CaseFilter {
  readonly card?: CardId
  readonly id?: string
  /** Leave out what is resolved or withdrawn. */
  readonly open?: boolean
}

interface CaseRow {
  id: string
  kind: CaseKind
  about: string
  card: CardId | null
  strength: Strength
  suspects: readonly Suspect[]
  amount: string | null
  records: readonly Digest[]
  opened_at: string
  changed_at: string
  withdrawn: boolean
  resolved_at: string | null
  resolution: string | null
}

/** Cases, newest first. */
export async function listCases(
  db: Kysely<Tables>,
  { card, id, open = false }: CaseFilter = {},
): Promise<readonly Case[]> {
  const { rows } = await sql<CaseRow>`
    select id::text, kind, about, card, strength, suspects, amount::text, records, opened_at::text,
      changed_at::text, withdrawn, resolved_at::text, resolution
    from "case"
    where (${card ?? null}::text is null or card = ${card ?? null})
      and (${id ?? null}::bigint is null or id = ${id ?? null}::bigint)
      and (not ${open}::boolean or (not withdrawn and resolved_at is null))
    order by "case".id desc`.execute(db)
  const weights = rows.some(({ kind }) => kind === 'fork') ? await forkWeights(db) : new Map()
  return rows.map((row) => caseOf(row, weights))
}

/** Closes a case. @returns whether it was open. */
export async function resolveCase(
  trx: Transaction<Tables>,
  id: string,
  resolution: string,
  at: Instant,
): Promise<boolean> {
  const { rows } = await sql`
    update "case" set resolved_at = ${at}::bigint, resolution = ${resolution}, changed_at = ${at}::bigint
    where id = ${id}::bigint and resolved_at is null
    returning id`.execute(trx)
  return rows.length > 0
}

/**
 * What all forks together say of each suspect. One card that forks again and again speaks against the
 * card: it counts its surplus branches. Many cards that fork at one till speak against the till: it
 * counts those cards.
 */
async function forkWeights(db: Kysely<Tables>): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql<{ card: CardId; suspects: readonly Suspect[] }>`
    select card, suspects from "case" where kind = 'fork' and not withdrawn`.execute(db)
  const weights = new Map<string, number>()
  const cardsOfTill = new Map<TillNumber, Set<CardId>>()
  for (const { card, suspects } of rows) {
    const tills = suspects.flatMap((suspect) => (suspect.kind === 'till' ? suspect.till : []))
    const surplus = Math.max(1, tills.length - 1)
    weights.set(`card:${card}`, (weights.get(`card:${card}`) ?? 0) + surplus)
    for (const till of tills) {
      const cards = cardsOfTill.get(till)
      if (cards) cards.add(card)
      else cardsOfTill.set(till, new Set([card]))
    }
  }
  for (const [till, cards] of cardsOfTill) weights.set(`till:${till}`, cards.size)
  return weights
}

function caseOf(row: CaseRow, weights: ReadonlyMap<string, number>): Case {
  const weightOf = (suspect: Suspect) =>
    row.kind === 'fork' ? (weights.get(nameOf(suspect)) ?? 1) : 1
  return {
    id: row.id,
    kind: row.kind,
    about: row.about,
    card: row.card ?? undefined,
    strength: row.strength,
    suspects: row.suspects
      .map((suspect) => ({ ...suspect, weight: weightOf(suspect) }))
      // The card stands first among equals: copying a memory card takes least.
      .toSorted((a, b) => b.weight - a.weight),
    amount: row.amount === null ? undefined : BigInt(row.amount),
    records: row.records,
    openedAt: Number(row.opened_at),
    changedAt: Number(row.changed_at),
    withdrawn: row.withdrawn,
    resolution:
      row.resolved_at === null
        ? undefined
        : { at: Number(row.resolved_at), text: row.resolution ?? '' },
  }
}

function nameOf(suspect: Suspect): string {
  return suspect.kind === 'card' ? `card:${suspect.card}` : `till:${suspect.till}`
}
