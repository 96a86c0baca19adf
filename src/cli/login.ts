import { readFile, writeFile } from 'node:fs/promises'
import type { Login } from '../town/office-client.ts'
import { InputError } from './io.ts'
import { codeOf } from './system.ts'

/** Name and password of a person at the office, a line each, readable by its owner only. */
export async function writeLogin(path: string, { name, password }: Login): Promise<void> {
  await writeFile(path, `${name}\n${password}\n`, { mode: 0o600 })
}

/** @throws {InputError} if there is none, or it is not two lines. */
export async function readLogin(path: string): Promise<Login> {
  const [name, password] = (await readText(path)).split('\n')
  if (name && password) return { name, password }
  throw new InputError(`${path}: expected a name and a password, a line each`)
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    throw new InputError(
      `${path} is missing: it holds name and password of an operator, a line each; \`kontant up\` writes it`,
    )
  }
}
