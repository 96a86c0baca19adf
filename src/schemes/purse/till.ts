import { concat, type Bytes } from '../../kernel/bytes.ts'
import { FormatError, invariant } from '../../kernel/errors.ts'
import { cardIdOf, digestOf, OFFICE } from '../../kernel/ids.ts'
import { currencyByNumber } from '../../kernel/money.ts'
import { PASSCODE_FORM, PIN_SIZE, pinBlock } from '../../kernel/pin.ts'
import { isProcessorCard } from '../../reader/atr.ts'
import { CardRefused, CardTorn, type Channel } from '../../reader/channel.ts'
import type {
  CardView,
  CashUp,
  Desk,
  JournalRecord,
  NewRecord,
  Order,
  RecordKind,
  Refusal,
  ShowResult,
  TapCost,
  TapResult,
  TillScheme,
} from '../../till/scheme.ts'
import {
  CHALLENGE_SIZE,
  evidence,
  FCI_SIZE,
  isSignedBy,
  KEY_SIZE,
  MAC_SIZE,
  PURSE_AID,
  PURSE_SW,
  RECORD_SIZE,
  SCHEME,
  SIGNED_SIZE,
  signRecord,
  STATE_SIZE,
  xor,
  type Authorisation,
} from './message.ts'
import { checkTap, type Draft, type Plan } from './plan.ts'
import { balanceAfter, countersAfter, isReversal } from './rules.ts'
import { isOwn } from '../../till/order-rules.ts'
import { findStanding, intentOf, type Standing, type Tapped } from './standing.ts'
import { refused } from './statuses.ts'
import { held, Module, ModuleGone, PurseCard, type Held, type Introduction } from './terminal.ts'

/** The till’s side of the scheme `purse`: docs/protocol/purse.md. */
export const purseTill: TillScheme = {
  name: SCHEME,
  recognises: isProcessorCard,
  show,
  perform,
  cost,
  cashUp,
}

async function show(channel: Channel, desk: Desk): Promise<ShowResult> {
  try {
    const present = await meet(channel, desk)
    if ('result' in present) return present
    const tapped = await approach(present, desk, '')
    if ('result' in tapped) return tapped
    return { result: 'shown', view: viewOf(tapped.introduction.last) }
  } catch (error) {
    if (error instanceof ModuleGone) return refused('module_missing')
    if (error instanceof CardTorn) return { result: 'torn' }
    throw error
  }
}

/** @throws {CardTorn} if the card goes before anything was written on it or in the journal. */
async function perform(channel: Channel, order: Order, desk: Desk): Promise<TapResult> {
  checkOrder(order)
  try {
    const present = await meet(channel, desk)
    if ('result' in present) return present
    const known = await findChanged(present, order, desk)
    if (known) return known
    const tapped = await approach(present, desk, order.passcode)
    if ('result' in tapped) return tapped
    const standing = await findStanding(tapped, order, desk)
    const over = resultOf(standing, tapped)
    if (over) return over
    const plan = checkTap({ tapped, standing, order, desk })
    return 'result' in plan ? plan : await new Tap(tapped, desk).carryOut(plan)
  } catch (error) {
    if (error instanceof ModuleGone) return refused('module_missing')
    throw error
  }
}

/**
 * A change of PIN that the card took when nobody heard of it: to the PIN that stands in the order the
 * card would say that it is wrong, and count it.
 */
async function findChanged(
  present: Present,
  order: Order,
  desk: Desk,
): Promise<TapResult | undefined> {
  const latest = desk.journal.latest(present.card.card)
  if (order.kind !== 'passcode' || !latest || !isOwn(latest, order)) return undefined
  const tapped = await approach(present, desk, '')
  if ('result' in tapped) return tapped
  return resultOf(await findStanding(tapped, order, desk), tapped)
}

/** Undefined if there is anything left to do. */
function resultOf(standing: Standing, { introduction }: Tapped): TapResult | undefined {
  if (standing.kind === 'lost') return { result: 'unfinished', record: standing.record }
  if (standing.kind !== 'done') return undefined
  return { result: 'done', record: standing.record, view: viewOf(introduction.last) }
}

/** @throws {FormatError} if no till could carry it out at any card. */
function checkOrder(order: Order): void {
  if (order.passcode !== '' && !PASSCODE_FORM.test(order.passcode)) {
    throw new FormatError('order.passcode', 'expected 4 to 8 digits, or nothing')
  }
  if (order.kind === 'passcode') {
    if (!PASSCODE_FORM.test(order.newPasscode)) {
      throw new FormatError('order.newPasscode', 'expected 4 to 8 digits')
    }
  } else if (order.amount <= 0n) {
    throw new FormatError('order.amount', `expected more than 0, got ${order.amount}`)
  }
}

