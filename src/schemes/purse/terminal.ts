import {
  command,
  SW,
  type CommandApdu,
  type ResponseApdu,
  type StatusWord,
} from '../../kernel/apdu.ts'
import { bytesEqual, concat, type Bytes } from '../../kernel/bytes.ts'
import { unlessMalformed } from '../../kernel/errors.ts'
import { cardIdOf, type CardId } from '../../kernel/ids.ts'
import { uint32, type ValueOf } from '../../kernel/message.ts'
import { PIN_SIZE } from '../../kernel/pin.ts'
import { CardRefused, CardTorn, exchange, type Channel } from '../../reader/channel.ts'
import {
  authorisation,
  cardState,
  CHALLENGE_SIZE,
  CLA,
  draft,
  executeP1,
  EXECUTE_P1,
  fci,
  INS,
  MAC_SIZE,
  MODULE_AID,
  openSigned,
  parameters,
  PURSE_AID,
  PURSE_SW,
  recordDigest,
  SIGNED_SIZE,
  STATE_SIZE,
  summary,
  SUMMARY_SIZE,
  type Authorisation,
  type Parameters,
  type PurseRecord,
  type Summary,
} from './message.ts'

/** A record as a card holds it. */
export interface Held {
  readonly signed: Bytes
  readonly content: PurseRecord
  readonly digest: Bytes
}

/** @throws {FormatError} if the bytes are not a record and a signature. */
export function held(signed: Bytes): Held {
  return { signed, content: openSigned(signed), digest: recordDigest(signed) }
}

export interface Stamps {
  /** For the module. */
  readonly stamp: Bytes
  /** For the office. */
  readonly issuerStamp: Bytes
}

/** What a card tells of itself, and the bytes with which a module can check it. */
export interface Introduction {
  readonly bytes: Bytes
  readonly parameters: Parameters
  readonly last: Held
}

export type PinAnswer =
  { readonly pin: 'wrong'; readonly triesLeft: number } | { readonly pin: 'blocked' }

/** What EXECUTE takes. */
export interface Execution {
  readonly signed: Bytes
  readonly authorisation: Bytes
  /** Hidden new PIN ‖ 00, or cancel key; undefined where the kind takes none. */
  readonly extra: Bytes | undefined
}

/**
 * A purse card before a reader. Methods reject with `CardTorn` when the card goes away, and with
 * `CardRefused` if it does not do what a card of ours does.
 */
export class PurseCard {
  readonly card: CardId
  readonly id: Bytes
  /** New whenever it is selected. */
  readonly nonce: Bytes
  readonly #channel: Channel

  private constructor(channel: Channel, { id, nonce }: Selected) {
    this.#channel = channel
    this.id = id
    this.nonce = nonce
    this.card = cardIdOf(id)
  }

  /** Undefined if it has no purse that is in use. */
  static async connect(channel: Channel): Promise<PurseCard | undefined> {
    const selected = await selectApplet(channel, PURSE_AID)
    return selected && isPersonalised(selected) ? new PurseCard(channel, selected) : undefined
  }

