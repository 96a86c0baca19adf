import { bytesEqual, concat, fromHex, utf8, type Bytes } from '../../src/kernel/bytes.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import { sha256 } from '../../src/kernel/hash.ts'
import { cardIdOf, digestOf, type CardId } from '../../src/kernel/ids.ts'
import { inProcessChannel } from '../../src/reader/in-process.ts'
import { CardTorn, type Channel } from '../../src/reader/channel.ts'
import type {
  CardView,
  Desk,
  JournalRecord,
  NewRecord,
  Order,
  RefusalOrder,
  Refusal,
  TapResult,
  TillScheme,
} from '../../src/till/scheme.ts'

/**
 * The least scheme that has every trait that the engine must serve: a card that can be torn before or
 * after it writes, a journal entry before and after, an unfinished tap that the next one finishes.
 */
const ATR = utf8('toy')
const READ = 1
const WRITE = 2
const PASSCODE = '1234'

interface Content {
  readonly sequence: number
  readonly balance: bigint
  readonly digest: string
}

export class ToyCard {
  readonly atr = ATR
  readonly id: CardId
  content: Content
  /** How often it was written. */
  writes = 0
  apdus = 0
  /** When it leaves: at which APDU from now, and whether that one is still carried out. */
  tear: { readonly at: number; readonly carriedOut: boolean } | undefined

  constructor(number: number, balance = 10_000n) {
    this.id = cardIdOf(Uint8Array.of(0xca, 0xfd, 0xba, 0xbe, 0xc0, 0xff, 0xee, number))
    this.content = { sequence: 0, balance, digest: '' }
  }

  transmit(apdu: Bytes): Bytes {
    this.apdus += 1
    const torn = this.tear?.at === 1
    const carriedOut = !torn || this.tear?.carriedOut === true
    if (this.tear) this.tear = torn ? undefined : { ...this.tear, at: this.tear.at - 1 }
    const answer = carriedOut ? this.#carryOut(apdu) : new Uint8Array()
    return torn ? new Uint8Array() : answer
  }

  #carryOut(apdu: Bytes): Bytes {
    if (apdu[0] === WRITE) {
      this.content = decode(apdu.slice(1))
      this.writes += 1
      return Uint8Array.of(0x90, 0x00)
    }
    return concat(fromHex(this.id), encode(this.content))
  }
}

export function channelTo(card: ToyCard): Channel {
  return inProcessChannel(card)
}

function encode({ sequence, balance, digest }: Content): Bytes {
  return utf8(`${sequence},${balance},${digest}`)
}

function decode(bytes: Bytes): Content {
  const [sequence, balance, digest = ''] = new TextDecoder().decode(bytes).split(',')
  return { sequence: Number(sequence), balance: BigInt(balance ?? 0), digest }
}

async function read(channel: Channel): Promise<Content & { card: CardId }> {
  const answer = await channel.transmit(Uint8Array.of(READ))
  if (answer.length < 2) throw new CardTorn('gone')
  return { card: cardIdOf(answer.subarray(0, 8)), ...decode(answer.slice(8)) }
}

async function write(channel: Channel, content: Content): Promise<void> {
  const answer = await channel.transmit(concat(Uint8Array.of(WRITE), encode(content)))
  if (answer.length < 2) throw new CardTorn('gone')
}

function refused(status: string, explanation = status): Refusal {
  return { result: 'refused', status, explanation }
}

export const toyScheme: TillScheme = {
  name: 'toy',
  recognises: (atr) => bytesEqual(atr, ATR),
  async show(channel, desk) {
    const found = await read(channel)
    return { result: 'shown', view: viewOf(found.card, found, desk) }
  },
  perform,
  cost: () => ({ apdus: 2, bytesOut: 0, bytesIn: 0 }),
}

