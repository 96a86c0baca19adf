import { mayUseData } from '../card/access-conditions.ts'
import { classicKind, isoKind, type CardKind } from '../card/image-kinds.ts'
import { isoCardNvm, type IsoCardDesign } from '../card/iso-card.ts'
import { deliveredImage } from '../card/mifare-classic.ts'
import { siliconKind, type DesignOfSilicon } from '../card/puf/silicon-kind.ts'
import type { Bytes } from '../kernel/bytes.ts'
import {
  ACCESS_BITS_SIZE,
  BLOCK_COUNT,
  BLOCK_SIZE,
  BLOCKS_PER_SECTOR,
  decodeAccessBits,
  isTrailer,
  MANUFACTURER_BLOCK,
  TRAILER,
  trailerOf,
} from '../kernel/mifare-classic.ts'
import type { Amount } from '../kernel/money.ts'
import type { RandomSource } from '../kernel/ports.ts'
import { READER_PROFILES } from '../kernel/storage-apdu.ts'
import type { Channel } from '../reader/channel.ts'
import { writePlan } from '../schemes/block/card.ts'
import { BALANCE_MAX } from '../schemes/block/message.ts'
import { coinChip, vendorChip } from '../schemes/coin/chips.ts'
import { readChip, writePlan as writeCoinPlan } from '../schemes/coin/issuing.ts'
import { chipReport } from '../schemes/coin/plans.ts'
import { moduleChip, purseChip } from '../schemes/purse/chips.ts'
import { writeCardPlan, writeModulePlan } from '../schemes/purse/issuing.ts'
import { VALUE_MAX } from '../schemes/purse/message.ts'
import { walletChip } from '../schemes/wallet/chips.ts'
import { chipKey, writeCardPlan as writeWalletPlan } from '../schemes/wallet/issuing.ts'
import { VALUE_MAX as WALLET_VALUE_MAX } from '../schemes/wallet/message.ts'
import type { Cheating } from './cheats/crook.ts'
import type { Traffic } from './cheats/middleman.ts'
import { coinTraffic } from './cheats/coin.ts'
import { purseTraffic } from './cheats/purse.ts'
import { walletTraffic } from './cheats/wallet.ts'
import { unblockCoins, unblockPurse, unblockWallet, type Unblocking } from './unblocking.ts'
import type { SchemeName } from './scheme-names.ts'
import { tellBlock } from './trace/block.ts'
import { tellCoin } from './trace/coin.ts'
import { tellPurse } from './trace/purse.ts'
import type { TellApdu } from './trace/trace.ts'
import { tellWallet, type Words } from './trace/wallet.ts'

/** A kind of chip that is on sale, and what an issuing desk does with it. */
export interface ChipKind {
  readonly kind: CardKind
  /** Its memory as its maker delivers it; `number` is its own, where the memory has it. */
  delivered(number: Bytes): Bytes
  /**
   * What the chip says of itself, if an office has to know more than the number that its maker gave it.
   * Undefined if it will not say.
   *
   * @throws {CardTorn} if the chip went away.
   */
  readonly introduce?: (channel: Channel) => Promise<Introduction | undefined>
  /** Writes the office's plan: `written`, `torn`, or why not. */
  write(channel: Channel, plan: Bytes, random: RandomSource): Promise<string>
  /**
   * What its memory holds after somebody who knows all its keys wrote an image back to it; undefined
   * if it lets nobody write so.
   */
  overwritten(memory: Bytes, image: Bytes): Bytes | undefined
}

/** What an office gets to know of a blank chip. */
export interface Introduction {
  /** What it knows the chip by. */
  readonly number: Bytes
  /** What it makes the chip's plan with; undefined where the number is enough. */
  readonly report?: Bytes
}

/** All that the town has to know of a scheme. */
export interface CardScheme {
  readonly card: ChipKind
  /** The chip in a till's second slot; undefined if its tills need none. */
  readonly module: ChipKind | undefined
  /** What a card can hold at most. */
  readonly balanceMax: Amount
  /** The holder unblocks the passcode; undefined where the card itself blocks none. */
  readonly unblock: Unblocking | undefined
  /** What a middleman makes of its bytes; undefined where the town has none who could. */
  readonly traffic: Traffic | undefined
  /** Which cheats vendors have for it; undefined for all of them. */
  readonly cheats: ReadonlySet<Cheat> | undefined
  /** Its messages in words. */
  readonly tell: (words: Words) => TellApdu
  /** Those of its module; undefined where they say nothing that the card's do not. */
  readonly tellModule?: (words: Words) => TellApdu
}

/** A word of `cheats`, or the step `invent`. */
export type Cheat = keyof Cheating | 'invent'

