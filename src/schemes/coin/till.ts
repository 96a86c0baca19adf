import { SW, type StatusWord } from '../../kernel/apdu.ts'
import { bytesEqual, type Bytes } from '../../kernel/bytes.ts'
import { FormatError } from '../../kernel/errors.ts'
import { formatAmount, type Amount } from '../../kernel/money.ts'
import { PASSCODE_FORM, pinBlock, PIN_SIZE } from '../../kernel/pin.ts'
import { isProcessorCard } from '../../reader/atr.ts'
import { CardTorn, type Channel } from '../../reader/channel.ts'
import { isOwn, tokensFor } from '../../till/order-rules.ts'
import type {
  CashUp,
  Desk,
  Float,
  HandedOver,
  JournalRecord,
  Order,
  Refusal,
  SpendableToken,
  TapCost,
  TapResult,
  TillScheme,
} from '../../till/scheme.ts'
import { CHUNK_SIZE, COIN_SW } from './instructions.ts'
import { FCI_SIZE, IDENTITY_AID, SCHEME, VALUE_MAX } from './message.ts'
import { deliver, done, handedOverIn, isOpen, settle, unfinished } from './till/delivery.ts'
import { floatOf } from './till/float.ts'
import { meet, meetVendor, type Present } from './till/present.ts'
import { giveOwed, show } from './till/showing.ts'
import { cannotPay, refused, tooMuch } from './till/statuses.ts'
import { VendorGone, type Answer, type Introduction } from './terminal.ts'
import { closeDay, intend, journalOutcome, recordOf } from './till/journal.ts'

/** The till’s side of the scheme `coin`: docs/protocol/coin.md. It carries bytes that it cannot read. */
export const coinTill: TillScheme = {
  name: SCHEME,
  recognises: isProcessorCard,
  show,
  giveOwed,
  perform,
  cost,
  cashUp,
  settle,
  float,
}

type PayOrder = Extract<Order, { kind: 'pay' }>

/** @throws {CardTorn} if the card goes before anything was written on it or in the journal. */
async function perform(channel: Channel, order: Order, desk: Desk): Promise<TapResult> {
  checkOrder(order)
  return unlessVendorGone(async () => {
    const present = await meet(channel, desk)
    return 'result' in present ? present : new Tap(present, order, desk).carryOut()
  })
}

async function cashUp(desk: Desk): Promise<CashUp | Refusal> {
  return unlessVendorGone(async () => {
    const vendor = await meetVendor(desk)
    return 'result' in vendor ? vendor : closeDay(vendor, desk)
  })
}

async function float(desk: Desk): Promise<Float | Refusal> {
  return unlessVendorGone(async () => {
    const vendor = await meetVendor(desk)
    return 'result' in vendor ? vendor : floatOf(await vendor.status())
  })
}

async function unlessVendorGone<R>(work: () => Promise<R>): Promise<R | Refusal> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof VendorGone) return refused('module_missing')
    throw error
  }
}

/** @throws {FormatError} if no till could carry it out at any card. */
function checkOrder(order: Order): void {
  if (order.passcode !== '' && !PASSCODE_FORM.test(order.passcode)) {
    throw new FormatError('order.passcode', 'expected 4 to 8 digits, or nothing')
  }
  if (order.kind === 'pay' && order.amount <= 0n) {
    throw new FormatError('order.amount', `expected more than 0, got ${order.amount}`)
  }
}

/** One tap of one card. */
class Tap {
  readonly #present: Present
  readonly #order: Order
  readonly #desk: Desk
  #introduction: Introduction | undefined
  /** Begun at this tap or an earlier one, for whatever order. */
  #record: JournalRecord | undefined
  /** What the people at the till should know besides. */
  #note: string | undefined
  #handedOver: HandedOver | undefined

  constructor(present: Present, order: Order, desk: Desk) {
    this.#present = present
    this.#order = order
    this.#desk = desk
  }

