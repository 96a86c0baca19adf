import { response, SW, type CommandApdu, type ResponseApdu } from '../../kernel/apdu.ts'
import { bytesEqual, concat, secretsEqual, type Bytes } from '../../kernel/bytes.ts'
import { FormatError, invariant } from '../../kernel/errors.ts'
import { CARD_ID_SIZE } from '../../kernel/ids.ts'
import { isPinBlock, PIN_SIZE } from '../../kernel/pin.ts'
import type { Applet, AppletHost, AppletSession, MemoryPart } from '../../card/applet.ts'
import {
  boundStamp,
  cancelLock,
  cardState,
  CHALLENGE_SIZE,
  executeP1,
  fci,
  INS,
  isMac,
  issuerStamp,
  KEY_SIZE,
  LOG_SIZES,
  mac,
  MAC_SIZE,
  NONCE_SIZE,
  openSigned,
  parameters,
  PARAMETERS_SIZE,
  personalisation,
  PERSONALISATION_SIZE,
  pinPad,
  PIN_TRIES,
  PURSE_AID,
  PURSE_FILE,
  PURSE_SW,
  recordDigest,
  RECORD_SIZE,
  SIGNED_SIZE,
  xor,
  type CardKeys,
  type Parameters,
  type PurseRecord,
} from './message.ts'
import { refusalOfForm, type Forms } from './forms.ts'
import { balanceAfter, follows, isReversal, logSort, reverses, type LogSort } from './rules.ts'

/** How far a card is: blank, with its keys, in use for good. */
const STAGES = { blank: 0, keyed: 1, inUse: 2 } as const

/**
 * The applet’s memory. Each log is a ring; the newest record of all is the purse. No record lies across
 * two pages of a chip with pages of 256 bytes: writing one is what a payment waits for.
 */
const STAGE_AT = 0
const PIN_TRIES_AT = 1
const UNBLOCK_TRIES_AT = 2
const PIN_AT = 8
const FIXED_AT = 16
const LOGS_AT = 256
const SLOT_SIZE = 256
const LOG_ORDER: readonly LogSort[] = ['payment', 'load', 'other']
const LOG_SLOTS = LOG_SIZES.payment + LOG_SIZES.load + LOG_SIZES.other
const MEMORY_SIZE = LOGS_AT + LOG_SLOTS * SLOT_SIZE

/**
 * The purse on a card: docs/protocol/purse.md, "The card". One write of one record changes the
 * balance, the counters and the log together.
 */
export const purseApplet: Applet = {
  aid: PURSE_AID,
  memorySize: MEMORY_SIZE,
  open: (host) => new PurseSession(host),
}

/** The record as received, and what it says. */
interface Order {
  readonly signed: Bytes
  readonly bytes: Bytes
  readonly content: PurseRecord
  readonly authorisation: Bytes
  /** New PIN or cancel key, as P1 says; else empty. */
  readonly extra: Bytes
}

class PurseSession implements AppletSession {
  readonly #host: AppletHost
  readonly #nonce: Bytes
  #initialised = false
  #pinVerified = false

  constructor(host: AppletHost) {
    this.#host = host
    host.spend('random')
    this.#nonce = host.random.bytes(NONCE_SIZE)
  }

