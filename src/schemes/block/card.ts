import { diversify } from '../../kernel/aes.ts'
import { bytesEqual, concat, type Bytes } from '../../kernel/bytes.ts'
import { FormatError, invariant } from '../../kernel/errors.ts'
import { CARD_ID_SIZE, cardIdBytes, cardIdOf, type CardId } from '../../kernel/ids.ts'
import { constant, message, octets, uint16, type ValueOf } from '../../kernel/message.ts'
import {
  BLOCK_SIZE as PAGE_SIZE,
  BLOCKS_PER_SECTOR,
  encodeTrailer,
  KEY_SIZE,
  trailerOf,
  type KeyType,
  type SectorAccess,
} from '../../kernel/mifare-classic.ts'
import { READER_PROFILES, type ReaderProfile } from '../../kernel/storage-apdu.ts'
import { decodeValueBlock, encodeValueBlock } from '../../kernel/value-block.ts'
import { CardRefused, CardTorn, type Channel } from '../../reader/channel.ts'
import type { WriteStatus } from '../../reader/writing.ts'
import { StorageCard } from '../../reader/storage-card.ts'
import { BLOCK_SIZE, SEQUENCE_MAX, UID_SIZE } from './message.ts'

/**
 * Where a block card has what: one sector of control, two slots of three sectors, written in turn.
 * What the chip's maker calls a block is a page here. docs/protocol/block.md, "The card".
 */
export const CONTROL_SECTOR = 1
export const SLOT_NAMES = ['A', 'B'] as const
export type SlotName = (typeof SLOT_NAMES)[number]
export const SLOT_SECTORS = { A: [2, 3, 4], B: [5, 6, 7] } as const
/** In the order in which they are personalised: control last, because it is what makes a card ours. */
const SECTORS = [...SLOT_SECTORS.A, ...SLOT_SECTORS.B, CONTROL_SECTOR] as const

const DATA_PAGES = BLOCKS_PER_SECTOR - 1
const SECTOR_DATA_SIZE = DATA_PAGES * PAGE_SIZE
const SLOT_SIZE = SLOT_SECTORS.A.length * SECTOR_DATA_SIZE
const SPARE: Bytes = new Uint8Array(SLOT_SIZE - BLOCK_SIZE)

const CONTROL_PAGE = firstPageOf(CONTROL_SECTOR)
export const COUNTER_PAGES = [CONTROL_PAGE + 1, CONTROL_PAGE + 2] as const
/** A restored value keeps the address byte of where it came from, so both counters have the same. */
const COUNTER_ADDRESS = COUNTER_PAGES[0]

/** Read with either key, written with B; the trailer stays for ever. */
const SLOT_ACCESS: SectorAccess = { blocks: ['100', '100', '100'], trailer: '111' }
/** A header that nobody writes again and two values that can only fall; the trailer stays as well. */
const CONTROL_ACCESS: SectorAccess = { blocks: ['010', '001', '001'], trailer: '111' }
const DELIVERY_KEY: Bytes = new Uint8Array(KEY_SIZE).fill(0xff)

function firstPageOf(sector: number): number {
  return sector * BLOCKS_PER_SECTOR
}

/** Says cheaply that a card is one of ours. Nothing here is trusted: the signed block decides. */
export const cardHeader = message('cardHeader', {
  magic: constant('KB'),
  format: constant(1),
  reserved: constant(0),
  currency: uint16({}, 'ISO 4217 number'),
  card: octets(CARD_ID_SIZE, 'card id'),
  spare: constant('\0\0'),
})

/** The keys of one sector of one chip. */
export interface SectorKeys {
  readonly A: Bytes
  readonly B: Bytes
}

/** Keys read out of one sector of one card open no other sector and no other card. */
export function sectorKeys(master: Uint8Array, uid: Uint8Array, sector: number): SectorKeys {
  const key = (type: KeyType) =>
    diversify(master, uid, `block sector ${sector} key ${type}`).slice(0, KEY_SIZE)
  return { A: key('A'), B: key('B') }
}

/** A counter's page. The value is {@link SEQUENCE_MAX} minus the sequence, so that it only falls. */
export function counterPage(sequence: number): Bytes {
  return encodeValueBlock({ value: SEQUENCE_MAX - sequence, address: COUNTER_ADDRESS })
}

/** Undefined if the page is torn, or no counter. */
function sequenceOf(page: Uint8Array): number | undefined {
  const content = decodeValueBlock(page)
  if (!content || content.address !== COUNTER_ADDRESS) return undefined
  const sequence = SEQUENCE_MAX - content.value
  return sequence >= 0 && sequence <= SEQUENCE_MAX ? sequence : undefined
}

