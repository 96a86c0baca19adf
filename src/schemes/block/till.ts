import { bytesEqual, utf8, type Bytes } from '../../kernel/bytes.ts'
import { sealDisclosure } from '../../kernel/disclosure.ts'
import { FormatError, invariant } from '../../kernel/errors.ts'
import { digestOf, OFFICE, type Digest } from '../../kernel/ids.ts'
import { currencyByNumber, type Amount } from '../../kernel/money.ts'
import { READER_PROFILES, type ReaderProfile } from '../../kernel/storage-apdu.ts'
import { CLASSIC_1K_ATR } from '../../card/storage-reader.ts'
import { CardRefused, CardTorn, type Channel } from '../../reader/channel.ts'
import type {
  CardView,
  Desk,
  JournalRecord,
  NewRecord,
  Order,
  RecordKind,
  Refusal,
  ShowResult,
  SpendableToken,
  TapCost,
  TapResult,
  TillScheme,
} from '../../till/scheme.ts'
import { BlockCard, committedSequence, type SlotName } from './card.ts'
import {
  BALANCE_MAX,
  blockDigest,
  blockSignedBy,
  chipKeys,
  evidence,
  HMAC_KEY_SIZE,
  openBlock,
  PASSCODE_FORM,
  passcodeFits,
  passcodeHmac,
  SCHEME,
  sealBlock,
  SEQUENCE_MAX,
  tillSecrets,
  type Block,
  type ChipKeys,
} from './message.ts'

/**
 * What a till says to a tap. The order is the order of the checks (Shah et al., IV C and D: previous
 * transaction, signature, passcode, funds): the first that applies is the answer. Until `done` the
 * card is as it was.
 */
export const BLOCK_STATUSES = [
  'unknown_card',
  'damaged_card',
  'bad_signature',
  'rolled_back',
  'foreign_currency',
  'hot_card',
  'copied_card',
  'passcode_paused',
  'wrong_passcode',
  'not_allowed',
  'no_token',
  'over_limit',
  'sequence_exhausted',
  'balance_too_high',
  'insufficient_funds',
  'done',
] as const
export type BlockStatus = (typeof BLOCK_STATUSES)[number]

/** For the person at the till. `over_limit` says which limit instead. */
const EXPLANATIONS: Readonly<Record<Exclude<BlockStatus, 'done'>, string>> = {
  unknown_card:
    'This is not a card of this system. Hold it still and tap again, or ask for another card.',
  damaged_card:
    'The card cannot be read. Hold it still and tap again; if that does not help, send the customer to the office, which knows the balance.',
  bad_signature:
    'The last transaction on the card is signed by nobody that this till trusts. Synchronise this till and tap again; if that does not help, send the customer to the office.',
  rolled_back:
    'An older state was put back on this card. Take no money from it, keep the goods and send the customer to the office.',
  foreign_currency: 'The card holds another currency than this till takes. Ask for another card.',
  hot_card: 'This card is blocked. Take no money from it and send the customer to the office.',
  copied_card:
    'This till has seen a later state of this card: it is a copy, or an older state was put back. Take no money from it and send the customer to the office.',
  passcode_paused:
    'Too many wrong passcodes for this card. Let the customer try again later, or at the office.',
  wrong_passcode: 'The passcode is wrong. Let the customer enter it again.',
  not_allowed:
    'This till may not do that. For adding money, send the customer to a till that may; to sell, choose products instead of typing an amount.',
  no_token:
    'This till has no right to sell these units, or they cost another amount. Synchronise it and choose the products again.',
  over_limit: 'A limit of this till stops this. Synchronise it and tap again.',
  sequence_exhausted:
    'The card has no room for another transaction. Send the customer to the office, which gives a new card for it.',
  balance_too_high: `A card of this kind cannot hold so much. Add a smaller amount.`,
  insufficient_funds:
    'There is not enough money on the card. Take a smaller amount, or let the customer add money.',
}

function refused(
  status: Exclude<BlockStatus, 'done'>,
  explanation: string = EXPLANATIONS[status],
): Refusal {
  return { result: 'refused', status, explanation }
}

/** More units than that make evidence too long for a batch. */
const UNITS_MAX = 100

/**
 * The till's side of the scheme `block`, for one kind of reader: docs/protocol/block.md.
 *
 * @throws {FormatError} if the reader cannot decrement: then it can commit nothing.
 */