  /** `hiddenPin`: undefined if the holder entered none. */
  async initialize(challenge: Bytes, hiddenPin?: Bytes): Promise<Introduction | PinAnswer> {
    const data = concat(challenge, hiddenPin ?? new Uint8Array())
    const apdu = command(CLA, INS.INITIALIZE, 0, 0, data, 256)
    const { data: answer, sw } = await ask(this.#channel, apdu)
    if (sw === PURSE_SW.BLOCKED) return { pin: 'blocked' }
    if (sw >> 4 === 0x63c) return { pin: 'wrong', triesLeft: sw & 0xf }
    const bytes = expectSize(expectOk('initialize', answer, sw), STATE_SIZE + MAC_SIZE)
    const state = cardState.decode(bytes.subarray(0, STATE_SIZE))
    return { bytes, parameters: parameters.decode(state.parameters), last: held(state.last) }
  }

  async execute({ signed, authorisation: granted, extra }: Execution): Promise<Stamps> {
    const p1 = executeP1(openSigned(signed).kind)
    const part = p1 === EXECUTE_P1.newPin ? extra?.slice(0, PIN_SIZE) : extra
    const data = concat(signed, granted, part ?? new Uint8Array())
    const apdu = command(CLA, INS.EXECUTE, p1, 0, data, 256)
    const { data: answer, sw } = await ask(this.#channel, apdu)
    return readStamps(expectSize(expectOk('execute', answer, sw), 2 * MAC_SIZE))
  }

  /** A record that is still in the card’s logs, with its stamps; undefined if it shows none. */
  async previousSignature(sequence: number): Promise<(Held & Stamps) | undefined> {
    const wanted = uint32().write(sequence, 'sequence')
    const apdu = command(CLA, INS.GET_PREVIOUS_SIGNATURE, 0, 0, wanted, 256)
    const { data, sw } = await ask(this.#channel, apdu)
    if (sw !== SW.OK) return undefined
    const bytes = expectSize(data, SIGNED_SIZE + 2 * MAC_SIZE)
    const found = unlessMalformed(() => held(bytes.slice(0, SIGNED_SIZE)))
    return found && { ...found, ...readStamps(bytes.slice(SIGNED_SIZE)) }
  }
}

/** The module went away, or is none of this system: the card has nothing to do with it. */
export class ModuleGone extends Error {
  override readonly name = 'ModuleGone'
}

/** A till’s security module in its slot. Methods reject with {@link ModuleGone}. */
export class Module {
  /** Of the till that it was made for. */
  readonly till: number
  readonly #channel: Channel

  private constructor(channel: Channel, till: number) {
    this.#channel = channel
    this.till = till
  }

  /** Undefined if it is no module, or not personalised. */
  static async connect(channel: Channel): Promise<Module | undefined> {
    const selected = await unlessGone(async () => selectApplet(channel, MODULE_AID))
    if (!selected || !isPersonalised(selected)) return undefined
    const { id } = selected
    return new Module(channel, new DataView(id.buffer, id.byteOffset).getUint32(id.length - 4))
  }

  /** Begins with a card. */
  open({ id }: Pick<PurseCard, 'id'>): Promise<Bytes> {
    return this.#send('open', INS.OPEN, id, CHALLENGE_SIZE)
  }

  /** The same for a holder who enters a PIN: `pad` hides it. */
  async openWithPin({ id, nonce }: Pick<PurseCard, 'id' | 'nonce'>): Promise<OpenedWithPin> {
    const size = CHALLENGE_SIZE + PIN_SIZE
    const answer = await this.#send('open', INS.OPEN, concat(id, nonce), size)
    return { challenge: answer.slice(0, CHALLENGE_SIZE), pad: answer.slice(CHALLENGE_SIZE) }
  }

  /** Whether the card that was opened introduced itself so, just now. */
  async check({ bytes }: Introduction): Promise<boolean> {
    const { sw } = await this.#exchange(INS.CHECK, bytes)
    return sw === SW.OK
  }

  /** The status word if it does not. */
  async authorise(wanted: ValueOf<typeof draft>): Promise<Authorisation | StatusWord> {
    const { data, sw } = await this.#exchange(INS.AUTHORISE, draft.encode(wanted))
    if (sw !== SW.OK) return sw
    const granted = unlessMalformed(() => authorisation.decode(data))
    if (!granted) throw new ModuleGone('the module answered nonsense')
    return granted
  }

  /** Whether the card that was opened stamped this record: then it is counted. */
  async complete(recordBytes: Bytes, stamp: Bytes): Promise<boolean> {
    const { sw } = await this.#exchange(INS.COMPLETE, concat(recordBytes, stamp))
    return sw === SW.OK
  }

  /** Closes the batch, or says again what the last one came to. */
  async cashUp(which: 'close' | 'again'): Promise<SignedSummary | undefined> {
    const { data, sw } = await this.#exchange(INS.CASH_UP, NOTHING, which === 'close' ? 0 : 1)
    if (sw !== SW.OK || data.length !== SUMMARY_SIZE + MAC_SIZE) return undefined
    return { bytes: data, summary: summary.decode(data.subarray(0, SUMMARY_SIZE)) }
  }

  async #send(attempted: string, ins: number, data: Bytes, size: number): Promise<Bytes> {
    const { data: answer, sw } = await this.#exchange(ins, data)
    if (sw !== SW.OK || answer.length !== size) throw new ModuleGone(`${attempted}: no answer`)
    return answer
  }

  async #exchange(ins: number, data: Bytes, p1 = 0) {
    return unlessGone(async () => ask(this.#channel, command(CLA, ins, p1, 0, data, 256)))
  }
}

export interface OpenedWithPin {
  readonly challenge: Bytes
  readonly pad: Bytes
}

/** A summary with the module’s MAC: the office can check it. */
export interface SignedSummary {
  readonly bytes: Bytes
  readonly summary: Summary
}

const NOTHING: Bytes = new Uint8Array()

async function unlessGone<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof CardTorn) throw new ModuleGone('the module went away')
    throw error
  }
}

/** What an applet says when it is selected. */
export type Selected = ValueOf<typeof fci>

/** Undefined if the card has no such applet. */
export async function selectApplet(channel: Channel, aid: Bytes): Promise<Selected | undefined> {
  const { data, sw } = await ask(channel, command(0x00, 0xa4, 0x04, 0x00, aid, 256))
  const selected = sw === SW.OK ? unlessMalformed(() => fci.decode(data)) : undefined
  return selected && bytesEqual(selected.name, aid) ? selected : undefined
}

export function isPersonalised({ id }: Selected): boolean {
  return id.some((byte) => byte !== 0)
}

/** A refusal has no data: an answer that was cut off can end in bytes that look like one. */
async function ask(channel: Channel, apdu: CommandApdu): Promise<ResponseApdu> {
  const answer = await exchange(channel, apdu)
  if (answer.sw !== SW.OK && answer.data.length > 0) throw new CardTorn('the card went away')
  return answer
}

function expectOk(attempted: string, data: Bytes, sw: StatusWord): Bytes {
  if (sw !== SW.OK) throw new CardRefused(attempted, sw)
  return data
}

/** An answer that was cut off can end in bytes that look like a status word. */
function expectSize(data: Bytes, size: number): Bytes {
  if (data.length !== size) throw new CardTorn('the card went away')
  return data
}

function readStamps(bytes: Bytes): Stamps {
  return { stamp: bytes.slice(0, MAC_SIZE), issuerStamp: bytes.slice(MAC_SIZE) }
}
