import type { Kysely } from 'kysely'
import type { TillNumber } from '../../kernel/ids.ts'
import { OfficeError } from '../errors.ts'
import { cardIdParam } from '../http.ts'
import { findCard, type Card } from '../registry/cards.ts'
import type { Person } from '../registry/people.ts'
import { findTill, type Till } from '../registry/tills.ts'
import type { Tables } from '../tables.ts'

/** What a card is called in the request that names it. */
export type CardField = 'params.id' | 'body.card'

/** @throws {OfficeError} `not_found`, also for a card that is somebody else’s. */
export async function visibleCard(
  db: Kysely<Tables>,
  actor: Person,
  id: string,
  field: CardField = 'params.id',
): Promise<Card> {
  const card = await findCard(db, cardIdParam(id))
  if (card && (actor.role !== 'cardholder' || card.holder === actor.id)) return card
  throw new OfficeError('not_found', `There is no card ${id}.`, field)
}

/** @throws {OfficeError} `not_found`, also for a till of another merchant. */
export async function visibleTill(
  db: Kysely<Tables>,
  { merchant }: Person,
  number: TillNumber,
): Promise<Till> {
  const till = await findTill(db, number)
  if (till && (merchant === undefined || till.merchant === merchant)) return till
  throw noTill(number)
}

export function noTill(number: TillNumber): OfficeError {
  return new OfficeError('not_found', `There is no till ${number}.`, 'params.number')
}
