import { bytesEqual, toHex } from '../../kernel/bytes.ts'
import { isOwn } from '../../till/order-rules.ts'
import type { Desk, JournalRecord, Order } from '../../till/scheme.ts'
import { evidence, RECORD_SIZE, type Evidence } from './message.ts'
import { held, type Held, type Introduction, type Module, type PurseCard } from './terminal.ts'

/** A genuine card and the till’s module, before anything is done with them. */
export interface Tapped {
  readonly card: PurseCard
  readonly module: Module
  readonly introduction: Introduction
}

/**
 * What this till’s own journal says of the card’s position. It signs one record for a card and sequence
 * and never another, so what it signed last decides what it may do next.
 */
export type Standing =
  /** Nothing of ours is open. */
  | { readonly kind: 'clear' }
  /** The card took this order’s record. */
  | { readonly kind: 'done'; readonly record: JournalRecord }
  /** The card no longer shows whether it took this order’s record. */
  | { readonly kind: 'lost'; readonly record: JournalRecord }
  /** It has shown us a later state. */
  | { readonly kind: 'copied' }
  /** We signed the next record, and the card has not taken it. */
  | { readonly kind: 'begun'; readonly record: JournalRecord; readonly next: Held }
  /** The card took a record of ours that nobody wants any more. */
  | { readonly kind: 'unwanted'; readonly record: JournalRecord }

const CLEAR: Standing = { kind: 'clear' }
const COPIED: Standing = { kind: 'copied' }

/** Notes in the journal what the card shows of the latest record; changes nothing on the card. */
export async function findStanding(tapped: Tapped, order: Order, desk: Desk): Promise<Standing> {
  const latest = desk.journal.latest(tapped.card.card)
  if (!latest) return CLEAR
  const { last } = tapped.introduction
  const ahead = latest.sequence - last.content.sequence
  if (ahead > 1) return COPIED
  if (ahead === 1) return standingAhead(latest, last)
  if (ahead === 0) return standingAt(latest, tapped, order, desk)

  const record = await settle(latest, tapped, desk)
  if (!isOwn(record, order) || record.state === 'void') return CLEAR
  return { kind: record.state === 'confirmed' ? 'done' : 'lost', record }
}

/** Our latest record is the card’s next. */
function standingAhead(latest: JournalRecord, last: Held): Standing {
  const next = held(intentOf(latest).signed)
  return latest.state === 'intended' && bytesEqual(next.content.previous, last.digest)
    ? { kind: 'begun', record: latest, next }
    : COPIED
}

/** Our latest record stands where the card does. */
async function standingAt(
  latest: JournalRecord,
  tapped: Tapped,
  order: Order,
  desk: Desk,
): Promise<Standing> {
  if (latest.digest !== toHex(tapped.introduction.last.digest)) {
    if (latest.state === 'confirmed') return COPIED
    desk.journal.void(latest.id)
    return CLEAR
  }
  const record = await settle(latest, tapped, desk)
  if (record.state !== 'confirmed') return COPIED
  if (record.kind === 'reversal') return CLEAR
  if (isOwn(record, order)) return { kind: 'done', record }
  // One that was carried out, and everybody knew: unless the cashier had given it up before.
  if (latest.state === 'confirmed' && !desk.journal.isGivenUp(latest.orderId)) return CLEAR
  return { kind: 'unwanted', record }
}

/**
 * Fetches the stamps of an open record that the card may have taken, and has the module count it. As it
 * was, if the logs have it no more; void, if they have another in its place.
 */
async function settle(
  record: JournalRecord,
  { card, module }: Tapped,
  { journal }: Desk,
): Promise<JournalRecord> {
  if (record.state !== 'intended') return record
  const found = await card.previousSignature(record.sequence)
  if (!found) return record
  const { signed, stamp, issuerStamp, digest } = found
  // The logs are only to be believed with a stamp: the card’s introduction covers its newest record.
  if (!(await module.complete(signed.slice(0, RECORD_SIZE), stamp))) return record
  return toHex(digest) === record.digest
    ? journal.confirm(record.id, evidence.encode({ ...intentOf(record), stamp: [issuerStamp] }))
    : journal.void(record.id)
}

export function intentOf(record: JournalRecord): Evidence {
  return evidence.decode(record.evidence)
}