/** What the two counters say, each undefined if it is torn. */
export type Counters = readonly [number | undefined, number | undefined]

/**
 * The sequence that the card is committed to: the greatest that any whole counter shows.
 * Undefined if both are torn or they are more than one apart, which no tear leaves.
 */
export function committedSequence([first, second]: Counters): number | undefined {
  if (first === undefined || second === undefined) return first ?? second
  return Math.abs(first - second) > 1 ? undefined : Math.max(first, second)
}

const KEY_PAIR_SIZE = 2 * KEY_SIZE

/** Everything that an issuing desk writes on one chip. Secret, of use for that chip only. */
export const cardPlan = message('cardPlan', {
  version: constant(1),
  uid: octets(UID_SIZE, 'of the chip'),
  header: octets(PAGE_SIZE, 'cardHeader'),
  block: octets(BLOCK_SIZE, 'the first block, signed by the office'),
  keys: octets(
    SECTORS.length * KEY_PAIR_SIZE,
    `key A ‖ key B of the sectors ${SECTORS.join(', ')}, in this order`,
  ),
})
type CardPlan = ValueOf<typeof cardPlan>

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
    keys: concat(...keys.flatMap(({ A, B }) => [A, B])),
  })
}

/**
 * Makes a blank chip a card. May be repeated, with the same plan or another of the same chip, until it
 * says `written`; a card that is written already, and was not used, is `written` again.
 *
 * @throws {FormatError} if `plan` is not a plan.
 */
export async function writePlan(
  channel: Channel,
  plan: Uint8Array,
  profile: ReaderProfile = READER_PROFILES.ACR122U,
): Promise<WriteStatus> {
  const decoded = cardPlan.decode(plan)
  try {
    return await writeCard(new StorageCard(channel, profile), decoded)
  } catch (error) {
    if (error instanceof CardTorn) return 'torn'
    if (error instanceof CardRefused) return 'spoilt_chip'
    throw error
  }
}

async function writeCard(chip: StorageCard, plan: CardPlan): Promise<WriteStatus> {
  if (!bytesEqual(await chip.readUid(), plan.uid)) return 'wrong_chip'
  const control = planKeys(plan, CONTROL_SECTOR)
  if (await opens(chip, CONTROL_PAGE, control.A, 'A')) return checkWritten(chip, plan)
  for (const slot of SLOT_NAMES) {
    const content = slot === 'A' ? slotContent(plan.block) : new Uint8Array(SLOT_SIZE)
    for (const [index, sector] of SLOT_SECTORS[slot].entries()) {
      const pages = content.slice(index * SECTOR_DATA_SIZE, (index + 1) * SECTOR_DATA_SIZE)
      await writeSector(chip, sector, pages, planKeys(plan, sector))
    }
  }
  await chip.authenticate(CONTROL_PAGE, DELIVERY_KEY, 'A')
  await chip.writeBlocks(CONTROL_PAGE, concat(plan.header, counterPage(0), counterPage(0)))
  // Last of all: from here on it is a card, and nobody can make it a chip again.
  await chip.writeBlock(
    trailerOf(CONTROL_PAGE),
    encodeTrailer(control.A, CONTROL_ACCESS, control.B),
  )
  return 'written'
}

/** The control sector has its key, so everything was written once: nothing may be written again. */
async function checkWritten(chip: StorageCard, plan: CardPlan): Promise<WriteStatus> {
  const control = await chip.readBlocks(CONTROL_PAGE, DATA_PAGES)
  const fresh = concat(plan.header, counterPage(0), counterPage(0))
  return bytesEqual(control, fresh) ? 'written' : 'already_issued'
}

/** Data first, then the trailer, which closes the sector. Of one that is closed only the data is written. */
async function writeSector(
  chip: StorageCard,
  sector: number,
  pages: Bytes,
  { A, B }: SectorKeys,
): Promise<void> {
  const first = firstPageOf(sector)
  if (await opens(chip, first, B, 'B')) return chip.writeBlocks(first, pages)
  await chip.authenticate(first, DELIVERY_KEY, 'A')
  await chip.writeBlocks(first, pages)
  return chip.writeBlock(trailerOf(first), encodeTrailer(A, SLOT_ACCESS, B))
}

async function opens(chip: StorageCard, page: number, key: Bytes, type: KeyType): Promise<boolean> {
  try {
    await chip.authenticate(page, key, type)
    return true
  } catch (error) {
    if (error instanceof CardRefused) return false
    throw error
  }
}

