import { mkdir, open, readdir, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Field } from '../card/field.ts'
import type { CardKind, CardKinds, StoredCard } from '../card/image-kinds.ts'
import type { Bytes } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'
import { READER_PROFILES, type ReaderProfile } from '../kernel/storage-apdu.ts'
import { inProcessChannel } from '../reader/in-process.ts'
import type { Channel } from '../reader/channel.ts'
import type { CardSource } from '../till/kiosk.ts'
import { cardFile } from './card-files.ts'
import { DUMP, ENDINGS, isModuleFile, type Ending } from './card-endings.ts'
import { cardKinds, endingOf } from './card-images.ts'
import { InputError } from './io.ts'
import { codeOf, systemRandom } from './system.ts'

/** A card that is out of the directory for a while. */
export interface TakenCard {
  readonly field: Field
  /** Page writes so far: whether there is something to save. */
  readonly writes: () => number
  /** Puts the card's memory into its file. */
  readonly save: () => Promise<void>
}

/** The file of a card. */
interface CardFile {
  readonly path: string
  readonly ending: Ending
}

/**
 * Virtual cards in a directory: `NAME.mfd` is the memory of a MIFARE Classic as it is, `NAME.card` and
 * `NAME.sam`, of a security module, say themselves what they are.
 */
export class CardDirectory implements CardSource {
  readonly directory: string
  readonly #kinds: CardKinds

  /** `profile`: of the reader that its cards are held to. */
  constructor(directory: string, profile: ReaderProfile = READER_PROFILES.ACR1255U) {
    this.directory = directory
    this.#kinds = cardKinds(profile)
  }

  /** By name. */
  async names(): Promise<readonly string[]> {
    return [...(await this.#files()).keys()]
  }

  /** What can be tapped: no security modules. */
  async list() {
    const files = [...(await this.#files())]
    return files
      .filter(([, { ending }]) => !isModuleFile(ending))
      .map(([name]) => ({ id: name, label: name }))
  }

  async #files(): Promise<ReadonlyMap<string, CardFile>> {
    const files = await this.#fileNames()
    const found = files.toSorted().flatMap((file): [string, CardFile][] => {
      const ending = ENDINGS.find((candidate) => file.endsWith(candidate))
      if (ending === undefined) return []
      return [[file.slice(0, -ending.length), { path: join(this.directory, file), ending }]]
    })
    return new Map(found)
  }

  async #fileNames(): Promise<readonly string[]> {
    try {
      return await readdir(this.directory)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return []
      throw error
    }
  }

  /** @throws {InputError} if there is none of that name, or it is not an image. */
  async read(name: string): Promise<StoredCard> {
    return this.#read(await this.#find(name))
  }

  /** @throws {InputError} if there is a card of that name already. @returns the path of its file. */
  async write(name: string, kind: CardKind, memory: Bytes): Promise<string> {
    await mkdir(this.directory, { recursive: true })
    const known = (await this.#files()).get(name)
    if (known) throw new InputError(`${known.path} is there already: choose another name`)
    const ending = endingOf(kind)
    const path = join(this.directory, name + ending)
    await save(this.#kinds.put(kind.name, memory, systemRandom), { path, ending })
    return path
  }

  async withCard<T>(name: string, work: (channel: Channel) => Promise<T>): Promise<T | undefined> {
    // A till's page sends names: only those that are there lead to a file.
    if (!(await this.names()).includes(name)) return undefined
    return this.take(name, async ({ field, save: keep }) => {
      field.powerOn()
      try {
        return await work(inProcessChannel(field))
      } finally {
        field.powerOff()
        // Whatever happened to the tap, the card keeps what was written on it.
        await keep()
      }
    })
  }

  /**
   * Has a card to itself while `work` runs: who else wants it waits.
   *
   * @throws {InputError} as {@link read}.
   */
  async take<T>(name: string, work: (card: TakenCard) => Promise<T>): Promise<T> {
    const file = await this.#find(name)
    return exclusively(file.path, async () => {
      const stored = await this.#read(file)
      return work({
        field: new Field(stored.card),
        writes: () => stored.nvm.writes,
        save: () => save(stored, file),
      })
    })
  }

  async #find(name: string): Promise<CardFile> {
    const files = await this.#files()
    const file = files.get(name)
    if (file) return file
    const list = files.size > 0 ? [...files.keys()].join(', ') : 'none'
    throw new InputError(`there is no card ${name}. Cards in ${this.directory}: ${list}`)
  }

  async #read({ path }: CardFile): Promise<StoredCard> {
    const bytes = await cardFile(path).read()
    if (!bytes) throw new InputError(`${path} is missing`)
    try {
      return this.#kinds.open(bytes, systemRandom)
    } catch (error) {
      if (error instanceof FormatError) {
        throw new InputError(`${path} is not an image of a card: ${error.message}`)
      }
      throw error
    }
  }
}

/** A dump stays a dump: other programs read it. */
async function save(stored: StoredCard, { path, ending }: CardFile): Promise<void> {
  await cardFile(path).write(ending === DUMP ? stored.nvm.snapshot() : stored.save())
}

const LOCK_WAIT_MS = 20
/** A lock as old as this was left by a process that was killed. */
const LOCK_STALE_MS = 10_000
const LOCK_RENEW_MS = LOCK_STALE_MS / 4

/** One card is at one till at a time, also where two processes have one directory. */
async function exclusively<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`
  while (!(await takeLock(lock))) await wait(LOCK_WAIT_MS)
  const renewing = setInterval(() => void renewLock(lock), LOCK_RENEW_MS)
  try {
    return await work()
  } finally {
    clearInterval(renewing)
    await rm(lock, { force: true })
  }
}

async function takeLock(lock: string): Promise<boolean> {
  try {
    await (await open(lock, 'wx')).close()
    return true
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
  const age = await ageOf(lock)
  if (age > LOCK_STALE_MS) await rm(lock, { force: true })
  return false
}

async function renewLock(lock: string): Promise<void> {
  const now = new Date()
  await utimes(lock, now, now).catch(() => {})
}

async function ageOf(path: string): Promise<number> {
  try {
    return Date.now() - (await stat(path)).mtimeMs
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 0
    throw error
  }
}
