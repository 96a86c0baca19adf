import { toHex, type Bytes } from '../../../kernel/bytes.ts'
import type { Amount } from '../../../kernel/money.ts'
import type { Clock, RandomSource } from '../../../kernel/ports.ts'
import { CARRIED_BLOCKS, NONCE_SIZE, type CardState } from '../message.ts'
import { evidenceOfRecord, readNotice, refusedEvidence } from './evidence.ts'
import type { Begun, Undertaking, Undertakings } from './memory.ts'
import type { PhoneOffice } from './office.ts'
import { accepted, Stopped, valueOf } from './results.ts'
import type { Executed, WalletCard, WalletRefusal } from '../terminal.ts'

export interface Synchronised {
  readonly state: CardState
  /** How many records went up. */
  readonly handedIn: number
  /** An order that the card would not carry out, and why. */
  readonly refused: WalletRefusal | undefined
}

export interface VisitParts {
  readonly card: WalletCard
  /** Undefined: the holder did not type it, or it is blocked; then the records stay where they are. */
  readonly pin: string | undefined
  readonly office: PhoneOffice
  readonly begun: Undertakings
  /** By the phone. */
  readonly clock: Clock
  readonly random: RandomSource
}

/** Each order is carried out and its statement brought up before the next: more are a card that is broken. */
const ROUNDS_MAX = 8
const KEY_SIZE = 16

/**
 * A card before a phone that reaches its office. Whatever gets lost on the way, the same again goes on
 * from there. @throws {Stopped} with what stands in the way.
 */
export class OfficeVisit {
  readonly #parts: VisitParts

  constructor(parts: VisitParts) {
    this.#parts = parts
  }

  /** Brings up what the card has to say, and down what it is to do, until neither has more. */
  async synchronise(first?: Report): Promise<Synchronised> {
    const { card, office } = this.#parts
    let handedIn = 0
    let refused: WalletRefusal | undefined
    let next: Report | undefined = first ?? (await this.#report())
    for (let round = 0; round < ROUNDS_MAX && next; round++) {
      const { statement, items, records }: Report = next
      handedIn += records
      const answer = valueOf(await office.synchronise(card.card, statement, items))
      const heard = await this.#hear(answer.notices)
      const done = await this.#carryOut(answer.orders)
      refused = done.refused
      next = heard.isNew ? await this.#report(heard.refusals) : done.report
    }
    return { state: await card.refresh(), handedIn, refused }
  }

  async load(amount: Amount): Promise<Synchronised> {
    const { card, office, begun, random } = this.#parts
    const found = await begun.find(card.card, 'load', amount)
    if (!found) await this.synchronise()
    const thing = found?.thing ?? random.bytes(KEY_SIZE)
    await begun.note(card.card, 'load', { state: 'asked', amount, thing })
    const order = await this.#askToLoad(amount, toHex(thing))
    const executed = await this.#execute(order)
    // Out of number: carried out before, and others after it.
    if (!executed.ok && executed.refusal !== 'out_of_number') {
      valueOf(await office.giveUp(card.card, `the card said ${executed.refusal}`))
      await this.#end('load')
      throw new Stopped({ status: 'card_refused', refusal: executed.refusal })
    }
    return this.#end('load', executed.ok ? await this.#said(executed.value, order) : undefined)
  }

  async unload(amount: Amount): Promise<Synchronised> {
    const { card, begun } = this.#parts
    const found = await begun.find(card.card, 'unload', amount)
    const isPaid = found !== undefined && (await this.#payAgain(found))
    return this.#end('unload', isPaid ? undefined : await this.#payBack(amount))
  }

  /** With the office's last word, what was begun is done. */
  async #end(what: Undertaking, said?: Report): Promise<Synchronised> {
    const synchronised = await this.synchronise(said)
    await this.#parts.begun.forget(this.#parts.card.card, what)
    return synchronised
  }

  async #askToLoad(amount: Amount, key: string): Promise<Bytes> {
    const { card, office, begun } = this.#parts
    const ask = async () => office.load(card.card, amount, await this.#statement(), key)
    const first = await ask()
    if (first.ok) return first.value
    // It may stand in the way of itself: what was begun is brought to its end first.
    await this.synchronise()
    const second = await ask()
    if (!second.ok && second.refusal.status < 500) await begun.forget(card.card, 'load')
    return valueOf(second)
  }

  /** Pays the office what it asks for. */
  async #payBack(amount: Amount): Promise<Report> {
    const { card, office, begun, pin } = this.#parts
    await this.synchronise()
    const { nonce } = await card.refresh()
    const { bytes } = accepted(await card.statement(nonce))
    const thing = valueOf(await office.unload(card.card, amount, bytes))
    await begun.note(card.card, 'unload', { state: 'asked', amount, thing })
    const record = accepted(await card.pay(thing, { pin }))
    await begun.note(card.card, 'unload', { state: 'paid', amount, thing })
    return this.#said({ record, statement: accepted(await card.statement(nonce)) }, thing)
  }

