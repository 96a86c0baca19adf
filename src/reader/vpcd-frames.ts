import { concat, type Bytes } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'

/**
 * What the virtual reader vpcd (vsmartcard 3.3) says to a card and hears from it:
 * docs/protocol/vpcd.md. Either way a message is two bytes of length, most significant first, and
 * as many bytes of payload.
 */
const LENGTH_SIZE = 2
const PAYLOAD_MAX = 0xffff

/** Payloads of one byte that are for the card's contacts and not for its software. */
const CONTROL = {
  0x00: 'power-off',
  0x01: 'power-on',
  0x02: 'reset',
  0x04: 'atr',
} as const

export type VpcdMessage =
  | { readonly kind: (typeof CONTROL)[keyof typeof CONTROL] }
  /** Also one of a single byte that is no control byte: an application may send such. */
  | { readonly kind: 'apdu'; readonly apdu: Bytes }

/** Takes a stream apart, however TCP cut it. Holds one message at most. */
export class VpcdDecoder {
  readonly #buffer = new Uint8Array(LENGTH_SIZE + PAYLOAD_MAX)
  #filled = 0

  /**
   * The messages that `chunk` completes, in order.
   *
   * @throws {FormatError} if a message is empty: then the rest of the stream means nothing.
   */
  push(chunk: Uint8Array): readonly VpcdMessage[] {
    const messages: VpcdMessage[] = []
    for (let offset = 0; offset < chunk.length;) {
      const part = chunk.subarray(offset, offset + this.#missing())
      this.#buffer.set(part, this.#filled)
      this.#filled += part.length
      offset += part.length
      if (this.#missing() > 0) continue
      messages.push(messageOf(this.#buffer.slice(LENGTH_SIZE, this.#filled)))
      this.#filled = 0
    }
    return messages
  }

  /** Bytes to the end of the length, or of the message when its length is known. */
  #missing(): number {
    if (this.#filled < LENGTH_SIZE) return LENGTH_SIZE - this.#filled
    const length = new DataView(this.#buffer.buffer).getUint16(0)
    if (length === 0) throw new FormatError('vpcd.length', 'expected 1 to 65535, got 0')
    return LENGTH_SIZE + length - this.#filled
  }
}

function messageOf(payload: Bytes): VpcdMessage {
  const [first] = payload
  const isControl = payload.length === 1 && first !== undefined && Object.hasOwn(CONTROL, first)
  return isControl
    ? { kind: CONTROL[first as keyof typeof CONTROL] }
    : { kind: 'apdu', apdu: payload }
}

/**
 * A card's answer or its ATR, ready to be sent in one go: vpcd waits for the second part of one that
 * comes in two, and for ever after one of length 0.
 *
 * @throws {FormatError} if it is empty, or longer than 65535 bytes.
 */
export function encodeVpcd(payload: Uint8Array): Bytes {
  const { length } = payload
  if (length === 0 || length > PAYLOAD_MAX) {
    throw new FormatError('vpcd.length', `expected 1 to ${PAYLOAD_MAX}, got ${length}`)
  }
  return concat(Uint8Array.of(length >> 8, length & 0xff), payload)
}
