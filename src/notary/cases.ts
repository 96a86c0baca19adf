import { sql } from 'kysely'
import type { Bytes } from '../kernel/bytes.ts'
import type { CardId } from '../kernel/ids.ts'
import type { Amount } from '../kernel/money.ts'
import type { OfficeNumber } from '../kernel/party.ts'
import type { Instant } from '../kernel/ports.ts'
import { packed } from '../office/packed.ts'
import type { NotaryDb, NotaryTransaction } from './database.ts'

/**
 * What the notary finds. docs/protocol/notary.md says of each who could have made the bytes.
 */
export const NOTARY_CASE_KINDS = [
  /** Against a card: it signed two payments with one sequence, or for one request. */
  'card-key-extracted',
  /** Against an office: it certified two keys for one card. */
  'card-certified-twice',
  /** Against an office: its cards pay more than was permitted. */
  'unbacked-money',
] as const
export type NotaryCaseKind = (typeof NOTARY_CASE_KINDS)[number]

export interface Finding {
  readonly kind: NotaryCaseKind
  /** The same finding twice is one case. */
  readonly about: string
  readonly office: OfficeNumber
  readonly card: CardId | undefined
  readonly strength: 'suspected' | 'proven'
  readonly amount: Amount | undefined
  /** What anybody can check with the root’s certificate alone. */
  readonly evidence: readonly Bytes[]
}

export interface NotaryCase extends Finding {
  readonly id: string
  /** By the notary’s clock. */
  readonly openedAt: Instant
  readonly changedAt: Instant
  readonly withdrawn: boolean
}

/** Opens a case a finding, or brings the one there is up to date; what was proven stays proven. */
export async function recordFindings(
  trx: NotaryTransaction,
  findings: readonly Finding[],
  at: Instant,
): Promise<void> {
  for (const { kind, about, office, card, strength, amount, evidence } of findings) {
    await sql`
      insert into "case" (
        kind, about, office, card, strength, amount, evidence, opened_at, changed_at
      ) values (
        ${kind}, ${about}, ${office}, ${card ?? null}, ${strength},
        ${amount === undefined ? null : String(amount)}::bigint,
        ${packed(evidence).bytea((bytes) => bytes)}, ${at}::bigint, ${at}::bigint
      )
      on conflict (kind, about) do update set
        strength = excluded.strength, amount = excluded.amount, evidence = excluded.evidence,
        changed_at = excluded.changed_at, withdrawn = false
      where "case".strength = 'suspected'
        and ("case".strength, "case".amount, "case".withdrawn)
          is distinct from (excluded.strength, excluded.amount, false)`.execute(trx)
  }
}

/** Takes back suspicions of one kind, but for these. */
export async function withdrawSuspicions(
  trx: NotaryTransaction,
  kind: NotaryCaseKind,
  but: readonly string[],
  at: Instant,
): Promise<void> {
  await sql`
    update "case" set withdrawn = true, changed_at = ${at}::bigint
    where kind = ${kind} and strength = 'suspected' and not withdrawn
      and about <> all(${[...but]}::text[])`.execute(trx)
}

/** Takes back a case for good: what spoke for it was not all that there was. */
export async function withdrawCase(
  trx: NotaryTransaction,
  kind: NotaryCaseKind,
  about: string,
  at: Instant,
): Promise<void> {
  await sql`
    update "case" set withdrawn = true, changed_at = ${at}::bigint
    where kind = ${kind} and about = ${about} and not withdrawn`.execute(trx)
}

/** Newest first. */
export async function listCases(db: NotaryDb): Promise<readonly NotaryCase[]> {
  const { rows } = await sql<{
    id: bigint
    kind: NotaryCaseKind
    about: string
    office: number
    card: CardId | null
    strength: 'suspected' | 'proven'
    amount: bigint | null
    evidence: readonly Buffer[]
    opened_at: bigint
    changed_at: bigint
    withdrawn: boolean
  }>`select * from "case" order by id desc`.execute(db)
  return rows.map(({ id, card, amount, evidence, opened_at, changed_at, ...row }) => ({
    ...row,
    id: String(id),
    card: card ?? undefined,
    amount: amount ?? undefined,
    evidence: evidence.map((bytes) => new Uint8Array(bytes)),
    openedAt: Number(opened_at),
    changedAt: Number(changed_at),
  }))
}
