import { diversify } from '../../kernel/aes.ts'
import { concat, type Bytes } from '../../kernel/bytes.ts'
import { CARD_ID_SIZE, cardIdBytes, type CardId } from '../../kernel/ids.ts'
import { constant, message, octets, uint16 } from '../../kernel/message.ts'
import { BLOCK_SIZE as PAGE_SIZE, KEY_SIZE } from '../../kernel/mifare-classic.ts'
import { BLOCK_SIZE, UID_SIZE } from './message.ts'

/**
 * Where a block card has what: one sector of control, two slots of three sectors, written in turn.
 * docs/protocol/block.md, section "The card".
 */
export const CONTROL_SECTOR = 1
export const SLOT_NAMES = ['A', 'B'] as const
export type SlotName = (typeof SLOT_NAMES)[number]
export const SLOT_SECTORS = { A: [2, 3, 4], B: [5, 6, 7] } as const
const SECTORS = [...SLOT_SECTORS.A, ...SLOT_SECTORS.B, CONTROL_SECTOR] as const
/** What says cheaply that a card is one of ours. Nothing here is trusted: the signed block decides. */
export const cardHeader = message('cardHeader', {
  magic: constant('KB'),
  format: constant(1),
  reserved: constant('\0'),
  currency: uint16({}, 'ISO 4217 number'),
  card: octets(CARD_ID_SIZE, 'card id'),
  spare: constant('\0\0'),
})

/** The keys of one sector of one chip. */
export interface SectorKeys {
  readonly a: Bytes
  readonly b: Bytes
}

/** A card whose keys somebody has read opens no other card, and no other sector. */
export function sectorKeys(master: Uint8Array, uid: Uint8Array, sector: number): SectorKeys {
  const key = (type: 'A' | 'B') =>
    diversify(master, uid, `block sector ${sector} key ${type}`).slice(0, KEY_SIZE)
  return { a: key('A'), b: key('B') }
}

const KEY_PAIR_SIZE = 2 * KEY_SIZE

/** Everything that an issuing desk writes on one chip. Secret, of use for that chip only. */
const cardPlan = message('cardPlan', {
  version: constant(1),
  uid: octets(UID_SIZE, 'of the chip'),
  header: octets(PAGE_SIZE, 'cardHeader'),
  block: octets(BLOCK_SIZE, 'the first block, signed by the office'),
  keys: octets(
    SECTORS.length * KEY_PAIR_SIZE,
    `key A ‖ key B of the sectors ${SECTORS.join(', ')}`,
  ),
})

/** The layouts, for docs/protocol/block.md. */
export const CARD_LAYOUTS = { cardHeader, cardPlan } as const

export interface NewCard {
  readonly uid: Bytes
  readonly card: CardId
  /** ISO 4217 number. */
  readonly currency: number
  /** The first block, {@link BLOCK_SIZE} bytes. */
  readonly block: Bytes
}

/** @throws {FormatError} if the UID or the block has another size. */
export function planCard(master: Uint8Array, { uid, card, currency, block }: NewCard): Bytes {
  const keys = SECTORS.map((sector) => sectorKeys(master, uid, sector))
  return cardPlan.encode({
    uid,
    header: cardHeader.encode({ currency, card: cardIdBytes(card) }),
    block,
    keys: concat(...keys.flatMap(({ a, b }) => [a, b])),
  })
}