export function blockTillFor(profile: ReaderProfile): TillScheme {
  if (profile.valueOperations === 'none') {
    throw new FormatError(
      'reader',
      `${profile.name} has no value operations, which block cards need`,
    )
  }
  return {
    name: SCHEME,
    recognises: (atr) => bytesEqual(atr, CLASSIC_1K_ATR),
    show: (channel, desk) => show(channel, desk, profile),
    perform: (channel, order, desk) => perform(channel, order, desk, profile),
    cost: () => tapCost(profile),
  }
}

/** For the most widespread reader; what it does, the others do too. */
export const blockTill: TillScheme = blockTillFor(READER_PROFILES.ACR122U)

/** Where a card stands: its committed block, which has been checked, and the slot that holds it. */
interface Position {
  readonly slot: SlotName
  readonly bytes: Bytes
  readonly block: Block
  readonly digest: Digest
}

interface Tapped {
  readonly card: BlockCard
  readonly keys: ChipKeys
  readonly at: Position
}

async function show(channel: Channel, desk: Desk, profile: ReaderProfile): Promise<ShowResult> {
  try {
    const tapped = await readCard(channel, desk, profile)
    if ('result' in tapped) return tapped
    const { at } = tapped
    const next = await readPosition(tapped, otherSlot(at.slot))
    const unfinished =
      next !== undefined && next.block.sequence === at.block.sequence + 1 && isTrusted(next, desk)
    return { result: 'shown', view: viewOf(at, unfinished) }
  } catch (error) {
    if (error instanceof CardTorn) return { result: 'torn' }
    if (error instanceof CardRefused) return refused('damaged_card')
    throw error
  }
}

function viewOf({ block }: Position, unfinished: boolean): CardView {
  return {
    card: block.card,
    currency: currencyByNumber(block.currency),
    balance: block.balance,
    sequence: block.sequence,
    lastMaker: block.vendor,
    lastAt: block.timestamp,
    unfinished,
  }
}

/** The statuses up to `rolled_back`. */
async function readCard(
  channel: Channel,
  desk: Desk,
  profile: ReaderProfile,
): Promise<Tapped | Refusal> {
  const { master } = tillSecrets.decode(desk.secrets)
  const card = await BlockCard.connect(channel, master, profile)
  if (!card) return refused('unknown_card')
  const committed = committedSequence(card.counters)
  if (committed === undefined) return refused('damaged_card')
  const source = { card, keys: chipKeys(master, card.uid) }

  const at = await findPosition(source, committed)
  if (!at) return refused('damaged_card')
  if (!isTrusted(at, desk)) return refused('bad_signature')
  if (at.block.sequence < committed) return refused('rolled_back')
  return { ...source, at }
}

/** The block of the committed sequence or, where there is none, one before it. */
async function findPosition(
  source: Pick<Tapped, 'card' | 'keys'>,
  committed: number,
): Promise<Position | undefined> {
  // Records alternate, so that the slot is known beforehand and the other one mostly stays unread.
  const likely: SlotName = committed % 2 === 0 ? 'A' : 'B'
  let older: Position | undefined
  for (const slot of [likely, otherSlot(likely)]) {
    const at = await readPosition(source, slot)
    if (!at || at.block.sequence > committed) continue
    if (at.block.sequence === committed) return at
    older ??= at
  }
  return older
}

/** Undefined if the slot does not hold a block of this card: it is torn, or was never written. */
async function readPosition(
  { card, keys }: Pick<Tapped, 'card' | 'keys'>,
  slot: SlotName,
): Promise<Position | undefined> {
  try {
    const bytes = await card.readSlot(slot)
    if (!bytes) return undefined
    const block = openBlock(bytes, keys)
    currencyByNumber(block.currency)
    if (block.card !== card.card) return undefined
    return { slot, bytes, block, digest: digestOf(blockDigest(bytes)) }
  } catch (error) {
    if (error instanceof FormatError || error instanceof CardRefused) return undefined
    throw error
  }
}

function isTrusted({ block, bytes }: Position, desk: Desk): boolean {
  // Only the office issues, and it does nothing else.
  const isFirst = block.kind === 'issue' && block.sequence === 0
  if (isFirst !== (block.vendor === OFFICE)) return false
  const key = desk.keyOf(block.vendor, block.generation, block.timestamp)
  return key !== undefined && blockSignedBy(bytes, key)
}

