import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { ImageStore } from '../card/image.ts'

/** Keeps a card's image in a file. A crash at any moment leaves the old image or the new one. */
export function cardFile(path: string): ImageStore {
  return {
    async read() {
      try {
        return new Uint8Array(await readFile(path))
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
        throw error
      }
    },

    async write(image) {
      const temporary = `${path}.tmp`
      const file = await open(temporary, 'w')
      try {
        await file.writeFile(image)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(temporary, path)
      await syncDirectory(dirname(path))
    },
  }
}

/** A rename lasts only once its directory is on the disk. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