  get selected(): ResponseApdu {
    const id = this.#stage === STAGES.inUse ? this.#parameters.card : new Uint8Array(CARD_ID_SIZE)
    return response(SW.OK, fci.encode({ name: PURSE_AID, id, nonce: this.#nonce }))
  }

  /** Malformed data is a `FormatError`: the card answers 6A80 to that. */
  process(apdu: CommandApdu): ResponseApdu {
    const refusal = refusalOfForm(apdu, FORMS)
    if (refusal !== undefined) return response(refusal)
    if (apdu.ins === INS.PERSONALISE) return this.#personalise(apdu)
    if (this.#stage !== STAGES.inUse) return response(PURSE_SW.NOT_NOW)
    switch (apdu.ins) {
      case INS.INITIALIZE:
        return this.#initialize(apdu.data)
      case INS.EXECUTE:
        return this.#execute(apdu)
      case INS.GET_PREVIOUS_SIGNATURE:
        return this.#previousSignature(apdu.data)
      case INS.READ_LOG:
        return this.#readLog(apdu)
      default:
        return this.#unblockPin(apdu.data)
    }
  }

  /** P1 00: parameters, keys and PINs, as often as needed. P1 01: the first record, once: it is in use. */
  #personalise({ p1, data }: CommandApdu): ResponseApdu {
    if (this.#stage === STAGES.inUse || (p1 === 1 && this.#stage === STAGES.blank)) {
      return response(PURSE_SW.NOT_NOW)
    }
    return p1 === 0 ? this.#takeKeys(data) : this.#takeFirst(data)
  }

  #takeKeys(data: Bytes): ResponseApdu {
    const { passcode, unblocking, parameters: fixed } = personalisation.decode(data)
    parameters.decode(fixed)
    if (!isPinBlock(passcode) || !isPinBlock(unblocking)) return response(PURSE_SW.MALFORMED)
    const { memory } = this.#host
    memory.write(
      { offset: FIXED_AT, bytes: data },
      { offset: PIN_AT, bytes: passcode },
      {
        offset: STAGE_AT,
        bytes: Uint8Array.of(STAGES.keyed, PIN_TRIES, PIN_TRIES),
      },
    )
    return response(SW.OK)
  }

  #takeFirst(signed: Bytes): ResponseApdu {
    const first = openSigned(signed)
    const { card, currency, balanceMax } = this.#parameters
    const isFirst =
      first.kind === 'issue' &&
      first.sequence === 0 &&
      first.file === PURSE_FILE &&
      bytesEqual(first.card, card) &&
      first.currency === currency &&
      first.balance <= balanceMax
    if (!isFirst) return response(PURSE_SW.DOES_NOT_FOLLOW)
    this.#host.memory.write(this.#slotOf(first, signed), {
      offset: STAGE_AT,
      bytes: Uint8Array.of(STAGES.inUse),
    })
    return response(SW.OK)
  }

  /**
   * Challenge, and the hidden PIN if there is one: what the card is, with a MAC for the module. A wrong
   * PIN ends it; the try is gone before the PIN is looked at.
   */
  #initialize(data: Bytes): ResponseApdu {
    this.#initialised = false
    this.#pinVerified = false
    const challenge = data.subarray(0, CHALLENGE_SIZE)
    if (data.length > CHALLENGE_SIZE) {
      const refusal = this.#verifyPin(challenge, data.subarray(CHALLENGE_SIZE))
      if (refusal) return refusal
    }
    this.#initialised = true
    const state = cardState.encode({
      parameters: this.#fixed.parameters,
      pin: this.#pinVerified ? 'verified' : 'not given',
      pinTries: this.#byte(PIN_TRIES_AT),
      last: this.#last.signed,
    })
    return response(SW.OK, concat(state, this.#mac('debit', 'state', challenge, state)))
  }

  #verifyPin(challenge: Bytes, hidden: Bytes): ResponseApdu | undefined {
    this.#host.spend('aes-cmac')
    const pin = xor(hidden, pinPad(this.#fixed.pin, this.#nonce, challenge))
    const refusal = this.#tryCode(PIN_TRIES_AT, pin, this.#host.memory.read(PIN_AT, PIN_SIZE))
    this.#pinVerified = refusal === undefined
    return refusal
  }

  /** Undefined if the code is right. Its tries count down before and up again after. */
  #tryCode(triesAt: number, given: Bytes, right: Bytes): ResponseApdu | undefined {
    const { memory } = this.#host
    const tries = this.#byte(triesAt)
    if (tries === 0) return response(PURSE_SW.BLOCKED)
    memory.write({ offset: triesAt, bytes: Uint8Array.of(tries - 1) })
    if (!secretsEqual(given, right)) return response(0x63c0 | (tries - 1))
    memory.write({ offset: triesAt, bytes: Uint8Array.of(PIN_TRIES) })
    return undefined
  }

  /** A record that a module has authorised. The answer: stamp ‖ issuer stamp. */
  #execute(apdu: CommandApdu): ResponseApdu {
    if (!this.#initialised) return response(PURSE_SW.NOT_NOW)
    const order = readOrder(apdu)
    const refusal = this.#refusalOf(order)
    if (refusal !== undefined) return response(refusal)
    this.#host.memory.write(this.#slotOf(order.content, order.signed), ...this.#newPin(order))
    return response(SW.OK, this.#stamps(order.bytes))
  }

  /** In the order of {@link PURSE_SW}. */
  #refusalOf(order: Order): number | undefined {
    const { content, bytes, authorisation } = order
    const last = this.#last
    if (!this.#isNext(content, last)) return PURSE_SW.DOES_NOT_FOLLOW
    const key = content.kind === 'load' ? 'load' : 'debit'
    if (!isMac(this.#mac(key, 'authorisation', bytes), authorisation)) return PURSE_SW.WRONG_MAC
    return this.#refusalByKind(order, last.content)
  }

  #isNext(content: PurseRecord, last: { signed: Bytes; content: PurseRecord }): boolean {
    this.#host.spend('sha-256')
    return (
      bytesEqual(content.card, last.content.card) &&
      follows(content, last.content) &&
      bytesEqual(content.previous, recordDigest(last.signed))
    )
  }

  #refusalByKind(order: Order, last: PurseRecord): number | undefined {
    const { content: next, extra } = order
    const { balanceMax, paymentMax, pinFreeMax, expires } = this.#parameters
    const { kind, amount, balance, madeAt } = next
    if (kind === 'pay') {
      if (madeAt > expires) return PURSE_SW.EXPIRED
      if (amount > paymentMax) return PURSE_SW.PAYMENT_TOO_HIGH
      if (amount > pinFreeMax && !this.#pinVerified) return PURSE_SW.PIN_NEEDED
    }
    if (kind === 'passcode' && !this.#pinVerified) return PURSE_SW.PIN_NEEDED
    const expected = balanceAfter(last.balance, kind, amount)
    if (expected < 0n) return PURSE_SW.INSUFFICIENT_FUNDS
    if (kind === 'load' && expected > balanceMax) return PURSE_SW.BALANCE_TOO_HIGH
    if (balance !== expected) return PURSE_SW.WRONG_BALANCE
    if (isReversal(kind) && !this.#unlocks(next, last, extra)) return PURSE_SW.NOT_CANCELLABLE
    if (kind === 'passcode' && (amount !== 0n || !isPinBlock(this.#pinIn(order)))) {
      return PURSE_SW.BAD_NEW_PIN
    }
    return undefined
  }

  #unlocks(next: PurseRecord, last: PurseRecord, key: Bytes): boolean {
    this.#host.spend('sha-256')
    return reverses(next, last) && secretsEqual(cancelLock(key), last.cancelLock)
  }

  #newPin(order: Order): MemoryPart[] {
    if (order.content.kind !== 'passcode') return []
    return [
      { offset: PIN_AT, bytes: this.#pinIn(order) },
      { offset: PIN_TRIES_AT, bytes: Uint8Array.of(PIN_TRIES) },
    ]
  }

  #pinIn({ bytes, extra }: Order): Bytes {
    this.#host.spend('aes-cmac')
    return xor(extra, pinPad(this.#fixed.pin, bytes))
  }

  /** The stamps of a record that is still in a log, again: what a torn tap may have swallowed. */
  #previousSignature(data: Bytes): ResponseApdu {
    const wanted = new DataView(data.buffer, data.byteOffset).getUint32(0)
    const found = this.#slots().find(({ content }) => content.sequence === wanted)
    if (!found) return response(PURSE_SW.RECORD_NOT_FOUND)
    const bytes = found.signed.slice(0, RECORD_SIZE)
    return response(SW.OK, concat(found.signed, this.#stamps(bytes)))
  }

  /** P1: 0 payments, 1 loads, 2 others. P2: how many back, 0 the newest. Anybody may read them. */
  #readLog({ p1, p2 }: CommandApdu): ResponseApdu {
    const log = this.#slots()
      .filter(({ content }) => logSort(content.kind) === LOG_ORDER[p1])
      .toSorted((a, b) => b.content.sequence - a.content.sequence)
    const found = log[p2]
    return found ? response(SW.OK, found.signed) : response(PURSE_SW.RECORD_NOT_FOUND)
  }

  /** Unblocking code ‖ new PIN, in clear: for the issuer’s desk and the holder’s own reader. */
  #unblockPin(data: Bytes): ResponseApdu {
    const pin = data.slice(PIN_SIZE)
    if (!isPinBlock(pin)) return response(PURSE_SW.MALFORMED)
    const refusal = this.#tryCode(UNBLOCK_TRIES_AT, data.slice(0, PIN_SIZE), this.#fixed.unblocking)
    if (refusal) return refusal
    this.#host.memory.write(
      { offset: PIN_AT, bytes: pin },
      { offset: PIN_TRIES_AT, bytes: Uint8Array.of(PIN_TRIES) },
    )
    return response(SW.OK)
  }

  #stamps(bytes: Bytes): Bytes {
    this.#host.spend('aes-cmac')
    this.#host.spend('aes-cmac')
    const { debit, issuer } = this.#fixed
    return concat(boundStamp(debit, bytes), issuerStamp(issuer, bytes))
  }

  #mac(name: keyof CardKeys, purpose: 'state' | 'authorisation', ...parts: Bytes[]): Bytes {
    this.#host.spend('aes-cmac')
    return mac(this.#fixed[name], purpose, ...parts)
  }

  get #stage(): number {
    return this.#byte(STAGE_AT)
  }

  #byte(offset: number): number {
    const [byte] = this.#host.memory.read(offset, 1)
    invariant(byte !== undefined, 'a byte of the memory is there')
    return byte
  }

  get #fixed() {
    return personalisation.decode(this.#host.memory.read(FIXED_AT, PERSONALISATION_SIZE))
  }

  get #parameters(): Parameters {
    return parameters.decode(this.#host.memory.read(FIXED_AT + 1, PARAMETERS_SIZE))
  }

  get #last() {
    const [last] = this.#slots().toSorted((a, b) => b.content.sequence - a.content.sequence)
    invariant(last, 'a card in use has a record')
    return last
  }

  #slots(): { signed: Bytes; content: PurseRecord }[] {
    return Array.from({ length: LOG_SLOTS }, (_, index) =>
      this.#host.memory.read(LOGS_AT + index * SLOT_SIZE, SIGNED_SIZE),
    )
      .filter(([version]) => version !== 0)
      .map((signed) => ({ signed, content: openSigned(signed) }))
  }

  #slotOf(content: PurseRecord, signed: Bytes): MemoryPart {
    const sort = logSort(content.kind)
    const before = LOG_ORDER.slice(0, LOG_ORDER.indexOf(sort))
    const first = before.reduce((sum, other) => sum + LOG_SIZES[other], 0)
    const { paymentSequence, loadSequence } = content
    const counted = { payment: paymentSequence, load: loadSequence, other: 0 }[sort]
    return {
      offset: LOGS_AT + (first + (counted % LOG_SIZES[sort])) * SLOT_SIZE,
      bytes: signed,
    }
  }
}

