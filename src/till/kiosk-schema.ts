import { z } from 'zod'
import { ORDER_STATES } from './orders.ts'
import { RECORD_KINDS } from './journal.ts'
import { SYNC_RESULTS } from './sync.ts'

/**
 * What the till's page and its server say to each other: docs/till-api.md. Amounts are decimal strings
 * of minor units, instants milliseconds since 1970 by the till's clock.
 */
const money = z.string().regex(/^-?\d{1,18}$/, 'expected minor units, such as 1250')
const positiveMoney = z.string().regex(/^\d{1,15}$/, 'expected minor units, such as 1250')
const passcode = z.string().max(64)
const instant = z.int()

const productLine = z.strictObject({
  product: z.int().min(1).max(0xffffffff),
  quantity: z.int().min(1).max(100),
})

export const orderRequest = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('pay'),
    /** Absent: what the products cost. */
    amount: positiveMoney.optional(),
    products: z.array(productLine).max(100).default([]),
    passcode,
  }),
  z.strictObject({ kind: z.literal('load'), amount: positiveMoney, passcode }),
  z.strictObject({ kind: z.literal('passcode'), passcode, newPasscode: passcode }),
  z
    .strictObject({
      kind: z.literal('refund'),
      /** Number of the payment's receipt; absent: `order` says which. */
      receipt: z.int().min(1).optional(),
      /** The payment's order; absent, and no receipt: the last payment. */
      order: z.string().min(1).max(64).optional(),
    })
    .refine(({ receipt, order }) => receipt === undefined || order === undefined, {
      message: 'expected a receipt or an order, not both',
    }),
])

export type OrderRequestJson = z.output<typeof orderRequest>

export const cardRequest = z.strictObject({ card: z.string().min(1).max(200) })
export const networkRequest = z.strictObject({ online: z.boolean() })
export const enrolRequest = z.strictObject({ code: z.string().min(1).max(64) })

const view = z.strictObject({
  card: z.string(),
  currency: z.string(),
  balance: money,
  sequence: z.int(),
  /** Number of the till that made its last transaction; 0 is the office, null: the card does not say. */
  lastMaker: z.int().nullable(),
  lastAt: instant.nullable(),
  /** How often it can pay until its holder synchronises it; null if there is no such limit. */
  paymentsLeft: z.int().nullable(),
  unfinished: z.boolean(),
})
export type ViewJson = z.output<typeof view>

const record = z.strictObject({
  /** Also the number of its receipt. */
  id: z.int(),
  kind: z.enum(RECORD_KINDS),
  state: z.enum(['intended', 'confirmed', 'void']),
  card: z.string(),
  sequence: z.int(),
  amount: money,
  balanceAfter: money,
  madeAt: instant,
  /** Number of the receipt of the payment that this takes back. */
  refuses: z.int().nullable(),
})
export type RecordJson = z.output<typeof record>

const refused = z.strictObject({
  result: z.literal('refused'),
  status: z.string(),
  explanation: z.string(),
})

/** What went over the counter where money is in pieces: `given` less `change` is the amount. */
const handedOver = z.strictObject({ given: money, change: money })

/** What came of a card. */
export const answer = z.union([
  z.strictObject({
    result: z.literal('shown'),
    at: instant,
    view,
    /** What the card has just got of what this till owed it; null if that was nothing. */
    given: money.nullable(),
  }),
  z.strictObject({ result: z.literal('torn'), at: instant }),
  z.strictObject({
    result: z.literal('done'),
    at: instant,
    order: z.string(),
    /** Null of what leaves no receipt. */
    record: record.nullable(),
    view,
    /** What the customer should know besides. */
    note: z.string().nullable(),
    /** Null of money that is not in pieces, and where it is not known any more. */
    handedOver: handedOver.nullable(),
  }),
  z.strictObject({
    result: z.literal('unfinished'),
    at: instant,
    order: z.string(),
    record: record.nullable(),
  }),
  refused.extend({
    at: instant,
    order: z.string().nullable(),
    /** Amounts that would go instead. */
    otherAmounts: z.array(money),
  }),
])
export type AnswerJson = z.output<typeof answer>

const order = z.strictObject({
  id: z.string(),
  kind: z.enum(['pay', 'load', 'passcode', 'refund']),
  /** Null for a change of passcode. */
  amount: money.nullable(),
  products: z.array(productLine),
  state: z.enum(ORDER_STATES),
})
export type OrderJson = z.output<typeof order>

