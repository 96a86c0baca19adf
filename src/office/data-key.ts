import { readFile, writeFile } from 'node:fs/promises'
import { fromHex, toHex, type Bytes } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'
import type { RandomSource } from '../kernel/ports.ts'
import { DATA_KEY_SIZE } from './vault.ts'

/** The variable that holds the data key, 64 hexadecimal digits, where no file shall. */
export const DATA_KEY_VARIABLE = 'KONTANT_DATA_KEY'

/**
 * The data key from the environment or else from its file, which is made at the first start, readable
 * by its owner only. Whoever loses it loses what it seals: docs/operating.md, "Keys at rest".
 *
 * @throws {FormatError} if what is there is not a data key.
 */
export async function loadDataKey(
  file: string,
  random: RandomSource,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Bytes> {
  const given = environment[DATA_KEY_VARIABLE]
  if (given !== undefined) return fromHex(given.trim(), DATA_KEY_VARIABLE, DATA_KEY_SIZE)
  try {
    const key = random.bytes(DATA_KEY_SIZE)
    await writeFile(file, `${toHex(key)}\n`, { mode: 0o600, flag: 'wx' })
    return key
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  const text = await readFile(file, 'utf8')
  if (text.trim() === '') throw new FormatError(file, 'is empty: restore it from the backup')
  return fromHex(text.trim(), file, DATA_KEY_SIZE)
}
