import { toHex, utf8, type Bytes } from '../../kernel/bytes.ts'
import { FormatError, unlessMalformed } from '../../kernel/errors.ts'
import {
  amount as amountField,
  choice,
  constant,
  message,
  varOctets,
  type ValueOf,
} from '../../kernel/message.ts'
import { currencyByNumber, type Amount, type Currency } from '../../kernel/money.ts'
import { Unreachable, type Clock, type RandomSource, type Transport } from '../../kernel/ports.ts'
import { CardRefused, CardTorn, undisturbed, type Channel } from '../../reader/channel.ts'
import {
  CARRIED_BLOCKS,
  NONCE_SIZE,
  openMessage,
  request,
  type CardState,
  type PaymentRequest,
  type Signed,
  type WalletRecord,
} from './message.ts'
import { briefEvidence, evidenceOfRecord, readNotice, refusedEvidence } from './phone-evidence.ts'
import { askMessage, introducedBy, paidMessage, refusedMessage } from './phone-messages.ts'
import { PhoneOffice, type OfficeAnswer, type OfficeRefusal } from './phone-office.ts'
import { handOver, PhoneGone, wiredChannel, wiredTransport, type Wire } from './phone-wire.ts'
import {
  WalletCard,
  type Answer,
  type Executed,
  type HeldRecord,
  type WalletRefusal,
} from './terminal.ts'

/**
 * What can come of holding a card to a phone, in the order in which it can go wrong. Whatever it is, the
 * same again goes on from there: nothing happens twice.
 */
export const PHONE_STATUSES = [
  /** What came from the other phone is no such message. */
  'malformed',
  /** No wallet, or one that nobody has issued. */
  'no_wallet',
  /** The card went away. */
  'card_gone',
  'wrong_pin',
  /** The card, for the reason that it names. */
  'card_refused',
  /** The office does not answer. */
  'no_office',
  /** The office, in its own words. */
  'office_refused',
  /** The other phone went away. */
  'phone_gone',
  'done',
] as const
export type PhoneStatus = (typeof PHONE_STATUSES)[number]

export type Problem =
  | { readonly status: 'malformed'; readonly error: FormatError }
  | { readonly status: 'no_wallet' | 'card_gone' | 'no_office' | 'phone_gone' }
  | { readonly status: 'wrong_pin'; readonly triesLeft: number }
  | { readonly status: 'card_refused'; readonly refusal: WalletRefusal }
  | { readonly status: 'office_refused'; readonly refusal: OfficeRefusal }

export type Result<T> = ({ readonly status: 'done' } & T) | Problem

/** What a phone keeps from one contact to the next: what it has begun. It may lose it. */
export interface PhoneMemory {
  read(name: string): Promise<Bytes | undefined>
  write(name: string, bytes: Bytes | undefined): Promise<void>
}

export interface PhoneParts {
  /** By the phone. */
  readonly clock: Clock
  readonly random: RandomSource
  readonly memory: PhoneMemory
  readonly wire: Wire
  /** Undefined: offline. */
  readonly office?: {
    readonly transport: Transport
    /** Of the holder’s session: only loading and unloading need one. */
    readonly headers: Readonly<Record<string, string>>
  }
}

export interface Synchronised {
  readonly state: CardState
  /** How many records went up. */
  readonly handedIn: number
  /** An order that the card would not carry out, and why. */
  readonly refused: WalletRefusal | undefined
}

export interface Asked {
  readonly request: Signed<PaymentRequest>
  /** For the payer’s phone: an askMessage. */
  readonly message: Bytes
}

export interface Paid {
  readonly record: Signed<WalletRecord>
  /** For the payee’s phone: a paidMessage. */
  readonly message: Bytes
}

export interface Declined {
  /** For the payer’s phone: a refusedMessage. */
  readonly message: Bytes
}

/** What an ask says, for the payer to see before he types his PIN. The card checks who signed it. */
export interface Ask {
  readonly request: Signed<PaymentRequest>
  readonly currency: Currency
}

/** As long as two people need to find their cards. */
const ASK_LIFE = 30 * 60 * 1000
/** Each order is carried out and its statement brought up before the next: more are a card that is broken. */
const ROUNDS_MAX = 8

/**
 * The phone of somebody who has a wallet: an untrusted relay between the card, its office and another
 * phone. It is told the PIN, which goes to the card sealed; it decides nothing about money. Every
 * method is one holding of a card to it and may be repeated as a whole until it says `done`.
 */
export class Phone {
  readonly #parts: PhoneParts

  constructor(parts: PhoneParts) {
    this.#parts = parts
  }

