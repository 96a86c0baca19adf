import type { Bytes } from '../../kernel/bytes.ts'
import { FormatError } from '../../kernel/errors.ts'
import { OFFICE, type Digest } from '../../kernel/ids.ts'
import { currencyByNumber } from '../../kernel/money.ts'
import type { ReaderProfile } from '../../kernel/storage-apdu.ts'
import { CardRefused, type Channel } from '../../reader/channel.ts'
import type { CardView, Desk, Refusal } from '../../till/scheme.ts'
import { BlockCard, committedSequence, type SlotName } from './card.ts'
import {
  blockSignedBy,
  chipKeys,
  openBlock,
  recordDigest,
  tillSecrets,
  type Block,
  type ChipKeys,
} from './message.ts'
import { refused } from './statuses.ts'

/** Where a card stands: its committed block, which has been checked, and the slot that holds it. */
export interface Position {
  readonly slot: SlotName
  readonly bytes: Bytes
  readonly block: Block
  readonly digest: Digest
}

export interface Tapped {
  readonly card: BlockCard
  readonly keys: ChipKeys
  readonly at: Position
}

export function viewOf({ block }: Position, unfinished: boolean): CardView {
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
export async function readCard(
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
export async function readPosition(
  { card, keys }: Pick<Tapped, 'card' | 'keys'>,
  slot: SlotName,
): Promise<Position | undefined> {
  try {
    const bytes = await card.readSlot(slot)
    if (!bytes) return undefined
    const block = openBlock(bytes, keys)
    currencyByNumber(block.currency)
    if (block.card !== card.card) return undefined
    return { slot, bytes, block, digest: recordDigest(bytes) }
  } catch (error) {
    if (error instanceof FormatError || error instanceof CardRefused) return undefined
    throw error
  }
}

export function isTrusted({ block, bytes }: Position, desk: Desk): boolean {
  // Only the office issues, and it does nothing else.
  const isFirst = block.kind === 'issue' && block.sequence === 0
  if (isFirst !== (block.vendor === OFFICE)) return false
  const key = desk.keyOf(block.vendor, block.generation, block.timestamp)
  return key !== undefined && blockSignedBy(bytes, key)
}

export function otherSlot(slot: SlotName): SlotName {
  return slot === 'A' ? 'B' : 'A'
}