function otherSlot(slot: SlotName): SlotName {
  return slot === 'A' ? 'B' : 'A'
}

/** @throws {CardTorn} if the card goes before anything was written on it or in the journal. */
async function perform(
  channel: Channel,
  order: Order,
  desk: Desk,
  profile: ReaderProfile,
): Promise<TapResult> {
  checkOrder(order)
  const tapped = await readCard(channel, desk, profile)
  if ('result' in tapped) return tapped
  const standing = await findStanding(tapped, order, desk)
  if (standing.kind === 'done') {
    await tidy(tapped)
    return { result: 'done', record: standing.record, view: viewOf(tapped.at, false) }
  }
  if (standing.kind === 'lost') return { result: 'unfinished', record: standing.record }
  const plan = checkTap({ tapped, standing, order, desk })
  if ('result' in plan) return plan

  // From here on every step succeeds, or stays unfinished until the next tap.
  const session: Session = { ...tapped, desk, record: undefined }
  try {
    return await carryOut(session, plan, order)
  } catch (error) {
    if (error instanceof CardTorn || error instanceof CardRefused) {
      return { result: 'unfinished', record: session.record }
    }
    throw error
  }
}

/** The record counts whatever comes of this: the next one heals the counters if this does not. */
async function tidy({ card }: Tapped): Promise<void> {
  try {
    await card.healCounters()
  } catch (error) {
    if (!(error instanceof CardTorn || error instanceof CardRefused)) throw error
  }
}

/** @throws {FormatError} if no till could carry it out at any card. */
function checkOrder(order: Order): void {
  if (order.kind === 'passcode') {
    if (!PASSCODE_FORM.test(order.newPasscode)) {
      throw new FormatError('order.newPasscode', 'expected 4 to 8 digits')
    }
  } else if (order.amount <= 0n) {
    throw new FormatError('order.amount', `expected more than 0, got ${order.amount}`)
  }
}

/**
 * What this till's own journal says of the card's position. It signs one record for a card and
 * sequence and never another, so what it signed last decides what it may do next.
 */
type Standing =
  /** Nothing of ours is open. */
  | { readonly kind: 'clear' }
  /** The card took this order's record. */
  | { readonly kind: 'done'; readonly record: JournalRecord }
  /** The card has gone on too far to show whether it took this order's record. */
  | { readonly kind: 'lost'; readonly record: JournalRecord }
  /** It has shown us a later state. */
  | { readonly kind: 'copied' }
  /** We signed the next record, and the card has not taken it. */
  | { readonly kind: 'begun'; readonly record: JournalRecord; readonly next: Signed }
  /** The card took a record of ours that nobody wants any more. */
  | { readonly kind: 'unwanted'; readonly record: JournalRecord; readonly before: Signed }

interface Signed {
  readonly bytes: Bytes
  readonly block: Block
}

const CLEAR: Standing = { kind: 'clear' }
const COPIED: Standing = { kind: 'copied' }

/** Notes in the journal what the card shows of the latest record; changes nothing on the card. */
async function findStanding(tapped: Tapped, order: Order, desk: Desk): Promise<Standing> {
  const { journal } = desk
  const latest = journal.latest(tapped.at.block.card)
  if (!latest) return CLEAR
  const ahead = latest.sequence - tapped.at.block.sequence
  if (ahead > 1) return COPIED
  if (ahead === 1) return standingAhead(latest, tapped)
  if (ahead === 0) return standingAt(latest, tapped, order, desk)

  const record = await settlePassed(latest, tapped, desk)
  if (!isOwn(record, order) || record.state === 'void') return CLEAR
  return { kind: record.state === 'confirmed' ? 'done' : 'lost', record }
}

/** Our latest record is the card's next. */
function standingAhead(latest: JournalRecord, { at, keys }: Tapped): Standing {
  const shown = evidence.decode(latest.evidence)
  const [previous] = shown.previous
  invariant(previous, 'a till signs nothing without a predecessor')
  if (latest.state !== 'intended' || !bytesEqual(blockDigest(previous), blockDigest(at.bytes))) {
    return COPIED
  }
  const next = { bytes: shown.block, block: openBlock(shown.block, keys) }
  return { kind: 'begun', record: latest, next }
}