const classicChip: ChipKind = {
  kind: classicKind(READER_PROFILES.ACR122U),
  delivered: deliveredImage,
  write: (channel, plan) => writePlan(channel, plan),
  overwritten(memory, image) {
    const restored = memory.slice()
    for (let block = 0; block < BLOCK_COUNT; block++) {
      const offset = block * BLOCK_SIZE
      if (isWritable(restored, block)) {
        restored.set(image.subarray(offset, offset + BLOCK_SIZE), offset)
      }
    }
    return restored
  },
}

/** Whether some key writes that block: not the chip's number, and not a counter that only falls. */
function isWritable(image: Bytes, block: number): boolean {
  if (block === MANUFACTURER_BLOCK || isTrailer(block)) return false
  const offset = trailerOf(block) * BLOCK_SIZE + TRAILER.ACCESS_BITS
  const access = decodeAccessBits(image.subarray(offset, offset + ACCESS_BITS_SIZE))
  const condition = access?.blocks[block % BLOCKS_PER_SECTOR]
  if (condition === undefined) return false
  return mayUseData(condition, 'A', 'write') || mayUseData(condition, 'B', 'write')
}

/** A secure element: all that is ever written on it, its applets write. */
function secureElement(name: string, design: IsoCardDesign, write: ChipKind['write']): ChipKind {
  return {
    kind: isoKind(name, design),
    delivered: () => isoCardNvm(design).snapshot(),
    write,
    overwritten: () => undefined,
  }
}

const purseCard = secureElement('purse-card', purseChip, writeCardPlan)
const purseModule = secureElement('purse-module', moduleChip, writeModulePlan)
/** It makes its own key, which is what it is known by. */
const walletCard: ChipKind = {
  ...secureElement('wallet-card', walletChip, writeWalletPlan),
  async introduce(channel) {
    const number = await chipKey(channel)
    return number && { number }
  },
}

const coinCard: ChipKind = {
  ...puf('coin-card', coinChip),
  write: (channel, plan) => writeCoinPlan(channel, plan),
  introduce: (channel) => reported(channel, 'card'),
}
const vendorElement: ChipKind = {
  ...puf('vendor-element', vendorChip),
  write: (channel, plan) => writeCoinPlan(channel, plan),
  introduce: (channel) => reported(channel, 'vendor element'),
}

function puf(name: string, design: DesignOfSilicon) {
  const kind = siliconKind(name, design)
  return {
    kind,
    // Its silicon it gets when it is first opened.
    delivered: () => new Uint8Array(kind.memorySize),
    overwritten: () => undefined,
  }
}

/** What a bank makes plan and coins of: the chip's keys, and how its PUF answers. */
async function reported(
  channel: Channel,
  kind: 'card' | 'vendor element',
): Promise<Introduction | undefined> {
  const report = await readChip(channel, kind)
  return typeof report === 'string' ? undefined : { number: chipReport.decode(report).key, report }
}

/** More than anybody carries in coins: minor units. */
const COIN_CARD_MAX = 100_000_000n

/** The schemes of a town's cards. A new scheme is an entry here, and its name in scheme-names.ts. */
export const CARD_SCHEMES = {
  block: {
    card: classicChip,
    module: undefined,
    balanceMax: BALANCE_MAX,
    unblock: undefined,
    traffic: undefined,
    cheats: undefined,
    tell: () => tellBlock,
  },
  purse: {
    card: purseCard,
    module: purseModule,
    balanceMax: VALUE_MAX,
    unblock: unblockPurse,
    traffic: purseTraffic,
    cheats: new Set<Cheat>(['withhold', 'deny', 'loadWithoutRight', 'loadBeyondCash']),
    tell: ({ money }) => tellPurse(money),
  },
  wallet: {
    card: walletCard,
    module: undefined,
    balanceMax: WALLET_VALUE_MAX,
    unblock: unblockWallet,
    traffic: walletTraffic,
    cheats: new Set<Cheat>(['withhold', 'deny']),
    tell: tellWallet,
  },
  coin: {
    card: coinCard,
    module: vendorElement,
    balanceMax: COIN_CARD_MAX,
    unblock: unblockCoins,
    traffic: coinTraffic,
    cheats: new Set<Cheat>(['withhold', 'deny', 'tokenTwice', 'overcharge']),
    tell: tellCoin,
    tellModule: tellCoin,
  },
} as const satisfies Record<SchemeName, CardScheme>

export { SCHEME_NAMES, type SchemeName } from './scheme-names.ts'

export function cardScheme(name: SchemeName): CardScheme {
  return CARD_SCHEMES[name]
}
