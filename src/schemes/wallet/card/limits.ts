import type { StatusWord } from '../../../kernel/apdu.ts'
import { sum, type Amount } from '../../../kernel/money.ts'
import type { Instant } from '../../../kernel/ports.ts'
import type { CardLog, LogEntry } from './log.ts'
import type { CardStore } from './store.ts'
import { refusal, REFUSAL_SIZE, WALLET_SW } from '../message.ts'
import { toHex, type Bytes } from '../../../kernel/bytes.ts'

const DAY = 24 * 3600 * 1000

/** What a card has done since the last acknowledgement, as far as its limits ask. */
interface Tally {
  readonly payments: number
  readonly paid: Amount
  readonly received: Amount
}

/** A payment that was refunded counts no more. */
function tally(entries: readonly LogEntry[]): Tally {
  const refunded = refundedRequests(entries)
  const amounts = (counts: (entry: LogEntry) => boolean) =>
    entries.filter(counts).map(({ content }) => content.amount)
  const payments = amounts(
    ({ content: { kind, cause } }) =>
      (kind === 'pay' || kind === 'unload') && !refunded.has(toHex(cause)),
  )
  const received = amounts(({ content }) => content.kind === 'receive')
  return { payments: payments.length, paid: sum(payments), received: sum(received) }
}

/** The requests that were paid and refunded, in hexadecimal. */
export function refundedRequests(entries: readonly LogEntry[]): ReadonlySet<string> {
  const refunds = entries.filter(({ content }) => content.kind === 'refund')
  return new Set(refunds.map(({ slot }) => toHex(refusedRequest(slot.cause))))
}

/** Which request a refusal ‖ signature is about. */
export function refusedRequest(signed: Bytes): Bytes {
  return refusal.decode(signed.subarray(0, REFUSAL_SIZE)).request
}

/** What of the balance may be spent. */
export function spendable(store: CardStore, log: CardLog): Amount {
  const { balance } = store.state
  if (store.policy.receivedMoney === 'at once') return balance
  const { received } = tally(log.entries())
  return balance > received ? balance - received : 0n
}

/** Payments until the card must be synchronised. */
export function paymentsLeft(store: CardStore, log: CardLog): number {
  const allowed = store.policy.paymentsMax - tally(log.entries()).payments
  return Math.max(0, Math.min(allowed, log.room))
}

interface LimitedPayment {
  readonly amount: Amount
  readonly madeAt: Instant
  /** Whether the card can remember it. */
  readonly hasRoom: boolean
}

/** Why a payment is beyond what this card may do offline. In the order of WALLET_SW. */
export function refusalByLimits(
  store: CardStore,
  log: CardLog,
  { amount, madeAt, hasRoom }: LimitedPayment,
): StatusWord | undefined {
  const { paymentsMax, paymentMax, amountMax, daysMax } = store.policy
  const { balance, acknowledgedAt } = store.state
  const { payments, paid } = tally(log.entries())
  if (amount > paymentMax) return WALLET_SW.PAYMENT_TOO_HIGH
  if (payments >= paymentsMax) return WALLET_SW.TOO_MANY_PAYMENTS
  if (paid + amount > amountMax) return WALLET_SW.TOO_MUCH_PAID
  if (daysMax > 0 && madeAt - acknowledgedAt > daysMax * DAY) return WALLET_SW.TOO_LONG_OFFLINE
  if (!hasRoom) return WALLET_SW.LOG_FULL
  if (amount > balance) return WALLET_SW.INSUFFICIENT_FUNDS
  if (amount > spendable(store, log)) return WALLET_SW.RECEIVED_NOT_SPENDABLE
  return log.isExhausted ? WALLET_SW.SEQUENCE_EXHAUSTED : undefined
}
