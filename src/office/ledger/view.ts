import { sql, type Kysely } from 'kysely'
import type { Outcome } from '../../kernel/batch.ts'
import type { CardId, Digest, TillNumber } from '../../kernel/ids.ts'
import type { Amount } from '../../kernel/money.ts'
import type { Party } from '../../kernel/party.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { Decision, Settlement } from './chain.ts'
import type { PaymentState } from './payment-store.ts'
import type { EntryKind } from '../scheme.ts'
import type { Tables } from '../tables.ts'

/** One line of a card's ledger: the columns of the document's Tables II to IV, and what became of it. */
export interface LedgerLine {
  readonly card: CardId
  readonly sequence: number
  readonly digest: Digest
  readonly kind: EntryKind
  readonly till: TillNumber
  readonly balance: Amount
  /** By the clock of `till`. */
  readonly at: Instant
  /** False: only shown by whoever built on it; what it says of its predecessor is not known. */
  readonly uploaded: boolean
  readonly amount: Amount | undefined
  readonly outcome: Outcome | undefined
  readonly previous:
    | {
        readonly digest: Digest
        readonly till: TillNumber
        readonly balance: Amount
        /** By the clock of that till. */
        readonly at: Instant
        /** Whether it was shown with its maker's signature, or its card signs itself. */
        readonly shown: boolean
      }
    | undefined
  readonly complete: boolean
  readonly contested: boolean
  readonly refuted: boolean
  /** What an operator has said of its money. */
  readonly decision: Decision | undefined
  readonly settlement: Settlement
  /** What it shows to have been paid, where payer and payee each have an account. */
  readonly payment: LinePayment | undefined
}

export interface LinePayment {
  readonly id: Digest
  readonly state: PaymentState
  /** Whether another office takes part: then the notary settles it. */
  readonly atNotary: boolean
  /** Whom this card paid, or who paid it. */
  readonly counterparty: Party
}

interface LineRow {
  card: CardId
  sequence: number
  digest: Digest
  kind: EntryKind
  maker: string
  balance: string
  made_at: string
  uploaded: boolean
  amount: string | null
  outcome: Outcome | null
  previous: Digest | null
  previous_maker: string | null
  previous_balance: string | null
  previous_at: string | null
  previous_shown: boolean | null
  complete: boolean
  contested: boolean
  refuted: boolean
  decision: Decision | null
  settlement: Settlement
  signed_by_card: boolean
  payment: Digest | null
  state: PaymentState | null
  at_notary: boolean | null
  other_kind: Party['kind'] | null
  other_office: number | null
  other: string | null
}

/** A card's whole ledger in order of sequence; where several claim a position, in order of digest. */
export async function ledgerOf(db: Kysely<Tables>, card: CardId): Promise<readonly LedgerLine[]> {
  const { rows } = await sql<LineRow>`
    select card, entry.sequence, encode(digest, 'hex') as digest, kind, maker::text, balance::text,
      made_at::text, uploaded, amount::text, outcome, encode(previous, 'hex') as previous,
      previous_maker::text, previous_balance::text, previous_at::text, previous_shown, complete,
      contested, refuted, decision, settlement, payment, state, at_notary, other_kind, other_office, other,
      exists (
        select from account where kind = 'shadow' and owner = entry.card and covered
      ) as signed_by_card
    from entry left join lateral (
      select encode(id, 'hex') as payment, state, at_notary,
        payee_kind as other_kind, payee_office as other_office, payee as other
      from payment where id = entry.digest
      union all
      select encode(id, 'hex'), state, at_notary, 'card', payer_office, payer
      from payment where receipt = entry.digest
      limit 1
    ) as paid on true
    where card = ${card} order by entry.sequence, entry.digest`.execute(db)
  const lines = rows.map(lineOf)
  return rows[0]?.signed_by_card ? withParents(lines) : lines
}