  async carryOut(): Promise<TapResult> {
    try {
      return await this.#steps()
    } catch (error) {
      // From its intent on a record is open, whoever went away.
      if (error instanceof VendorGone && this.#record) return unfinished(this.#record)
      throw error
    }
  }

  async #steps(): Promise<TapResult> {
    const { journal } = this.#desk
    const { card } = this.#present.status
    for (const open of journal.open(card)) {
      const stopped = await this.#finish(open)
      if (stopped) return stopped
    }
    const latest = journal.latest(card)
    if (latest?.kind === 'pay' && latest.state === 'confirmed') {
      const isSettled = !isOpen(this.#present.status, latest) || (await this.#deliver(latest))
      if (isOwn(latest, this.#order)) return isSettled ? this.#done(latest) : unfinished(latest)
      if (journal.isGivenUp(latest.orderId)) this.#note = this.#takenAllTheSame(latest)
    }
    return this.#begin()
  }

  /** The vendor element had taken it before the cashier gave it up: that cannot be undone in coins. */
  #takenAllTheSame({ amount }: JournalRecord): string {
    const { currency } = this.#desk
    return `An earlier payment of ${formatAmount(amount, currency)} ${currency.code} went through although it was given up. Give that back in cash.`
  }

  /** What an earlier tap left open: undefined if the way is free now. */
  async #finish(open: JournalRecord): Promise<TapResult | undefined> {
    this.#record = open
    if (open.kind === 'reversal') {
      if (!(await this.#deliver(open))) return unfinished(open)
      this.#desk.journal.confirm(open.id)
      return undefined
    }
    const answer = await this.#settled(() => this.#present.card.pay(recordOf(open).presentation))
    if (!answer) return unfinished(open)
    if (answer.sw !== SW.OK) {
      // It belongs to another session: the card has not paid it, and never will.
      if (answer.sw !== COIN_SW.STALE) return this.#refusal(answer)
      this.#desk.journal.void(open.id)
      return undefined
    }
    const isWanted = isOwn(open, this.#order) && !this.#desk.journal.isGivenUp(open.orderId)
    const stopped = await this.#decide(open, answer.data, isWanted ? 'take' : 'return')
    return stopped ?? (isWanted ? refused('change_gone') : undefined)
  }

  /** The statuses from `not_allowed` on. */
  async #begin(): Promise<TapResult> {
    const order = this.#order
    const { desk, status } = { desk: this.#desk, status: this.#present.status }
    if (order.kind !== 'pay') return refused('not_allowed')
    if (order.products.length === 0 && !desk.policy.freeAmounts) return refused('not_allowed')
    if (status.currency !== desk.currency.numeric) return refused('foreign_currency')
    if (desk.isHot(status.card)) return refused('hot_card')
    const tokens = tokensFor(order, desk)
    if (!tokens) return refused('no_token')
    if (order.amount > VALUE_MAX) return tooMuch(desk.currency)
    const limit = desk.stoppedBy(order, status.total - order.amount)
    if (limit !== undefined) return refused('over_limit', limit)
    return this.#pay(order, tokens)
  }

  async #pay(order: PayOrder, tokens: readonly SpendableToken[]): Promise<TapResult> {
    const { status, card } = this.#present
    const asked = await this.#ask(order)
    if ('result' in asked) return asked
    const record = intend(this.#desk, {
      orderId: order.id,
      card: status.card,
      number: asked.number,
      amount: order.amount,
      balanceAfter: status.total > order.amount ? status.total - order.amount : 0n,
      madeAt: asked.madeAt,
      tokens,
      vendor: this.#present.vendor.id,
      element: status.element,
      request: asked.request,
      presentation: asked.presentation,
    })
    this.#record = record
    const answer = await this.#settled(() => card.pay(asked.presentation))
    if (!answer) return unfinished(record)
    if (answer.sw === SW.OK) {
      const stopped = await this.#decide(record, answer.data, 'take')
      if (stopped) return stopped
      return refused('change_gone')
    }
    this.#desk.journal.void(record.id)
    return this.#refusal(answer)
  }

  /** The vendor element’s request to this card, in this session. */
  async #ask(order: PayOrder) {
    const { vendor, card, status } = this.#present
    const { journal } = this.#desk
    const { number: last } = await vendor.status()
    const number = Math.max(last, journal.latest(status.card)?.sequence ?? 0) + 1
    const madeAt = journal.stamp()
    const shown = await this.#introduce()
    if (!shown) return refused('damaged_card')
    const asked = await vendor.request({
      bank: [shown.bank],
      identity: shown.identity,
      element: shown.element,
      nonce: card.nonce,
      number,
      amount: order.amount,
      madeAt,
      pin: order.passcode === '' ? [] : [pinBlock(order.passcode)],
    })
    if (typeof asked !== 'number') return { ...asked, number, madeAt }
    if (asked === COIN_SW.PUF_FAILED) return refused('tap_again')
    return refused(asked === COIN_SW.UNCONFIRMED ? 'counterfeit_card' : 'module_refused')
  }

  /** Undefined if the coins went back. */
  async #decide(
    record: JournalRecord,
    sealed: Bytes,
    mode: 'take' | 'return',
  ): Promise<TapResult | undefined> {
    const { vendor } = this.#present
    const shown = await this.#introduce()
    if (!shown) return unfinished(record)
    const { identity, element, bank } = shown
    const outcome = await vendor.accept({ mode, bank: [bank], identity, element, sealed })
    if (outcome === COIN_SW.PUF_FAILED) return unfinished(record)
    if (typeof outcome === 'number') return refused('counterfeit_card')
    // A payment of before is answered with the outcome of before: it pays for nothing else.
    if (!bytesEqual(outcome.request, recordOf(record).request)) return refused('counterfeit_card')
    this.#handedOver = handedOverIn(outcome)
    const decided = journalOutcome(this.#desk, record, outcome)
    await vendor.confirm(outcome)
    if (!(await this.#deliver(decided))) return unfinished(decided)
    if (decided.kind === 'pay') return this.#done(decided)
    this.#desk.journal.confirm(decided.id)
    return undefined
  }

  /** Receipt, change or coins for the card. Whether it has them now. */
  async #deliver(record: JournalRecord): Promise<boolean> {
    return (await this.#settled(() => deliver(this.#present.card, record))) ?? false
  }

  async #introduce(): Promise<Introduction | undefined> {
    this.#introduction ??= await this.#settled(() => this.#present.card.introduce())
    return this.#introduction
  }

  /** Undefined if the card went away: what happened shows its next tap. */
  async #settled<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof CardTorn) return undefined
      throw error
    }
  }

