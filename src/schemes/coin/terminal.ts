import { command, SW, type CommandApdu, type StatusWord } from '../../kernel/apdu.ts'
import { bytesEqual, concat, type Bytes } from '../../kernel/bytes.ts'
import { unlessMalformed } from '../../kernel/errors.ts'
import { cardIdOf, type CardId } from '../../kernel/ids.ts'
import type { Message, ValueOf } from '../../kernel/message.ts'
import { CardTorn, exchange, type Channel } from '../../reader/channel.ts'
import { NO_ELEMENT } from './certificates.ts'
import { chunked } from './chunks.ts'
import { CLA, COIN_SW, INS } from './instructions.ts'
import { fci, IDENTITY_AID, status, VENDOR_AID, type Status } from './message.ts'
import {
  acceptOrder,
  outcome,
  requested,
  requestOrder,
  vendorStatus,
  type Outcome,
  type VendorStatus,
} from './orders.ts'

/** What an applet says when it is selected. */
export type Selected = ValueOf<typeof fci>

/** Data, or the status word of a refusal; `data` of a refusal is what goes with it. */
export interface Answer {
  readonly data: Bytes
  readonly sw: StatusWord
}

const GET_RESPONSE = 0xc0
const MORE_DATA = 0x61
/** Bytes that go with a refusal. */
const CANNOT_PAY_SIZE = 8

/**
 * One command, however long its data and its answer. Rejects with {@link CardTorn} when the chip goes
 * away; a command is performed with its last part, and a torn answer can be asked for again.
 */
export async function ask(channel: Channel, ins: number, data: Bytes): Promise<Answer> {
  let answer: Answer = { data: new Uint8Array(), sw: SW.OK }
  for (const part of chunked(ins, data)) {
    answer = await askShort(channel, part)
    if (answer.sw !== SW.OK) return answer
  }
  return answer
}

export async function askShort(channel: Channel, apdu: CommandApdu): Promise<Answer> {
  const parts: Bytes[] = []
  let answer = await exchange(channel, apdu)
  while (answer.sw >> 8 === MORE_DATA) {
    parts.push(answer.data)
    const rest = answer.sw & 0xff
    const next = command(apdu.cla, GET_RESPONSE, 0, 0, undefined, rest === 0 ? 256 : rest)
    answer = await exchange(channel, next)
  }
  const data = concat(...parts, answer.data)
  // A refusal has no data, or as many as it has: an answer that was cut off can look like one.
  const size = answer.sw === COIN_SW.CANNOT_PAY ? CANNOT_PAY_SIZE : 0
  if (answer.sw !== SW.OK && data.length !== size) throw new CardTorn('the card went away')
  return { data, sw: answer.sw }
}

/** Undefined if the chip has no such applet. */
export async function selectApplet(channel: Channel, aid: Bytes): Promise<Selected | undefined> {
  const { data, sw } = await askShort(channel, command(0x00, 0xa4, 0x04, 0x00, aid, 256))
  const selected = sw === SW.OK ? unlessMalformed(() => fci.decode(data)) : undefined
  return selected && bytesEqual(selected.name, aid) ? selected : undefined
}

export function isInUse({ id }: Selected): boolean {
  return !bytesEqual(id, NO_ELEMENT)
}

/** What the elements of a card show of themselves, before anybody has checked it. */
export interface Introduction {
  readonly identity: Bytes
  readonly element: Bytes
  readonly bank: Bytes
}

/**
 * A card with coins before a reader: its identity element. Methods reject with {@link CardTorn} when the
 * card goes away.
 */
export class CoinCard {
  /** The identity element’s, new whenever it is selected. */
  readonly nonce: Bytes
  readonly #channel: Channel

  private constructor(channel: Channel, { nonce }: Selected) {
    this.#channel = channel
    this.nonce = nonce
  }

  /** Undefined if it has no identity element that is in use. */
  static async connect(channel: Channel): Promise<CoinCard | undefined> {
    const selected = await selectApplet(channel, IDENTITY_AID)
    return selected && isInUse(selected) ? new CoinCard(channel, selected) : undefined
  }

  /** Undefined if it does not answer as a card of ours. */
  async status(): Promise<(Status & { readonly card: CardId }) | undefined> {
    const { data, sw } = await this.#short(INS.STATUS)
    const read = sw === SW.OK ? unlessMalformed(() => status.decode(data)) : undefined
    return read && { ...read, card: cardIdOf(read.element) }
  }