type Present = Pick<Tapped, 'card' | 'module'>

/** The statuses up to `module_refused`. */
async function meet(channel: Channel, desk: Desk): Promise<Present | Refusal> {
  const card = await PurseCard.connect(channel)
  if (!card) return refused('unknown_card')
  const module = await meetModule(desk)
  return 'result' in module ? module : { card, module }
}

async function meetModule(desk: Desk): Promise<Module | Refusal> {
  if (!desk.module) return refused('module_missing')
  const module = await Module.connect(desk.module)
  return module?.till === desk.till ? module : refused('module_refused')
}

async function cashUp(desk: Desk): Promise<CashUp | Refusal> {
  try {
    const module = await meetModule(desk)
    if ('result' in module) return module
    const closed = await module.cashUp('close')
    if (!closed) return refused('module_refused')
    const { batch, count, paid, paidBack, loaded, loadedBack } = closed.summary
    const proof = closed.bytes
    return { result: 'closed', batch, count, paid, paidBack, loaded, loadedBack, proof }
  } catch (error) {
    if (error instanceof ModuleGone) return refused('module_missing')
    throw error
  }
}

/** The statuses up to `bad_signature`. */
async function approach(
  { card, module }: Present,
  desk: Desk,
  passcode: string,
): Promise<Tapped | Refusal> {
  const introduction = await introduce(card, module, passcode)
  if ('result' in introduction) return introduction
  if (!(await module.check(introduction))) return refused('counterfeit_card')
  if (!isTrusted(introduction.last, desk)) return refused('bad_signature')
  return { card, module, introduction }
}

/**
 * A card takes a record with any signature, for it checks none. Whoever builds on one vouches for it
 * to the office.
 */
function isTrusted({ content, signed }: Held, desk: Desk): boolean {
  // Only the office issues, and it does nothing else.
  const isFirst = content.kind === 'issue' && content.sequence === 0
  if (isFirst !== (content.maker === OFFICE)) return false
  const key = desk.keyOf(content.maker, content.generation, content.madeAt)
  return key !== undefined && isSignedBy(signed, key)
}

async function introduce(
  card: PurseCard,
  module: Module,
  passcode: string,
): Promise<Introduction | Refusal> {
  const { challenge, hiddenPin } = await openModule(card, module, passcode)
  try {
    const answer = await card.initialize(challenge, hiddenPin)
    if (!('pin' in answer)) return answer
    return refused(answer.pin === 'blocked' ? 'passcode_blocked' : 'wrong_passcode')
  } catch (error) {
    if (error instanceof FormatError || error instanceof CardRefused) return refused('damaged_card')
    throw error
  }
}

async function openModule(card: PurseCard, module: Module, passcode: string) {
  if (passcode === '') return { challenge: await module.open(card), hiddenPin: undefined }
  const { challenge, pad } = await module.openWithPin(card)
  return { challenge, hiddenPin: xor(pinBlock(passcode), pad) }
}

/** A tap from the point on where something changes. */
class Tap {
  readonly #tapped: Tapped
  readonly #desk: Desk
  #last: Held
  /** The order’s own, from its intent on. */
  #record: JournalRecord | undefined

  constructor(tapped: Tapped, desk: Desk) {
    this.#tapped = tapped
    this.#desk = desk
    this.#last = tapped.introduction.last
  }

  /** Every step succeeds, or stays unfinished until the next tap. */
  async carryOut(plan: Plan): Promise<TapResult> {
    try {
      return await this.#steps(plan)
    } catch (error) {
      if (error instanceof CardRefused && error.sw === PURSE_SW.PIN_NEEDED) {
        return refused('passcode_needed')
      }
      if (
        error instanceof CardTorn ||
        error instanceof CardRefused ||
        error instanceof ModuleGone
      ) {
        return { result: 'unfinished', record: this.#record }
      }
      throw error
    }
  }

  async #steps({ begun, undo, fresh }: Plan): Promise<TapResult> {
    if (begun) {
      if (!fresh) this.#record = begun
      const record = await this.#execute(begun)
      if (!fresh) return this.#done(record)
    }
    if (undo) {
      const undone = await this.#write(undo, 'reversal')
      if ('result' in undone) return undone
    }
    invariant(fresh, 'what was begun for this order has been finished')
    if ('result' in fresh) return fresh
    const written = await this.#write(fresh, recordKind(fresh))
    return 'result' in written ? written : this.#done(written)
  }

