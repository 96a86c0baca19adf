import type { Desk, JournalRecord, Order, SpendableToken } from './scheme.ts'

/** More units than that make evidence too long for a batch. */
const UNITS_MAX = 100

/** Whether the record carries the order out, and does not undo it. */
export function isOwn({ orderId, kind }: JournalRecord, order: Order): boolean {
  return orderId === order.id && kind !== 'reversal'
}

/** Undefined if some are missing, or they add up to another amount or currency. */
export function tokensFor(order: Order, desk: Desk): readonly SpendableToken[] | undefined {
  if (order.kind !== 'pay' || order.products.length === 0) return []
  const units = order.products.reduce((sum, { quantity }) => sum + quantity, 0)
  if (units > UNITS_MAX) return undefined
  const tokens = desk.journal.tokensFor(order.products)
  const price = tokens?.reduce((sum, { token }) => sum + token.price, 0n)
  const ours = tokens?.every(({ token }) => token.currency === desk.currency.numeric)
  return ours && price === order.amount ? tokens : undefined
}
