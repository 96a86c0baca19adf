import { setTimeout as wait } from 'node:timers/promises'
import {
  ANSWER_MAX,
  PcscError,
  type PcscBinding,
  type PcscCard,
  type PcscProblem,
  type ReaderState,
  type ReaderWatcher,
} from './binding.ts'

/**
 * What we use of the npm package `smartcard` 3.7. Its own types are there only where it is installed,
 * and that needs a compiler.
 */
export interface SmartcardPackage {
  readonly Context: new () => SmartcardContext
  readonly SCARD_STATE_PRESENT: number
  readonly SCARD_STATE_MUTE: number
  readonly SCARD_STATE_EXCLUSIVE: number
  readonly SCARD_STATE_CHANGED: number
  readonly SCARD_STATE_UNAWARE: number
  readonly SCARD_SHARE_SHARED: number
  readonly SCARD_PROTOCOL_T0: number
  readonly SCARD_PROTOCOL_T1: number
  readonly SCARD_LEAVE_CARD: number
}

interface SmartcardContext {
  listReaders(): readonly SmartcardReader[]
  /** Empty if the time ran out, null if it was cancelled. */
  waitForChange(
    readers: readonly WatchedReader[],
    timeout: number,
  ): Promise<readonly WatchedReader[] | null>
  cancel(): void
  close(): void
}

interface WatchedReader {
  readonly name: string
  readonly state: number
}

interface SmartcardReader {
  readonly name: string
  connect(shareMode: number, protocol: number): Promise<SmartcardCard>
}

interface SmartcardCard {
  readonly atr: Uint8Array | null
  transmit(command: Buffer, options: { maxRecvLength: number }): Promise<Uint8Array>
  reconnect(shareMode: number, protocol: number, initialization: number): Promise<number>
  disconnect(disposition: number): void
}

/** It gives an error's text and no code. */
const PROBLEMS: Readonly<Record<string, PcscProblem>> = {
  'PC/SC service not running': 'no_service',
  'PC/SC service stopped': 'no_service',
  'Communication error': 'no_service',
  'Unknown reader': 'no_reader',
  'Reader unavailable': 'no_reader',
  'No smart card present': 'no_card',
  'Card was removed': 'removed',
  'Card was reset': 'reset',
  'Card is unresponsive': 'mute',
  'Card is unpowered': 'mute',
  'Sharing violation': 'sharing',
  'Transaction failed': 'not_transacted',
}

/** How soon a reader that is plugged in or out is noticed. */
const LIST_INTERVAL_MS = 1000

/** The npm package `smartcard`. It has no transactions. */
export function smartcard(pcsc: SmartcardPackage): PcscBinding {
  return {
    name: 'smartcard',
    readersMax: Infinity,

    async open(watcher) {
      const watching = new Watch(pcsc, watcher)
      await watching.toldAll
      return {
        connect: (reader) => connect(pcsc, reader),
        close: () => watching.stop(),
      }
    },
  }
}

class Watch {
  readonly #pcsc: SmartcardPackage
  readonly #watcher: ReaderWatcher
  readonly #context: SmartcardContext
  readonly #toldAll = Promise.withResolvers<void>()
  readonly toldAll = this.#toldAll.promise
  #known = new Map<string, number>()
  #stopped = false
  readonly #running: Promise<void>

  /** @throws {PcscError} `no_service` */
  constructor(pcsc: SmartcardPackage, watcher: ReaderWatcher) {
    this.#pcsc = pcsc
    this.#watcher = watcher
    this.#context = asking(() => new pcsc.Context())
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#context.cancel()
    await this.#running
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopped) {
        this.#list()
        const readers = [...this.#known].map(([name, state]) => ({ name, state }))
        if (readers.every(({ state }) => state !== this.#pcsc.SCARD_STATE_UNAWARE)) {
          this.#toldAll.resolve()
        }
        if (readers.length === 0) await wait(LIST_INTERVAL_MS)
        else this.#tell((await this.#context.waitForChange(readers, LIST_INTERVAL_MS)) ?? [])
      }
    } catch (error) {
      if (!this.#stopped) this.#watcher.broken(problemOf(error))
    } finally {
      this.#toldAll.resolve()
      this.#context.close()
    }
  }

  #list(): void {
    const names = this.#context.listReaders().map(({ name }) => name)
    for (const name of [...this.#known.keys()].filter((known) => !names.includes(known))) {
      this.#known.delete(name)
      this.#watcher.gone(name)
    }
    for (const name of names) {
      if (!this.#known.has(name)) this.#known.set(name, this.#pcsc.SCARD_STATE_UNAWARE)
    }
  }

  #tell(readers: readonly WatchedReader[]): void {
    const { SCARD_STATE_CHANGED } = this.#pcsc
    for (const { name, state } of readers) {
      if ((state & SCARD_STATE_CHANGED) === 0 || !this.#known.has(name)) continue
      this.#known.set(name, state & ~SCARD_STATE_CHANGED)
      this.#watcher.changed(name, this.#stateOf(state))
    }
  }

  #stateOf(state: number): ReaderState {
    const { SCARD_STATE_PRESENT, SCARD_STATE_MUTE, SCARD_STATE_EXCLUSIVE } = this.#pcsc
    if ((state & SCARD_STATE_PRESENT) === 0) return 'empty'
    if ((state & SCARD_STATE_MUTE) !== 0) return 'mute'
    return (state & SCARD_STATE_EXCLUSIVE) === 0 ? 'card' : 'exclusive'
  }
}

/** In a context of its own: within one, a command that does not return holds up all others. */
async function connect(pcsc: SmartcardPackage, name: string): Promise<PcscCard> {
  const { SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0, SCARD_PROTOCOL_T1, SCARD_LEAVE_CARD } = pcsc
  const protocol = SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1
  const context = asking(() => new pcsc.Context())
  const release = (error: unknown) => {
    context.close()
    return problemOf(error)
  }
  const reader = asking(() => context.listReaders()).find((one) => one.name === name)
  if (!reader) throw release(new PcscError('no_reader', `there is no reader "${name}"`))
  const card = await reader.connect(SCARD_SHARE_SHARED, protocol).catch((error: unknown) => {
    throw release(error)
  })
  const { atr } = card
  if (!atr) throw release(new PcscError('mute', 'no answer to reset'))
  return {
    atr: new Uint8Array(atr),
    begin: undefined,
    async transmit(apdu) {
      const options = { maxRecvLength: ANSWER_MAX }
      return new Uint8Array(await asked(card.transmit(Buffer.from(apdu), options)))
    },
    async reconnect() {
      await asked(card.reconnect(SCARD_SHARE_SHARED, protocol, SCARD_LEAVE_CARD))
    },
    async disconnect() {
      try {
        asking(() => card.disconnect(SCARD_LEAVE_CARD))
      } finally {
        context.close()
      }
    },
  }
}

function asking<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw problemOf(error)
  }
}

async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw problemOf(error)
  }
}

function problemOf(error: unknown): PcscError {
  if (error instanceof PcscError) return error
  const text = error instanceof Error ? error.message : ''
  return new PcscError(PROBLEMS[text] ?? 'other', error)
}
