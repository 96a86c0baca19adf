import { isGivenUp, listRecordsOfOrder } from './journal.ts'
import type { AnyOrder, JournalRecord } from './scheme.ts'
import type { Store } from './store.ts'

/**
 * What became of an order so far. It is read from the journal's records and kept nowhere else, so that
 * it survives a restart and cannot disagree with them. An order that was refused is `new`: it left
 * nothing behind; or `unfinished`, if its card could still carry it out with another PIN.
 */
export const ORDER_STATES = ['new', 'unfinished', 'done', 'given_up'] as const
export type OrderState = (typeof ORDER_STATES)[number]

export interface OrderView {
  readonly state: OrderState
  /** The record that carries it out; none if it is new, or if its card went on without it. */
  readonly record: JournalRecord | undefined
}

export function orderView(store: Store, orderId: string): OrderView {
  const records = listRecordsOfOrder(store, orderId).filter(({ state }) => state !== 'void')
  const record = records.find(({ kind }) => kind !== 'reversal')
  // A scheme undoes what a card took if the cashier has gone on to something else.
  const undone = records.some(({ kind }) => kind === 'reversal')
  if (undone || isGivenUp(store, orderId)) return { state: 'given_up', record }
  if (!record) return { state: 'new', record }
  return { state: record.state === 'confirmed' ? 'done' : 'unfinished', record }
}

/** Whether an order says the same as the record that was made for it: the same id is not enough. */
export function isOrderOf(record: JournalRecord, order: AnyOrder): boolean {
  if (record.kind !== order.kind) return false
  if (order.kind === 'refund') return record.refuses === order.payment
  return order.kind === 'passcode' || record.amount === order.amount
}
