import { toBase64 } from '../kernel/bytes.ts'
import type { Currency } from '../kernel/money.ts'
import type { Policy } from '../kernel/documents.ts'
import type { Answer, Counter, LastSync } from './counter.ts'
import type {
  AnswerJson,
  CashUpJson,
  FloatJson,
  OrderJson,
  RecordJson,
  StateJson,
  ViewJson,
} from './kiosk-schema.ts'
import type { NetworkSwitch } from './network.ts'
import type { AnyOrder, CardView, Float, JournalRecord, Refusal } from './scheme.ts'
import type { SyncReport } from './sync.ts'
import { CLOCK_TOLERANCE, type CashedUp, type Till, type TillStatus } from './till.ts'

/** What the page calls itself and its shop. */
export interface KioskNames {
  readonly name: string
  readonly merchant: string
}

/** A virtual card that lies around. */
export interface LooseCard {
  readonly id: string
  readonly label: string
}

export interface StateParts extends KioskNames {
  readonly till: Till
  readonly counter: Counter
  readonly network: NetworkSwitch
  readonly cards: readonly LooseCard[]
}

export function stateJson({
  till,
  counter,
  network,
  cards,
  name,
  merchant,
}: StateParts): StateJson {
  const status = till.status
  const { identity, acknowledged, usage } = status
  const sync = counter.lastSync
  return {
    till: identity?.till ?? null,
    name,
    merchant,
    currency: identity ? currencyJson(identity.currency) : null,
    network: {
      on: network.on,
      online: network.on && sync !== undefined && sync.report.result !== 'unreachable',
    },
    queue: status.queued,
    lastBatch: status.lastBatch,
    acknowledged: acknowledged ? { batch: acknowledged.durableUpTo, age: usage.age } : null,
    lastSync: sync ? lastSyncJson(sync) : null,
    clock: clockJson(status),
    policy: status.policy
      ? policyJson(status.policy, till.documents?.versions().policy ?? 0)
      : null,
    usage: { ...usage, amount: String(usage.amount) },
    products: (till.documents?.products() ?? []).map(({ id, name: product, price, stock }) => ({
      id,
      name: product,
      price: String(price),
      stock,
    })),
    order: counter.order ? orderJson(counter.order, till) : null,
    answer: counter.answer ? answerJson(counter.answer) : null,
    lastReceipt: till.records(1)[0]?.id ?? null,
    module: status.hasModule ?? null,
    cards: cards.map(({ id, label }) => ({ id, label })),
  }
}

export function cashUpJson(answer: CashedUp | Refusal): CashUpJson {
  if (answer.result === 'refused') return refusedJson(answer)
  const { paid, paidBack, loaded, loadedBack, proof } = answer
  return {
    ...answer,
    paid: String(paid),
    paidBack: String(paidBack),
    loaded: String(loaded),
    loadedBack: String(loadedBack),
    proof: toBase64(proof),
  }
}

export function floatJson(answer: Float | Refusal): FloatJson {
  if (answer.result === 'refused') return refusedJson(answer)
  const { total, coins, warning } = answer
  return {
    result: 'float',
    total: String(total),
    coins: coins.map(({ value, count }) => ({ value: String(value), count })),
    warning: warning ?? null,
  }
}

function refusedJson({ result, status, explanation }: Refusal) {
  return { result, status, explanation }
}

function currencyJson({ code, decimals }: Currency) {
  return { code, decimals }
}

function lastSyncJson({ at, report }: LastSync) {
  return { at, result: report.result, problem: report.problem ?? null }
}

function clockJson({ clockBehind: behind }: TillStatus) {
  if (behind === undefined) return { behind: null, warning: null }
  const minutes = Math.round(Math.abs(behind) / 60_000)
  const side = behind > 0 ? 'behind' : 'ahead of'
  const warning = `The till’s clock is ${minutes} minutes ${side} the office’s. Set it right.`
  return { behind, warning: Math.abs(behind) > CLOCK_TOLERANCE ? warning : null }
}

function policyJson(policy: Policy, version: number) {
  return {
    ...policy,
    version,
    paymentMax: policy.paymentMax === null ? null : String(policy.paymentMax),
    balanceMax: String(policy.balanceMax),
    offlineAmountMax: policy.offlineAmountMax === null ? null : String(policy.offlineAmountMax),
  }
}

export function orderJson(order: AnyOrder, till: Till): OrderJson {
  return {
    id: order.id,
    kind: order.kind,
    amount: order.kind === 'passcode' ? null : String(order.amount),
    products: order.kind === 'pay' ? [...order.products] : [],
    state: till.order(order.id).state,
  }
}

export function recordJson(record: JournalRecord): RecordJson {
  const { id, kind, state, card, sequence, amount, balanceAfter, madeAt, refuses } = record
  return {
    id,
    kind,
    state,
    card,
    sequence,
    amount: String(amount),
    balanceAfter: String(balanceAfter),
    madeAt,
    refuses: refuses ?? null,
  }
}

function viewJson({ card, currency, balance, ...rest }: CardView): ViewJson {
  const { sequence, lastMaker, lastAt, paymentsLeft, unfinished } = rest
  return {
    card,
    currency: currency.code,
    balance: String(balance),
    sequence,
    lastMaker: lastMaker ?? null,
    lastAt: lastAt ?? null,
    paymentsLeft: paymentsLeft ?? null,
    unfinished,
  }
}

export function answerJson(answer: Answer): AnswerJson {
  const { at } = answer
  const order = answer.kind === 'tap' ? answer.order.id : null
  switch (answer.result.result) {
    case 'refused': {
      const { status, explanation, otherAmounts = [] } = answer.result
      return {
        result: 'refused',
        at,
        order,
        status,
        explanation,
        otherAmounts: otherAmounts.map(String),
      }
    }
    case 'shown': {
      const { view, given } = answer.result
      return { result: 'shown', at, view: viewJson(view), given: given?.toString() ?? null }
    }
    case 'torn':
      return { result: 'torn', at }
    case 'done': {
      const { record, view, note, handedOver } = answer.result
      return {
        result: 'done',
        at,
        order: order ?? '',
        record: record ? recordJson(record) : null,
        view: viewJson(view),
        note: note ?? null,
        handedOver: handedOver
          ? { given: String(handedOver.given), change: String(handedOver.change) }
          : null,
      }
    }
    case 'unfinished': {
      const { record } = answer.result
      return {
        result: 'unfinished',
        at,
        order: order ?? '',
        record: record ? recordJson(record) : null,
      }
    }
  }
}

export function syncJson({ result, made, delivered, problem, documents }: SyncReport) {
  return {
    result,
    made,
    delivered,
    problem: problem ?? null,
    documents: documents.map((document) => ({
      outcome: document.outcome,
      kind: document.kind ?? null,
      version: document.version ?? null,
      problem: document.problem ?? null,
    })),
  }
}
