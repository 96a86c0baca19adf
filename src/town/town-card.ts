import { Field, type LinkTear, type PoweredCard } from '../card/field.ts'
import type { CardKind } from '../card/image-kinds.ts'
import type { Fuse, Nvm } from '../card/nvm.ts'
import type { Silicon } from '../card/puf/silicon.ts'
import type { Bytes } from '../kernel/bytes.ts'
import type { CardId } from '../kernel/ids.ts'
import type { RandomSource } from '../kernel/ports.ts'
import type { Channel } from '../reader/channel.ts'
import { inProcessChannel } from '../reader/in-process.ts'
import { COIN_SW } from '../schemes/coin/instructions.ts'
import { cardScheme, type CardScheme, type Introduction } from './chips.ts'
import type { SchemeName } from './scheme-names.ts'

/** Where a card's tap is cut short, on the card's side. */
export type CardTear = { readonly fuse: Fuse } | { readonly link: LinkTear }

/** A chip in the town, and whatever reader it is put to. */
export class TownChip {
  readonly field: Field
  protected readonly nvm: Nvm
  /** What is in no memory of it; undefined if it has no PUF. */
  readonly silicon: Silicon | undefined
  readonly #snapshot: () => Bytes
  #pufFailures = 0

  constructor(kind: CardKind, image: Bytes, random: RandomSource) {
    const { card, nvm, snapshot, silicon } = kind.open(image, random)
    this.nvm = nvm
    this.silicon = silicon
    this.#snapshot = snapshot ?? (() => nvm.snapshot())
    this.field = new Field(silicon ? this.#watched(card) : card)
  }

  /** How often it said that its PUF was read too badly for a key or a coin. */
  get pufFailures(): number {
    return this.#pufFailures
  }

  #watched(card: PoweredCard): PoweredCard {
    return {
      atr: card.atr,
      get modelledMs() {
        return card.modelledMs
      },
      powerOn: () => card.powerOn(),
      powerOff: () => card.powerOff(),
      process: (apdu) => {
        const answer = card.process(apdu)
        const [sw1 = 0, sw2 = 0] = answer.subarray(-2)
        if (((sw1 << 8) | sw2) === COIN_SW.PUF_FAILED) this.#pufFailures++
        return answer
      },
    }
  }

  /** The whole chip: of one with a PUF, what nobody can copy but a scenario. */
  image(): Bytes {
    return this.#snapshot()
  }

  /** What a laboratory reads out of it while it is off. */
  memory(): Bytes {
    return this.nvm.snapshot()
  }

  /** One tap, from entering the field to leaving it. */
  async tap<T>(tear: CardTear | undefined, work: (channel: Channel) => Promise<T>): Promise<T> {
    this.field.powerOn()
    if (tear && 'fuse' in tear) this.nvm.arm(tear.fuse)
    if (tear && 'link' in tear) this.field.arm(tear.link)
    try {
      return await work(inProcessChannel(this.field))
    } finally {
      this.nvm.arm(undefined)
      this.field.arm(undefined)
      this.field.powerOff()
    }
  }
}

export interface CardParts {
  readonly name: string
  readonly scheme: SchemeName
  /** The chip's own. */
  readonly number: Bytes
  readonly random: RandomSource
}

/** A card in the town, with whoever holds it knowing its codes. */
export class TownCard extends TownChip {
  readonly parts: CardParts
  /** Undefined until it is issued. A copy has its original's. */
  id: CardId | undefined
  passcode = ''
  /** Undefined if the card has no such code. */
  unblocking: string | undefined

  private constructor(parts: CardParts, image: Bytes) {
    super(cardScheme(parts.scheme).card.kind, image, parts.random)
    this.parts = parts
  }

  static blank(parts: CardParts): TownCard {
    return new TownCard(parts, cardScheme(parts.scheme).card.delivered(parts.number))
  }

  /** The same bytes on another chip, number and all. Blank ones of MIFARE Classic are sold everywhere. */
  clone(name: string): TownCard {
    const copy = new TownCard({ ...this.parts, name }, this.image())
    copy.id = this.id
    copy.passcode = this.passcode
    copy.unblocking = this.unblocking
    return copy
  }

  get name(): string {
    return this.parts.name
  }

  /** What an office gets to know of the chip. Undefined if the chip will not say. */
  async introduce(): Promise<Introduction | undefined> {
    const { introduce } = this.scheme.card
    return introduce ? this.tap(undefined, introduce) : { number: this.parts.number }
  }

  get scheme(): CardScheme {
    return cardScheme(this.parts.scheme)
  }

  /** All of an image, as only a chip made for copying takes it. */
  restoreAll(image: Bytes): void {
    this.nvm.restore(image)
  }

  /** What of an image a bought chip takes. @returns whether it takes anything. */
  restoreWritable(image: Bytes): boolean {
    const restored = this.scheme.card.overwritten(this.memory(), image)
    if (restored) this.nvm.restore(restored)
    return restored !== undefined
  }
}
