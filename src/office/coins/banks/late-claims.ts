import { sql, type Kysely } from 'kysely'
import type { Instant } from '../../../kernel/ports.ts'
import type { Office } from '../../office.ts'
import type { Tables } from '../../tables.ts'
import { coinSchemeOf } from '../elements.ts'
import { SILENT_MAX } from '../grace.ts'

/** Who could still come with a claim, and what that one has to do first. */
export interface LateBank {
  /** Undefined: this bank has not heard its notary, so that it may not even know who there is. */
  readonly bank: number | undefined
  /** What its vendors took until then has come in here. */
  readonly shownUpTo: Instant
}

/** How far all that other banks' vendors took has come in here, the bank that is furthest behind first. */
async function lateBanks(
  { schemes, secretsOf }: Pick<Office, 'schemes' | 'secretsOf'>,
  trx: Kysely<Tables>,
): Promise<readonly LateBank[]> {
  const scheme = coinSchemeOf({ schemes })
  // Nobody else's vendors take the coins of a bank that is its own root.
  if (!scheme?.coinage.membership(secretsOf(scheme.name))) return []
  const { rows } = await sql<{ bank: number | null; shown_up_to: bigint }>`
    select number as bank, shown_up_to from coin_bank
    union all
    select null, coalesce((select heard_at from coin_exchange), 0)
    order by shown_up_to, bank`.execute(trx)
  return rows.map(({ bank, shown_up_to }) => ({
    bank: bank ?? undefined,
    shownUpTo: Number(shown_up_to),
  }))
}

/** Nobody comes any more with a claim to what he took before then. @param at now. */
export async function heardUpTo(
  office: Pick<Office, 'schemes' | 'secretsOf'>,
  trx: Kysely<Tables>,
  at: Instant,
): Promise<Instant> {
  const [last] = await lateBanks(office, trx)
  return last ? Math.max(last.shownUpTo, at - SILENT_MAX) : at
}

/** Who could still come with a claim to what he took before `since`. @param at now. */
export async function banksAwaited(
  office: Pick<Office, 'schemes' | 'secretsOf'>,
  trx: Kysely<Tables>,
  since: Instant,
  at: Instant,
): Promise<readonly LateBank[]> {
  if (since <= at - SILENT_MAX) return []
  return (await lateBanks(office, trx)).filter(({ shownUpTo }) => shownUpTo < since)
}