  /** Pays a request that the card was shown before, and may have paid. @returns whether it has. */
  async #payAgain({ state, amount, thing }: Begun): Promise<boolean> {
    const { card, begun, pin } = this.#parts
    if (state === 'paid') return true
    const paid = await card.pay(thing, { pin })
    // The card did something else before it came to pay it.
    if (!paid.ok && (paid.refusal === 'stale' || paid.refusal === 'expired')) return false
    accepted(paid)
    await begun.note(card.card, 'unload', { state: 'paid', amount, thing })
    return true
  }

  /** All that the card has to say. */
  async #report(refusals: readonly Bytes[] = []): Promise<Report> {
    const { card, pin } = this.#parts
    if (pin === undefined) {
      return { statement: await this.#statement(), items: refusals, records: 0 }
    }
    accepted(await card.verifyPin(pin))
    const held = accepted(await card.readRecords())
    const own = await card.certificates()
    const items = held.map((record) => evidenceOfRecord(record, own))
    const carried = await carriedBy(card)
    const statement = await this.#statement()
    return { statement, items: [...items, ...carried, ...refusals], records: held.length }
  }

  /** What it has just said and done, for a reason that its office gave it. */
  async #said({ record, statement }: Executed, cause: Bytes): Promise<Report> {
    const held = record && { record, cause, counterparty: [], request: undefined }
    const items = held ? [evidenceOfRecord(held, await this.#parts.card.certificates())] : []
    return { statement: statement.bytes, items, records: items.length }
  }

  async #statement(): Promise<Bytes> {
    const { card, random } = this.#parts
    return accepted(await card.statement(random.bytes(NONCE_SIZE))).bytes
  }

  /** What the card then has to say is in its answer. */
  async #carryOut([order]: readonly Bytes[]): Promise<CarriedOut> {
    if (!order) return { refused: undefined }
    const executed = await this.#execute(order)
    if (!executed.ok) return { refused: executed.refusal }
    return { report: await this.#said(executed.value, order), refused: undefined }
  }

  /** An office may have a new key since the card was made: it is shown who signed. */
  async #execute(order: Bytes): ReturnType<WalletCard['execute']> {
    const { card, office } = this.#parts
    const answer = await card.execute(order)
    const isUnknown =
      !answer.ok && (answer.refusal === 'bad_signature' || answer.refusal === 'unknown_signer')
    if (!isUnknown) return answer
    const certificates = valueOf(await office.certificates())
    for (const certificate of certificates.toReversed()) await card.verifyCertificate(certificate)
    return card.execute(order)
  }

  /** What others did: payments that never came this way, and refusals. */
  async #hear(
    notices: readonly Bytes[],
  ): Promise<{ readonly isNew: boolean; readonly refusals: readonly Bytes[] }> {
    const { card, clock } = this.#parts
    const refusals: Bytes[] = []
    let isNew = false
    for (const bytes of notices) {
      const notice = readNotice(bytes)
      if (!notice) continue
      const { content, payment, payer, payee } = notice
      const [refusal] = content.refusal
      if (refusal) {
        const refunded = await card.refund(refusal, payee)
        // Without a record it was told before it paid: that is no news for the office.
        isNew ||= refunded.ok && refunded.value !== undefined
        continue
      }
      if (!payment) continue
      const received = await card.receive(payment.bytes, payer)
      isNew ||= received.ok
      if (received.ok || received.refusal !== 'refused') continue
      // Refused before it came: the office has to hear of that, with the payment.
      const wanted = { request: payment.content.cause, madeAt: clock.now() }
      const refused = await card.refuse(wanted)
      if (refused.ok) refusals.push(refusedEvidence(content, refused.value.bytes))
    }
    return { isNew: isNew || refusals.length > 0, refusals }
  }
}

/** What a card says to its office, in one message. */
interface Report {
  readonly statement: Bytes
  readonly items: readonly Bytes[]
  /** How many of them are its own records. */
  readonly records: number
}

interface CarriedOut {
  readonly report?: Report
  readonly refused: WalletRefusal | undefined
}

/** What a card brings of others for its holder. */
export async function carriedBy(card: WalletCard): Promise<readonly Bytes[]> {
  const blocks: Bytes[] = []
  for (let block = 0; block < CARRIED_BLOCKS; block++) {
    const bytes = accepted(await card.readCarried(block))
    if (bytes.length > 0) blocks.push(bytes)
  }
  return blocks
}
