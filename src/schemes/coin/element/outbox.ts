import type { Bytes } from '../../../kernel/bytes.ts'
import { invariant } from '../../../kernel/errors.ts'
import { choice, message, uint32 } from '../../../kernel/message.ts'
import type { AtomicMemory, MemoryPart } from '../../../card/applet.ts'
import { writeLong } from './coin-registers.ts'
import { OWN_AREA_AT, OWN_PAGE_AT } from './core.ts'
import { EVIDENCE_MAX, PAYMENT_MAX, SEAL_SIZE } from '../message.ts'
import { outcome, type Outcome } from '../orders.ts'

/** Of how many of its newest requests a vendor element remembers whether it has decided. */
export const DECIDED_WINDOW = 1024
const DECIDED_AT = OWN_PAGE_AT
const DECIDED_SIZE = DECIDED_WINDOW / 8
const HEAD_AT = DECIDED_AT + DECIDED_SIZE

const head = message('head', {
  number: uint32({}, 'of the newest request'),
  state: choice(['none', 'waiting', 'confirmed']),
  size: uint32({}, 'of the newest outcome'),
})
const HEAD_SIZE = 9
const NUMBER_SIZE = 4
/** Two payments with the longest chains, their certificates, and the seals. */
export const OUTBOX_SIZE = 49_152
const OUTCOME_MAX = 54 + PAYMENT_MAX + SEAL_SIZE + EVIDENCE_MAX
invariant(OUTCOME_MAX <= OUTBOX_SIZE, 'there is room for any outcome')

/** What a vendor element has decided, kept until its till has it safe. */
export class Outbox {
  readonly #memory: AtomicMemory

  constructor(memory: AtomicMemory) {
    this.#memory = memory
  }

  get number(): number {
    return this.#head.number
  }

  get isWaiting(): boolean {
    return this.#head.state === 'waiting'
  }

  /** The newest outcome, confirmed or not. */
  last(): Outcome | undefined {
    const { state, size } = this.#head
    return state === 'none' ? undefined : outcome.decode(this.#memory.read(OWN_AREA_AT, size))
  }

  /** Numbers that come round again are free again: {@link numberPart} sees to that. */
  isDecided(number: number): boolean {
    return ((this.#decided[this.#byteOf(number)] ?? 0) & maskOf(number)) !== 0
  }

  /** A new request: its number, and those that were skipped, are not decided. */
  numberPart(number: number): MemoryPart {
    const decided = this.#decided
    const skipped = Math.min(number - this.number, DECIDED_WINDOW)
    for (let back = 0; back < skipped; back++) {
      const at = this.#byteOf(number - back)
      decided[at] = (decided[at] ?? 0) & ~maskOf(number - back)
    }
    const { state, size } = this.#head
    const bytes = new Uint8Array([...decided, ...head.encode({ number, state, size })])
    return { offset: DECIDED_AT, bytes }
  }

  /** Only while none is waiting. It counts once the parts are written. */
  decide(decided: Outcome, number: number | undefined): readonly MemoryPart[] {
    invariant(!this.isWaiting, 'an outcome that waits is not overwritten')
    const bytes = outcome.encode(decided)
    // What was there is the till’s by now: until the parts are written, it is the till’s alone.
    this.#memory.write(this.#headPart('none', 0))
    writeLong(this.#memory, OWN_AREA_AT, bytes)
    const part = this.#headPart('waiting', bytes.length)
    return number === undefined ? [part] : [this.#decidedPart(number), part]
  }

  confirmPart(): MemoryPart {
    return this.#headPart('confirmed', this.#head.size)
  }

  #headPart(state: ReturnType<typeof head.decode>['state'], size: number): MemoryPart {
    return {
      offset: HEAD_AT + NUMBER_SIZE,
      bytes: head.encode({ number: 0, state, size }).slice(NUMBER_SIZE),
    }
  }

  #decidedPart(number: number): MemoryPart {
    const at = this.#byteOf(number)
    const byte = (this.#decided[at] ?? 0) | maskOf(number)
    return { offset: DECIDED_AT + at, bytes: Uint8Array.of(byte) }
  }

  #byteOf(number: number): number {
    return (number % DECIDED_WINDOW) >> 3
  }

  get #decided(): Bytes {
    return this.#memory.read(DECIDED_AT, DECIDED_SIZE)
  }

  get #head() {
    return head.decode(this.#memory.read(HEAD_AT, HEAD_SIZE))
  }
}

function maskOf(number: number): number {
  return 1 << (number & 7)
}