/** Our latest record stands where the card does. */
function standingAt(
  latest: JournalRecord,
  { at, keys }: Tapped,
  order: Order,
  { journal }: Desk,
): Standing {
  if (latest.digest !== at.digest) {
    if (latest.state === 'confirmed') return COPIED
    journal.void(latest.id)
    return CLEAR
  }
  if (latest.state === 'void') return COPIED
  if (latest.kind === 'reversal') {
    journal.confirm(latest.id)
    return CLEAR
  }
  if (isOwn(latest, order)) {
    return { kind: 'done', record: journal.confirm(latest.id) }
  }
  // A confirmed one was carried out, and everybody knew: unless the cashier had given it up before.
  if (latest.state === 'confirmed' && !journal.isGivenUp(latest.orderId)) return CLEAR
  const [previous] = evidence.decode(latest.evidence).previous
  invariant(previous, 'a till signs nothing without a predecessor')
  const before = { bytes: previous, block: openBlock(previous, keys) }
  return { kind: 'unwanted', record: latest, before }
}

/** The card has gone on. The other slot still holds the record before, unless another was begun there. */
async function settlePassed(
  latest: JournalRecord,
  tapped: Tapped,
  desk: Desk,
): Promise<JournalRecord> {
  const { at } = tapped
  if (latest.state !== 'intended' || latest.sequence !== at.block.sequence - 1) return latest
  const before = await readPosition(tapped, otherSlot(at.slot))
  if (before?.block.sequence !== latest.sequence || !isTrusted(before, desk)) return latest
  return before.digest === latest.digest
    ? desk.journal.confirm(latest.id)
    : desk.journal.void(latest.id)
}

interface Question {
  readonly tapped: Tapped
  readonly standing: Standing
  readonly order: Order
  readonly desk: Desk
}

/** What to do, once every check has passed. */
interface Plan {
  /** To be committed first. */
  readonly begun: { readonly record: JournalRecord; readonly next: Signed } | undefined
  /** Our record that is undone after that. */
  readonly undo: JournalRecord | undefined
  /** The card took it, and it stays; the journal does not say so yet. */
  readonly keep: JournalRecord | undefined
  /** The order's own record, unless it is `begun`; or why there is none. */
  readonly fresh: Draft | Refusal | undefined
}

/** What a record says beyond its position. */
interface Draft {
  readonly kind: RecordKind
  readonly orderId: string
  readonly amount: Amount
  readonly balanceAfter: Amount
  readonly passcode: string
  readonly tokens: readonly SpendableToken[]
}

/** The statuses from `foreign_currency` on. */
function checkTap(question: Question): Plan | Refusal {
  const { tapped, standing, order, desk } = question
  const { card, currency } = tapped.at.block
  if (currency !== desk.currency.numeric) return refused('foreign_currency')
  if (desk.isHot(card)) return refused('hot_card')
  if (standing.kind === 'copied') return refused('copied_card')
  if (desk.passcodes.isPaused(card)) return refused('passcode_paused')
  const repair = planRepair(question)
  if (!repair) {
    desk.passcodes.wrong(card)
    return refused('wrong_passcode')
  }
  desk.passcodes.right(card)
  if (standing.kind === 'begun' && isOwn(standing.record, order)) {
    return { ...repair, fresh: undefined }
  }
  const fresh = draftOrder(order, desk, repair)
  return 'result' in fresh && !owesMoney(standing, repair) ? fresh : { ...repair, fresh }
}

function isOwn({ orderId, kind }: JournalRecord, order: Order): boolean {
  return orderId === order.id && kind !== 'reversal'
}

/** The card took what must be undone. That is done even if the order is refused then. */
function owesMoney(standing: Standing, { undo }: Repair): boolean {
  return standing.kind === 'begun'
    ? standing.record.kind === 'reversal'
    : standing.kind === 'unwanted' && undo !== undefined
}

interface Repair extends Omit<Plan, 'fresh'> {
  /** Where the card stands when all that is done. */
  readonly balance: Amount
  readonly sequence: number
}

/**
 * How the card comes to where the order can go on top; undefined if the passcode is wrong. It must be
 * the passcode that the card has then: a record that brings another one in is a change of passcode.
 */
function planRepair({ tapped: { at }, standing, order }: Question): Repair | undefined {
  if (standing.kind === 'begun') return planBegun(standing, at, order)
  if (standing.kind === 'unwanted') return planUnwanted(standing, at, order)
  return passcodeFits(order.passcode, at.block) ? { ...NO_REPAIR, ...holding(at) } : undefined
}

