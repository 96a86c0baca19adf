import { concat, type Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import type { RandomSource } from '../../kernel/ports.ts'
import type { ChipOperation } from '../applet.ts'
import type { JournalledMemory } from '../atomic-memory.ts'
import { EEPROM_CHIP } from '../chip-times.ts'
import type { PoweredCard } from '../field.ts'
import { FileTree } from '../files/tree.ts'
import { contact } from '../iso/link.ts'
import type { Nvm } from '../nvm.ts'
import { Mask, type Tpdu } from './mask.ts'
import { journalled, multiflexImageSize } from './memory.ts'
import { MODELS, type ModelName } from './models.ts'

const LINK = contact('T=0')
const HEADER_SIZE = 4

/**
 * A Schlumberger Multiflex 3K or 8K: T=0, what has an answer is told 61xx or 6Cxx. What it does with a
 * command is in {@link Mask}; see `docs/protocol/multiflex.md`.
 */
export class MultiflexCard implements PoweredCard {
  readonly atr: Bytes
  readonly nvm: Nvm
  readonly #model: ModelName
  readonly #random: RandomSource
  readonly #memory: JournalledMemory
  #mask: Mask | undefined
  #modelledMs = 0

  /** @param nvm of {@link multiflexNvm}. */
  constructor(nvm: Nvm, model: ModelName, random: RandomSource) {
    invariant(nvm.size === multiflexImageSize(model), 'a memory has the size of its model')
    this.atr = MODELS[model].atr
    this.nvm = nvm
    this.#model = model
    this.#random = random
    this.#memory = journalled(nvm)
  }

  get modelledMs(): number {
    return this.#modelledMs
  }

  powerOn(): void {
    this.nvm.powerOn()
    this.#mask = undefined
  }

  powerOff(): void {
    this.#mask = undefined
  }

  process(apdu: Bytes): Bytes {
    const writesBefore = this.nvm.writes
    let answerSize = 0
    try {
      const answer = this.#answer(apdu)
      answerSize = answer.length
      return answer
    } finally {
      this.#modelledMs += (this.nvm.writes - writesBefore) * EEPROM_CHIP.pageWriteMs
      this.#modelledMs += LINK.exchangeMs(apdu.length, answerSize)
    }
  }

  #answer(apdu: Bytes): Bytes {
    this.#spend('command')
    const { sw, data } = this.#started().process(readTpdu(apdu))
    return concat(data ?? new Uint8Array(), Uint8Array.of(sw >> 8, sw & 0xff))
  }

  /** With the first command after a reset, for the power may fail again in it. */
  #started(): Mask {
    if (this.#mask) return this.#mask
    this.#memory.recover()
    const spend = (operation: ChipOperation) => this.#spend(operation)
    return (this.#mask = new Mask(new FileTree(this.#memory), this.#model, this.#random, spend))
  }

  #spend(operation: ChipOperation): void {
    const time = EEPROM_CHIP.operationMs[operation]
    invariant(time !== undefined, 'the chip can do what its mask asks of it')
    this.#modelledMs += time
  }
}

/**
 * The command of an APDU. A last byte that says how much is expected back never reaches a card by T=0
 * (ISO/IEC 7816-3, 12.2.1); some programs send it all the same.
 */
function readTpdu(apdu: Bytes): Tpdu | undefined {
  const [cla, ins, p1, p2, p3 = 0] = apdu
  if (cla === undefined || ins === undefined || p1 === undefined || p2 === undefined) {
    return undefined
  }
  const body = apdu.slice(HEADER_SIZE + 1)
  const isWhole = body.length === 0 || body.length === p3 || body.length === p3 + 1
  return isWhole ? { cla, ins, p1, p2, p3, data: body.slice(0, p3) } : undefined
}
