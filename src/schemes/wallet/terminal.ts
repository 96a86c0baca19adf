import {
  command,
  SW,
  type CommandApdu,
  type ResponseApdu,
  type StatusWord,
} from '../../kernel/apdu.ts'
import { bytesEqual, concat, type Bytes } from '../../kernel/bytes.ts'
import { invariant, unlessMalformed } from '../../kernel/errors.ts'
import { cardIdOf, type CardId } from '../../kernel/ids.ts'
import type { Message } from '../../kernel/message.ts'
import { PUBLIC_KEY_SIZE, publicKeyFrom, sealTo, type PublicKey } from '../../kernel/p256.ts'
import { pinBlock } from '../../kernel/pin.ts'
import type { RandomSource } from '../../kernel/ports.ts'
import { CardRefused, CardTorn, exchange, type Channel } from '../../reader/channel.ts'
import { readCertificate, type ReadSubject } from './certificates.ts'
import { openMessage, type Signed } from '../../kernel/signed-message.ts'
import {
  asking,
  CARRIED_BLOCK_MAX,
  CARRIED_PIECE,
  cardState,
  CERTIFICATES,
  CLA,
  declining,
  fci,
  INS,
  ISO_CLA,
  LOG_SIZE,
  OPEN_REQUESTS,
  pinContext,
  PIN_SUBJECTS,
  record,
  RECORD_PARTS,
  refusal,
  request,
  SIGNED_RECORD_SIZE,
  SIGNED_REFUSAL_SIZE,
  SIGNED_REQUEST_SIZE,
  SIGNED_STATEMENT_SIZE,
  statement,
  WALLET_AID,
  WALLET_SW,
  type Asking,
  type CardState,
  type Declining,
  type PaymentRefusal,
  type PaymentRequest,
  type Statement,
  type WalletRecord,
} from './message.ts'

/** What a card can say to a command, in the order of its checks, and last what it says to a wrong code. */
export const WALLET_REFUSALS = [
  ...(Object.keys(WALLET_SW).map((name) => name.toLowerCase()) as Lowercase<
    keyof typeof WALLET_SW
  >[]),
  'wrong_pin',
] as const
export type WalletRefusal = (typeof WALLET_REFUSALS)[number]

const REFUSAL_BY_SW: ReadonlyMap<StatusWord, WalletRefusal> = new Map(
  Object.values(WALLET_SW).flatMap((sw, index) => {
    const name = WALLET_REFUSALS[index]
    return name ? [[sw, name] as const] : []
  }),
)

/** The card would not. Nothing has changed but for the tries of a code. */
export interface Refused {
  readonly ok: false
  readonly refusal: WalletRefusal
  /** Of the code that was wrong. */
  readonly triesLeft?: number
}

/** What a card says to a command that it may refuse. */
export type Answer<T> = { readonly ok: true; readonly value: T } | Refused

/** The certificates of a card, as it shows them. Whether the root stands behind them is not checked here. */
export interface OwnCertificates {
  readonly card: ReadSubject
  readonly office: ReadSubject
}

/** Who signed what a card is shown: the certificate, and that of its office unless it is an office itself. */
export type Introduced = readonly [Bytes] | readonly [own: Bytes, office: Bytes]

/** A record of the log with what shows it to others. */
export interface HeldRecord {
  readonly record: Signed<WalletRecord>
  /** Request, payment, refusal or order, with signatures. */
  readonly cause: Bytes
  /** Of whoever signed the cause, and its office’s; none if it is the office that the card shows. */
  readonly counterparty: readonly Bytes[]
  /** Of a receive: the request, made by this card, that the payment answers. */
  readonly request: Bytes | undefined
}

export interface Executed {
  /** What a load or a restore made, while it is in the log. */
  readonly record: Signed<WalletRecord> | undefined
  readonly statement: Signed<Statement>
}

export interface Payer {
  /** As the holder typed it; undefined if he did not. */
  readonly pin?: string | undefined
  /** Of the payee. */
  readonly payee?: Introduced
  /**
   * When the card is shown them: if it asks who that is, as without this; or first, by whoever meets it
   * for the first time and so saves the refusal.
   */
  readonly introduction?: 'if asked' | 'first'
}

/**
 * A wallet before a till’s or a phone’s reader. Methods reject with `CardTorn` when the card goes away:
 * whatever they asked for may have happened, and asking again gives the same. They reject with
 * `CardRefused` if it does not do what a card of ours does.
 */
export class WalletCard {
  readonly #channel: Channel
  readonly #random: RandomSource
  #state: CardState
  /** Whether the nonce in it may have changed. */
  #isOld = false
  #certificates: OwnCertificates | undefined

  private constructor(channel: Channel, random: RandomSource, state: CardState) {
    this.#channel = channel
    this.#random = random
    this.#state = state
  }

