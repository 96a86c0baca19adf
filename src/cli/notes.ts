import { readFile, rename, writeFile } from 'node:fs/promises'
import { z } from 'zod'
import { codeOf } from './system.ts'

/** What has been made so far, by name: a first run that was interrupted goes on where it was. */
const notesSchema = z.record(z.string(), z.string())

/** Made things that are remembered, each saved as soon as it is made. Holds secrets. */
export class Notes {
  readonly #path: string
  readonly #made: Record<string, string>

  private constructor(path: string, made: Record<string, string>) {
    this.#path = path
    this.#made = made
  }

  static async open(path: string): Promise<Notes> {
    try {
      const text = await readFile(path, 'utf8')
      return new Notes(path, notesSchema.parse(JSON.parse(text)))
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return new Notes(path, {})
      throw error
    }
  }

  async once(name: string, make: () => Promise<string>): Promise<string> {
    const known = this.#made[name]
    if (known !== undefined) return known
    const made = await make()
    this.#made[name] = made
    const temporary = `${this.#path}.tmp`
    await writeFile(temporary, JSON.stringify(this.#made, undefined, 2), { mode: 0o600 })
    await rename(temporary, this.#path)
    return made
  }
}
