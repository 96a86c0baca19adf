import { renderSVG, renderUnicodeCompact } from 'uqr'
import { concat, fromHex, toHex, type Bytes } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'
import type { TillNumber } from '../kernel/ids.ts'
import {
  amount,
  choice,
  constant,
  instant,
  message,
  octets,
  uint16,
  uint32,
  type ValueOf,
} from '../kernel/message.ts'
import { currencyByNumber, formatAmount, type Amount, type Currency } from '../kernel/money.ts'
import { sign, SIGNATURE_SIZE, verify, type PrivateKey, type PublicKey } from '../kernel/p256.ts'
import type { Instant } from '../kernel/ports.ts'
import { RECORD_KINDS } from './journal.ts'
import type { JournalRecord } from './scheme.ts'

/**
 * What a till signs of a receipt, so that whoever holds the paper can have it checked. No more of the
 * card than its last four digits: receipts lie about. docs/protocol/receipt.md.
 */
export const receiptBody = message('receipt', {
  version: constant(1),
  till: uint32({ min: 1 }, 'number of the till that signed'),
  generation: uint16({ min: 1 }, 'which key of the till signed'),
  sequence: uint32({}, 'of the record on its card'),
  cardEnd: octets(2, 'last two bytes of the card id'),
  kind: choice(RECORD_KINDS),
  currency: uint16({}, 'ISO 4217 number'),
  amount: amount(8, {}, 'paid, loaded or given back, minor units'),
  balance: amount(8, {}, 'on the card afterwards, minor units'),
  madeAt: instant('by the till’s clock'),
  digestStart: octets(8, 'first bytes of the record’s digest'),
})
export type ReceiptBody = ValueOf<typeof receiptBody>

const PREFIX = 'kontant:receipt/'
const BODY_SIZE = 48

/** A code for paper: `kontant:receipt/` and, in base64url, the body and the till's signature over it. */
export function receiptCode(
  record: JournalRecord,
  maker: Pick<ReceiptBody, 'till' | 'generation'> & {
    readonly key: PrivateKey
    readonly currency: Currency
  },
): string {
  const body = receiptBody.encode({
    till: maker.till,
    generation: maker.generation,
    sequence: record.sequence,
    cardEnd: fromHex(record.card.slice(-4)),
    kind: record.kind,
    currency: maker.currency.numeric,
    amount: record.amount,
    balance: record.balanceAfter,
    madeAt: record.madeAt,
    digestStart: fromHex(record.digest.slice(0, 16)),
  })
  return PREFIX + Buffer.from(concat(body, sign(maker.key, body))).toString('base64url')
}

/** What a check of a code says. The order is the order of the checks. */
export const RECEIPT_STATUSES = ['malformed', 'unknown_till', 'bad_signature', 'genuine'] as const
export type ReceiptStatus = (typeof RECEIPT_STATUSES)[number]

export interface ReceiptCheck {
  readonly status: ReceiptStatus
  /** What the code says: the till's word only if it is `genuine`. */
  readonly body: ReceiptBody | undefined
}

/** `unknown_till`: no such till, or its key was not good any more when it signed. Never throws. */
export function checkReceipt(
  code: string,
  keyOf: (maker: TillNumber, generation: number, at: Instant) => PublicKey | undefined,
): ReceiptCheck {
  const parts = splitCode(code)
  if (!parts) return { status: 'malformed', body: undefined }
  const { signed, signature, body } = parts
  const key = keyOf(body.till, body.generation, body.madeAt)
  if (!key) return { status: 'unknown_till', body }
  return { status: verify(key, signed, signature) ? 'genuine' : 'bad_signature', body }
}