const EXTRA_AT = SIGNED_SIZE + MAC_SIZE

const FORMS: Forms = new Map([
  [INS.PERSONALISE, [[PERSONALISATION_SIZE], [SIGNED_SIZE]]],
  [INS.INITIALIZE, [[CHALLENGE_SIZE, CHALLENGE_SIZE + PIN_SIZE]]],
  /** P1 as in `EXECUTE_P1`. */
  [INS.EXECUTE, [[EXTRA_AT], [EXTRA_AT + PIN_SIZE], [EXTRA_AT + KEY_SIZE]]],
  [INS.GET_PREVIOUS_SIGNATURE, [[4]]],
  [INS.READ_LOG, LOG_ORDER.map(() => [0])],
  [INS.UNBLOCK_PIN, [[2 * PIN_SIZE]]],
])

/** @throws {FormatError} if there is no record in it, or one that takes another P1. */
function readOrder({ p1, data }: CommandApdu): Order {
  const signed = data.slice(0, SIGNED_SIZE)
  const content = openSigned(signed)
  if (executeP1(content.kind) !== p1) throw new FormatError('execute.p1', 'is of another kind')
  return {
    signed,
    bytes: signed.slice(0, RECORD_SIZE),
    content,
    authorisation: data.slice(SIGNED_SIZE, EXTRA_AT),
    extra: data.slice(EXTRA_AT),
  }
}
