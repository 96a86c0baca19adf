import type { Bytes } from '../kernel/bytes.ts'
import { invariant } from '../kernel/errors.ts'
import { PowerLost } from './nvm.ts'

/** A card, with whatever a reader puts in front of it. */
export interface PoweredCard {
  /** Answer to reset, as PC/SC shows it. */
  readonly atr: Bytes
  /** How long the card and its frames have taken so far, milliseconds. */
  readonly modelledMs: number
  /** Volatile state is as after a reset. */
  powerOn(): void
  powerOff(): void
  /**
   * Answers one command APDU.
   *
   * @throws {PowerLost} if a fuse blows in its memory.
   */
  process(apdu: Bytes): Bytes
}

/** How the link breaks in the middle of an APDU. The till sees less than two bytes, or nonsense. */
export const LINK_CUTS = [
  /** The command never arrives. */
  'before',
  /** The card has done its work; nothing of the answer arrives. */
  'answer-lost',
  /** The first half of the answer arrives. */
  'half-answer',
] as const
export type LinkCut = (typeof LINK_CUTS)[number]

export interface LinkTear {
  /** Which APDU from now, counted from 1. */
  readonly atApdu: number
  readonly cut: LinkCut
}

/** What has passed the link since the card was made, for the benchmark. */
export interface Traffic {
  readonly apdus: number
  readonly bytesToCard: number
  readonly bytesFromCard: number
  /** Card, frames and reader together, milliseconds. */
  readonly modelledMs: number
}

const NOTHING: Bytes = new Uint8Array()

/**
 * The reader's field with one card in it. A tear, be it of the card's power or of the link, is no
 * error here but an answer of 0 bytes, as PC/SC gives it; so is every answer until the card is put in
 * again. This is what a till talks to.
 */
export class Field {
  readonly card: PoweredCard
  readonly #readerOverheadMs: number
  #powered = false
  #tear: LinkTear | undefined
  #apdus = 0
  #bytesToCard = 0
  #bytesFromCard = 0

  /** `readerOverheadMs`: USB and reader firmware, an APDU. An assumption; nobody publishes it. */
  constructor(card: PoweredCard, { readerOverheadMs = 3 }: { readerOverheadMs?: number } = {}) {
    this.card = card
    this.#readerOverheadMs = readerOverheadMs
  }

  get atr(): Bytes {
    return this.card.atr
  }

  /** Whether the card is in it. A tear takes it out. */
  get powered(): boolean {
    return this.#powered
  }

  get traffic(): Traffic {
    return {
      apdus: this.#apdus,
      bytesToCard: this.#bytesToCard,
      bytesFromCard: this.#bytesFromCard,
      modelledMs: this.card.modelledMs + this.#apdus * this.#readerOverheadMs,
    }
  }

  /** Breaks the link in an APDU to come. Happens once; `undefined` takes it back. */
  arm(tear: LinkTear | undefined): void {
    invariant(tear === undefined || tear.atApdu >= 1, 'APDUs are counted from 1')
    this.#tear = tear
  }

  /** The card comes in. */
  powerOn(): void {
    this.#powered = true
    this.card.powerOn()
  }

  /** The card goes. */
  powerOff(): void {
    this.#powered = false
    this.card.powerOff()
  }

  /** The answer, 2 bytes at least; less if the card went away. */
  transmit(apdu: Bytes): Bytes {
    if (!this.#powered) return NOTHING
    this.#apdus++
    this.#bytesToCard += apdu.length
    const answer = this.#exchange(apdu, this.#dueCut())
    this.#bytesFromCard += answer.length
    return answer
  }

  #exchange(apdu: Bytes, cut: LinkCut | undefined): Bytes {
    const answer = cut === 'before' ? NOTHING : this.#process(apdu)
    if (cut === undefined) return answer
    this.powerOff()
    return cut === 'half-answer' ? answer.slice(0, answer.length / 2) : NOTHING
  }

  #process(apdu: Bytes): Bytes {
    try {
      return this.card.process(apdu)
    } catch (error) {
      if (!(error instanceof PowerLost)) throw error
      this.powerOff()
      return NOTHING
    }
  }

  #dueCut(): LinkCut | undefined {
    const tear = this.#tear
    if (!tear) return undefined
    this.#tear = tear.atApdu === 1 ? undefined : { ...tear, atApdu: tear.atApdu - 1 }
    return tear.atApdu === 1 ? tear.cut : undefined
  }
}