  /** What anybody who holds the card may see. */
  async show(channel: Channel): Promise<Result<{ readonly state: CardState }>> {
    return this.#tap(channel, async (card) => ({ state: card.state }))
  }

  /** The records that the office has not got yet. */
  async records(
    channel: Channel,
    pin: string,
  ): Promise<Result<{ readonly records: readonly Signed<WalletRecord>[] }>> {
    return this.#tap(channel, async (card) => {
      await showPin(card, pin)
      return { records: (await logOf(card)).map(({ record }) => record) }
    })
  }

  /** e-krona pilot phase 4, 3.7. Brings what was begun to its end. */
  async synchronise(channel: Channel, pin: string): Promise<Result<Synchronised>> {
    return this.#tap(channel, async (card) => {
      const synchronised = await this.#synchronise(card, pin)
      for (const what of ['load', 'unload'] as const) await this.#forget(card, what)
      return synchronised
    })
  }

  /** From the online wallet: 3.4, figure 3. */
  async load(channel: Channel, pin: string, amount: Amount): Promise<Result<Synchronised>> {
    return this.#tap(channel, async (card) => {
      const begun = await this.#begun(card, 'load', amount)
      if (!begun) await this.#synchronise(card, pin)
      const key = begun?.thing ?? this.#parts.random.bytes(16)
      if (!begun) await this.#begin(card, 'load', amount, key)
      const order = await this.#askToLoad(card, pin, amount, toHex(key))
      const executed = await this.#execute(card, order)
      // Out of number: carried out before, and others after it.
      if (!executed.ok && executed.refusal !== 'out_of_number') {
        valueOf(await this.#office.giveUp(card.card, `the card said ${executed.refusal}`))
        await this.#synchronise(card, pin)
        await this.#forget(card, 'load')
        throw new Stopped({ status: 'card_refused', refusal: executed.refusal })
      }
      const said = executed.ok ? await reportOf(card, executed.value, order) : undefined
      const synchronised = await this.#synchronise(card, pin, said)
      await this.#forget(card, 'load')
      return synchronised
    })
  }

  /** Back to the online wallet: 3.4, figure 4. */
  async unload(channel: Channel, pin: string, amount: Amount): Promise<Result<Synchronised>> {
    return this.#tap(channel, async (card) => {
      const begun = await this.#begun(card, 'unload', amount)
      const isPaid = begun !== undefined && (await this.#payBack(card, pin, amount, begun))
      const said = isPaid ? undefined : await this.#askToUnload(card, pin, amount)
      const synchronised = await this.#synchronise(card, pin, said)
      await this.#forget(card, 'unload')
      return synchronised
    })
  }

  /** The payee’s card asks for money, for whoever pays: 3.6, step 1. */
  async ask(
    channel: Channel,
    { amount, life = ASK_LIFE }: { readonly amount: Amount; readonly life?: number },
  ): Promise<Result<Asked>> {
    return this.#tap(channel, async (card) => {
      const { currency } = card.state
      const name = `ask ${card.card} ${amount}`
      // The same wish gets the same request while the card has it open.
      const begun = await this.#parts.memory.read(name)
      const madeAt = begun ? Number(new TextDecoder().decode(begun)) : this.#parts.clock.now()
      await this.#parts.memory.write(name, utf8(String(madeAt)))
      const wanted = { currency, amount, madeAt, expires: madeAt + life }
      const asked = accepted(await card.request(wanted))
      const { card: own, office } = await card.certificates()
      const message = askMessage.encode({
        request: asked.bytes,
        certificate: own.bytes,
        office: office.bytes,
      })
      await this.#parts.memory.write(name, undefined)
      return { request: asked, message }
    })
  }

  /** What the payer is asked for. */
  readAsk(message: Bytes): Result<Ask> {
    return readable(() => {
      const asked = openMessage(request, askMessage.decode(message).request)
      return { request: asked, currency: currencyByNumber(asked.content.currency) }
    })
  }

  /** The payer’s card pays what the payee’s asks for: 3.6, step 3. */
  async pay(channel: Channel, pin: string, message: Bytes): Promise<Result<Paid>> {
    const read = readable(() => ({ asked: askMessage.decode(message) }))
    if (read.status !== 'done') return read
    const { asked } = read
    return this.#tap(channel, async (card) => {
      const payee = introducedBy(asked)
      const record = accepted(await card.pay(asked.request, { pin, payee }))
      const carried = await cover(card)
      const { card: own, office } = await card.certificates()
      const paid = paidMessage.encode({
        record: record.bytes,
        certificate: own.bytes,
        office: office.bytes,
        carried,
      })
      return { record, message: paid }
    })
  }

  /** The payee’s card takes the payment in: 3.6, step 5, but without a PIN: it asked for it. */
  async receive(
    channel: Channel,
    message: Bytes,
  ): Promise<Result<{ readonly record: Signed<WalletRecord> }>> {
    const read = readable(() => ({ paid: paidMessage.decode(message) }))
    if (read.status !== 'done') return read
    const { paid } = read
    return this.#tap(channel, async (card) => {
      // Before the payment itself: once that is there, nobody comes back for the rest.
      for (const [index, bytes] of paid.carried.entries()) {
        // What came with earlier payments stays as long as there is room: every record moves on by one.
        accepted(await card.carry((card.state.sequence + index) % CARRIED_BLOCKS, bytes))
      }
      return { record: accepted(await card.receive(paid.record, introducedBy(paid))) }
    })
  }

  /** The payee will not have it, paid or not. */
  async refuse(channel: Channel, asked: Bytes): Promise<Result<Declined>> {
    const read = readable(() => ({ digest: openMessage(request, asked).digest }))
    if (read.status !== 'done') return read
    const { digest } = read
    return this.#tap(channel, async (card) => {
      const refused = accepted(await card.refuse({ request: digest, madeAt: this.#now() }))
      const { card: own, office } = await card.certificates()
      const certificates = { certificate: own.bytes, office: office.bytes }
      return { message: refusedMessage.encode({ refusal: refused.bytes, ...certificates }) }
    })
  }

  /** The payer’s card takes its payment back. Without a record if there was none to take back. */
  async refund(
    channel: Channel,
    message: Bytes,
  ): Promise<Result<{ readonly record: Signed<WalletRecord> | undefined }>> {
    const read = readable(() => ({ refused: refusedMessage.decode(message) }))
    if (read.status !== 'done') return read
    const { refused } = read
    return this.#tap(channel, async (card) => ({
      record: accepted(await card.refund(refused.refusal, introducedBy(refused))),
    }))
  }

  /** Requests of the card that wait for their payment. */
  async openRequests(
    channel: Channel,
    pin: string,
  ): Promise<Result<{ readonly requests: readonly Signed<PaymentRequest>[] }>> {
    return this.#tap(channel, async (card) => {
      await showPin(card, pin)
      return { requests: accepted(await card.openRequests()) }
    })
  }

  async changePin(channel: Channel, pin: string, next: string): Promise<Result<object>> {
    return this.#tap(channel, async (card) => {
      accepted(await card.changePin(pin, next))
      return {}
    })
  }

  /** With the code that the holder got with the card. */
  async unblockPin(channel: Channel, code: string, next: string): Promise<Result<object>> {
    return this.#tap(channel, async (card) => {
      accepted(await card.unblockPin(code, next))
      return {}
    })
  }

  /** Gives a message to the other phone: both are held together. */
  async handOver(name: string, message: Bytes): Promise<Result<{ readonly message: Bytes }>> {
    return stoppable(async () => ({
      status: 'done',
      message: await handOver(this.#parts.wire, name, message),
    }))
  }

  #now(): number {
    return this.#parts.clock.now()
  }

  /** @throws {Stopped} without one. */
  get #office(): PhoneOffice {
    const { office, wire } = this.#parts
    if (!office) throw new Stopped({ status: 'no_office' })
    return new PhoneOffice(wiredTransport(office.transport, wire), office.headers)
  }

  /** One holding of a card to the phone. */
  async #tap<T extends object>(
    channel: Channel,
    work: (card: WalletCard) => Promise<T>,
  ): Promise<Result<T>> {
    return undisturbed(channel, async () =>
      stoppable(async () => {
        const wired = wiredChannel(channel, this.#parts.wire)
        const card = await WalletCard.connect(wired, this.#parts.random)
        if (card?.state.phase !== 'in use') throw new Stopped({ status: 'no_wallet' })
        return { status: 'done', ...(await work(card)) }
      }),
    )
  }

  /** @param first what the card has to say, if it has just said it. */
  async #synchronise(card: WalletCard, pin: string, first?: Report): Promise<Synchronised> {
    const office = this.#office
    let handedIn = 0
    let refused: WalletRefusal | undefined
    let next: Report | undefined = first ?? (await this.#report(card, pin))
    for (let round = 0; round < ROUNDS_MAX && next; round++) {
      const { statement, items, records }: Report = next
      handedIn += records
      const answer = valueOf(await office.synchronise(card.card, statement, items))
      const heard = await this.#hear(card, answer.notices)
      const done = await this.#carryOut(card, answer.orders)
      refused = done.refused
      if (heard.isNew) next = await this.#report(card, pin, heard.refusals)
      else next = done.report
    }
    return { state: await card.refresh(), handedIn, refused }
  }

  /** All that a card has to say. */
  async #report(card: WalletCard, pin: string, refusals: readonly Bytes[] = []): Promise<Report> {
    await showPin(card, pin)
    const held = await logOf(card)
    const own = await card.certificates()
    const items = held.map((record) => evidenceOfRecord(record, own))
    const carried = await carriedBy(card)
    const statement = accepted(await card.statement(this.#parts.random.bytes(NONCE_SIZE)))
    const { bytes } = statement
    return { statement: bytes, items: [...items, ...carried, ...refusals], records: held.length }
  }

  /** What the card then has to say is in its answer. */
  async #carryOut(
    card: WalletCard,
    [order]: readonly Bytes[],
  ): Promise<{ readonly report?: Report; readonly refused: WalletRefusal | undefined }> {
    if (!order) return { refused: undefined }
    const executed = await this.#execute(card, order)
    if (!executed.ok) return { refused: executed.refusal }
    return { report: await reportOf(card, executed.value, order), refused: undefined }
  }

  /** What others did: payments that never came this way, and refusals. */
  async #hear(
    card: WalletCard,
    notices: readonly Bytes[],
  ): Promise<{ readonly isNew: boolean; readonly refusals: readonly Bytes[] }> {
    const refusals: Bytes[] = []
    let isNew = false
    for (const bytes of notices) {
      const notice = readNotice(bytes)
      if (!notice) continue
      const { content, payment, payer, payee } = notice
      const [refusal] = content.refusal
      if (refusal) {
        isNew ||= (await card.refund(refusal, payee)).ok
        continue
      }
      const received = await card.receive(payment.bytes, payer)
      isNew ||= received.ok
      if (received.ok || received.refusal !== 'refused') continue
      // Refused before it came: the office has to hear of that, with the payment.
      const wanted = { request: payment.content.cause, madeAt: this.#now() }
      const refused = await card.refuse(wanted)
      if (refused.ok) refusals.push(refusedEvidence(content, refused.value.bytes))
    }
    return { isNew: isNew || refusals.length > 0, refusals }
  }

  async #askToLoad(card: WalletCard, pin: string, amount: Amount, key: string): Promise<Bytes> {
    const ask = async () => {
      const statement = accepted(await card.statement(this.#parts.random.bytes(NONCE_SIZE)))
      return this.#office.load(card.card, amount, statement.bytes, key)
    }
    const first = await ask()
    if (first.ok) return first.value
    // It may stand in the way of itself: what was begun is brought to its end first.
    await this.#synchronise(card, pin)
    const second = await ask()
    if (!second.ok && second.refusal.status < 500) await this.#forget(card, 'load')
    return valueOf(second)
  }

  /** Pays the office what it asks for. */
  async #askToUnload(card: WalletCard, pin: string, amount: Amount): Promise<Report> {
    await this.#synchronise(card, pin)
    const { nonce } = await card.refresh()
    const statement = accepted(await card.statement(nonce))
    const asked = valueOf(await this.#office.unload(card.card, amount, statement.bytes))
    await this.#begin(card, 'unload', amount, asked)
    const record = accepted(await card.pay(asked, { pin }))
    await this.#begin(card, 'unload', amount, asked, 'paid')
    const now = accepted(await card.statement(this.#parts.random.bytes(NONCE_SIZE)))
    return reportOf(card, { record, statement: now }, asked)
  }

  /** Pays a request that the card was shown before, and may have paid. @returns whether it has. */
  async #payBack(
    card: WalletCard,
    pin: string,
    amount: Amount,
    { thing: asked, state }: Begun,
  ): Promise<boolean> {
    if (state === 'paid') return true
    const paid = await card.pay(asked, { pin })
    // The card did something else before it came to pay it.
    if (!paid.ok && (paid.refusal === 'stale' || paid.refusal === 'expired')) return false
    accepted(paid)
    await this.#begin(card, 'unload', amount, asked, 'paid')
    return true
  }

  /** What was begun with this card, of that amount, and may not have come to its end. */
  async #begun(
    { card }: WalletCard,
    what: 'load' | 'unload',
    amount: Amount,
  ): Promise<Begun | undefined> {
    const bytes = await this.#parts.memory.read(`${what} ${card}`)
    const found = bytes && unlessMalformed(() => begun.decode(bytes))
    return found?.amount === amount ? found : undefined
  }

  async #begin(
    { card }: WalletCard,
    what: 'load' | 'unload',
    amount: Amount,
    thing: Bytes,
    state: Begun['state'] = 'asked',
  ): Promise<void> {
    await this.#parts.memory.write(`${what} ${card}`, begun.encode({ state, amount, thing }))
  }

  async #forget({ card }: WalletCard, what: 'load' | 'unload'): Promise<void> {
    await this.#parts.memory.write(`${what} ${card}`, undefined)
  }

  /** An office may have a new key since the card was made: it is shown who signed. */
  async #execute(card: WalletCard, order: Bytes): ReturnType<WalletCard['execute']> {
    const answer = await card.execute(order)
    const isUnknown =
      !answer.ok && (answer.refusal === 'bad_signature' || answer.refusal === 'unknown_signer')
    if (!isUnknown) return answer
    const certificates = valueOf(await this.#office.certificates())
    for (const certificate of certificates.toReversed()) await card.verifyCertificate(certificate)
    return card.execute(order)
  }
}