const policy = z.strictObject({
  version: z.int(),
  currency: z.string(),
  mayLoad: z.boolean(),
  foreignCards: z.boolean().optional().meta({ description: 'Left out: it takes them' }),
  freeAmounts: z.boolean(),
  paymentMax: money.nullable(),
  balanceMax: money,
  offlinePaymentsMax: z.int().nullable(),
  offlineAmountMax: money.nullable(),
  offlineAgeMax: z.int().nullable(),
  passcodeTries: z.int(),
  passcodePause: z.int(),
})

export const state = z.strictObject({
  /** Null until enrolled. */
  till: z.int().nullable(),
  name: z.string(),
  merchant: z.string(),
  currency: z.strictObject({ code: z.string(), decimals: z.int() }).nullable(),
  network: z.strictObject({
    /** The switch. */
    on: z.boolean(),
    /** Whether the last synchronisation reached the office. */
    online: z.boolean(),
  }),
  /** Records that the office does not hold for good. */
  queue: z.int(),
  lastBatch: z.int(),
  acknowledged: z
    .strictObject({
      /** Every batch up to this one is held for good. */
      batch: z.int(),
      /** Milliseconds. */
      age: z.int(),
    })
    .nullable(),
  lastSync: z
    .strictObject({ at: instant, result: z.enum(SYNC_RESULTS), problem: z.string().nullable() })
    .nullable(),
  clock: z.strictObject({
    /** Milliseconds behind the office's clock; null before the first contact. */
    behind: z.int().nullable(),
    /** What to tell the cashier. */
    warning: z.string().nullable(),
  }),
  policy: policy.nullable(),
  /** Since the office last acknowledged. */
  usage: z.strictObject({ payments: z.int(), amount: money, age: z.int() }),
  products: z.array(
    z.strictObject({ id: z.int(), name: z.string(), price: money, stock: z.int() }),
  ),
  order: order.nullable(),
  answer: answer.nullable(),
  /** Number of the newest receipt. */
  lastReceipt: z.int().nullable(),
  /** Whether the security module is in its slot; null if the till has no such slot. */
  module: z.boolean().nullable(),
  /** Virtual cards that lie around. */
  cards: z.array(z.strictObject({ id: z.string(), label: z.string() })),
})
export type StateJson = z.output<typeof state>

export const syncReport = z.strictObject({
  result: z.enum(SYNC_RESULTS),
  made: z.int(),
  delivered: z.int(),
  problem: z.string().nullable(),
  documents: z.array(
    z.strictObject({
      outcome: z.string(),
      kind: z.string().nullable(),
      version: z.int().nullable(),
      problem: z.string().nullable(),
    }),
  ),
})

export const cashUp = z.discriminatedUnion('result', [
  z.strictObject({
    result: z.literal('closed'),
    /** Whose module it was. */
    scheme: z.string(),
    batch: z.int(),
    count: z.int(),
    paid: money,
    paidBack: money,
    loaded: money,
    loadedBack: money,
    /** Base64. */
    proof: z.base64(),
  }),
  z.strictObject({ result: z.literal('refused'), status: z.string(), explanation: z.string() }),
])
export type CashUpJson = z.output<typeof cashUp>

export const float = z.discriminatedUnion('result', [
  z.strictObject({
    result: z.literal('float'),
    total: money,
    /** Largest first. */
    coins: z.array(z.strictObject({ value: money, count: z.int() })),
    warning: z.string().nullable(),
  }),
  refused,
])
export type FloatJson = z.output<typeof float>

export const receiptList = z.strictObject({ receipts: z.array(record) })
export const receipt = z.strictObject({
  record,
  /** Whether it is of a payment that can be paid back. */
  refundable: z.boolean(),
  text: z.string(),
  /** For scanners: docs/protocol/receipt.md. */
  code: z.string(),
  svg: z.string(),
})

export const receiptParams = z.strictObject({ id: z.coerce.number().int().min(1) })
export const receiptQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(50),
})
export const gaveUp = z.strictObject({ state: z.enum(ORDER_STATES).nullable() })

export const problem = z.strictObject({
  error: z.strictObject({
    code: z.string(),
    /** Which field of the request, from the outside in: `body.amount`. */
    field: z.string().optional(),
    message: z.string(),
  }),
})
