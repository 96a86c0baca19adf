import { sql, type Transaction } from 'kysely'
import type { Bytes } from '../../kernel/bytes.ts'
import type { CardId } from '../../kernel/ids.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { Tables } from '../tables.ts'
import type { Vault } from '../vault.ts'

export interface CardSecret {
  readonly card: CardId
  /** From what the office learnt it: `issue`, or the digest of a record. Learning it twice is once. */
  readonly source: string
  readonly secret: Uint8Array
}

export async function rememberSecrets(
  trx: Transaction<Tables>,
  vault: Vault,
  secrets: readonly CardSecret[],
  at: Instant,
): Promise<void> {
  if (secrets.length === 0) return
  await trx
    .insertInto('card_secret')
    .values(
      secrets.map(({ card, source, secret }) => ({
        card,
        source,
        sealed: vault.seal(place(card, source), secret),
        learnt_at: at,
      })),
    )
    .onConflict((conflict) => conflict.columns(['card', 'source']).doNothing())
    .execute()
}

/** Everything that the office knows of these cards, opened; in the order of their sources. */
export async function knownSecrets(
  trx: Transaction<Tables>,
  vault: Vault,
  cards: readonly CardId[],
): Promise<ReadonlyMap<CardId, readonly Bytes[]>> {
  const known = new Map<CardId, Bytes[]>(cards.map((card) => [card, []]))
  const { rows } = await sql<{ card: CardId; source: string; sealed: Buffer }>`
    select card, source, sealed from card_secret
    where card = any(${[...cards]}::text[]) order by card, source`.execute(trx)
  for (const { card, source, sealed } of rows) {
    known.get(card)?.push(vault.open(place(card, source), sealed))
  }
  return known
}

function place(card: CardId, source: string): string {
  return `card_secret ${card} ${source}`
}
