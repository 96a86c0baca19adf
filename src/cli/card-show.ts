import { Field } from '../card/field.ts'
import type { StoredCard } from '../card/image-kinds.ts'
import { toHex, type Bytes } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'
import { BLOCK_SIZE, BLOCKS_PER_SECTOR, UID_SIZE } from '../kernel/mifare-classic.ts'
import { currencyByNumber, formatAmount } from '../kernel/money.ts'
import { decodeValueBlock } from '../kernel/value-block.ts'
import type { Channel } from '../reader/channel.ts'
import { inProcessChannel } from '../reader/in-process.ts'
import {
  cardHeader,
  committedSequence,
  CONTROL_SECTOR,
  COUNTER_PAGES,
} from '../schemes/block/card.ts'
import { SEQUENCE_MAX } from '../schemes/block/message.ts'
import { CARD_SCHEMES } from '../town/chips.ts'
import { readModule, readPurse } from '../town/purse-desk.ts'
import { countOf, holdingIn } from './coin-holding.ts'

/** What anybody can read from an image, who has no key. */
export interface ShownImage {
  readonly card: string
  readonly kind: string
  /** The chip's own number; null if it has none in its memory. */
  readonly chip: string | null
  /** Null: it is not a card of the scheme `block`. Its balance is encrypted and signed. */
  readonly block: {
    readonly id: string
    readonly currency: string
    /** Null: its counters are torn. */
    readonly sequence: number | null
  } | null
  /** Null: it is not a card of the scheme `purse`. */
  readonly purse: {
    readonly id: string
    readonly currency: string
    readonly sequence: number
    /** Decimal, as the card says: whether it is genuine, a till's module can tell. */
    readonly balance: string
  } | null
  /** Null: it is no security module. */
  readonly module: { readonly till: number } | null
  /** Null: it holds no coins. */
  readonly coins: ShownCoins | null
}

/** What a card for coins, or a till's vendor element, says of itself. */
interface ShownCoins {
  readonly id: string
  /** Null: it is a card. */
  readonly till: number | null
  readonly currency: string
  /** Decimal. */
  readonly total: string
  /** How many. */
  readonly count: number
}

type Contents = Omit<ShownImage, 'card' | 'kind'>

const NOTHING_OF_OURS: Contents = {
  chip: null,
  block: null,
  purse: null,
  module: null,
  coins: null,
}

type Reader = (stored: StoredCard) => Contents | Promise<Contents>

/** By the kind of chip. */
const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  [CARD_SCHEMES.block.card.kind.name, ({ nvm }) => showClassic(nvm.snapshot())],
  [CARD_SCHEMES.purse.card.kind.name, (stored) => inReader(stored, showPurse)],
  [CARD_SCHEMES.purse.module.kind.name, (stored) => inReader(stored, showModule)],
  [CARD_SCHEMES.coin.card.kind.name, (stored) => inReader(stored, showCoins)],
  [CARD_SCHEMES.coin.module.kind.name, (stored) => inReader(stored, showCoins)],
])

const WALLET = CARD_SCHEMES.wallet.card.kind.name

export async function showImage(card: string, stored: StoredCard): Promise<ShownImage> {
  const { name } = stored.kind
  const read = READERS.get(name)
  return { card, kind: name, ...(read ? await read(stored) : NOTHING_OF_OURS) }
}

async function inReader<T>(
  { card }: StoredCard,
  work: (channel: Channel) => Promise<T>,
): Promise<T> {
  const field = new Field(card)
  field.powerOn()
  return work(inProcessChannel(field))
}

function showClassic(image: Bytes): Contents {
  const chip = toHex(image.subarray(0, UID_SIZE))
  try {
    const header = cardHeader.decode(pageOf(image, CONTROL_SECTOR * BLOCKS_PER_SECTOR))
    const [first, second] = COUNTER_PAGES.map((page) => sequenceOf(pageOf(image, page)))
    const block = {
      id: toHex(header.card),
      currency: currencyByNumber(header.currency).code,
      sequence: committedSequence([first, second]) ?? null,
    }
    return { ...NOTHING_OF_OURS, chip, block }
  } catch (error) {
    if (error instanceof FormatError) return { ...NOTHING_OF_OURS, chip }
    throw error
  }
}

