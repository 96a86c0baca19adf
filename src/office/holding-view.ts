import { sql, type Kysely } from 'kysely'
import type { CardId } from '../kernel/ids.ts'
import type { Amount } from '../kernel/money.ts'
import type { Instant } from '../kernel/ports.ts'
import type { Tables } from './tables.ts'
import { findInstruction, type Instruction } from './wallets/instructions.ts'

/** What the office knows of cards that hold money by themselves: for people to look at. */

/** What a card last said of itself. */
export interface Said {
  readonly balance: Amount
  /** Number of its newest record, 0 for none. */
  readonly sequence: number
  /** The record up to which it was told to forget. */
  readonly acknowledged: number
  readonly policyVersion: number
  /** By the office’s clock. */
  readonly at: Instant
}

export async function lastSaid(db: Kysely<Tables>, card: CardId): Promise<Said | undefined> {
  const { rows } = await sql<Readonly<Record<keyof Said, bigint>>>`
    select balance, sequence, acknowledged, policy_version as "policyVersion", received_at as at
    from card_statement where card = ${card}`.execute(db)
  const [row] = rows
  return (
    row && {
      balance: row.balance,
      sequence: Number(row.sequence),
      acknowledged: Number(row.acknowledged),
      policyVersion: Number(row.policyVersion),
      at: Number(row.at),
    }
  )
}

/** What a card has still to carry out. */
export async function underWay(db: Kysely<Tables>, card: CardId): Promise<Instruction | undefined> {
  const last = await findInstruction(db, card)
  return last?.state === 'issued' ? last : undefined
}
