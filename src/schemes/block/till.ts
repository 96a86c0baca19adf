import { bytesEqual, utf8 } from '../../kernel/bytes.ts'
import { sealDisclosure } from '../../kernel/disclosure.ts'
import { FormatError, invariant } from '../../kernel/errors.ts'
import { PASSCODE_FORM } from '../../kernel/pin.ts'
import { READER_PROFILES, type ReaderProfile } from '../../kernel/storage-apdu.ts'
import { CLASSIC_1K_ATR } from '../../card/storage-reader.ts'
import { CardRefused, CardTorn, type Channel } from '../../reader/channel.ts'
import type {
  Desk,
  JournalRecord,
  NewRecord,
  Order,
  ShowResult,
  TapCost,
  TapResult,
  TillScheme,
} from '../../till/scheme.ts'
import type { BlockCard } from './card.ts'
import {
  evidence,
  HMAC_KEY_SIZE,
  passcodeFits,
  passcodeHmac,
  recordDigest,
  SCHEME,
  sealBlock,
  type Block,
  type ChipKeys,
} from './message.ts'
import { checkTap, type Draft, type Plan } from './plan.ts'
import {
  isTrusted,
  otherSlot,
  readCard,
  readPosition,
  viewOf,
  type Position,
  type Tapped,
} from './reading.ts'
import { findStanding, type Signed } from './standing.ts'

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
    throw error
  }
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
    digest: recordDigest(bytes),
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
  session.at = { slot, bytes, block, digest: recordDigest(bytes) }
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