function splitCode(
  code: string,
): { signed: Bytes; signature: Bytes; body: ReceiptBody } | undefined {
  if (!code.startsWith(PREFIX)) return undefined
  const text = code.slice(PREFIX.length)
  const bytes = new Uint8Array(Buffer.from(text, 'base64url'))
  // One code, one spelling: what Node reads generously does not come back the same.
  if (Buffer.from(bytes).toString('base64url') !== text) return undefined
  if (bytes.length !== BODY_SIZE + SIGNATURE_SIZE) return undefined
  const signed = bytes.slice(0, BODY_SIZE)
  try {
    const body = receiptBody.decode(signed)
    currencyByNumber(body.currency)
    return { signed, signature: bytes.slice(BODY_SIZE), body }
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}

export function receiptSvg(code: string): string {
  return renderSVG(code, { ecc: 'M', border: 2 })
}

/** Two rows of modules in one line, for a terminal with a dark ground. */
export function receiptQrText(code: string): string {
  return renderUnicodeCompact(code, { ecc: 'L', border: 2, invert: true })
}

/** Columns of common receipt printers. */
const WIDTH = 48

export interface ReceiptHead {
  readonly merchant: string
  readonly tillName: string
  readonly till: TillNumber
  readonly currency: Currency
  /** IANA name, for the person who reads the receipt. */
  readonly timeZone: string
  /** Names of products by number. */
  readonly products: ReadonlyMap<number, string>
}

const TITLES: Readonly<Record<JournalRecord['kind'], string>> = {
  pay: 'Payment',
  load: 'Money added',
  passcode: 'Passcode changed',
  reversal: 'Undone',
  refund: 'Paid back',
}

const NOTES: Readonly<Record<JournalRecord['state'], readonly string[]>> = {
  confirmed: [],
  intended: ['NOT CONFIRMED: the card left too early.', 'Tap it again to finish.'],
  void: ['VOID: the card did not take this.'],
}

/** Of what takes a payment back: the till's word is enough, with or without the card. */
const REFUSAL_NOTES: typeof NOTES = {
  confirmed: [],
  intended: [
    'The card has not taken it yet: hold it here',
    'again, or let its holder synchronise it.',
  ],
  void: ['The card had paid nothing.'],
}

/** The receipt as text, {@link WIDTH} columns, ending in a line end. */
export function receiptText(record: JournalRecord, head: ReceiptHead): string {
  const money = (value: Amount) => `${formatAmount(value, head.currency)} ${head.currency.code}`
  // What a card that went away holds, only the card knows.
  const isKnown = record.refuses === undefined || record.state === 'confirmed'
  const lines = [
    ...[head.merchant, head.tillName].filter((name) => name !== '').map(centred),
    RULE,
    ...productLines(record, head),
    ...(record.kind === 'passcode'
      ? [TITLES.passcode]
      : [columns(TITLES[record.kind], money(record.amount))]),
    ...(record.refuses === undefined
      ? []
      : [columns('Payment taken back', `${head.till}-${record.refuses}`)]),
    ...(isKnown ? [columns('Balance on the card', money(record.balanceAfter))] : []),
    RULE,
    columns('Card', `…${record.card.slice(-4)}`),
    columns('Transaction', `${head.till}-${record.id}`),
    columns('Time', timeText(record.madeAt, head.timeZone)),
    ...(record.refuses === undefined ? NOTES : REFUSAL_NOTES)[record.state].map(centred),
  ]
  return `${lines.join('\n')}\n`
}

const RULE = '-'.repeat(WIDTH)

/** One line a product and price, in the order of the tokens. */
function productLines({ tokens }: JournalRecord, { currency, products }: ReceiptHead): string[] {
  const counts = new Map<string, { name: string; price: Amount; quantity: number }>()
  for (const { token } of tokens) {
    const key = `${token.product} ${token.price}`
    const name = products.get(token.product) ?? `Product ${token.product}`
    const quantity = (counts.get(key)?.quantity ?? 0) + 1
    counts.set(key, { name, price: token.price, quantity })
  }
  return [...counts.values()].map(({ name, price, quantity }) =>
    columns(
      `${quantity} × ${name}`,
      formatAmount(price * BigInt(quantity), currency) + ' '.repeat(4),
    ),
  )
}

function columns(left: string, right: string): string {
  const room = WIDTH - right.length - 1
  return `${left.slice(0, room).padEnd(room)} ${right}`
}

function centred(text: string): string {
  const shown = text.slice(0, WIDTH)
  return ' '.repeat(Math.floor((WIDTH - shown.length) / 2)) + shown
}

function timeText(at: Instant, timeZone: string): string {
  const form = new Intl.DateTimeFormat('sv-SE', {
    timeZone,
    dateStyle: 'short',
    timeStyle: 'medium',
  })
  return `${form.format(at)} ${timeZone}`
}

/** For people: everything that a code says, on one line. */
export function describeReceipt(body: ReceiptBody): string {
  const currency = currencyByNumber(body.currency)
  const time = timeText(body.madeAt, 'UTC')
  const money = `${formatAmount(body.amount, currency)} ${currency.code}`
  return `${TITLES[body.kind]} ${money}, card …${toHex(body.cardEnd)}, till ${body.till}, ${time}`
}
