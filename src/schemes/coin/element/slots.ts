import { bytesEqual } from '../../../kernel/bytes.ts'
import { invariant } from '../../../kernel/errors.ts'
import {
  amount,
  choice,
  instant,
  message,
  octets,
  uint16,
  uint32,
  varOctets,
  type ValueOf,
} from '../../../kernel/message.ts'
import { PUBLIC_KEY_SIZE } from '../../../kernel/p256.ts'
import type { MemoryPart } from '../../../card/applet.ts'
import { RecordTampered } from '../../../card/puf/rooted-memory.ts'
import { ELEMENT_ID_SIZE } from '../certificates.ts'
import type { ElementCore } from './core.ts'
import { LOCK_SIZE, LockedArea, TICKET_SIZE, type Ticket } from './locked.ts'
import {
  PAYMENT_MAX,
  REQUEST_ID_SIZE,
  REQUEST_MAX,
  SEAL_SIZE,
  SLOTS,
  TRANSFER_SIZE_MAX,
} from '../message.ts'

/** What a coin element knows of a payment at a glance: in its notes. */
const slot = message('slot', {
  state: choice(['free', 'open', 'settled']),
  request: octets(REQUEST_ID_SIZE),
  vendor: octets(ELEMENT_ID_SIZE),
  till: uint32(),
  madeAt: instant('by the till’s clock'),
  sequence: uint32({}, 'of the transfer'),
  size: uint16({}, 'of the rest, elsewhere'),
  ticket: octets(TICKET_SIZE, 'random: what the rest is locked with'),
})
const SLOT_SIZE = 59

/** And the rest: all that it takes to answer again, and to take the change. */
const slotBody = message('slotBody', {
  vendorKey: octets(PUBLIC_KEY_SIZE),
  bank: uint16({}, 'of the vendor'),
  bankKey: octets(PUBLIC_KEY_SIZE),
  paid: amount(8, {}, 'value of the coins'),
  due: amount(8, {}, 'change, if the vendor takes the payment'),
  request: varOctets({ max: REQUEST_MAX }, 'signed'),
  transfer: varOctets({ max: TRANSFER_SIZE_MAX }, 'signed'),
  sealed: varOctets({ max: PAYMENT_MAX + SEAL_SIZE }, 'payment, for the vendor element'),
})
export type SlotBody = ValueOf<typeof slotBody>
const BODY_STEP = 16_384
const BODY_MAX =
  2 * PUBLIC_KEY_SIZE + 24 + REQUEST_MAX + TRANSFER_SIZE_MAX + PAYMENT_MAX + SEAL_SIZE + LOCK_SIZE
invariant(BODY_MAX <= BODY_STEP, 'a slot has room for any payment')

export type Slot = ValueOf<typeof slot> & { readonly index: number }
export const SLOTS_SIZE = SLOTS * BODY_STEP

/**
 * The payments that a coin element remembers, locked ({@link LockedArea}). None is forgotten while no vendor
 * has settled it.
 */
export class Slots {
  readonly #core: ElementCore
  readonly #bodies: LockedArea

  constructor(core: ElementCore) {
    this.#core = core
    this.#bodies = new LockedArea(core, 'slot')
  }

  list(): readonly Slot[] {
    const { notes } = this.#core
    return Array.from({ length: SLOTS }, (_, index) => ({
      index,
      ...slot.decode(notes.slice(index * SLOT_SIZE, (index + 1) * SLOT_SIZE)),
    }))
  }

  find(request: Uint8Array): Slot | undefined {
    return this.list().find((known) => known.state !== 'free' && bytesEqual(known.request, request))
  }

  newest(): Slot | undefined {
    return this.list()
      .filter(({ state }) => state !== 'free')
      .toSorted((a, b) => b.sequence - a.sequence)[0]
  }

  /** The one to be used next: free, or settled longest ago. Undefined if all are open. */
  next(): Slot | undefined {
    return this.list()
      .filter(({ state }) => state !== 'open')
      .toSorted((a, b) => a.sequence - b.sequence)[0]
  }

  /**
   * Undefined of one that is settled, over which another payment was written that never came to count.
   *
   * @throws {RecordTampered} if somebody else has written over one that is open.
   */
  body(known: Slot): SlotBody | undefined {
    const bytes = this.#bodies.read(known.index * BODY_STEP, known)
    if (bytes) return slotBody.decode(bytes)
    if (known.state === 'settled') return undefined
    throw new RecordTampered('a payment was put there from outside')
  }

  /** Fills one that is not open. It counts once the part that this gives is noted. */
  fill(
    { index }: Slot,
    content: Omit<Slot, 'index' | 'state' | keyof Ticket>,
    body: SlotBody,
  ): MemoryPart {
    const locked = this.#bodies.write(index * BODY_STEP, slotBody.encode(body))
    return this.#part(index, { ...content, state: 'open', ...locked })
  }

  settle(known: Slot): MemoryPart {
    return this.#part(known.index, { ...known, state: 'settled' })
  }

  /** Nobody is answered from it any more. */
  free({ index }: Slot): MemoryPart {
    return this.#core.notesPart(index * SLOT_SIZE, new Uint8Array(SLOT_SIZE))
  }

  #part(index: number, content: ValueOf<typeof slot>): MemoryPart {
    return this.#core.notesPart(index * SLOT_SIZE, slot.encode(content))
  }
}