function pageOf(image: Bytes, page: number): Bytes {
  return image.slice(page * BLOCK_SIZE, (page + 1) * BLOCK_SIZE)
}

function sequenceOf(page: Bytes): number | undefined {
  const counter = decodeValueBlock(page)
  return counter && SEQUENCE_MAX - counter.value
}

async function showPurse(channel: Channel): Promise<Contents> {
  const view = await readPurse(channel)
  if (!view) return NOTHING_OF_OURS
  const { card: id, currency, sequence, balance } = view
  return {
    ...NOTHING_OF_OURS,
    purse: { id, currency: currency.code, sequence, balance: formatAmount(balance, currency) },
  }
}

async function showModule(channel: Channel): Promise<Contents> {
  const till = await readModule(channel)
  return till === undefined ? NOTHING_OF_OURS : { ...NOTHING_OF_OURS, module: { till } }
}

async function showCoins(channel: Channel): Promise<Contents> {
  const holding = await holdingIn(channel)
  if (!holding) return NOTHING_OF_OURS
  const { id, currency, total, coins: count } = holding
  const till = holding.kind === 'card' ? null : holding.till
  const coins = { id, till, currency: currency.code, total: formatAmount(total, currency), count }
  return { ...NOTHING_OF_OURS, coins }
}

/** For `card show`. */
export function imageLines({
  card,
  kind,
  chip,
  block,
  purse,
  module,
  coins,
}: ShownImage): readonly string[] {
  if (block) {
    const { id, currency: code, sequence } = block
    return [
      `${card}: card ${id}, chip ${chip}, in ${code}`,
      sequence === null ? 'Its counters are torn.' : `Transactions since its issue: ${sequence}`,
      'What it holds is encrypted and signed: a till shows it, and the office knows it.',
    ]
  }
  if (purse) {
    const { id, currency: code, sequence, balance } = purse
    return [
      `${card}: purse card ${id}, in ${code}`,
      `Transactions since its issue: ${sequence}`,
      `It says that it holds ${balance}. Whether it is genuine, a till can tell.`,
    ]
  }
  if (module) return [`${card}: the security module of till ${module.till}`]
  if (coins) {
    const { id, total, currency: code, count } = coins
    return [
      `${card}: ${ofWhom(coins)}, in ${code}`,
      `It says that it holds ${total} in ${countOf(count)}.`,
      coins.till === null
        ? `What it was sold, the office knows: kontant coins list --id ${id}`
        : `What it took, the office knows: kontant coins takings ${coins.till}`,
    ]
  }
  if (kind === WALLET)
    return [`${card}: a wallet. What it holds: kontant phone show --card ${card}`]
  return [
    chip === null
      ? `${card}: ${kind}, nothing of ours`
      : `${card}: chip ${chip}, not a card of ours`,
  ]
}

function ofWhom({ id, till }: ShownCoins): string {
  return till === null ? `card ${id} for coins` : `vendor element ${id} of till ${till}`
}

/** For `card list`. */
export function imageLine({ card, kind, chip, block, purse, module, coins }: ShownImage): string {
  if (purse) {
    const { id, currency: code, sequence } = purse
    return `${card}  purse  card ${id}  ${code}  ${sequence} transactions`
  }
  if (module) return `${card}  security module of till ${module.till}`
  if (coins)
    return `${card}  ${ofWhom(coins)}  ${coins.total} ${coins.currency} in ${countOf(coins.count)}`
  if (kind === WALLET) return `${card}  wallet`
  if (chip === null) return `${card}  ${kind}, nothing of ours`
  return `${card}  chip ${chip}  ${block ? `card ${block.id}  ${block.currency}  ${block.sequence ?? '?'} transactions` : 'not a card of ours'}`
}