  #done(record: JournalRecord): TapResult {
    return { result: 'done', record, view: viewOf(this.#last) }
  }

  /** Authorisation, intent, card, confirmation. */
  async #write(draft: Draft, kind: RecordKind): Promise<JournalRecord | Refusal> {
    const { journal } = this.#desk
    const madeAt = journal.stamp()
    const granted = await this.#tapped.module.authorise({
      kind: draft.kind,
      amount: draft.amount,
      generation: this.#desk.generation,
      madeAt,
    })
    if (typeof granted === 'number') return refused('module_refused')
    const intent = journal.intend(this.#newRecord(draft, kind, madeAt, granted))
    if (kind !== 'reversal') this.#record = intent
    return this.#execute(intent)
  }

  async #execute(record: JournalRecord): Promise<JournalRecord> {
    const { card, module } = this.#tapped
    const { signed, authorisation, extra } = intentOf(record)
    const execution = { signed, authorisation, extra: extra[0] }
    const { stamp, issuerStamp } = await card.execute(execution)
    if (!(await module.complete(signed.slice(0, RECORD_SIZE), stamp))) {
      throw new CardTorn('the card’s stamp is wrong')
    }
    this.#last = held(signed)
    const shown = evidence.encode({ ...intentOf(record), stamp: [issuerStamp] })
    return this.#desk.journal.confirm(record.id, shown)
  }

  #newRecord(draft: Draft, kind: RecordKind, madeAt: number, granted: Authorisation): NewRecord {
    const { till, generation, key, policyVersion } = this.#desk
    const before = this.#last.content
    const content = {
      kind: draft.kind,
      currency: before.currency,
      file: before.file,
      card: before.card,
      ...countersAfter(before, draft.kind),
      amount: draft.amount,
      balance: balanceAfter(before.balance, draft.kind, draft.amount),
      maker: till,
      generation,
      madeAt,
      moduleSequence: granted.moduleSequence,
      moduleBatch: granted.moduleBatch,
      challenge: granted.challenge,
      cancelLock: granted.cancelLock,
      previous: this.#last.digest,
    }
    const signed = signRecord(content, key)
    return {
      orderId: draft.orderId,
      scheme: SCHEME,
      card: this.#tapped.card.card,
      sequence: content.sequence,
      kind,
      amount: draft.amount,
      balanceAfter: content.balance,
      madeAt,
      digest: digestOf(held(signed).digest),
      evidence: evidence.encode({
        signed,
        previous: [this.#last.signed],
        authorisation: granted.mac,
        extra: extraOf(draft, granted),
        stamp: [],
        policyVersion,
        tokens: draft.tokens.map(({ bytes }) => bytes),
      }),
      tokens: draft.tokens,
    }
  }
}

function recordKind({ kind }: Draft): RecordKind {
  invariant(kind !== 'issue' && !isReversal(kind), 'an order is no issue and no reversal')
  return kind === 'pay' || kind === 'load' ? kind : 'passcode'
}

/** Hidden new PIN ‖ 00, or cancel key. */
function extraOf({ newPasscode }: Draft, { extra: [extra] }: Authorisation): readonly Bytes[] {
  if (!extra) return []
  if (newPasscode === undefined) return [extra]
  const hidden = xor(pinBlock(newPasscode), extra.subarray(0, PIN_SIZE))
  return [concat(hidden, new Uint8Array(KEY_SIZE - PIN_SIZE))]
}

function viewOf({ content }: Held): CardView {
  return {
    card: cardIdOf(content.card),
    currency: currencyByNumber(content.currency),
    balance: content.balance,
    sequence: content.sequence,
    lastMaker: content.maker,
    lastAt: content.madeAt,
    unfinished: false,
  }
}

/** Header, Lc and Le of a command; status word of an answer. */
const COMMAND_FRAME = 6
const ANSWER_FRAME = 2

/** At the card only: SELECT, INITIALIZE, EXECUTE. */
function cost({ kind, passcode }: Order): TapCost {
  const pin = passcode === '' ? 0 : PIN_SIZE
  const newPin = kind === 'passcode' ? PIN_SIZE : 0
  const out = [PURSE_AID.length, CHALLENGE_SIZE + pin, SIGNED_SIZE + MAC_SIZE + newPin]
  const back = [FCI_SIZE, STATE_SIZE + MAC_SIZE, 2 * MAC_SIZE]
  return {
    apdus: out.length,
    bytesOut: out.reduce((sum, size) => sum + COMMAND_FRAME + size, 0),
    bytesIn: back.reduce((sum, size) => sum + ANSWER_FRAME + size, 0),
  }
}