/** What a phone remembers of what it has begun. */
const begun = message('begun', {
  version: constant(1),
  state: choice(['asked', 'paid']),
  amount: amountField(8),
  thing: varOctets({ max: 255 }, 'load: key of the wish; unload: request'),
})
type Begun = ValueOf<typeof begun>

/** What a card says to its office, in one message. */
interface Report {
  readonly statement: Bytes
  readonly items: readonly Bytes[]
  /** How many of them are its own records. */
  readonly records: number
}

/** What a card has just said and done, for a reason that its office gave it. */
async function reportOf(
  card: WalletCard,
  { record, statement }: Executed,
  cause: Bytes,
): Promise<Report> {
  const held = record && { record, cause, counterparty: [], request: undefined }
  const items = held ? [evidenceOfRecord(held, await card.certificates())] : []
  return { statement: statement.bytes, items, records: items.length }
}

/** What ends a contact, on its way to the caller. */
class Stopped extends Error {
  override readonly name = 'Stopped'
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.status)
    this.problem = problem
  }
}

async function stoppable<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await work()
  } catch (error) {
    const problem = problemOf(error)
    if (problem) return problem
    throw error
  }
}

function problemOf(error: unknown): Problem | undefined {
  if (error instanceof Stopped) return error.problem
  if (error instanceof CardTorn) return { status: 'card_gone' }
  if (error instanceof CardRefused) return { status: 'no_wallet' }
  if (error instanceof Unreachable) return { status: 'no_office' }
  if (error instanceof PhoneGone) return { status: 'phone_gone' }
  // What came was not what was asked for: whoever carries it may send anything.
  if (error instanceof FormatError) return { status: 'malformed', error }
  return undefined
}

