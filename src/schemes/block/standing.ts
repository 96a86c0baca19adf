import { bytesEqual, type Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import { isOwn } from '../../till/order-rules.ts'
import type { Desk, JournalRecord, Order } from '../../till/scheme.ts'
import { blockDigest, evidence, openBlock, type Block } from './message.ts'
import { isTrusted, otherSlot, readPosition, type Tapped } from './reading.ts'

/**
 * What this till's own journal says of the card's position. It signs one record for a card and
 * sequence and never another, so what it signed last decides what it may do next.
 */
export type Standing =
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

export interface Signed {
  readonly bytes: Bytes
  readonly block: Block
}

const CLEAR: Standing = { kind: 'clear' }
const COPIED: Standing = { kind: 'copied' }

/** Notes in the journal what the card shows of the latest record; changes nothing on the card. */
export async function findStanding(tapped: Tapped, order: Order, desk: Desk): Promise<Standing> {
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
