import { bytesEqual, type Bytes } from '../../../kernel/bytes.ts'
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
import type { AtomicMemory, MemoryPart } from '../../../card/applet.ts'
import { ELEMENT_ID_SIZE } from '../certificates.ts'
import { writeLong } from './coin-registers.ts'
import { OWN_AREA_AT, OWN_PAGE_AT } from './core.ts'
import {
  PAYMENT_MAX,
  REQUEST_ID_SIZE,
  REQUEST_MAX,
  SEAL_SIZE,
  SLOTS,
  TRANSFER_SIZE_MAX,
} from '../message.ts'

/** What a coin element knows of a payment at a glance. */
const slot = message('slot', {
  state: choice(['free', 'open', 'settled']),
  request: octets(REQUEST_ID_SIZE),
  vendor: octets(ELEMENT_ID_SIZE),
  till: uint32(),
  madeAt: instant('by the till’s clock'),
  sequence: uint32({}, 'of the transfer'),
  size: uint16({}, 'of the rest, elsewhere'),
})
const SLOT_SIZE = 43
const SLOT_STEP = 64

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
  2 * PUBLIC_KEY_SIZE + 24 + REQUEST_MAX + TRANSFER_SIZE_MAX + PAYMENT_MAX + SEAL_SIZE
invariant(BODY_MAX <= BODY_STEP, 'a slot has room for any payment')

export type Slot = ValueOf<typeof slot> & { readonly index: number }
export const SLOTS_SIZE = SLOTS * BODY_STEP

/** The payments that a coin element remembers. None is forgotten while no vendor has settled it. */
export class Slots {
  readonly #memory: AtomicMemory

  constructor(memory: AtomicMemory) {
    this.#memory = memory
  }

  list(): readonly Slot[] {
    return Array.from({ length: SLOTS }, (_, index) => ({
      index,
      ...slot.decode(this.#memory.read(OWN_PAGE_AT + index * SLOT_STEP, SLOT_SIZE)),
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

  body({ index, size }: Slot): SlotBody {
    return slotBody.decode(this.#memory.read(OWN_AREA_AT + index * BODY_STEP, size))
  }

  /** Fills one that is not open. It counts once the part that this gives is written. */
  fill(known: Slot, content: Omit<Slot, 'index' | 'size' | 'state'>, body: SlotBody): MemoryPart {
    const bytes = slotBody.encode(body)
    // What was there is forgotten before it is overwritten: no slot stands over half a payment.
    if (known.state !== 'free') this.#memory.write(this.free(known))
    writeLong(this.#memory, OWN_AREA_AT + known.index * BODY_STEP, bytes)
    return this.#part(known.index, slot.encode({ ...content, state: 'open', size: bytes.length }))
  }

  settle(known: Slot): MemoryPart {
    return this.#part(known.index, slot.encode({ ...known, state: 'settled' }))
  }

  /** Nobody is answered from it any more. */
  free({ index }: Slot): MemoryPart {
    return this.#part(index, new Uint8Array(SLOT_SIZE))
  }

  #part(index: number, bytes: Bytes): MemoryPart {
    return { offset: OWN_PAGE_AT + index * SLOT_STEP, bytes }
  }
}