function readable<T extends object>(read: () => T): Result<T> {
  try {
    return { status: 'done', ...read() }
  } catch (error) {
    if (error instanceof FormatError) return { status: 'malformed', error }
    throw error
  }
}

/** @throws {Stopped} with the card’s reason. */
function accepted<T>(answer: Answer<T>): T {
  if (answer.ok) return answer.value
  const { refusal, triesLeft } = answer
  throw new Stopped(
    refusal === 'wrong_pin'
      ? { status: 'wrong_pin', triesLeft: triesLeft ?? 0 }
      : { status: 'card_refused', refusal },
  )
}

/** @throws {Stopped} with the office’s reason. */
function valueOf<T>(answer: OfficeAnswer<T>): T {
  if (answer.ok) return answer.value
  throw new Stopped({ status: 'office_refused', refusal: answer.refusal })
}

async function showPin(card: WalletCard, pin: string): Promise<void> {
  accepted(await card.verifyPin(pin))
}

async function logOf(card: WalletCard): Promise<readonly HeldRecord[]> {
  return accepted(await card.readRecords())
}

async function carriedBy(card: WalletCard): Promise<readonly Bytes[]> {
  const blocks: Bytes[] = []
  for (let block = 0; block < CARRIED_BLOCKS; block++) {
    const bytes = accepted(await card.readCarried(block))
    if (bytes.length > 0) blocks.push(bytes)
  }
  return blocks
}

/** What shows that a payer had the money, if its office has its cards bring that along: newest first. */
async function cover(card: WalletCard): Promise<readonly Bytes[]> {
  const read = await card.readRecords()
  if (!read.ok) return []
  const own = await card.certificates()
  const received = read.value.filter(({ record }) => record.content.kind === 'receive')
  const evidence = received.toReversed().map((held) => briefEvidence(held, own))
  return [...evidence, ...(await carriedBy(card))].slice(0, CARRIED_BLOCKS)
}