  async introduce(): Promise<Introduction | undefined> {
    const parts: Bytes[] = []
    for (const which of [0, 1, 2]) {
      const { data, sw } = await this.#short(INS.CERTIFICATE, which)
      if (sw !== SW.OK) return undefined
      parts.push(data)
    }
    const [identity, element, bank] = parts
    return identity && element && bank && { identity, element, bank }
  }

  /** The payment, sealed to the vendor element. The same for the same presentation. */
  pay(presentation: Bytes): Promise<Answer> {
    return ask(this.#channel, INS.PAY, presentation)
  }

  /** May be repeated. */
  settle(sealed: Bytes): Promise<Answer> {
    return ask(this.#channel, INS.SETTLE, sealed)
  }

  /** What its holder does after three wrong PINs: PIN blocks of the unblocking code and of a new PIN. */
  unblockPin(code: Bytes, pin: Bytes): Promise<Answer> {
    return askShort(this.#channel, command(CLA, INS.UNBLOCK_PIN, 0, 0, concat(code, pin)))
  }

  claim(which: number): Promise<Answer> {
    return this.#short(INS.CLAIM, which)
  }

  #short(ins: number, p1 = 0): Promise<Answer> {
    return askShort(this.#channel, command(CLA, ins, p1, 0, undefined, 256))
  }
}

/** The vendor element went away, or answers nonsense: the card has nothing to do with it. */
export class VendorGone extends Error {
  override readonly name = 'VendorGone'
}

/** A till’s vendor element in its slot. Methods reject with {@link VendorGone}. */
export class VendorElement {
  readonly id: Bytes
  readonly #channel: Channel

  private constructor(channel: Channel, { id }: Selected) {
    this.#channel = channel
    this.id = id
  }

  /** Undefined if it is no vendor element, or not in use. */
  static async connect(channel: Channel): Promise<VendorElement | undefined> {
    const selected = await unlessGone(() => selectApplet(channel, VENDOR_AID))
    return selected && isInUse(selected) ? new VendorElement(channel, selected) : undefined
  }

  async status(): Promise<VendorStatus> {
    const answer = await this.#short(INS.STATUS)
    return decoded(vendorStatus, answer)
  }

  /** The status word if it does not ask for that. */
  async request(
    order: ValueOf<typeof requestOrder>,
  ): Promise<ValueOf<typeof requested> | StatusWord> {
    const answer = await this.#ask(INS.REQUEST, requestOrder.encode(order))
    return answer.sw === SW.OK ? decoded(requested, answer) : answer.sw
  }

  /** The status word if it is no payment that it could decide about. May be repeated. */
  async accept(order: ValueOf<typeof acceptOrder>): Promise<Outcome | StatusWord> {
    const answer = await this.#ask(INS.ACCEPT, acceptOrder.encode(order))
    return answer.sw === SW.OK ? decoded(outcome, answer) : answer.sw
  }

  /** What it decided last; undefined if it never did. */
  async outcome(): Promise<Outcome | undefined> {
    const answer = await this.#short(INS.OUTCOME)
    return answer.sw === SW.OK ? decoded(outcome, answer) : undefined
  }

  /** The till has the outcome where it is safe. */
  async confirm({ request }: Pick<Outcome, 'request'>): Promise<void> {
    const { sw } = await unlessGone(() =>
      askShort(this.#channel, command(CLA, INS.CONFIRM, 0, 0, request, 256)),
    )
    if (sw !== SW.OK) throw new VendorGone('the vendor element has another outcome')
  }

  /** Up to ten of its coins; undefined if it has none. */
  async surrender(): Promise<Outcome | undefined> {
    const answer = await this.#short(INS.SURRENDER)
    return answer.sw === SW.OK ? decoded(outcome, answer) : undefined
  }

  #ask(ins: number, data: Bytes): Promise<Answer> {
    return unlessGone(() => ask(this.#channel, ins, data))
  }

  #short(ins: number): Promise<Answer> {
    return unlessGone(() => askShort(this.#channel, command(CLA, ins, 0, 0, undefined, 256)))
  }
}

function decoded<T>(layout: Message<T>, { data, sw }: Answer): T {
  const value = sw === SW.OK ? unlessMalformed(() => layout.decode(data)) : undefined
  if (value === undefined) throw new VendorGone(`${layout.name}: no answer`)
  return value
}

async function unlessGone<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof CardTorn) throw new VendorGone('the vendor element went away')
    throw error
  }
}
