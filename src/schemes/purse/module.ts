import { response, SW, type CommandApdu, type ResponseApdu } from '../../kernel/apdu.ts'
import { bytesEqual, concat, type Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import { CARD_ID_SIZE } from '../../kernel/ids.ts'
import { amount, message, uint32, uint8, type ValueOf } from '../../kernel/message.ts'
import type { Applet, AppletHost, AppletSession } from '../../card/applet.ts'
import {
  authorisation,
  boundStamp,
  cancelLock,
  cardKey,
  cardState,
  CHALLENGE_SIZE,
  draft,
  fci,
  INS,
  isMac,
  KEY_SIZE,
  mac,
  MAC_SIZE,
  modulePlan,
  MODULE_AID,
  NONCE_SIZE,
  openSigned,
  pinPad,
  PURSE_SW,
  record,
  recordDigest,
  RECORD_SIZE,
  STATE_SIZE,
  summary,
  SUMMARY_SIZE,
  type ModulePlan,
  type PurseKind,
  type PurseRecord,
  type Summary,
} from './message.ts'
import { refusalOfForm, type Forms } from './forms.ts'
import { balanceAfter, countersAfter, isExhausted, isReversal, reverses } from './rules.ts'

/** Without the load key and with it. */
const PLAN_SIZES = [57, 57 + KEY_SIZE]
/** Of how many of its own transactions a module remembers whether it has counted them. */
export const COUNTED_WINDOW = 1024

/** Of its own count. */
const BOOKS_SEQUENCE_MAX = 0xffff_ffff

const books = message('books', {
  sequence: uint32({}, 'of the newest transaction that it authorised'),
  batch: uint32({}, 'sum sequence'),
  count: uint32(),
  paid: amount(8),
  paidBack: amount(8),
  loaded: amount(8),
  loadedBack: amount(8),
})
type Books = ValueOf<typeof books>
const BOOKS_SIZE = 44
const NO_BOOKS: Books = {
  sequence: 0,
  batch: 1,
  count: 0,
  paid: 0n,
  paidBack: 0n,
  loaded: 0n,
  loadedBack: 0n,
}
const planSize = uint8()

/** The applet’s memory. What every payment writes is in one page of a chip with pages of 256 bytes. */
const PLAN_SIZE_AT = 0
const PLAN_AT = 16
const SUMMARY_AT = 128
const BOOKS_AT = 256
const COUNTED_AT = BOOKS_AT + BOOKS_SIZE
const MEMORY_SIZE = COUNTED_AT + COUNTED_WINDOW / 8

/**
 * The security module of a till: docs/protocol/purse.md, "The module". It has the keys that the till
 * must not have, believes a card and no till, and counts what cards have stamped.
 */
export const moduleApplet: Applet = {
  aid: MODULE_AID,
  memorySize: MEMORY_SIZE,
  open: (host) => new ModuleSession(host),
}

/** One card before the module. */
interface Visit {
  readonly card: Bytes
  readonly challenge: Bytes
  readonly debit: Bytes
  /** The card’s newest record, once the card has proven it. */
  last: { readonly content: PurseRecord; readonly digest: Bytes } | undefined
}

/** A record that is authorised, and what goes with it. */
interface Grant {
  readonly content: PurseRecord
  readonly extra: readonly Bytes[]
}

class ModuleSession implements AppletSession {
  readonly #host: AppletHost
  #visit: Visit | undefined

  constructor(host: AppletHost) {
    this.#host = host
  }

  get selected(): ResponseApdu {
    const id = new Uint8Array(CARD_ID_SIZE)
    if (this.#isInUse) new DataView(id.buffer).setUint32(CARD_ID_SIZE - 4, this.#plan.till)
    return response(SW.OK, fci.encode({ name: MODULE_AID, id, nonce: new Uint8Array(NONCE_SIZE) }))
  }

  /** Malformed data is a `FormatError`: the card answers 6A80 to that. */
  process(apdu: CommandApdu): ResponseApdu {
    const refusal = refusalOfForm(apdu, FORMS)
    if (refusal !== undefined) return response(refusal)
    if (apdu.ins === INS.PERSONALISE) return this.#personalise(apdu.data)
    if (!this.#isInUse) return response(PURSE_SW.NOT_NOW)
    switch (apdu.ins) {
      case INS.OPEN:
        return this.#open(apdu.data)
      case INS.CHECK:
        return this.#check(apdu.data)
      case INS.AUTHORISE:
        return this.#authorise(apdu.data)
      case INS.COMPLETE:
        return this.#complete(apdu.data)
      default:
        return this.#cashUp(apdu.p1)
    }
  }

  #personalise(data: Bytes): ResponseApdu {
    if (this.#isInUse) return response(PURSE_SW.NOT_NOW)
    modulePlan.decode(data)
    this.#host.memory.write(
      { offset: PLAN_AT, bytes: data },
      { offset: BOOKS_AT, bytes: books.encode(NO_BOOKS) },
      { offset: PLAN_SIZE_AT, bytes: planSize.write(data.length, 'size') },
    )
    return response(SW.OK)
  }

  /** Card id → challenge. Card id ‖ nonce → challenge ‖ pad for the PIN. */
  #open(data: Bytes): ResponseApdu {
    const { debit, pin } = this.#plan
    const card = data.slice(0, CARD_ID_SIZE)
    this.#spend('random', 'aes-cmac')
    const challenge = this.#host.random.bytes(CHALLENGE_SIZE)
    this.#visit = { card, challenge, debit: cardKey(debit, card, 'debit'), last: undefined }
    if (data.length === CARD_ID_SIZE) return response(SW.OK, challenge)
    this.#spend('aes-cmac', 'aes-cmac')
    const pad = pinPad(cardKey(pin, card, 'pin'), data.slice(CARD_ID_SIZE), challenge)
    return response(SW.OK, concat(challenge, pad))
  }

  /** The card’s state with its MAC: whether it is that card, here and now. */
  #check(data: Bytes): ResponseApdu {
    const visit = this.#visit
    if (!visit) return response(PURSE_SW.NOT_NOW)
    visit.last = undefined
    const state = data.slice(0, STATE_SIZE)
    const { last } = cardState.decode(state)
    const content = openSigned(last)
    if (!bytesEqual(content.card, visit.card)) return response(PURSE_SW.DOES_NOT_FOLLOW)
    this.#spend('aes-cmac', 'sha-256')
    if (!isMac(mac(visit.debit, 'state', visit.challenge, state), data.slice(STATE_SIZE))) {
      return response(PURSE_SW.WRONG_MAC)
    }
    visit.last = { content, digest: recordDigest(last) }
    return response(SW.OK)
  }

  /** A draft → what makes it a record that the card takes. The sequence is used up before it leaves. */
  #authorise(data: Bytes): ResponseApdu {
    const visit = this.#visit
    if (!visit?.last) return response(PURSE_SW.NOT_NOW)
    const wanted = draft.decode(data)
    const refusal = this.#refusalOf(wanted, visit.last.content)
    if (refusal !== undefined) return response(refusal)
    const own = this.#books
    const held = { ...own, sequence: own.sequence + 1 }
    const { offset, byte, mask } = this.#mark(held.sequence)
    this.#host.memory.write(
      { offset: BOOKS_AT, bytes: books.encode(held) },
      { offset, bytes: Uint8Array.of(byte & ~mask) },
    )
    const { content, extra } = this.#grant(wanted, visit.last, visit, held)
    const bytes = record.encode(content)
    return response(
      SW.OK,
      authorisation.encode({
        moduleSequence: content.moduleSequence,
        moduleBatch: content.moduleBatch,
        challenge: content.challenge,
        cancelLock: content.cancelLock,
        mac: mac(this.#keyFor(content.kind, visit), 'authorisation', bytes),
        extra: content.kind === 'passcode' ? [this.#newPinPad(visit, bytes)] : extra,
      }),
    )
  }

  /** In the order of {@link PURSE_SW}. */
  #refusalOf(wanted: ValueOf<typeof draft>, last: PurseRecord): number | undefined {
    const { till, currency, load } = this.#plan
    const { kind } = wanted
    const isOver = isExhausted(last, kind) || this.#books.sequence === BOOKS_SEQUENCE_MAX
    if (last.currency !== currency || isOver) return PURSE_SW.DOES_NOT_FOLLOW
    if (kind === 'issue' || (kind === 'load' && load.length === 0)) return PURSE_SW.MAY_NOT
    const balance = balanceAfter(last.balance, kind, wanted.amount)
    if (balance < 0n) return PURSE_SW.INSUFFICIENT_FUNDS
    const reversed = { kind, amount: wanted.amount, maker: till }
    if (isReversal(kind) && !reverses(reversed, last)) return PURSE_SW.NOT_CANCELLABLE
    return undefined
  }

  #grant(
    { kind, amount: moved, generation, madeAt }: ValueOf<typeof draft>,
    last: { readonly content: PurseRecord; readonly digest: Bytes },
    { card, challenge }: Visit,
    { sequence: moduleSequence, batch: moduleBatch }: Books,
  ): Grant {
    const { till } = this.#plan
    const { content: before, digest } = last
    this.#spend('sha-256')
    const content: PurseRecord = {
      kind,
      currency: before.currency,
      file: before.file,
      card,
      ...countersAfter(before, kind),
      amount: moved,
      balance: balanceAfter(before.balance, kind, moved),
      maker: till,
      generation,
      madeAt,
      moduleSequence,
      moduleBatch,
      challenge,
      cancelLock: cancelLock(this.#cancelKey({ card, moduleSequence, challenge })),
      previous: digest,
    }
    const extra = isReversal(kind) ? [this.#cancelKey(before)] : []
    return { content, extra }
  }

  /** A record with the card’s stamp: counted once, if it is this module’s. */
  #complete(data: Bytes): ResponseApdu {
    const visit = this.#visit
    if (!visit) return response(PURSE_SW.NOT_NOW)
    const bytes = data.slice(0, RECORD_SIZE)
    const content = record.decode(bytes)
    if (!bytesEqual(content.card, visit.card)) return response(PURSE_SW.DOES_NOT_FOLLOW)
    this.#spend('aes-cmac', 'sha-256')
    if (!isMac(boundStamp(visit.debit, bytes), data.slice(RECORD_SIZE))) {
      return response(PURSE_SW.WRONG_MAC)
    }
    if (content.maker === this.#plan.till) this.#count(content)
    if (visit.last && content.sequence > visit.last.content.sequence) {
      visit.last = { content, digest: recordDigest(bytes) }
    }
    return response(SW.OK)
  }

  #count({ moduleSequence, kind, amount: moved }: PurseRecord): void {
    const own = this.#books
    const { offset, byte, mask } = this.#mark(moduleSequence)
    const age = own.sequence - moduleSequence
    if (age < 0 || age >= COUNTED_WINDOW || (byte & mask) !== 0) return
    const column = COLUMNS[kind]
    const counted = {
      ...own,
      count: own.count + 1,
      ...(column && { [column]: own[column] + moved }),
    }
    this.#host.memory.write(
      { offset: BOOKS_AT, bytes: books.encode(counted) },
      { offset, bytes: Uint8Array.of(byte | mask) },
    )
  }

  /** Where it stands whether a transaction of this module has been counted. */
  #mark(moduleSequence: number) {
    const bit = moduleSequence % COUNTED_WINDOW
    const offset = COUNTED_AT + (bit >> 3)
    return { offset, byte: this.#byte(offset), mask: 1 << (bit & 7) }
  }

  /** P1 00 closes the batch; P1 01 gives the last summary again. The answer: summary ‖ MAC. */
  #cashUp(p1: number): ResponseApdu {
    if (p1 === 0) this.#closeBatch()
    const bytes = this.#host.memory.read(SUMMARY_AT, SUMMARY_SIZE)
    if (bytes[0] === 0) return response(PURSE_SW.RECORD_NOT_FOUND)
    this.#spend('aes-cmac')
    return response(SW.OK, concat(bytes, mac(this.#plan.own, 'summary', bytes)))
  }

  #closeBatch(): void {
    const { sequence, ...totals } = this.#books
    const closed: Summary = { till: this.#plan.till, ...totals, lastSequence: sequence }
    const fresh: Books = { ...NO_BOOKS, sequence, batch: totals.batch + 1 }
    this.#host.memory.write(
      { offset: SUMMARY_AT, bytes: summary.encode(closed) },
      { offset: BOOKS_AT, bytes: books.encode(fresh) },
    )
  }

  #keyFor(kind: PurseKind, { card, debit }: Visit): Bytes {
    this.#spend('aes-cmac')
    if (kind !== 'load') return debit
    const [master] = this.#plan.load
    invariant(master, 'a module without the load key was refused before')
    this.#spend('aes-cmac')
    return cardKey(master, card, 'load')
  }

  #newPinPad({ card }: Visit, bytes: Bytes): Bytes {
    this.#spend('aes-cmac', 'aes-cmac')
    const pad = pinPad(cardKey(this.#plan.pin, card, 'pin'), bytes)
    return concat(pad, new Uint8Array(KEY_SIZE - pad.length))
  }

  /** Bound to the challenge: a module that replaces this one has its key and counts from 1 again. */
  #cancelKey(own: Pick<PurseRecord, 'card' | 'moduleSequence' | 'challenge'>): Bytes {
    this.#spend('aes-cmac')
    const sequence = uint32().write(own.moduleSequence, 'moduleSequence')
    return mac(this.#plan.own, 'cancel', own.card, sequence, own.challenge)
  }

  #spend(...operations: Parameters<AppletHost['spend']>[0][]): void {
    for (const operation of operations) this.#host.spend(operation)
  }

  get #isInUse(): boolean {
    return this.#byte(PLAN_SIZE_AT) > 0
  }

  get #plan(): ModulePlan {
    return modulePlan.decode(this.#host.memory.read(PLAN_AT, this.#byte(PLAN_SIZE_AT)))
  }

  get #books(): Books {
    return books.decode(this.#host.memory.read(BOOKS_AT, BOOKS_SIZE))
  }

  #byte(offset: number): number {
    const [byte] = this.#host.memory.read(offset, 1)
    invariant(byte !== undefined, 'a byte of the memory is there')
    return byte
  }
}

/** Which total a kind adds to. */
const COLUMNS: Readonly<Partial<Record<PurseKind, 'paid' | 'paidBack' | 'loaded' | 'loadedBack'>>> =
  {
    pay: 'paid',
    'pay-reversal': 'paidBack',
    load: 'loaded',
    'load-reversal': 'loadedBack',
  }

const DRAFT_SIZE = 15

const FORMS: Forms = new Map([
  [INS.PERSONALISE, [PLAN_SIZES]],
  [INS.OPEN, [[CARD_ID_SIZE, CARD_ID_SIZE + NONCE_SIZE]]],
  [INS.CHECK, [[STATE_SIZE + MAC_SIZE]]],
  [INS.AUTHORISE, [[DRAFT_SIZE]]],
  [INS.COMPLETE, [[RECORD_SIZE + MAC_SIZE]]],
  [INS.CASH_UP, [[0], [0]]],
])
