import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { toHex, utf8, type Bytes } from '../kernel/bytes.ts'
import { sha256 } from '../kernel/hash.ts'
import { cardFile } from './card-files.ts'

/** What somebody has begun, by name, so that it is not begun again. */
export interface Memory {
  read(name: string): Promise<Bytes | undefined>
  /** Undefined forgets it. */
  write(name: string, bytes: Bytes | undefined): Promise<void>
}

/** A file a thing, for its owner's eyes. */
export function fileMemory(directory: string): Memory {
  const path = (name: string) => join(directory, toHex(sha256(utf8(name)).slice(0, 16)))
  return {
    read: async (name) => cardFile(path(name)).read(),
    async write(name, bytes) {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      if (bytes) await cardFile(path(name)).write(bytes)
      else await rm(path(name), { force: true })
    },
  }
}
