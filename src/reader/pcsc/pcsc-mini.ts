import { setTimeout as wait } from 'node:timers/promises'
import type * as PcscMini from 'pcsc-mini'
import {
  ANSWER_MAX,
  PcscError,
  type PcscBinding,
  type PcscCard,
  type PcscClient,
  type PcscProblem,
  type ReaderState,
} from './binding.ts'

/**
 * It cannot be asked for the readers, it only tells of them, one soon after the other, and nothing at
 * all if there are none: it has told of all when it has been silent for so long, milliseconds.
 */
const SILENCE_MS = 150
/**
 * To stop it just after it has told of something can block this process for a minute (0.1.3: its thread
 * misses the request if it is not waiting yet). After so long it waits, milliseconds.
 */
const QUIET_MS = 50

const PROBLEMS: Readonly<Record<string, PcscProblem>> = {
  NoService: 'no_service',
  ServiceStopped: 'no_service',
  CommError: 'no_service',
  UnknownReader: 'no_reader',
  ReaderUnavailable: 'no_reader',
  NoSmartCard: 'no_card',
  RemovedCard: 'removed',
  ResetCard: 'reset',
  UnresponsiveCard: 'mute',
  UnpoweredCard: 'mute',
  SharingViolation: 'sharing',
  NotTransacted: 'not_transacted',
}

/**
 * Every client for good: one whose service has ended throws out of the collector when it is collected,
 * where nobody can catch it (0.1.3). There is one more each time that the service is started again.
 */
const clients = new Set<PcscMini.Client>()

/** The npm package `pcsc-mini`, which brings its native part built. */
export function pcscMini(pcsc: typeof PcscMini): PcscBinding {
  const { Client, ReaderStatus } = pcsc

  function stateOf(status: PcscMini.ReaderStatusFlags): ReaderState {
    if (!status.has(ReaderStatus.PRESENT)) return 'empty'
    if (status.has(ReaderStatus.MUTE)) return 'mute'
    return status.has(ReaderStatus.EXCLUSIVE) ? 'exclusive' : 'card'
  }

  return {
    name: 'pcsc-mini',
    readersMax: pcsc.MAX_READERS,

    async open(watcher) {
      const client = new Client()
      clients.add(client)
      const silence = new Silence()
      client.on('reader', (reader) => {
        reader.on('change', (status) => {
          silence.breaks()
          watcher.changed(reader.name(), stateOf(status))
        })
        reader.on('disconnect', () => watcher.gone(reader.name()))
      })
      client.on('error', (error) => watcher.broken(problemOf(error)))
      try {
        client.start()
      } catch (error) {
        throw problemOf(error)
      }
      await silence.of(SILENCE_MS)
      return clientOver(client, silence, pcsc)
    },
  }
}

function clientOver(client: PcscMini.Client, silence: Silence, pcsc: typeof PcscMini): PcscClient {
  return {
    async connect(name) {
      const reader = client.reader(name)
      if (!reader) throw new PcscError('no_reader', `there is no reader "${name}"`)
      const card = await asked(() => reader.connect(pcsc.CardMode.SHARED, pcsc.Protocol.ANY))
      return cardOver(card, pcsc)
    },
    async close() {
      client.removeAllListeners('error').on('error', () => {})
      await silence.of(QUIET_MS)
      try {
        client.stop()
      } catch {
        // The service was gone before us: there is nothing left to stop.
      }
    },
  }
}

async function cardOver(card: PcscMini.Card, pcsc: typeof PcscMini): Promise<PcscCard> {
  const { CardDisposition, CardMode } = pcsc
  // The one that comes with the event is not the card's (0.1.3).
  const { atr } = await asked(() => card.state())
  const answer = new ArrayBuffer(ANSWER_MAX)
  let last: Promise<unknown> = Promise.resolve()
  return {
    atr: new Uint8Array(atr),
    // One after the other: they share the buffer.
    transmit(apdu) {
      const turn = last.then(async () =>
        asked(async () => new Uint8Array(await card.transmit(apdu, answer))),
      )
      last = turn.catch(() => {})
      return turn
    },
    async begin() {
      const transaction = await asked(() => card.transaction())
      return () => asked(() => transaction.end(CardDisposition.LEAVE))
    },
    async reconnect() {
      await asked(() => card.reconnect(CardMode.SHARED, CardDisposition.LEAVE))
    },
    disconnect: () => asked(() => card.disconnect(CardDisposition.LEAVE)),
  }
}

async function asked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw problemOf(error)
  }
}

function problemOf(error: unknown): PcscError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return new PcscError(PROBLEMS[code] ?? 'other', error)
}

/** For how long nothing was told. */
class Silence {
  #since = performance.now()

  breaks(): void {
    this.#since = performance.now()
  }

  async of(milliseconds: number): Promise<void> {
    for (;;) {
      const left = this.#since + milliseconds - performance.now()
      if (left <= 0) return
      await wait(left)
    }
  }
}
