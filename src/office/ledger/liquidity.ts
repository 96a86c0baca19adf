import type { Kysely, Transaction } from 'kysely'
import { z } from 'zod'
import type { Amount } from '../../kernel/money.ts'
import type { Tables } from '../tables.ts'

/** What happens to a payment whose payer’s money is not there yet. */
export const LIQUIDITY_POLICIES = [
  /** It waits. */
  'hold',
  /** The office advances it, and gets it back from what comes next. */
  'pool',
  /** It waits, and cards bring along what shows where their money came from. */
  'provenance',
] as const
export type LiquidityPolicy = (typeof LIQUIDITY_POLICIES)[number]

export interface Liquidity {
  readonly policy: LiquidityPolicy
  /** The most that the pool advances in all, minor units of each currency. */
  readonly poolMax: Amount
}

export const DEFAULT_LIQUIDITY: Liquidity = { policy: 'hold', poolMax: 0n }

const SETTING = 'liquidity'

const stored = z.strictObject({
  policy: z.enum(LIQUIDITY_POLICIES),
  poolMax: z.string().regex(/^\d{1,18}$/),
})

export async function liquidityOf(db: Kysely<Tables>): Promise<Liquidity> {
  const row = await db
    .selectFrom('office_setting')
    .select('value')
    .where('name', '=', SETTING)
    .executeTakeFirst()
  if (!row) return DEFAULT_LIQUIDITY
  const { policy, poolMax } = stored.parse(JSON.parse(row.value))
  return { policy, poolMax: BigInt(poolMax) }
}

/** From the next payment on. What waits is looked at again when something of its payer’s comes in. */
export async function setLiquidity(
  trx: Transaction<Tables>,
  { policy, poolMax }: Liquidity,
): Promise<void> {
  const value = JSON.stringify({ policy, poolMax: String(poolMax) })
  await trx
    .insertInto('office_setting')
    .values({ name: SETTING, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute()
}
