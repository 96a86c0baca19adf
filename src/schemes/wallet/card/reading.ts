import { response, SW, type CommandApdu, type ResponseApdu } from '../../../kernel/apdu.ts'
import type { Bytes } from '../../../kernel/bytes.ts'
import type { CardParts } from './parts.ts'
import type { LogEntry } from './log.ts'
import { carriedPart, carriedSizes, CERTIFICATE_SLOTS, NO_SLOT } from './store.ts'
import {
  CARRIED_BLOCK_MAX,
  CARRIED_PIECE,
  CERTIFICATES,
  RECORD_PARTS,
  WALLET_SW,
} from '../message.ts'

/** What can be read of a card, and what it carries for its holder. */
export class CardReading {
  readonly #parts: CardParts

  constructor(parts: CardParts) {
    this.#parts = parts
  }

  certificate({ p2 }: CommandApdu): ResponseApdu {
    const { store } = this.#parts
    const isOwn = p2 === CERTIFICATES.own
    return response(
      SW.OK,
      isOwn ? store.certificate : store.certificateIn(CERTIFICATE_SLOTS.issuer),
    )
  }

  /** One part of a record in the log, or an open request. */
  record({ p1, p2 }: CommandApdu): ResponseApdu {
    const { log, requests } = this.#parts
    const found =
      p2 === RECORD_PARTS.open
        ? requests.open()[p1]?.slot.request
        : this.#part(log.entries()[p1], p2)
    return found?.length ? response(SW.OK, found) : response(WALLET_SW.NOT_FOUND)
  }

  #part(entry: LogEntry | undefined, part: number): Bytes | undefined {
    switch (part) {
      case RECORD_PARTS.record:
        return entry?.signed
      case RECORD_PARTS.cause:
        return entry?.slot.cause
      case RECORD_PARTS.request:
        return entry?.slot.request[0]
      case RECORD_PARTS.counterparty:
        return this.#certificateIn(entry?.slot.signer)
      default:
        return this.#certificateIn(entry?.slot.office)
    }
  }

  #certificateIn(slot = NO_SLOT): Bytes | undefined {
    return slot === NO_SLOT ? undefined : this.#parts.store.certificateIn(slot)
  }

  /** One piece of a block: the first, or one that follows what is there. What came after it is gone. */
  carry({ p1, p2, data }: CommandApdu): ResponseApdu {
    const { store } = this.#parts
    const at = p2 * CARRIED_PIECE
    if (at > store.carriedSize(p1)) return response(WALLET_SW.NOT_NOW)
    if (at + data.length > CARRIED_BLOCK_MAX) return response(WALLET_SW.WRONG_LENGTH)
    const carried = carriedSizes(store.state.carried, p1, at + data.length)
    store.commit({ carried }, carriedPart(p1, at, data))
    return response(SW.OK)
  }

  carried({ p1, p2 }: CommandApdu): ResponseApdu {
    const at = p2 * CARRIED_PIECE
    const piece = this.#parts.store.carried(p1).slice(at, at + CARRIED_PIECE)
    return piece.length > 0 ? response(SW.OK, piece) : response(WALLET_SW.NOT_FOUND)
  }
}
