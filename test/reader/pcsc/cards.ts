import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Bytes } from '../../../src/kernel/bytes.ts'
import type { READER_PROFILES } from '../../../src/kernel/storage-apdu.ts'
import type { Cut } from '../../support/cuts.ts'
import type { Lab } from './lab.ts'

export interface ScriptedAnswer {
  /** What goes over the wire, length and all, in hexadecimal. */
  readonly raw: string
  readonly then: 'stay' | 'hang-up'
}

export type CardOrder =
  | {
      readonly do: 'make'
      readonly card: string
      /** Of `cardKinds`. */
      readonly kind: string
      readonly memory: Bytes
      readonly profile: keyof typeof READER_PROFILES
    }
  | { readonly do: 'insert' | 'insert-seen'; readonly card: string; readonly port: number }
  | { readonly do: 'pull'; readonly card: string }
  | { readonly do: 'arm'; readonly card: string; readonly cut: Cut | undefined }
  | { readonly do: 'look'; readonly card: string }
  | {
      readonly do: 'play'
      readonly port: number
      readonly atr: string
      readonly answers: readonly ScriptedAnswer[]
    }
  | { readonly do: 'hang-up'; readonly port: number }

/** What a card is and has done. */
export interface Answered {
  readonly memory: Bytes
  readonly writes: number
  readonly apdus: number
}

export type CardReply =
  | { readonly id: number; readonly answered: Answered | undefined }
  | { readonly id: number; readonly error: string }

export interface MakeOptions {
  readonly kind?: string
  /** Of the reader that a memory card is in. */
  readonly profile?: keyof typeof READER_PROFILES
}

const CHILD = fileURLToPath(new URL('card-child.ts', import.meta.url))

/** Cards in a process of their own, beside the virtual readers of a lab. */
export class Cards {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (reply: CardReply) => void>()
  #orders = 0

  private constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', (reply: CardReply) => {
      this.#waiting.get(reply.id)?.(reply)
      this.#waiting.delete(reply.id)
    })
  }

  static async start(lab: Lab): Promise<Cards> {
    const child = lab.spawn([process.execPath, CHILD], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    await once(child, 'message')
    return new Cards(child)
  }

  async make(
    card: string,
    memory: Bytes,
    { kind = 'mifare-classic-1k', profile = 'ACR1255U' }: MakeOptions = {},
  ): Promise<void> {
    await this.#ask({ do: 'make', card, kind, memory, profile })
  }

  /** Resolves when the reader's port has it; the service looks a few times a second. */
  async insert(card: string, port: number): Promise<void> {
    await this.#ask({ do: 'insert', card, port })
  }

  /** Resolves when the service has looked and seen it. */
  async insertSeen(card: string, port: number): Promise<void> {
    await this.#ask({ do: 'insert-seen', card, port })
  }

  async pull(card: string): Promise<void> {
    await this.#ask({ do: 'pull', card })
  }

  async arm(card: string, cut: Cut | undefined): Promise<void> {
    await this.#ask({ do: 'arm', card, cut })
  }

  async look(card: string): Promise<Answered> {
    const answered = await this.#ask({ do: 'look', card })
    if (!answered) throw new Error(`${card} did not answer`)
    return answered
  }

  /** Puts something in that answers as it is told; without an answer left it is mute. */
  async play(port: number, atr: string, answers: readonly ScriptedAnswer[]): Promise<void> {
    await this.#ask({ do: 'play', port, atr, answers })
  }

  /** Ends what {@link play} put in. */
  async hangUp(port: number): Promise<void> {
    await this.#ask({ do: 'hang-up', port })
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.disconnect()
    await ended
  }

  async #ask(order: CardOrder): Promise<Answered | undefined> {
    this.#orders += 1
    const id = this.#orders
    const { promise, resolve } = Promise.withResolvers<CardReply>()
    this.#waiting.set(id, resolve)
    this.#child.send({ id, order })
    const reply = await promise
    if ('error' in reply) throw new Error(reply.error)
    return reply.answered
  }
}
