import type { Bytes } from '../../../kernel/bytes.ts'
import { decodeCommand } from '../../../kernel/apdu.ts'
import { unlessMalformed } from '../../../kernel/errors.ts'
import type { Transport } from '../../../kernel/ports.ts'
import type { Channel } from '../../../reader/channel.ts'
import { INS } from '../message.ts'

/** Between whom a phone passes something on. */
export const LEGS = ['card', 'office', 'phone'] as const
export type Leg = (typeof LEGS)[number]

/** One message on its way through a phone. */
export interface WireMessage {
  readonly leg: Leg
  /** What it is: `PAY`, `POST /api/wallet/sync`, `request`. */
  readonly name: string
  /** Towards the card, the office or the other phone, or its answer. */
  readonly way: 'there' | 'back'
  readonly bytes: Bytes
}

/**
 * The one place through which everything passes that a phone carries: what it gives back is what
 * arrives. A phone is trusted with nothing, so it may keep it, change it, or send something else.
 * It rejects with `CardTorn`, `Unreachable` or {@link PhoneGone} for what is lost.
 */
export type Wire = (message: WireMessage) => Promise<Bytes>

/** The other phone went away. Whether it got the message is unknown. */
export class PhoneGone extends Error {
  override readonly name = 'PhoneGone'
}

export const plainWire: Wire = async ({ bytes }) => bytes

export function wiredChannel(channel: Channel, wire: Wire): Channel {
  return {
    ...channel,
    async transmit(apdu) {
      const name = nameOf(apdu)
      const sent = await wire({ leg: 'card', name, way: 'there', bytes: apdu })
      const answer = await channel.transmit(sent)
      return wire({ leg: 'card', name, way: 'back', bytes: answer })
    },
  }
}

/** Of requests and answers, the bodies: who asks and where is not secret, and fixed. */
export function wiredTransport(office: Transport, wire: Wire): Transport {
  return {
    async send(request) {
      const name = `${request.method} ${request.path}`
      const body = await wire({ leg: 'office', name, way: 'there', bytes: request.body ?? NOTHING })
      const sent = request.body ? { ...request, body } : request
      const answer = await office.send(sent)
      return {
        ...answer,
        body: await wire({ leg: 'office', name, way: 'back', bytes: answer.body }),
      }
    },
  }
}

const NOTHING: Bytes = new Uint8Array()

/** What passes from one phone to the other, when they are held together. */
export async function handOver(wire: Wire, name: string, bytes: Bytes): Promise<Bytes> {
  return wire({ leg: 'phone', name, way: 'there', bytes })
}

const NAMES = new Map<number, string>([
  [0xa4, 'SELECT'],
  [0xc0, 'GET RESPONSE'],
  ...Object.entries(INS).map(([name, ins]) => [ins, name.replaceAll('_', ' ')] as const),
])

function nameOf(apdu: Bytes): string {
  const ins = unlessMalformed(() => decodeCommand(apdu))?.ins ?? -1
  return NAMES.get(ins) ?? 'unknown'
}
