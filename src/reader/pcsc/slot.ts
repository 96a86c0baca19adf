import { setTimeout as wait } from 'node:timers/promises'
import type { Bytes } from '../../kernel/bytes.ts'
import { CardTorn, type Channel, type Slot, type SlotEvent } from '../channel.ts'
import { ignorePcscError, PcscError, type PcscCard, type ReaderState } from './binding.ts'

/** While another program keeps a card to itself, milliseconds: nobody tells when it lets go. */
const SHARING_RETRY_MS = 200

/** One PC/SC reader, plugged in or not, and the card in it. */
export class PcscSlot implements Slot {
  readonly name: string
  readonly #connect: () => Promise<PcscCard>
  readonly #listeners = new Set<(event: SlotEvent) => void>()
  #state: ReaderState = 'empty'
  /** Counts cards: one that came back is another. */
  #insertions = 0
  #held: HeldCard | undefined
  #settling: Promise<void> | undefined
  #leaving: Promise<void> | undefined

  /** `connect` rejects with a {@link PcscError}. */
  constructor(name: string, connect: () => Promise<PcscCard>) {
    this.name = name
    this.#connect = connect
  }

  card(): Channel | undefined {
    return this.#held
  }

  watch(listener: (event: SlotEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * What the reader says; `empty` as well when it is unplugged. It looks some times a second: a card
   * that is swapped in between is no change.
   */
  changed(state: ReaderState): void {
    if (this.#state === 'empty' && state !== 'empty') this.#insertions += 1
    if (state === 'empty') this.#lose()
    this.#state = state
    if (mayAnswer(state) && !this.#held) this.#settling ??= this.#settle()
  }

  /** Resolves when nothing of the card that was there is held any more, or on its way. */
  async left(): Promise<void> {
    await this.#settling
    await this.#leaving
  }

  /** Connects to the card that is there, and if it went meanwhile to the one that came. */
  async #settle(): Promise<void> {
    while (mayAnswer(this.#state) && !this.#held) {
      const insertion = this.#insertions
      const card = await this.#tryToConnect()
      const isIn = this.#isIn(insertion)
      if (card === 'kept') await wait(SHARING_RETRY_MS)
      else if (card === 'failed' && isIn) break
      else if (card !== 'failed' && isIn) this.#hold(card)
      else if (card !== 'failed') await leave(card)
    }
    this.#settling = undefined
  }

  /** `kept`: by another program, to itself. `failed`: it does not answer, or it goes just now. */
  async #tryToConnect(): Promise<PcscCard | 'kept' | 'failed'> {
    try {
      return await this.#connect()
    } catch (error) {
      if (!(error instanceof PcscError)) throw error
      return error.problem === 'sharing' ? 'kept' : 'failed'
    }
  }

  #isIn(insertion: number): boolean {
    return this.#state !== 'empty' && insertion === this.#insertions
  }

  #hold(card: PcscCard): void {
    const held = new HeldCard(card)
    this.#held = held
    this.#tell({ kind: 'inserted', channel: held })
  }

  #lose(): void {
    const held = this.#held
    if (!held) return
    this.#held = undefined
    this.#leaving = held.end()
    this.#tell({ kind: 'removed' })
  }

  #tell(event: SlotEvent): void {
    for (const listener of this.#listeners) listener(event)
  }
}

/** Of another program's hold only the beginning is told: when it ends is found out by trying. */
function mayAnswer(state: ReaderState): boolean {
  return state === 'card' || state === 'exclusive'
}

class HeldCard implements Channel {
  readonly atr: Bytes
  readonly #card: PcscCard
  #ended = false

  constructor(card: PcscCard) {
    this.#card = card
    this.atr = card.atr
  }

  /**
   * @throws {CardTorn} whatever PC/SC complains of: in each case nobody knows what the card has done.
   */
  async transmit(apdu: Bytes): Promise<Bytes> {
    if (this.#ended) throw new CardTorn('the card was taken out')
    try {
      return await this.#card.transmit(apdu)
    } catch (error) {
      await this.#afterReset(error)
      throw new CardTorn('the card went away', { cause: error })
    }
  }

  readonly alone = async <T>(work: () => Promise<T>): Promise<T> => {
    const end = await this.#begin()
    try {
      return await work()
    } finally {
      await end?.().catch(ignorePcscError)
    }
  }

  async end(): Promise<void> {
    this.#ended = true
    await leave(this.#card)
  }

  /** Undefined if the card cannot be had any more: then the first APDU says so. */
  async #begin(): Promise<(() => Promise<void>) | undefined> {
    const { begin } = this.#card
    if (!begin || this.#ended) return undefined
    try {
      return await begin()
    } catch (error) {
      return (await this.#afterReset(error)) ? begin().catch(ignorePcscError) : undefined
    }
  }

  /** After another program's reset the connection refuses all until it is made again. */
  async #afterReset(error: unknown): Promise<boolean> {
    if (!(error instanceof PcscError)) throw error
    if (error.problem !== 'reset') return false
    await this.#card.reconnect().catch(ignorePcscError)
    return true
  }
}

async function leave(card: PcscCard): Promise<void> {
  await card.disconnect().catch(ignorePcscError)
}
