import { mkdir, open, readdir, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Field } from '../card/field.ts'
import type { Bytes } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'
import { READER_PROFILES, type ReaderProfile } from '../kernel/storage-apdu.ts'
import { inProcessChannel } from '../reader/in-process.ts'
import type { Channel } from '../reader/channel.ts'
import type { CardSource } from '../till/kiosk.ts'
import { cardFile } from './card-files.ts'
import { IMAGE_KINDS, type EmulatedCard } from './card-images.ts'
import { InputError } from './io.ts'
import { codeOf } from './system.ts'

const KIND = IMAGE_KINDS.mifareClassic
const ENDING = KIND.ending

/** A card that is out of the directory for a while. */
export interface TakenCard {
  readonly field: Field
  /** Page writes so far: whether there is something to save. */
  readonly writes: () => number
  /** Puts the card's memory into its file. */
  readonly save: () => Promise<void>
}

/** Virtual cards in a directory: `NAME.mfd` is the memory of one. */
export class CardDirectory implements CardSource {
  readonly directory: string
  readonly #profile: ReaderProfile

  /** `profile`: of the reader that its cards are held to. */
  constructor(directory: string, profile: ReaderProfile = READER_PROFILES.ACR1255U) {
    this.directory = directory
    this.#profile = profile
  }

  /** By name. */
  async names(): Promise<readonly string[]> {
    try {
      const files = await readdir(this.directory)
      return files
        .filter((file) => file.endsWith(ENDING))
        .map((file) => file.slice(0, -ENDING.length))
        .toSorted()
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return []
      throw error
    }
  }

  async list() {
    return (await this.names()).map((name) => ({ id: name, label: name }))
  }

  pathOf(name: string): string {
    return join(this.directory, name + ENDING)
  }

  /** @throws {InputError} if there is none of that name, or it is not an image. */
  async read(name: string): Promise<Bytes> {
    const path = this.pathOf(name)
    const bytes = await cardFile(path).read()
    if (!bytes) {
      const known = await this.names()
      const list = known.length > 0 ? known.join(', ') : 'none'
      throw new InputError(`${path} is missing. Cards in ${this.directory}: ${list}`)
    }
    this.#open(path, bytes)
    return bytes
  }

  /** @throws {InputError} if there is a card of that name already. */
  async write(name: string, image: Bytes): Promise<void> {
    await mkdir(this.directory, { recursive: true })
    if ((await this.names()).includes(name)) {
      throw new InputError(`${this.pathOf(name)} is there already: choose another name`)
    }
    await cardFile(this.pathOf(name)).write(image)
  }

  async withCard<T>(name: string, work: (channel: Channel) => Promise<T>): Promise<T | undefined> {
    // A till's page sends names: only those that are there lead to a file.
    if (!(await this.names()).includes(name)) return undefined
    return this.take(name, async ({ field, save }) => {
      field.powerOn()
      try {
        return await work(inProcessChannel(field))
      } finally {
        field.powerOff()
        // Whatever happened to the tap, the card keeps what was written on it.
        await save()
      }
    })
  }

  /**
   * Has a card to itself while `work` runs: who else wants it waits.
   *
   * @throws {InputError} as {@link read}.
   */
  async take<T>(name: string, work: (card: TakenCard) => Promise<T>): Promise<T> {
    const path = this.pathOf(name)
    return exclusively(path, async () => {
      const { card, nvm } = this.#open(path, await this.read(name))
      return work({
        field: new Field(card),
        writes: () => nvm.writes,
        save: () => cardFile(path).write(nvm.snapshot()),
      })
    })
  }

  /** @throws {InputError} if the bytes are no card's memory. */
  #open(path: string, bytes: Bytes): EmulatedCard {
    try {
      return KIND.open(bytes, this.#profile)
    } catch (error) {
      if (error instanceof FormatError) {
        throw new InputError(`${path} is not an image of ${KIND.what}: ${error.reason}`)
      }
      throw error
    }
  }
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