const NO_REPAIR = { begun: undefined, undo: undefined, keep: undefined }

function holding({ block }: Signed): Pick<Repair, 'balance' | 'sequence'> {
  return { balance: block.balance, sequence: block.sequence }
}

function planBegun(
  begun: Standing & { readonly kind: 'begun' },
  at: Position,
  order: Order,
): Repair | undefined {
  const { record, next } = begun
  const fits = ({ block }: Signed) => passcodeFits(order.passcode, block)
  const forward = { ...NO_REPAIR, begun, ...holding(next) }
  if (isOwn(record, order)) return fits(at) ? forward : undefined
  // Undoing a change of passcode brings the old one back; who knows the new one takes it as done.
  if (record.kind === 'reversal') return fits(next) ? forward : undefined
  if (fits(at)) {
    const { balance, sequence } = at.block
    return { ...forward, undo: record, balance, sequence: sequence + 2 }
  }
  return fits(next) ? forward : undefined
}

function planUnwanted(
  { record, before }: Standing & { readonly kind: 'unwanted' },
  at: Position,
  order: Order,
): Repair | undefined {
  const fits = ({ block }: Signed) => passcodeFits(order.passcode, block)
  const changed = record.kind === 'passcode'
  if (changed && fits(at)) return { ...NO_REPAIR, keep: record, ...holding(at) }
  if (!fits(changed ? before : at)) return undefined
  const { balance } = before.block
  return { ...NO_REPAIR, undo: record, balance, sequence: at.block.sequence + 1 }
}

/** The statuses from `not_allowed` on. */
function draftOrder(
  order: Order,
  desk: Desk,
  { balance, sequence }: Pick<Repair, 'balance' | 'sequence'>,
): Draft | Refusal {
  const { policy } = desk
  const freePay = order.kind === 'pay' && order.products.length === 0
  if ((order.kind === 'load' && !policy.mayLoad) || (freePay && !policy.freeAmounts)) {
    return refused('not_allowed')
  }
  const tokens = tokensFor(order, desk)
  if (!tokens) return refused('no_token')
  const amount = order.kind === 'passcode' ? 0n : order.amount
  const balanceAfter = balance + (order.kind === 'pay' ? -amount : amount)
  const limit = desk.stoppedBy(order, balanceAfter)
  if (limit !== undefined) return refused('over_limit', limit)
  // One is kept free, to undo with.
  if (sequence + 2 > SEQUENCE_MAX) return refused('sequence_exhausted')
  if (balanceAfter > BALANCE_MAX) return refused('balance_too_high')
  if (balanceAfter < 0n) return refused('insufficient_funds')
  const passcode = order.kind === 'passcode' ? order.newPasscode : order.passcode
  return { kind: order.kind, orderId: order.id, amount, balanceAfter, passcode, tokens }
}

/** Undefined if some are missing, or they add up to another amount or currency. */
function tokensFor(order: Order, desk: Desk): readonly SpendableToken[] | undefined {
  if (order.kind !== 'pay' || order.products.length === 0) return []
  const units = order.products.reduce((sum, { quantity }) => sum + quantity, 0)
  if (units > UNITS_MAX) return undefined
  const tokens = desk.journal.tokensFor(order.products)
  const price = tokens?.reduce((sum, { token }) => sum + token.price, 0n)
  const ours = tokens?.every(({ token }) => token.currency === desk.currency.numeric)
  return ours && price === order.amount ? tokens : undefined
}

/** A tap from the point on where something changes. */
interface Session {
  readonly card: BlockCard
  readonly keys: ChipKeys
  readonly desk: Desk
  at: Position
  /** The order's own, from its intent on. */
  record: JournalRecord | undefined
}

async function carryOut(session: Session, plan: Plan, order: Order): Promise<TapResult> {
  const { journal } = session.desk
  const { begun, undo, keep, fresh } = plan
  if (begun && !fresh) session.record = begun.record
  if (keep) journal.confirm(keep.id)
  if (begun) {
    await commit(session, begun.next)
    // One that is to be undone is confirmed when its undoing is intended: a crash loses neither.
    if (!undo) {
      const record = journal.confirm(begun.record.id)
      if (!fresh) return done(session, record)
    }
  }
  if (undo) await writeRecord(session, draftReversal(session, undo, order.passcode), undo)
  invariant(fresh, 'what was begun for this order has been finished')
  return 'result' in fresh ? fresh : done(session, await writeRecord(session, fresh))
}

