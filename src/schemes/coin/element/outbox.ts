import { invariant } from '../../../kernel/errors.ts'
import { choice, message, octets, uint32, type ValueOf } from '../../../kernel/message.ts'
import type { MemoryPart } from '../../../card/applet.ts'
import { RecordTampered } from '../../../card/puf/rooted-memory.ts'
import type { ElementCore } from './core.ts'
import { LOCK_SIZE, LockedArea, TICKET_SIZE } from './locked.ts'
import { EVIDENCE_MAX, PAYMENT_MAX, SEAL_SIZE } from '../message.ts'
import { outcome, type Outcome } from '../orders.ts'

/** Of how many of its newest requests a vendor element remembers whether it has decided. */
export const DECIDED_WINDOW = 1024
const DECIDED_SIZE = DECIDED_WINDOW / 8

const head = message('head', {
  number: uint32({}, 'of the newest request'),
  state: choice(['none', 'waiting', 'confirmed']),
  size: uint32({}, 'of the newest outcome, elsewhere'),
  ticket: octets(TICKET_SIZE, 'random: what it is locked with'),
  decided: octets(DECIDED_SIZE, 'a bit for each of the newest requests'),
})
type Head = ValueOf<typeof head>
const HEAD_SIZE = 25 + DECIDED_SIZE
/** Two payments with the longest chains, their certificates, and the seals. */
export const OUTBOX_SIZE = 49_152
const OUTCOME_MAX = 70 + PAYMENT_MAX + SEAL_SIZE + EVIDENCE_MAX + LOCK_SIZE
invariant(OUTCOME_MAX <= OUTBOX_SIZE, 'there is room for any outcome')

/** What a vendor element has decided, kept until its till has it safe, and locked ({@link LockedArea}). */
export class Outbox {
  readonly #core: ElementCore
  readonly #outcome: LockedArea

  constructor(core: ElementCore) {
    this.#core = core
    this.#outcome = new LockedArea(core, 'outbox')
  }

  get number(): number {
    return this.#head.number
  }

  get isWaiting(): boolean {
    return this.#head.state === 'waiting'
  }

  /**
   * The newest outcome, confirmed or not. Undefined also of one that was confirmed, over which another one
   * was written that never came to count: what was there is the till’s by now.
   *
   * @throws {RecordTampered} if somebody else has written over one that waits.
   */
  last(): Outcome | undefined {
    const known = this.#head
    if (known.state === 'none') return undefined
    const bytes = this.#outcome.read(0, known)
    if (bytes) return outcome.decode(bytes)
    if (known.state === 'confirmed') return undefined
    throw new RecordTampered('an outcome was put there from outside')
  }

  /** Of one of the newest {@link DECIDED_WINDOW}, that it has asked for. */
  isDecided(number: number): boolean {
    return ((this.#head.decided[byteOf(number)] ?? 0) & maskOf(number)) !== 0
  }

  /** A new request. Its bit was that of another one, so long ago that nobody asks for it any more. */
  numberPart(number: number): MemoryPart {
    const decided = this.#head.decided.slice()
    const at = byteOf(number)
    decided[at] = (decided[at] ?? 0) & ~maskOf(number)
    return this.#part({ number, decided })
  }

  /** Only while none is waiting. It counts once the part that this gives is noted. */
  decide(made: Outcome, number: number | undefined): MemoryPart {
    invariant(!this.isWaiting, 'an outcome that waits is not overwritten')
    const locked = this.#outcome.write(0, outcome.encode(made))
    const decided = this.#head.decided.slice()
    if (number !== undefined) {
      const at = byteOf(number)
      decided[at] = (decided[at] ?? 0) | maskOf(number)
    }
    return this.#part({ state: 'waiting', ...locked, decided })
  }

  confirmPart(): MemoryPart {
    return this.#part({ state: 'confirmed' })
  }

  #part(change: Partial<Head>): MemoryPart {
    return this.#core.notesPart(0, head.encode({ ...this.#head, ...change }))
  }

  get #head(): Head {
    return head.decode(this.#core.notes.slice(0, HEAD_SIZE))
  }
}

function byteOf(number: number): number {
  return (number % DECIDED_WINDOW) >> 3
}

function maskOf(number: number): number {
  return 1 << (number & 7)
}
