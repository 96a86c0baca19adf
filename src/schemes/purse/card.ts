import { response, SW, type CommandApdu, type ResponseApdu } from '../../kernel/apdu.ts'
import { bytesEqual, concat, secretsEqual, type Bytes } from '../../kernel/bytes.ts'
import { FormatError, invariant } from '../../kernel/errors.ts'
import { CARD_ID_SIZE } from '../../kernel/ids.ts'
import type { Applet, AppletHost, AppletSession, MemoryPart } from '../../card/applet.ts'
import {
  boundStamp,
  cancelLock,
  cardState,
  CHALLENGE_SIZE,
  CLA,
  encodeFci,
  EXECUTE_P1,
  executeP1,
  INS,
  isMac,
  isPinBlock,
  issuerStamp,
  KEY_SIZE,
  LOG_SIZES,
  mac,
  MAC_SIZE,
  openSigned,
  parameters,
  PARAMETERS_SIZE,
  personalisation,
  PERSONALISATION_SIZE,
  pinPad,
  PIN_SIZE,
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
import {
  balanceAfter,
  follows,
  isExhausted,
  isReversal,
  logSort,
  reverses,
  type LogSort,
} from './rules.ts'

/** How far a card is: blank, with its keys, in use for good. */
const STAGES = { blank: 0, keyed: 1, inUse: 2 } as const

/** The applet’s memory. Each log is a ring; the newest record of all is the purse. */
const STAGE_AT = 0
const PIN_TRIES_AT = 1
const UNBLOCK_TRIES_AT = 2
const PIN_AT = 8
const FIXED_AT = 16
const LOGS_AT = FIXED_AT + PERSONALISATION_SIZE
const LOG_ORDER: readonly LogSort[] = ['payment', 'load', 'other']
const LOG_SLOTS = LOG_SIZES.payment + LOG_SIZES.load + LOG_SIZES.other
const MEMORY_SIZE = LOGS_AT + LOG_SLOTS * SIGNED_SIZE

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
  #initialised = false
  #pinVerified = false

  constructor(host: AppletHost) {
    this.#host = host
  }

  get selected(): ResponseApdu {
    const id = this.#stage === STAGES.inUse ? this.#parameters.card : new Uint8Array(CARD_ID_SIZE)
    return response(SW.OK, encodeFci(PURSE_AID, id))
  }

  /** Malformed data is a `FormatError`: the card answers 6A80 to that. */
  process(apdu: CommandApdu): ResponseApdu {
    if (apdu.cla !== CLA) return response(SW.CLA_NOT_SUPPORTED)
    if (apdu.ins === INS.PERSONALISE) return this.#personalise(apdu)
    if (!COMMANDS.has(apdu.ins)) return response(SW.INS_NOT_SUPPORTED)
    if (this.#stage !== STAGES.inUse) return response(PURSE_SW.NOT_NOW)
    switch (apdu.ins) {
      case INS.INITIALIZE:
        return this.#initialize(apdu)
      case INS.EXECUTE:
        return this.#execute(apdu)
      case INS.GET_PREVIOUS_SIGNATURE:
        return this.#previousSignature(apdu)
      case INS.READ_LOG:
        return this.#readLog(apdu)
      default:
        return this.#unblockPin(apdu)
    }
  }

  /** P1 00: parameters, keys and PINs, as often as needed. P1 01: the first record, once: it is in use. */
  #personalise({ p1, p2, data }: CommandApdu): ResponseApdu {
    if (p1 > 1 || p2 !== 0) return response(SW.WRONG_P1_P2)
    if (data.length !== (p1 === 0 ? PERSONALISATION_SIZE : SIGNED_SIZE)) {
      return response(PURSE_SW.WRONG_LENGTH)
    }
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
  #initialize({ p1, p2, data }: CommandApdu): ResponseApdu {
    if (p1 !== 0 || p2 !== 0) return response(SW.WRONG_P1_P2)
    if (data.length !== CHALLENGE_SIZE && data.length !== CHALLENGE_SIZE + PIN_SIZE) {
      return response(PURSE_SW.WRONG_LENGTH)
    }
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
    const pin = xor(hidden, pinPad(this.#fixed.pin, challenge))
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
    const order = readOrder(apdu)
    if ('sw' in order) return order
    if (!this.#initialised) return response(PURSE_SW.NOT_NOW)
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
      bytesEqual(content.previous, recordDigest(last.signed)) &&
      !isExhausted(last.content, content.kind)
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
  #previousSignature({ p1, p2, data }: CommandApdu): ResponseApdu {
    if (p1 !== 0 || p2 !== 0) return response(SW.WRONG_P1_P2)
    if (data.length !== 4) return response(PURSE_SW.WRONG_LENGTH)
    const wanted = new DataView(data.buffer, data.byteOffset).getUint32(0)
    const found = this.#slots().find(({ content }) => content.sequence === wanted)
    if (!found) return response(PURSE_SW.RECORD_NOT_FOUND)
    const bytes = found.signed.slice(0, RECORD_SIZE)
    return response(SW.OK, concat(found.signed, this.#stamps(bytes)))
  }

  /** P1: 1 payments, 2 loads, 3 others. P2: how many back, 0 the newest. Anybody may read them. */
  #readLog({ p1, p2, data }: CommandApdu): ResponseApdu {
    const sort = LOG_ORDER[p1 - 1]
    if (!sort) return response(SW.WRONG_P1_P2)
    if (data.length > 0) return response(PURSE_SW.WRONG_LENGTH)
    const log = this.#slots()
      .filter(({ content }) => logSort(content.kind) === sort)
      .toSorted((a, b) => b.content.sequence - a.content.sequence)
    const found = log[p2]
    return found ? response(SW.OK, found.signed) : response(PURSE_SW.RECORD_NOT_FOUND)
  }

  /** Unblocking code ‖ new PIN, in clear: for the issuer’s desk and the holder’s own reader. */
  #unblockPin({ p1, p2, data }: CommandApdu): ResponseApdu {
    if (p1 !== 0 || p2 !== 0) return response(SW.WRONG_P1_P2)
    if (data.length !== 2 * PIN_SIZE) return response(PURSE_SW.WRONG_LENGTH)
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
      this.#host.memory.read(LOGS_AT + index * SIGNED_SIZE, SIGNED_SIZE),
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
      offset: LOGS_AT + (first + (counted % LOG_SIZES[sort])) * SIGNED_SIZE,
      bytes: signed,
    }
  }
}

const COMMANDS: ReadonlySet<number> = new Set([
  INS.INITIALIZE,
  INS.EXECUTE,
  INS.GET_PREVIOUS_SIGNATURE,
  INS.READ_LOG,
  INS.UNBLOCK_PIN,
])

const EXTRA_SIZES: ReadonlyMap<number, number> = new Map([
  [EXECUTE_P1.plain, 0],
  [EXECUTE_P1.newPin, PIN_SIZE],
  [EXECUTE_P1.cancel, KEY_SIZE],
])

/** @throws {FormatError} if there is no record in it, or one that takes another P1. */
function readOrder({ p1, p2, data }: CommandApdu): Order | ResponseApdu {
  const extraSize = EXTRA_SIZES.get(p1)
  if (extraSize === undefined || p2 !== 0) return response(SW.WRONG_P1_P2)
  const extraAt = SIGNED_SIZE + MAC_SIZE
  if (data.length !== extraAt + extraSize) return response(PURSE_SW.WRONG_LENGTH)
  const signed = data.slice(0, SIGNED_SIZE)
  const content = openSigned(signed)
  if (executeP1(content.kind) !== p1) throw new FormatError('execute.p1', 'is of another kind')
  return {
    signed,
    bytes: signed.slice(0, RECORD_SIZE),
    content,
    authorisation: data.slice(SIGNED_SIZE, extraAt),
    extra: data.slice(extraAt),
  }
}