function done(session: Session, record: JournalRecord): TapResult {
  return { result: 'done', record, view: viewOf(session.at, false) }
}

function draftReversal({ at }: Session, undone: JournalRecord, passcode: string): Draft {
  const { kind, amount, orderId } = undone
  const change = kind === 'pay' ? amount : -amount
  const balanceAfter = at.block.balance + change
  return { kind: 'reversal', orderId, amount, balanceAfter, passcode, tokens: [] }
}

/** Intent, card, confirmation. `standing`: the record that the card stands on, confirmed on the way. */
async function writeRecord(
  session: Session,
  draft: Draft,
  standing?: JournalRecord,
): Promise<JournalRecord> {
  const { journal } = session.desk
  const signed = signRecord(session, draft)
  const record = journal.intend(newRecord(session, draft, signed))
  if (standing) journal.confirm(standing.id)
  if (draft.kind !== 'reversal') session.record = record
  await commit(session, signed)
  return journal.confirm(record.id)
}

function signRecord({ at, desk, keys }: Session, draft: Draft): Signed {
  const hmacKey = desk.random.bytes(HMAC_KEY_SIZE)
  const block: Block = {
    kind: draft.kind,
    currency: at.block.currency,
    generation: desk.generation,
    card: at.block.card,
    vendor: desk.till,
    timestamp: desk.journal.stamp(),
    balance: draft.balanceAfter,
    sequence: at.block.sequence + 1,
    hmacKey,
    passcodeHmac: passcodeHmac(draft.passcode, hmacKey),
  }
  return { bytes: sealBlock(block, keys, desk.key), block }
}

function newRecord(
  { card, at, desk }: Session,
  { kind, orderId, amount, balanceAfter, passcode, tokens }: Draft,
  { bytes, block }: Signed,
): NewRecord {
  const changesPasscode = kind === 'passcode' || !passcodeFits(passcode, at.block)
  return {
    orderId,
    scheme: SCHEME,
    card: block.card,
    sequence: block.sequence,
    kind,
    amount,
    balanceAfter,
    madeAt: block.timestamp,
    digest: digestOf(blockDigest(bytes)),
    evidence: evidence.encode({
      uid: card.uid,
      block: bytes,
      previous: [at.bytes],
      amount: Number(amount),
      policyVersion: desk.policyVersion,
      tokens: tokens.map((token) => token.bytes),
      newPasscode: changesPasscode
        ? sealDisclosure(desk.officeKey, block.card, utf8(passcode), desk.random)
        : new Uint8Array(),
    }),
    tokens,
  }
}

/** Writes a signed record to the slot that is free and commits it: the session then stands on it. */
async function commit(session: Session, { bytes, block }: Signed): Promise<void> {
  const { card, at } = session
  await card.healCounters()
  const slot = otherSlot(at.slot)
  await card.writeSlot(slot, bytes)
  await card.commit()
  session.at = { slot, bytes, block, digest: digestOf(blockDigest(bytes)) }
}

/** Command and answer sizes of the pseudo-APDUs, bytes, without the data of read and write. */
const APDU_COST = {
  uid: { out: 5, in: 6 },
  loadKey: { out: 11, in: 2 },
  authenticate: { out: 10, in: 2 },
  read: { out: 5, in: 2 },
  write: { out: 5, in: 2 },
  decrement: { out: 10, in: 2 },
} as const

/** UID, control sector, one slot read, the other written, two decrements. An order's size is the card's. */
function tapCost({ blocksPerCommand }: ReaderProfile): TapCost {
  const sectors = 3
  const transfers = sectors / blocksPerCommand
  const sectorData = sectors * 16
  const opened = 1 + sectors + sectors + 1
  const reads = (1 + sectors) * transfers
  const writes = sectors * transfers
  const cost = (direction: 'out' | 'in') =>
    APDU_COST.uid[direction] +
    opened * (APDU_COST.loadKey[direction] + APDU_COST.authenticate[direction]) +
    reads * APDU_COST.read[direction] +
    writes * APDU_COST.write[direction] +
    2 * APDU_COST.decrement[direction]
  return {
    apdus: 1 + 2 * opened + reads + writes + 2,
    bytesOut: cost('out') + sectors * sectorData,
    bytesIn: cost('in') + (1 + sectors) * sectorData,
  }
}
