import type { Kysely, Selectable, Transaction } from 'kysely'
import { toHex } from '../../kernel/bytes.ts'
import type { CardId } from '../../kernel/ids.ts'
import type { CurrencyCode } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { CardStatus, CardTable } from '../registry-tables.ts'
import type { Tables } from '../tables.ts'
import { nextVersion } from './versions.ts'

export interface Card {
  readonly id: CardId
  readonly scheme: string
  /** The chip's own number, in hexadecimal. */
  readonly uid: string
  readonly currency: CurrencyCode
  readonly label: string | undefined
  /** A person's id. */
  readonly holder: string | undefined
  readonly status: CardStatus
  /** Why, in words; empty for a card that was never anything but active. */
  readonly statusReason: string
  /** By the office's clock. */
  readonly issuedAt: Instant
  /** The card that took its place. */
  readonly successor: CardId | undefined
}

export interface NewCard {
  readonly id: CardId
  readonly scheme: string
  readonly uid: Uint8Array
  readonly currency: CurrencyCode
  readonly label: string | undefined
  readonly holder: string | undefined
}

/** @throws a unique violation if the label or the chip is another living card's. */
export async function addCard(trx: Transaction<Tables>, card: NewCard, at: Instant): Promise<Card> {
  const row = await trx
    .insertInto('card')
    .values({
      id: card.id,
      scheme: card.scheme,
      uid: card.uid,
      currency: card.currency,
      label: card.label ?? null,
      holder: card.holder === undefined ? null : BigInt(card.holder),
      issued_at: at,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  return cardOf(row)
}

export async function findCard(db: Kysely<Tables>, id: CardId): Promise<Card | undefined> {
  const row = await db.selectFrom('card').selectAll().where('id', '=', id).executeTakeFirst()
  return row && cardOf(row)
}

/** The card, which nobody else changes until the transaction ends. */
export async function lockCard(trx: Transaction<Tables>, id: CardId): Promise<Card | undefined> {
  const row = await trx
    .selectFrom('card')
    .selectAll()
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
  return row && cardOf(row)
}

export interface CardFilter {
  readonly holder?: string | undefined
  readonly status?: CardStatus | undefined
  /** Part of a label, a card id or a chip's number, in any case. */
  readonly search?: string | undefined
  /** Cards after this one, by id. */
  readonly after?: CardId | undefined
  readonly limit: number
}

/** Cards by id. */
export async function listCards(
  db: Kysely<Tables>,
  { holder, status, search, after, limit }: CardFilter,
): Promise<readonly Card[]> {
  let query = db.selectFrom('card').selectAll().orderBy('id').limit(limit)
  if (holder !== undefined) query = query.where('holder', '=', BigInt(holder))
  if (status !== undefined) query = query.where('status', '=', status)
  if (after !== undefined) query = query.where('id', '>', after)
  if (search !== undefined && search !== '') {
    const pattern = `%${search.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`
    query = query.where((eb) =>
      eb.or([
        eb('label', 'ilike', pattern),
        eb('id', 'ilike', pattern),
        eb(eb.fn<string>('encode', ['uid', eb.val('hex')]), 'ilike', pattern),
      ]),
    )
  }
  return (await query.execute()).map(cardOf)
}

/** What setting a status can come to, in the order of the checks. */
export const STATUS_RESULTS = ['unknown_card', 'final', 'unchanged', 'changed'] as const
export type StatusResult = (typeof STATUS_RESULTS)[number]

/** What a card can still become: lost stays lost, and what was replaced stays replaced. */
const NEXT: Readonly<Record<CardStatus, readonly CardStatus[]>> = {
  active: ['frozen', 'hot', 'retired'],
  frozen: ['active', 'hot', 'retired'],
  hot: ['retired'],
  retired: [],
}

/** Changes what a card may do; tills learn of it with the next hot list. */
export async function setCardStatus(
  trx: Transaction<Tables>,
  id: CardId,
  status: CardStatus,
  reason: string,
  at: Instant,
): Promise<StatusResult> {
  const card = await lockCard(trx, id)
  if (!card) return 'unknown_card'
  if (card.status === status) return 'unchanged'
  if (!NEXT[card.status].includes(status)) return 'final'
  await trx
    .updateTable('card')
    .set({ status, status_reason: reason })
    .where('id', '=', id)
    .execute()
  const [wasHot, isHot] = [card.status !== 'active', status !== 'active']
  if (wasHot !== isHot) await setHot(trx, id, isHot, at)
  return 'changed'
}

/** Puts a card on the hot list, or takes it off; it may be another bank’s. */
export async function setHot(
  trx: Transaction<Tables>,
  card: CardId,
  hot: boolean,
  at: Instant,
): Promise<void> {
  const version = await nextVersion(trx, 'hot')
  await trx.insertInto('hot_change').values({ version, card, hot, at }).execute()
}

export async function setSuccessor(
  trx: Transaction<Tables>,
  id: CardId,
  successor: CardId,
): Promise<void> {
  await trx.updateTable('card').set({ successor }).where('id', '=', id).execute()
}

export interface HotDifference {
  readonly add: readonly CardId[]
  readonly remove: readonly CardId[]
}

/** Which cards came on the hot list and which left it since that version, each where it now is. */
export async function hotChangesSince(db: Kysely<Tables>, version: number): Promise<HotDifference> {
  const rows = await db
    .selectFrom('hot_change')
    .select(['card', 'hot'])
    .distinctOn('card')
    .where('version', '>', BigInt(version))
    .orderBy('card')
    .orderBy('version', 'desc')
    .execute()
  const cards = (hot: boolean) =>
    rows.filter((row) => row.hot === hot).map((row) => row.card as CardId)
  // Who has nothing has nothing to remove.
  return { add: cards(true), remove: version === 0 ? [] : cards(false) }
}

export function cardOf(row: Selectable<CardTable>): Card {
  return {
    id: row.id as CardId,
    scheme: row.scheme,
    uid: toHex(row.uid),
    currency: row.currency,
    label: row.label ?? undefined,
    holder: row.holder === null ? undefined : String(row.holder),
    status: row.status,
    statusReason: row.status_reason,
    issuedAt: Number(row.issued_at),
    successor: (row.successor ?? undefined) as CardId | undefined,
  }
}
