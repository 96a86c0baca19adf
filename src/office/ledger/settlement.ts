import { invariant } from '../../kernel/errors.ts'
import type { CurrencyCode } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { AccountName, Transfer } from './accounts.ts'
import { settlementOf, type ChainRecord, type Settlement } from './chain.ts'

/** Who gets what, for one record. */
export interface SettlementParties {
  readonly currency: CurrencyCode
  /** Of the till that made the record. */
  readonly merchant: string
}

/**
 * Moves a record's money from where it is to where it has to be.
 * Pure, and the same end whatever the way: held money lies in suspense, settled money at its owner.
 *
 * @param parties undefined where the card signs: the office moves what it loads before it says so, and
 *   payments.ts what is paid.
 * @returns the record as it then stands, and the transfer if there is one.
 */
export function settle(
  record: ChainRecord,
  parties: SettlementParties | undefined,
  at: Instant,
): { readonly record: ChainRecord; readonly transfer: Transfer | undefined } {
  const target = settlementOf(record)
  if (target === record.settlement) return { record, transfer: undefined }
  const step = record.step + 1
  const moved = { ...record, settlement: target, step }
  const legs = parties && legsOf(record, parties)
  if (!legs || record.amount === 0n) return { record: moved, transfer: undefined }
  const transfer = {
    reference: `entry:${reference(record)}:${step}`,
    debit: placeOf(record.settlement, legs, parties.currency),
    credit: placeOf(target, legs, parties.currency),
    amount: record.amount,
    at,
  }
  return { record: moved, transfer }
}

interface Legs {
  readonly from: AccountName
  readonly to: AccountName
}

function legsOf(record: ChainRecord, parties: SettlementParties): Legs | undefined {
  const { currency } = parties
  const shadow: AccountName = { kind: 'shadow', owner: record.card, currency }
  const merchant: AccountName = { kind: 'merchant', owner: parties.merchant, currency }
  const cash: AccountName = { kind: 'till-cash', owner: String(record.maker), currency }
  switch (record.kind) {
    case 'pay':
      return { from: shadow, to: merchant }
    case 'load':
      return { from: cash, to: shadow }
    case 'reversal': {
      invariant(record.previousBalance !== undefined, 'a reversal stands on what it reverses')
      // What goes back to the card was a payment; what is taken from it again was a load.
      const gaveBack = record.balance > record.previousBalance
      return gaveBack ? { from: merchant, to: shadow } : { from: shadow, to: cash }
    }
    case 'issue':
    case 'passcode':
    case 'receive':
    case 'refund':
    case 'unload':
    case 'restore':
      return undefined
  }
}

function placeOf(settlement: Settlement, { from, to }: Legs, currency: CurrencyCode): AccountName {
  switch (settlement) {
    case 'none':
      return from
    case 'held':
      return { kind: 'suspense', owner: '', currency }
    case 'settled':
      return to
  }
}

/** A record's digest, short: 43 characters. */
function reference({ digest }: ChainRecord): string {
  return Buffer.from(digest, 'hex').toString('base64url')
}
