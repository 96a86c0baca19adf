import type { Kysely, Transaction } from 'kysely'
import { z } from 'zod'
import { policySchema, type Policy } from '../../kernel/documents.ts'
import type { TillNumber } from '../../kernel/ids.ts'
import type { CurrencyCode } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import { parseWith } from '../../kernel/schema.ts'
import { amountText } from '../amount-text.ts'
import type { Tables } from '../tables.ts'

/** A policy as JSON: {@link Policy} with amounts as decimal strings of minor units. */
export const policyJson = z.strictObject({
  ...policySchema.shape,
  paymentMax: amountText.nullable(),
  balanceMax: amountText,
  offlineAmountMax: amountText.nullable(),
})
export type PolicyJson = z.output<typeof policyJson>

export function policyFromJson(json: PolicyJson): Policy {
  const amount = (text: string | null) => (text === null ? null : BigInt(text))
  return {
    ...json,
    paymentMax: amount(json.paymentMax),
    balanceMax: BigInt(json.balanceMax),
    offlineAmountMax: amount(json.offlineAmountMax),
  }
}

export function policyToJson(policy: Policy): PolicyJson {
  const text = (amount: bigint | null) => (amount === null ? null : String(amount))
  return {
    ...policy,
    paymentMax: text(policy.paymentMax),
    balanceMax: String(policy.balanceMax),
    offlineAmountMax: text(policy.offlineAmountMax),
  }
}

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

/** For a till of which nothing else was said: it sells, and does not load cards. */
export function defaultPolicy(currency: CurrencyCode): Policy {
  return {
    currency,
    mayLoad: false,
    freeAmounts: true,
    paymentMax: null,
    balanceMax: 100_000n,
    offlinePaymentsMax: null,
    offlineAmountMax: null,
    offlineAgeMax: 30 * DAY,
    passcodeTries: 3,
    passcodePause: 15 * MINUTE,
  }
}

/** @returns the new version. Old ones stay: a record says by which version it was made. */
export async function setPolicy(
  trx: Transaction<Tables>,
  till: TillNumber,
  policy: Policy,
  at: Instant,
): Promise<number> {
  const { policy_version: version } = await trx
    .updateTable('till')
    .set((eb) => ({ policy_version: eb('policy_version', '+', 1n) }))
    .where('number', '=', BigInt(till))
    .returning('policy_version')
    .executeTakeFirstOrThrow()
  await trx
    .insertInto('policy')
    .values({ till, version, policy: JSON.stringify(policyToJson(policy)), made_at: at })
    .execute()
  return Number(version)
}

export interface PolicyVersion {
  readonly till: TillNumber
  readonly version: number
  readonly policy: Policy
  /** By the office's clock. */
  readonly madeAt: Instant
}

/** What version `version` said for that till. */
export async function findPolicy(
  db: Kysely<Tables>,
  till: TillNumber,
  version: number,
): Promise<Policy | undefined> {
  const row = await db
    .selectFrom('policy')
    .select('policy')
    .where('till', '=', BigInt(till))
    .where('version', '=', BigInt(version))
    .executeTakeFirst()
  return row && policyOf(row.policy)
}

/** Every version that the till ever had, oldest first; the last is in force. */
export async function listPolicies(
  db: Kysely<Tables>,
  till: TillNumber,
): Promise<readonly PolicyVersion[]> {
  const rows = await db
    .selectFrom('policy')
    .selectAll()
    .where('till', '=', BigInt(till))
    .orderBy('version')
    .execute()
  return rows.map((row) => ({
    till,
    version: Number(row.version),
    policy: policyOf(row.policy),
    madeAt: Number(row.made_at),
  }))
}

function policyOf(json: unknown): Policy {
  return policyFromJson(parseWith(policyJson, json, 'policy'))
}
