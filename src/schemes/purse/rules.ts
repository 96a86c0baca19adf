import type { Amount } from '../../kernel/money.ts'
import { SEQUENCE_MAX, type LOG_SIZES, type PurseKind, type PurseRecord } from './message.ts'

/** The rules of the purse, the same for card, module, till and office. */
export type LogSort = keyof typeof LOG_SIZES

const SORTS: Readonly<Record<PurseKind, LogSort>> = {
  issue: 'load',
  pay: 'payment',
  load: 'load',
  passcode: 'other',
  'pay-reversal': 'payment',
  'load-reversal': 'load',
}

/** In which log a card keeps records of this kind. */
export function logSort(kind: PurseKind): LogSort {
  return SORTS[kind]
}

const DIRECTIONS: Readonly<Record<PurseKind, bigint>> = {
  issue: 1n,
  pay: -1n,
  load: 1n,
  passcode: 0n,
  'pay-reversal': 1n,
  'load-reversal': -1n,
}

/** What takes back a record of this kind, if anything does. */
export const REVERSAL_OF: Readonly<Partial<Record<PurseKind, PurseKind>>> = {
  pay: 'pay-reversal',
  load: 'load-reversal',
}

export function isReversal(kind: PurseKind): boolean {
  return kind === 'pay-reversal' || kind === 'load-reversal'
}

/** May be below zero, or above what a purse holds: whoever asks checks. */
export function balanceAfter(balance: Amount, kind: PurseKind, amount: Amount): Amount {
  return balance + DIRECTIONS[kind] * amount
}

export type Counters = Pick<PurseRecord, 'sequence' | 'loadSequence' | 'paymentSequence'>

export const LOG_SEQUENCE_MAX = 0xffff

export function countersAfter(last: Counters, kind: PurseKind): Counters {
  const sort = logSort(kind)
  return {
    sequence: last.sequence + 1,
    loadSequence: last.loadSequence + (sort === 'load' ? 1 : 0),
    paymentSequence: last.paymentSequence + (sort === 'payment' ? 1 : 0),
  }
}

/** Whether a counter would run out; `spare` records more must fit, to undo with. */
export function isExhausted(last: Counters, kind: PurseKind, spare = 0): boolean {
  const { sequence, loadSequence, paymentSequence } = countersAfter(last, kind)
  return (
    sequence + spare > SEQUENCE_MAX ||
    loadSequence + spare > LOG_SEQUENCE_MAX ||
    paymentSequence + spare > LOG_SEQUENCE_MAX
  )
}

/** Whether `next` stands directly after `last`, in the same purse. */
export function follows(next: PurseRecord, last: PurseRecord): boolean {
  const expected = countersAfter(last, next.kind)
  return (
    next.kind !== 'issue' &&
    next.currency === last.currency &&
    next.file === last.file &&
    next.sequence === expected.sequence &&
    next.loadSequence === expected.loadSequence &&
    next.paymentSequence === expected.paymentSequence
  )
}

/** Whether `next` takes back exactly `last`, as its maker may; whether it has the key is another matter. */
export function reverses(
  next: Pick<PurseRecord, 'kind' | 'maker' | 'amount'>,
  last: PurseRecord,
): boolean {
  return (
    REVERSAL_OF[last.kind] === next.kind && next.maker === last.maker && next.amount === last.amount
  )
}
