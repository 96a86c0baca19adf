import { decodeCommand, encodeCommand } from '../kernel/apdu.ts'
import type { Bytes } from '../kernel/bytes.ts'
import { unlessMalformed } from '../kernel/errors.ts'
import type { Amount } from '../kernel/money.ts'
import type { Party } from '../kernel/party.ts'
import { Unreachable, type Clock, type RandomSource } from '../kernel/ports.ts'
import { CardTorn, type Channel } from '../reader/channel.ts'
import { INS } from '../schemes/wallet/message.ts'
import { Phone, type PhoneParts } from '../schemes/wallet/phone.ts'
import type { PhoneMemory } from '../schemes/wallet/phone/memory.ts'
import { PhoneGone, type Wire, type WireMessage } from '../schemes/wallet/phone/wire.ts'
import type { Exchanged } from './cheats/middleman.ts'
import { withOrderAmount, withPayee, withRequestAmount } from './cheats/wallet.ts'
import type { TellWire } from './trace/phone.ts'

/** What a phone does that its holder does not want; amounts in minor units. */
export type Hostility =
  | { readonly amount: Amount }
  | { readonly payee: Party }
  | { readonly order: Amount }
  | { readonly listen: Exchanged[] }
  | { readonly replay: readonly Exchanged[] }

/** What happens on the way, for one step of a scenario; all phones of it share one count. */
export interface Way {
  /** This message of all that the phones pass on is lost, from 1. */
  readonly lose: number | undefined
  readonly hostile: Hostility | undefined
  /** How many have been passed on. */
  passed: number
}

export interface PhoneOwner {
  readonly name: string
  readonly clock: Clock
  readonly random: RandomSource
}

/** Who is at the other ends of a phone. */
export interface PhoneOthers {
  readonly card: string
  readonly phone: string
}

/** Somebody's phone. What it remembers it keeps over all steps. */
export class TownPhone {
  readonly name: string
  readonly #owner: PhoneOwner
  readonly #memory = new Map<string, Bytes>()
  readonly #tell: TellWire | undefined

  /** @param tell undefined if nobody listens. */
  constructor(owner: PhoneOwner, tell: TellWire | undefined) {
    this.name = `${owner.name}’s phone`
    this.#owner = owner
    this.#tell = tell
  }

  /** The phone, with what happens on the way. @param office undefined without a network. */
  on(way: Way, office: PhoneParts['office'], others: PhoneOthers): Phone {
    const { clock, random } = this.#owner
    const hear = this.#tell?.([this.name, others.card, others.phone])
    return new Phone({
      clock,
      random,
      ...(office && { office }),
      memory: this.#remembering(),
      wire: wireOf(way, hear),
    })
  }

  #remembering(): PhoneMemory {
    return {
      read: async (name) => this.#memory.get(name),
      write: async (name, bytes) => {
        if (bytes === undefined) this.#memory.delete(name)
        else this.#memory.set(name, bytes)
      },
    }
  }
}

/** What a phone hears first if it is one that repeats what it has heard. */
export async function replayTo(channel: Channel, { hostile }: Way): Promise<void> {
  if (!hostile || !('replay' in hostile)) return
  for (const { command } of hostile.replay) await channel.transmit(command)
}

function wireOf(
  way: Way,
  hear: ((message: WireMessage, isLost: boolean) => void) | undefined,
): Wire {
  return async (message) => {
    way.passed += 1
    const isLost = way.passed === way.lose
    const bytes = changed(message, way.hostile)
    hear?.({ ...message, bytes }, isLost)
    if (isLost) throw lostOn(message)
    return bytes
  }
}

function lostOn({ leg }: WireMessage): Error {
  switch (leg) {
    case 'card':
      return new CardTorn('the card left the phone')
    case 'office':
      return new Unreachable('the network swallowed it')
    case 'phone':
      return new PhoneGone('the phones parted')
  }
}

function changed({ leg, way, bytes }: WireMessage, hostile: Hostility | undefined): Bytes {
  if (!hostile || leg !== 'card' || way !== 'there') return bytes
  const command = unlessMalformed(() => decodeCommand(bytes))
  if (!command) return bytes
  if ('listen' in hostile) hostile.listen.push({ command: bytes, answer: new Uint8Array() })
  const { ins, data } = command
  if ('amount' in hostile && ins === INS.PAY) {
    return encodeCommand({ ...command, data: withRequestAmount(data, hostile.amount) })
  }
  if ('payee' in hostile && ins === INS.PAY) {
    return encodeCommand({ ...command, data: withPayee(data, hostile.payee) })
  }
  if ('order' in hostile && ins === INS.EXECUTE) {
    return encodeCommand({ ...command, data: withOrderAmount(data, hostile.order) })
  }
  return bytes
}