/** A card that signs names the record before: by whom and when that was made, it says itself. */
function withParents(lines: readonly LedgerLine[]): readonly LedgerLine[] {
  const byDigest = new Map(lines.map((line) => [line.digest, line]))
  return lines.map((line) => {
    const { previous } = line
    if (!previous) return line
    const parent = byDigest.get(previous.digest)
    const said = parent && { till: parent.till, at: parent.at }
    return { ...line, previous: { ...previous, ...said, shown: true } }
  })
}

function lineOf(row: LineRow): LedgerLine {
  return {
    card: row.card,
    sequence: row.sequence,
    digest: row.digest,
    kind: row.kind,
    till: Number(row.maker),
    balance: BigInt(row.balance),
    at: Number(row.made_at),
    uploaded: row.uploaded,
    amount: row.amount === null ? undefined : BigInt(row.amount),
    outcome: row.outcome ?? undefined,
    previous:
      row.previous === null
        ? undefined
        : {
            digest: row.previous,
            till: Number(row.previous_maker),
            balance: BigInt(row.previous_balance ?? 0),
            at: Number(row.previous_at),
            shown: row.previous_shown ?? false,
          },
    complete: row.complete,
    contested: row.contested,
    refuted: row.refuted,
    decision: row.decision ?? undefined,
    settlement: row.settlement,
    payment: paymentOf(row),
  }
}

function paymentOf({ payment: id, state, at_notary, ...row }: LineRow): LinePayment | undefined {
  if (id === null || state === null) return undefined
  return { id, state, atNotary: at_notary ?? false, counterparty: otherOf(row) }
}

function otherOf(row: Pick<LineRow, 'other_kind' | 'other_office' | 'other'>): Party {
  const { other_kind: kind, other_office, other } = row
  const office = other_office ?? 0
  switch (kind) {
    case 'card':
      return { kind, office, card: other as CardId }
    case 'till':
      return { kind, office, till: Number(other) }
    case 'office':
    case null:
      return { kind: 'office', office }
  }
}

/** How far the office is with what it was sent. */
export interface Progress {
  readonly batches: { readonly received: number; readonly toPlace: number }
  readonly records: {
    readonly uploaded: number
    /** Shown by others and not handed in. */
    readonly missing: number
    readonly waiting: number
    readonly held: number
    readonly settled: number
    readonly refuted: number
  }
  /** Items of evidence that say nothing, and should not have come. */
  readonly rejected: number
  readonly openCases: { readonly proven: number; readonly suspected: number }
}

/** Of evidence that is not wrong: nothing has come of what a till asked for, or it cannot be told yet. */
const BLAMELESS = ['no_outcome', 'unknown_element']

export async function progressOf(db: Kysely<Tables>): Promise<Progress> {
  const { rows } = await sql<Record<string, string>>`
    select
      (select count(*) from batch) as received,
      (select count(*) from batch where not placed) as to_place,
      (select count(*) from entry where uploaded) as uploaded,
      (select count(*) from entry where not uploaded) as missing,
      (select count(*) from entry where uploaded and not complete and not refuted) as waiting,
      (select count(*) from entry where settlement = 'held') as held,
      (select count(*) from entry where settlement = 'settled') as settled,
      (select count(*) from entry where refuted) as refuted,
      (select count(*) from rejected_item where not reason = any(${BLAMELESS})) as rejected,
      (select count(*) from "case" where strength = 'proven' and not withdrawn and resolved_at is null)
        as proven,
      (select count(*) from "case" where strength = 'suspected' and not withdrawn and resolved_at is null)
        as suspected`.execute(db)
  const [row] = rows
  const count = (name: string) => Number(row?.[name] ?? 0)
  return {
    batches: { received: count('received'), toPlace: count('to_place') },
    records: {
      uploaded: count('uploaded'),
      missing: count('missing'),
      waiting: count('waiting'),
      held: count('held'),
      settled: count('settled'),
      refuted: count('refuted'),
    },
    rejected: count('rejected'),
    openCases: { proven: count('proven'), suspected: count('suspected') },
  }
}
