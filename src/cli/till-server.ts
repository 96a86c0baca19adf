import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fromHex, toHex, utf8, type Bytes } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'
import { sha256 } from '../kernel/hash.ts'
import type { Transport } from '../kernel/ports.ts'
import type { Channel } from '../reader/channel.ts'
import { tillSchemes } from '../schemes/till.ts'
import { Counter } from '../till/counter.ts'
import { createKiosk } from '../till/kiosk.ts'
import { InputQueue, realTimer } from '../till/loops.ts'
import { networkSwitch } from '../till/network.ts'
import { runTill } from '../till/run.ts'
import { STORAGE_KEY_SIZE, StoreBusy, StoreUnreadable } from '../till/store.ts'
import { createTill, type Till } from '../till/till.ts'
import { CardDirectory } from './card-directory.ts'
import { httpTransport } from './http-transport.ts'
import { CommandFailed, InputError } from './io.ts'
import { listen } from './listen.ts'
import { builtPage, codeOf, systemClock, systemRandom } from './system.ts'
import { insertModule, type InsertedModule } from './till-module.ts'
import { openTillReaders, schemesFor, type TillReader, type TillReaders } from './till-reader.ts'
import { VERSION } from './version.ts'

export interface TillServerOptions {
  /** The till's own directory. */
  readonly data: string
  readonly office: string
  /** To enrol with, if it is not enrolled. */
  readonly code: string | undefined
  readonly port: number
  readonly cards: string
  /** PC/SC reader, as people say it; undefined: none. */
  readonly reader?: string | undefined
  /** PC/SC reader of the security module, likewise. */
  readonly moduleReader?: string | undefined
  /** Image of the security module instead: a card of `cards`, or the path of a file. */
  readonly module?: string | undefined
  readonly title: string
  readonly merchant: string
}

export interface TillServer {
  readonly url: string
  readonly till: Till
  readonly reader: TillReader | undefined
  /** Rejects if one of its loops breaks: then the process must stop. */
  readonly running: Promise<void>
  stop(): Promise<void>
}

/** Between synchronisations while all is well. */
const SYNC_INTERVAL_MS = 15_000

/**
 * One till with its page.
 *
 * @throws {CommandFailed} if it cannot be opened, enrolled or reached.
 */
export async function startTillServer(options: TillServerOptions): Promise<TillServer> {
  const { cards, module: image } = options
  const readers = await openTillReaders(options.reader, options.moduleReader)
  try {
    const module = image === undefined ? undefined : await insertModule(image, cards)
    try {
      const server = await startWith(options, readers, module)
      const stop = async () => {
        await server.stop()
        await module?.remove()
      }
      return { ...server, stop }
    } catch (error) {
      await module?.remove()
      throw error
    }
  } catch (error) {
    await readers.close()
    throw error
  }
}

async function startWith(
  options: TillServerOptions,
  readers: TillReaders,
  emulated: InsertedModule | undefined,
): Promise<TillServer> {
  const { customer: reader } = readers
  const { data, office, code, port, cards, title, merchant } = options
  await mkdir(data, { recursive: true })
  const network = networkSwitch(httpTransport(office))
  const module = emulated ? () => emulated.channel : moduleIn(readers)
  const till = await openTill(data, network.transport, readers.customer, module)
  if (code !== undefined && !till.status.identity) await enrol(till, code)
  const counter = new Counter(till, { clock: systemClock, random: systemRandom })
  const pageDirectory = builtPage('till')
  const kiosk = await createKiosk({
    till,
    counter,
    network,
    // Held to its own reader, if it has one: one till reads all cards in one way.
    cards: new CardDirectory(cards, reader?.profile),
    name: title,
    merchant,
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    ...(pageDirectory !== undefined && { pageDirectory }),
  })
  const url = await listen(kiosk, '127.0.0.1', port).catch((error: unknown) => {
    till.close()
    throw error
  })
  const ending = new AbortController()
  const running = runTill(
    {
      counter,
      slots: reader ? [reader.slot] : [],
      inputs: new InputQueue(),
      timer: realTimer,
      random: systemRandom,
      interval: SYNC_INTERVAL_MS,
    },
    ending.signal,
  )
  running.catch(() => {})
  return {
    url,
    till,
    reader,
    running,
    async stop() {
      ending.abort()
      await readers.close()
      await kiosk.close()
      await running.catch(() => {})
      till.close()
    },
  }
}

function moduleIn({ module }: TillReaders): (() => Channel | undefined) | undefined {
  return module && (() => module.slot.card())
}

async function openTill(
  data: string,
  transport: Transport,
  customer: TillReader | undefined,
  module: (() => Channel | undefined) | undefined,
): Promise<Till> {
  try {
    return createTill({
      path: join(data, 'till.db'),
      storageKey: await loadStorageKey(join(data, 'storage.key')),
      clock: systemClock,
      random: systemRandom,
      transport,
      schemes: customer ? schemesFor(customer.profile) : tillSchemes,
      ...(module && { module }),
      software: sha256(utf8(`kontant ${VERSION}`)),
    })
  } catch (error) {
    if (error instanceof StoreBusy || error instanceof StoreUnreadable) {
      throw new CommandFailed(error.message)
    }
    throw error
  }
}

/** Made at the first start, readable by its owner only. */
async function loadStorageKey(path: string): Promise<Bytes> {
  const fresh = systemRandom.bytes(STORAGE_KEY_SIZE)
  try {
    await writeFile(path, `${toHex(fresh)}\n`, { mode: 0o600, flag: 'wx' })
    return fresh
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
  try {
    return fromHex((await readFile(path, 'utf8')).trim(), path, STORAGE_KEY_SIZE)
  } catch (error) {
    if (error instanceof FormatError) throw new InputError(error.message)
    throw error
  }
}

async function enrol(till: Till, code: string): Promise<void> {
  try {
    await till.enrol(code)
  } catch (error) {
    till.close()
    const reason = error instanceof Error ? error.message : String(error)
    throw new CommandFailed(`the till could not be enrolled: ${reason}`)
  }
}
