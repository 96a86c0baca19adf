import { concat, utf8, type Bytes } from '../../../kernel/bytes.ts'
import { OWN_AREA_AT, type ElementCore } from './core.ts'
import { writeLong } from './memory.ts'

export const TICKET_SIZE = 16
/** What locking adds: a nonce, a tag. */
export const LOCK_SIZE = 12 + 16

/** What has to be noted of bytes for them to count, and to be read again. */
export interface Ticket {
  readonly size: number
  /** Random. */
  readonly ticket: Bytes
}

/**
 * Long bytes in an element’s own area. They are in the memory before they count, and whoever takes the power
 * away then could read them there, while the coins that they are made of are still good. So they are locked
 * with a ticket that counts with them, or never.
 */
export class LockedArea {
  readonly #core: ElementCore
  readonly #purpose: Bytes

  /** `purpose`: of nothing else that the element locks. */
  constructor(core: ElementCore, purpose: string) {
    this.#core = core
    this.#purpose = utf8(`${purpose} `)
  }

  write(offset: number, bytes: Bytes): Ticket {
    const { host, crypto } = this.#core
    const ticket = host.random.bytes(TICKET_SIZE)
    const locked = crypto.lock(bytes, concat(this.#purpose, ticket))
    writeLong(host.memory, OWN_AREA_AT + offset, locked)
    return { size: locked.length, ticket }
  }

  /** Undefined if that is not there any more. */
  read(offset: number, { size, ticket }: Ticket): Bytes | undefined {
    const { host, crypto } = this.#core
    const locked = host.memory.read(OWN_AREA_AT + offset, size)
    return crypto.unlock(locked, concat(this.#purpose, ticket))
  }
}
