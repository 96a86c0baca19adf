import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import type { Bytes } from '../kernel/bytes.ts'
import { encodeVpcd, VpcdDecoder, type VpcdMessage } from './vpcd-frames.ts'

/** A card as a virtual reader sees it. */
export interface VpcdCard {
  readonly atr: Bytes
  /** False once it went away in the middle of an APDU. */
  readonly powered: boolean
  powerOn(): void
  powerOff(): void
  /** What gets through of the answer: less than 2 bytes if the card went away. */
  transmit(apdu: Bytes): Bytes | Promise<Bytes>
}

/** Where vpcd listens. Debian's has the ports 35963 and 35964, one a reader. */
export interface VpcdAddress {
  readonly host?: string
  readonly port: number
}

export const VPCD_PORT = 35_963
/** Readers that one vpcd makes, at ports in a row (VICC_MAX_SLOTS). */
export const VPCD_SLOTS = 2

/** Why a card is no longer in the reader. */
export type VpcdEnd =
  /** `signal` aborted. */
  | 'pulled'
  /** The card went away in the middle of an APDU. */
  | 'torn'
  /** The reader hung up: its service stopped. */
  | 'reader_gone'

/** Nobody listens there. */
export class VpcdUnreachable extends Error {
  override readonly name = 'VpcdUnreachable'
}

/**
 * Puts a card into a virtual reader until `signal` aborts or it goes. Each time is a power-on: what the
 * card keeps in volatile memory is gone.
 *
 * @throws {VpcdUnreachable}
 */
export async function insertIntoVpcd(
  card: VpcdCard,
  { host = '127.0.0.1', port }: VpcdAddress,
  signal: AbortSignal,
  onInserted: () => void = () => {},
): Promise<VpcdEnd> {
  if (signal.aborted) return 'pulled'
  const socket = connect({ host, port, noDelay: true })
  const pull = () => socket.destroy()
  signal.addEventListener('abort', pull, { once: true })
  try {
    await connected(socket, signal)
    if (signal.aborted) return 'pulled'
    onInserted()
    const end = await answerAll(card, socket)
    return signal.aborted ? 'pulled' : end
  } finally {
    signal.removeEventListener('abort', pull)
    socket.destroy()
    card.powerOff()
  }
}

async function connected(socket: Socket, signal: AbortSignal): Promise<void> {
  try {
    await once(socket, 'connect', { signal })
  } catch (error) {
    if (signal.aborted) return
    throw new VpcdUnreachable('no virtual reader listens there', { cause: error })
  }
}

async function answerAll(card: VpcdCard, socket: Socket): Promise<VpcdEnd> {
  const decoder = new VpcdDecoder()
  // The reader does not: to it a card that is swapped quickly is the one that it had powered.
  card.powerOff()
  card.powerOn()
  try {
    // Nothing is read while the card works: what waits is in the kernel's buffers, which are bounded.
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      for (const message of decoder.push(chunk)) {
        if (!(await answerOne(card, socket, message))) return 'torn'
      }
    }
  } catch (error) {
    if (!isSocketError(error)) throw error
  }
  return 'reader_gone'
}

/** @returns whether the card is still there. */
async function answerOne(card: VpcdCard, socket: Socket, message: VpcdMessage): Promise<boolean> {
  switch (message.kind) {
    case 'power-off':
      card.powerOff()
      return true
    case 'power-on':
      card.powerOn()
      return true
    case 'reset':
      card.powerOff()
      card.powerOn()
      return true
    case 'atr':
      await send(socket, card.atr)
      return true
    case 'apdu': {
      const answer = await card.transmit(message.apdu)
      if (answer.length > 0) await send(socket, answer)
      return card.powered
    }
  }
}

async function send(socket: Socket, payload: Bytes): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  socket.write(encodeVpcd(payload), (error) => (error ? reject(error) : resolve()))
  await promise
}

/** The other side went: `ECONNRESET`, `EPIPE`, or a stream that was destroyed under us. */
function isSocketError(error: unknown): boolean {
  return error instanceof Error && 'code' in error
}

export interface ServeOptions extends VpcdAddress {
  readonly signal: AbortSignal
  /** Told at first and of every change: whether a reader has the card. */
  readonly onChange?: (inserted: boolean) => void
}

/** While nobody listens, milliseconds. */
const RETRY_MS = 300

/** Keeps a card in a virtual reader until `signal` aborts, over restarts of the reader's service. */
export async function serveInVpcd(card: VpcdCard, options: ServeOptions): Promise<void> {
  const { signal, onChange } = options
  let told: boolean | undefined
  const tell = (inserted: boolean) => {
    if (told !== inserted) onChange?.(inserted)
    told = inserted
  }
  while (!signal.aborted) {
    try {
      await insertIntoVpcd(card, options, signal, () => tell(true))
    } catch (error) {
      if (!(error instanceof VpcdUnreachable)) throw error
    }
    if (signal.aborted) return
    tell(false)
    await wait(RETRY_MS, undefined, { signal }).catch(() => {})
  }
}
