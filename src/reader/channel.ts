import {
  encodeCommand,
  type CommandApdu,
  type ResponseApdu,
  type StatusWord,
} from '../kernel/apdu.ts'
import type { Bytes } from '../kernel/bytes.ts'

/** One card, from the moment it is there until it goes. */
export interface Channel {
  /** Answer to reset. */
  readonly atr: Bytes
  /** Fewer than 2 bytes, or a rejection with {@link CardTorn}, when the card went away. */
  transmit(apdu: Bytes): Promise<Bytes>
  /** Keeps other programs off the card while `work` runs. Undefined where there are none. */
  readonly alone?: <T>(work: () => Promise<T>) => Promise<T>
}

/** Works with a card, alone if its reader can see to that. */
export async function undisturbed<T>(channel: Channel, work: () => Promise<T>): Promise<T> {
  return channel.alone ? channel.alone(work) : work()
}

/**
 * The card went away. Whether it carried out its last command is unknown: a lost command and a lost
 * answer look the same.
 */
export class CardTorn extends Error {
  override readonly name = 'CardTorn'
}

/** The card, or the reader for it, answered with another status than 9000. */
export class CardRefused extends Error {
  override readonly name = 'CardRefused'
  /** What it was asked to do: `write block 5`. */
  readonly attempted: string
  readonly sw: StatusWord

  constructor(attempted: string, sw: StatusWord) {
    super(`${attempted}: refused with ${sw.toString(16).padStart(4, '0')}`)
    this.attempted = attempted
    this.sw = sw
  }
}

/**
 * @throws {CardTorn} if what comes back does not end in a status word. An answer may also be torn in
 * its data and end in bytes that look like one: whoever knows its size checks it.
 */
export async function exchange(channel: Channel, command: CommandApdu): Promise<ResponseApdu> {
  const answer = await channel.transmit(encodeCommand(command))
  const [sw1, sw2] = answer.subarray(-2)
  if (sw1 === undefined || sw2 === undefined || !isSw1(sw1)) {
    throw new CardTorn('the card went away')
  }
  return { data: answer.slice(0, -2), sw: (sw1 << 8) | sw2 }
}

/** SW1 is 6X or 9X, and never 60 (ISO/IEC 7816-4, 5.1.3). */
function isSw1(byte: number): boolean {
  return byte !== 0x60 && (byte >> 4 === 0x6 || byte >> 4 === 0x9)
}

export type SlotEvent =
  { readonly kind: 'inserted'; readonly channel: Channel } | { readonly kind: 'removed' }

/** A reader, as somebody sees it who waits for a card. */
export interface Slot {
  /** As PC/SC names it. */
  readonly name: string
  /** The card that is there now. */
  card(): Channel | undefined
  /** Tells of cards that come and go from now on, until the function that it returns is called. */
  watch(listener: (event: SlotEvent) => void): () => void
}