  async #done(record: JournalRecord): Promise<TapResult> {
    const status = await this.#settled(() => this.#present.card.status())
    if (!status) return unfinished(record)
    const note = this.#note === undefined ? {} : { note: this.#note }
    return { ...done(record, status, this.#handedOver), ...note }
  }

  #refusal({ sw, data }: Answer): Refusal {
    if (sw >> 4 === 0x63c) return refused('wrong_passcode')
    if (sw === COIN_SW.CANNOT_PAY) return this.#cannotPay(data)
    return refused(REFUSALS.get(sw) ?? 'damaged_card')
  }

  #cannotPay(data: Bytes): Refusal {
    const { currency } = this.#desk
    const read = (at: number): Amount =>
      BigInt(new DataView(data.buffer, data.byteOffset).getUint32(at))
    const amount = this.#order.kind === 'pay' ? this.#order.amount : 0n
    return cannotPay({ amount, shortBy: read(0), overBy: read(4) }, currency)
  }
}

const REFUSALS: ReadonlyMap<StatusWord, Parameters<typeof refused>[0]> = new Map([
  [COIN_SW.BLOCKED, 'passcode_blocked'],
  [COIN_SW.PUF_FAILED, 'tap_again'],
  [COIN_SW.UNCONFIRMED, 'till_unconfirmed'],
  [COIN_SW.WRONG_CURRENCY, 'foreign_currency'],
  [COIN_SW.PIN_NEEDED, 'passcode_needed'],
  [COIN_SW.FULL, 'payments_open'],
])

/** Header, Lc and Le of a command; status word of an answer. */
const COMMAND_FRAME = 6
const ANSWER_FRAME = 2
const ANSWER_MAX = 256
/** Of a payment of one coin, to a vendor element of the same bank that has no change; docs/benchmarks.md. */
const SIZES = {
  status: 39,
  certificate: 253,
  presentation: 582,
  pin: PIN_SIZE,
  payment: 513,
  settlement: 201,
} as const
/** A command without data. */
const SHORT = 5

/** At the card only, of one coin and no change. */
function cost({ passcode }: Order): TapCost {
  const presentation = SIZES.presentation + (passcode === '' ? 0 : SIZES.pin)
  const parts = [...chunks(presentation), ...chunks(SIZES.settlement)]
  const fetches = Math.ceil(SIZES.payment / ANSWER_MAX) - 1
  const short = [IDENTITY_AID.length + COMMAND_FRAME, ...Array.from({ length: 5 }, () => SHORT)]
  const back = [FCI_SIZE, 2 * SIZES.status, 3 * SIZES.certificate, SIZES.payment]
  const apdus = short.length + parts.length + fetches
  return {
    apdus,
    bytesOut: total([...short, ...parts.map(framed), fetches * SHORT]),
    bytesIn: total([...back, apdus * ANSWER_FRAME]),
  }
}

/** Only the last part of data, which is shorter, may have an answer. */
function framed(size: number): number {
  return size + (size === CHUNK_SIZE ? SHORT : COMMAND_FRAME)
}

function chunks(size: number): readonly number[] {
  return size > CHUNK_SIZE ? [CHUNK_SIZE, ...chunks(size - CHUNK_SIZE)] : [size]
}

const total = (sizes: readonly number[]) => sizes.reduce((sum, size) => sum + size, 0)
