import { sql, type Transaction } from 'kysely'
import type { CardId } from '../../kernel/ids.ts'
import { contentOf } from './stored-uploads.ts'
import type { VerifiedEntry } from '../scheme.ts'
import type { Tables } from '../tables.ts'
import type { Verifier, VerifyJob } from './verifier.ts'

/** Verifies anew, from the raw evidence, what is in the ledger of these cards. */
export async function reopenCards(
  trx: Transaction<Tables>,
  cards: readonly CardId[],
  verifier: Verifier,
  context: Pick<VerifyJob, 'keys' | 'secrets'>,
): Promise<readonly VerifiedEntry[]> {
  if (cards.length === 0) return []
  const { rows } = await sql<{ card: CardId | null; bytes: Buffer; indexes: number[] }>`
    select batch.card, batch.bytes, wanted.indexes
    from (
      select batch, array_agg(index) as indexes from entry
      where card = any(${[...cards]}::text[]) and batch is not null group by batch
    ) as wanted join batch on batch.id = wanted.batch`.execute(trx)
  const items = rows.flatMap(({ indexes, ...row }) => {
    const content = contentOf(row)
    return indexes.flatMap((index) => content.items[index] ?? [])
  })
  const verdicts = await verifier.verify({ items, ...context })
  return verdicts.flatMap((verdict) => (verdict.ok ? verdict.entry : []))
}