/** The same, and payments can be taken back: the till's word counts from when it is written down. */
export const kindToyScheme: TillScheme = {
  ...toyScheme,
  refunds: {
    refuse,
    async perform(channel, order, desk) {
      const payment = desk.journal.record(order.payment)
      if (!payment) throw new Error('the engine knows the payment')
      const found = await read(channel)
      const begun = desk.journal.open(found.card).find(({ refuses }) => refuses === payment.id)
      const record = begun ?? desk.journal.intend(refuse(payment, { ...order, as: 'refund' }, desk))
      const { sequence, balance } = found
      await write(channel, {
        sequence: sequence + 1,
        balance: balance + payment.amount,
        digest: record.digest,
      })
      return done(desk.journal.confirm(record.id), desk)
    },
  },
}

function refuse(payment: JournalRecord, order: RefusalOrder, desk: Desk): NewRecord {
  const evidence = utf8(`no ${payment.digest}`)
  return {
    ...payment,
    orderId: order.id,
    kind: order.as,
    isExpected: true,
    refuses: payment.id,
    balanceAfter: payment.balanceAfter + payment.amount,
    madeAt: desk.journal.stamp(),
    digest: digestOf(sha256(evidence)),
    evidence,
    tokens: [],
  }
}

function viewOf(card: CardId, { balance, sequence }: Content, desk: Desk): CardView {
  return {
    card,
    currency: desk.currency,
    balance,
    sequence,
    lastMaker: desk.till,
    lastAt: 0,
    unfinished: false,
  }
}

async function perform(channel: Channel, order: Order, desk: Desk): Promise<TapResult> {
  const { journal } = desk
  if (order.kind === 'passcode' && !/^\d+$/.test(order.newPasscode)) {
    throw new FormatError('order.newPasscode', 'expected digits')
  }
  const found = await read(channel)
  const { card } = found
  const latest = journal.latest(card)
  if (latest?.state === 'intended') {
    if (latest.digest === found.digest) {
      const record = journal.confirm(latest.id)
      if (record.orderId === order.id) return done(record, desk)
    } else if (found.sequence >= latest.sequence) journal.void(latest.id)
    else if (latest.orderId === order.id) return finish(channel, latest, desk)
    // What nobody wants any more is written first, because its place is taken, and left at that.
    else await finish(channel, latest, desk)
  }
  const now = latest?.state === 'intended' ? await read(channel) : found
  if (desk.isHot(card)) return refused('hot_card')
  if (desk.passcodes.isPaused(card)) return refused('passcode_paused')
  if (order.passcode !== PASSCODE) {
    desk.passcodes.wrong(card)
    return refused('wrong_passcode')
  }
  desk.passcodes.right(card)
  const amount = order.kind === 'passcode' ? 0n : order.amount
  const balanceAfter = now.balance + (order.kind === 'pay' ? -amount : amount)
  const limit = desk.stoppedBy(order, balanceAfter)
  if (limit !== undefined) return refused('over_limit', limit)
  if (balanceAfter < 0n) return refused('insufficient_funds')
  const tokens = order.kind === 'pay' ? journal.tokensFor(order.products) : []
  if (!tokens) return refused('no_token')

  const madeAt = journal.stamp()
  const evidence = utf8(`${card} ${now.sequence + 1} ${order.kind} ${amount} ${madeAt}`)
  const record = journal.intend({
    orderId: order.id,
    scheme: 'toy',
    card,
    sequence: now.sequence + 1,
    kind: order.kind,
    amount,
    balanceAfter,
    madeAt,
    digest: digestOf(sha256(evidence)),
    evidence,
    tokens,
  })
  return finish(channel, record, desk)
}

async function finish(channel: Channel, record: JournalRecord, desk: Desk): Promise<TapResult> {
  const { sequence, balanceAfter: balance, digest } = record
  await write(channel, { sequence, balance, digest })
  return done(desk.journal.confirm(record.id), desk)
}

function done(record: JournalRecord, desk: Desk): TapResult {
  const content = { sequence: record.sequence, balance: record.balanceAfter, digest: record.digest }
  return { result: 'done', record, view: viewOf(record.card, content, desk) }
}

export function pay(
  id: string,
  amount = 500n,
  passcode = PASSCODE,
): Extract<Order, { kind: 'pay' }> {
  return { kind: 'pay', id, amount, products: [], passcode }
}

export function load(id: string, amount = 500n): Order {
  return { kind: 'load', id, amount, passcode: PASSCODE }
}
