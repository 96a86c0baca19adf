import { utf8, type Bytes } from '../../kernel/bytes.ts'
import { currencyByNumber, type Amount, type Currency } from '../../kernel/money.ts'
import type { Clock, RandomSource, Transport } from '../../kernel/ports.ts'
import { undisturbed, type Channel } from '../../reader/channel.ts'
import { openMessage, type Signed } from '../../kernel/signed-message.ts'
import {
  CARRIED_BLOCKS,
  request,
  type CardState,
  type PaymentRequest,
  type WalletRecord,
} from './message.ts'
import { briefEvidence } from './phone/evidence.ts'
import { Undertakings, type PhoneMemory } from './phone/memory.ts'
import { askMessage, introducedBy, paidMessage, refusedMessage } from './phone/messages.ts'
import { PhoneOffice } from './phone/office.ts'
import { accepted, readable, stoppable, Stopped, type Result } from './phone/results.ts'
import { carriedBy, OfficeVisit, type Synchronised } from './phone/visit.ts'
import { handOver, wiredChannel, wiredTransport, type Wire } from './phone/wire.ts'
import { WalletCard } from './terminal.ts'

export type { PhoneMemory } from './phone/memory.ts'
export { PHONE_STATUSES, type PhoneStatus, type Problem, type Result } from './phone/results.ts'
export type { Synchronised } from './phone/visit.ts'

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
      accepted(await card.verifyPin(pin))
      return { records: accepted(await card.readRecords()).map(({ record }) => record) }
    })
  }

  /**
   * e-krona pilot phase 4, 3.7. Brings what was begun to its end.
   *
   * @param pin without it, the card only hears what its office has to say: that its PIN is unblocked.
   */
  async synchronise(channel: Channel, pin?: string): Promise<Result<Synchronised>> {
    return this.#tap(channel, async (card) => {
      const synchronised = await this.#visit(card, pin).synchronise()
      for (const what of ['load', 'unload'] as const) await this.#begun.forget(card.card, what)
      return synchronised
    })
  }

  /** From the online wallet: 3.4, figure 3. */
  async load(channel: Channel, pin: string, amount: Amount): Promise<Result<Synchronised>> {
    return this.#tap(channel, async (card) => this.#visit(card, pin).load(amount))
  }

  /** Back to the online wallet: 3.4, figure 4. */
  async unload(channel: Channel, pin: string, amount: Amount): Promise<Result<Synchronised>> {
    return this.#tap(channel, async (card) => this.#visit(card, pin).unload(amount))
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
      accepted(await card.verifyPin(pin))
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

  get #begun(): Undertakings {
    return new Undertakings(this.#parts.memory)
  }

  /** @throws {Stopped} without an office. */
  #visit(card: WalletCard, pin: string | undefined): OfficeVisit {
    const { office, wire, clock, random } = this.#parts
    if (!office) throw new Stopped({ status: 'no_office' })
    const line = new PhoneOffice(wiredTransport(office.transport, wire), office.headers)
    return new OfficeVisit({ card, pin, office: line, begun: this.#begun, clock, random })
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