  /** Undefined if the card has no such applet. A blank one says so in its state. */
  static async connect(channel: Channel, random: RandomSource): Promise<WalletCard | undefined> {
    const state = await selectWallet(channel)
    return state && new WalletCard(channel, random, state)
  }

  /** As it was when the card was last selected. */
  get state(): CardState {
    return this.#state
  }

  get card(): CardId {
    return cardIdOf(this.#state.card)
  }

  /** Selects it again. What it was shown of a PIN is forgotten. */
  async refresh(): Promise<CardState> {
    const state = await selectWallet(this.#channel)
    if (!state) throw new CardTorn('another card is there')
    this.#state = state
    this.#isOld = false
    return state
  }

  /** Certificates that this card showed when it was here before: it is not asked for them again. */
  introduceAs(certificates: OwnCertificates): void {
    this.#certificates = certificates
  }

  /** Asked for once, and that of its office only if it is not among those that are known. */
  async certificates(known: readonly ReadSubject[] = []): Promise<OwnCertificates> {
    if (!this.#certificates) {
      const card = await shownCertificate(this.#channel, 'own')
      const { authority } = card.certificate
      const office = known.find(({ certificate }) => certificate.holder === authority)
      this.#certificates = {
        card,
        office: office ?? (await shownCertificate(this.#channel, 'office')),
      }
    }
    return this.#certificates
  }

  async verifyCertificate(certificate: Bytes): Promise<Answer<void>> {
    const apdu = command(ISO_CLA, INS.VERIFY_CERTIFICATE, 0x00, 0xbe, certificate)
    return readAs(await ask(this.#channel, apdu), expectNothing)
  }

  /** Has the card pay a request, and be told by whom it is signed if it does not know. */
  async pay(
    signed: Bytes,
    { pin, payee, introduction }: Payer = {},
  ): Promise<Answer<Signed<WalletRecord>>> {
    if (payee && introduction === 'first') {
      const shown = await this.#introduce(payee)
      if (!shown.ok) return shown
    }
    const { digest } = openMessage(request, signed)
    const sealed = pin === undefined ? NOTHING : await this.#seal(pinBlock(pin), digest)
    return this.#introduced(payee, INS.PAY, concat(signed, sealed), readRecord)
  }

  /** Has the card ask for money. The same while that request is open. */
  async request(wanted: Asking): Promise<Answer<Signed<PaymentRequest>>> {
    const answer = await this.#ask(INS.REQUEST, asking.encode(wanted))
    return readAs(answer, (data) => readMessage(request, data, SIGNED_REQUEST_SIZE))
  }

  /** Shows the card that a request of its own was paid. */
  async receive(payment: Bytes, payer?: Introduced): Promise<Answer<Signed<WalletRecord>>> {
    return this.#introduced(payer, INS.RECEIVE, payment, readRecord)
  }

  /** Has the card give up a request of its own. */
  async refuse(wanted: Declining): Promise<Answer<Signed<PaymentRefusal>>> {
    const answer = await this.#ask(INS.REFUSE, declining.encode(wanted))
    return readAs(answer, (data) => readMessage(refusal, data, SIGNED_REFUSAL_SIZE))
  }

  /** Shows the card that a payee would not have its payment. Undefined if there was none: there will be none. */
  async refund(
    signed: Bytes,
    payee?: Introduced,
  ): Promise<Answer<Signed<WalletRecord> | undefined>> {
    return this.#introduced(payee, INS.REFUND, signed, (data) =>
      data.length === 0 ? undefined : readRecord(data),
    )
  }

  async execute(order: Bytes): Promise<Answer<Executed>> {
    return readAs(await this.#ask(INS.EXECUTE, order), (data) => {
      const start = data.length - SIGNED_STATEMENT_SIZE
      return {
        record: start > 0 ? readRecord(data.slice(0, start)) : undefined,
        statement: readStatement(data.slice(Math.max(0, start))),
      }
    })
  }

  async statement(nonce: Bytes): Promise<Answer<Signed<Statement>>> {
    return readAs(await this.#ask(INS.STATEMENT, nonce), readStatement)
  }

  /** The holder shows that he is there: then his records can be read, until the card is selected again. */
  async verifyPin(pin: string): Promise<Answer<void>> {
    return this.#showPin(INS.VERIFY_PIN, PIN_SUBJECTS.verify, pin)
  }

  async changePin(pin: string, next: string): Promise<Answer<void>> {
    return this.#showPin(INS.CHANGE_PIN, PIN_SUBJECTS.change, pin, next)
  }

  async unblockPin(code: string, next: string): Promise<Answer<void>> {
    return this.#showPin(INS.UNBLOCK_PIN, PIN_SUBJECTS.unblock, code, next)
  }

  /** All that are not acknowledged, oldest first. */
  async readRecords(): Promise<Answer<readonly HeldRecord[]>> {
    const records: HeldRecord[] = []
    for (let index = 0; index < LOG_SIZE; index++) {
      const signed = await this.#part(index, 'record')
      if (!signed.ok) return signed
      if (!signed.value) break
      const held = await this.#heldRecord(index, readRecord(signed.value))
      if (!held.ok) return held
      records.push(held.value)
    }
    return { ok: true, value: records }
  }

  /** The requests of this card that are neither paid nor refused, as far as it knows. */
  async openRequests(): Promise<Answer<readonly Signed<PaymentRequest>[]>> {
    const requests: Signed<PaymentRequest>[] = []
    for (let index = 0; index < OPEN_REQUESTS; index++) {
      const found = await this.#part(index, 'open')
      if (!found.ok) return found
      if (!found.value) break
      requests.push(readMessage(request, found.value, SIGNED_REQUEST_SIZE))
    }
    return { ok: true, value: requests }
  }

  /** Leaves something on the card until its next acknowledgement. Again from the start after a tear. */
  async carry(block: number, bytes: Bytes): Promise<Answer<void>> {
    invariant(bytes.length <= CARRIED_BLOCK_MAX, 'what a card carries fits into a block')
    for (let piece = 0; piece * CARRIED_PIECE < bytes.length; piece++) {
      const at = piece * CARRIED_PIECE
      const apdu = command(CLA, INS.CARRY, block, piece, bytes.slice(at, at + CARRIED_PIECE))
      const answer = readAs(await ask(this.#channel, apdu), expectNothing)
      if (!answer.ok) return answer
    }
    return DONE
  }

  /** Empty if that block is. */
  async readCarried(block: number): Promise<Answer<Bytes>> {
    const pieces: Bytes[] = []
    for (let piece = 0; piece * CARRIED_PIECE < CARRIED_BLOCK_MAX; piece++) {
      const apdu = command(CLA, INS.READ_CARRIED, block, piece, NOTHING, 256)
      const answer = ifThere(readAs(await ask(this.#channel, apdu), asIs))
      if (!answer.ok) return answer
      if (!answer.value) break
      pieces.push(answer.value)
      if (answer.value.length < CARRIED_PIECE) break
    }
    return { ok: true, value: concat(...pieces) }
  }

  async #heldRecord(index: number, signed: Signed<WalletRecord>): Promise<Answer<HeldRecord>> {
    const cause = await this.#part(index, 'cause')
    if (!cause.ok) return cause
    const own = await this.#part(index, 'counterparty')
    if (!own.ok) return own
    const office = await this.#part(index, 'counterpartyOffice')
    if (!office.ok) return office
    const asked = signed.content.kind === 'receive' ? await this.#part(index, 'request') : ABSENT
    if (!asked.ok) return asked
    if (!cause.value) throw new CardRefused('read record', SW.NOT_FOUND)
    const counterparty = [own.value, office.value].filter((bytes) => bytes !== undefined)
    return {
      ok: true,
      value: { record: signed, cause: cause.value, counterparty, request: asked.value },
    }
  }

  async #part(index: number, part: keyof typeof RECORD_PARTS): Promise<Answer<Bytes | undefined>> {
    const apdu = command(CLA, INS.READ_RECORD, index, RECORD_PARTS[part], NOTHING, 256)
    return ifThere(readAs(await ask(this.#channel, apdu), asIs))
  }

  /** Asks; shows who signed it if the card does not know, and asks again. */
  async #introduced<T>(
    who: Introduced | undefined,
    ins: number,
    data: Bytes,
    read: (data: Bytes) => T,
  ): Promise<Answer<T>> {
    const answer = readAs(await this.#ask(ins, data), read)
    if (answer.ok || !ASKS_WHO.has(answer.refusal) || !who) return answer
    const shown = await this.#introduce(who)
    return shown.ok ? readAs(await this.#ask(ins, data), read) : shown
  }

  async #introduce([own, office]: Introduced): Promise<Answer<void>> {
    const shown = await this.verifyCertificate(own)
    if (shown.ok || shown.refusal !== 'unknown_signer' || !office) return shown
    const above = await this.verifyCertificate(office)
    return above.ok ? this.verifyCertificate(own) : above
  }

  async #showPin(ins: number, subject: Bytes, ...codes: string[]): Promise<Answer<void>> {
    const sealed = await this.#seal(concat(...codes.map(pinBlock)), subject)
    return readAs(await this.#ask(ins, sealed), expectNothing)
  }

  /** For this card and its nonce of now. */
  async #seal(codes: Bytes, subject: Bytes): Promise<Bytes> {
    const { card } = await this.certificates()
    const { nonce } = this.#isOld ? await this.refresh() : this.#state
    return sealTo(card.certificate.publicKey, codes, pinContext(nonce, subject), this.#random)
  }

  /** A command of this applet, after which the nonce may be another. */
  async #ask(ins: number, data: Bytes): Promise<ResponseApdu> {
    this.#isOld = true
    return ask(this.#channel, command(CLA, ins, 0, 0, data, 256))
  }
}

/** Has a blank chip make its key, or say again which one it made. */
export async function generateKey(channel: Channel): Promise<Answer<PublicKey>> {
  return readAs(await ask(channel, command(CLA, INS.GENERATE, 0, 0, NOTHING, 256)), (data) =>
    publicKeyFrom(expectSize(data, PUBLIC_KEY_SIZE)),
  )
}

/** One step of personalisation, P1 00 to 02. */
export async function personalise(
  channel: Channel,
  step: 0 | 1 | 2,
  data: Bytes,
): Promise<Answer<void>> {
  return readAs(await ask(channel, command(CLA, INS.PERSONALISE, step, 0, data)), expectNothing)
}

/** A certificate that a card shows. Whether the root stands behind it is not checked here. */
export async function shownCertificate(
  channel: Channel,
  which: keyof typeof CERTIFICATES,
): Promise<ReadSubject> {
  const apdu = command(ISO_CLA, INS.GET_DATA, 0x00, CERTIFICATES[which], NOTHING, 256)
  const { data, sw } = await ask(channel, apdu)
  if (sw !== SW.OK) throw new CardRefused('read certificate', sw)
  const certificate = unlessMalformed(() => readCertificate(data))
  if (!certificate) throw new CardTorn('the card went away')
  return certificate
}

/** A card that does not know who has signed, or only by an older key, or by a certificate that has ended. */
const ASKS_WHO: ReadonlySet<WalletRefusal> = new Set(['unknown_signer', 'bad_signature', 'expired'])

const NOTHING: Bytes = new Uint8Array()
const DONE: Answer<void> = { ok: true, value: undefined }
const ABSENT: Answer<undefined> = { ok: true, value: undefined }
const GET_RESPONSE = 0xc0

/** The answer to SELECT; undefined if there is no such applet. */
export async function selectWallet(channel: Channel): Promise<CardState | undefined> {
  const { data, sw } = await ask(channel, command(0x00, 0xa4, 0x04, 0x00, WALLET_AID, 256))
  const selected = sw === SW.OK ? unlessMalformed(() => fci.decode(data)) : undefined
  if (!selected || !bytesEqual(selected.name, WALLET_AID)) return undefined
  return unlessMalformed(() => cardState.decode(selected.state))
}

/** A refusal has no data: an answer that was cut off can end in bytes that look like one. */
async function ask(channel: Channel, apdu: CommandApdu): Promise<ResponseApdu> {
  let { data, sw } = await exchange(channel, apdu)
  while ((sw & 0xff00) === SW.MORE_DATA) {
    const rest = command(0x00, GET_RESPONSE, 0, 0, NOTHING, sw & 0xff || 256)
    const answer = await exchange(channel, rest)
    data = concat(data, answer.data)
    sw = answer.sw
  }
  if (sw !== SW.OK && data.length > 0) throw new CardTorn('the card went away')
  return { data, sw }
}

/** @throws {CardRefused} if no card of ours says so. */
function readAs<T>({ data, sw }: ResponseApdu, read: (data: Bytes) => T): Answer<T> {
  if (sw === SW.OK) return { ok: true, value: read(data) }
  if (sw >> 4 === 0x63c) return { ok: false, refusal: 'wrong_pin', triesLeft: sw & 0xf }
  const named = REFUSAL_BY_SW.get(sw)
  if (!named) throw new CardRefused('wallet', sw)
  return { ok: false, refusal: named }
}

function ifThere(answer: Answer<Bytes>): Answer<Bytes | undefined> {
  return !answer.ok && answer.refusal === 'not_found' ? ABSENT : answer
}

function readRecord(data: Bytes): Signed<WalletRecord> {
  return readMessage(record, data, SIGNED_RECORD_SIZE)
}

function readStatement(data: Bytes): Signed<Statement> {
  return readMessage(statement, data, SIGNED_STATEMENT_SIZE)
}

function readMessage<T>(layout: Message<T>, data: Bytes, size: number): Signed<T> {
  const message = unlessMalformed(() => openMessage(layout, expectSize(data, size)))
  if (!message) throw new CardRefused(layout.name, SW.OK)
  return message
}

function asIs(data: Bytes): Bytes {
  return data
}

function expectNothing(data: Bytes): void {
  expectSize(data, 0)
}

/** An answer that was cut off can end in bytes that look like a status word. */
function expectSize(data: Bytes, size: number): Bytes {
  if (data.length !== size) throw new CardTorn('the card went away')
  return data
}