function planKeys(plan: CardPlan, sector: number): SectorKeys {
  const start = SECTORS.findIndex((candidate) => candidate === sector) * KEY_PAIR_SIZE
  return {
    A: plan.keys.slice(start, start + KEY_SIZE),
    B: plan.keys.slice(start + KEY_SIZE, start + KEY_PAIR_SIZE),
  }
}

function slotContent(block: Bytes): Bytes {
  return concat(block, SPARE)
}

/**
 * A block card before a reader. Every method rejects with `CardTorn` when the card goes away, and with
 * `CardRefused` if it does not do what a card of ours does.
 */
export class BlockCard {
  readonly uid: Bytes
  /** As the header says; only the signed block is to be believed. */
  readonly card: CardId
  readonly #chip: StorageCard
  readonly #master: Bytes
  #counters: Counters

  private constructor(
    chip: StorageCard,
    master: Bytes,
    content: Pick<BlockCard, 'uid' | 'card' | 'counters'>,
  ) {
    this.#chip = chip
    this.#master = master
    this.#counters = content.counters
    this.uid = content.uid
    this.card = content.card
  }

  /** As they were read, or as they are after what was done to them here. */
  get counters(): Counters {
    return this.#counters
  }

  /** Undefined if it is no block card, or not one that this master key opens. */
  static async connect(
    channel: Channel,
    master: Bytes,
    profile: ReaderProfile,
  ): Promise<BlockCard | undefined> {
    const chip = new StorageCard(channel, profile)
    try {
      const uid = await chip.readUid()
      await chip.authenticate(CONTROL_PAGE, sectorKeys(master, uid, CONTROL_SECTOR).A, 'A')
      const control = await chip.readBlocks(CONTROL_PAGE, DATA_PAGES)
      const { card } = cardHeader.decode(control.subarray(0, PAGE_SIZE))
      const counters: Counters = [
        sequenceOf(control.subarray(PAGE_SIZE, 2 * PAGE_SIZE)),
        sequenceOf(control.subarray(2 * PAGE_SIZE)),
      ]
      return new BlockCard(chip, master, { uid, card: cardIdOf(card), counters })
    } catch (error) {
      if (error instanceof CardRefused || error instanceof FormatError) return undefined
      throw error
    }
  }

  /** The bytes of a block, or undefined if what is there cannot be one. */
  async readSlot(slot: SlotName): Promise<Bytes | undefined> {
    const parts: Bytes[] = []
    for (const sector of SLOT_SECTORS[slot]) {
      const first = firstPageOf(sector)
      await this.#chip.authenticate(first, this.#keys(sector).A, 'A')
      parts.push(await this.#chip.readBlocks(first, DATA_PAGES))
    }
    const content = concat(...parts)
    return bytesEqual(content.subarray(BLOCK_SIZE), SPARE)
      ? content.slice(0, BLOCK_SIZE)
      : undefined
  }

  /** Leaves the card where it was: what counts is what the counters say. */
  async writeSlot(slot: SlotName, block: Bytes): Promise<void> {
    const content = slotContent(block)
    for (const [index, sector] of SLOT_SECTORS[slot].entries()) {
      const first = firstPageOf(sector)
      const start = index * SECTOR_DATA_SIZE
      await this.#chip.authenticate(first, this.#keys(sector).B, 'B')
      await this.#chip.writeBlocks(first, content.slice(start, start + SECTOR_DATA_SIZE))
    }
  }

  /**
   * Brings both counters to the {@link committedSequence} that they show: one at most is torn or behind.
   * To be done before the next record, so that two tears in a row never hit two counters.
   */
  async healCounters(): Promise<void> {
    const [first, second] = this.#counters
    if (first === second) return
    const committed = committedSequence(this.#counters)
    await this.#openControl()
    const [from, to] =
      first === committed ? COUNTER_PAGES : ([COUNTER_PAGES[1], COUNTER_PAGES[0]] as const)
    await this.#chip.restoreTransfer(from, to)
    this.#counters = [committed, committed]
  }

  /** The first decrement commits the record that was written; the second one makes it safe. */
  async commit(): Promise<void> {
    await this.#openControl()
    for (const page of COUNTER_PAGES) await this.#chip.decrement(page, 1)
    const [first] = this.#counters
    invariant(first !== undefined, 'the counters were whole before')
    this.#counters = [first + 1, first + 1]
  }

  async #openControl(): Promise<void> {
    await this.#chip.authenticate(CONTROL_PAGE, this.#keys(CONTROL_SECTOR).A, 'A')
  }

  #keys(sector: number): SectorKeys {
    return sectorKeys(this.#master, this.uid, sector)
  }
}

/** The layouts, for docs/protocol/block.md and the test that holds it against them. */
export const CARD_LAYOUTS = { cardHeader, cardPlan } as const
