import { PcscError } from '../reader/pcsc/binding.ts'
import { loadPcsc, PcscMissing } from '../reader/pcsc/load.ts'
import { PcscReaders } from '../reader/pcsc/readers.ts'
import { CommandFailed } from './io.ts'

/** @throws {CommandFailed} that says what to install or to start. */
export async function openReaders(): Promise<PcscReaders> {
  try {
    return await PcscReaders.open(await loadPcsc())
  } catch (error) {
    if (error instanceof PcscMissing) throw new CommandFailed(error.message)
    if (error instanceof PcscError) {
      const reason = error.problem === 'no_service' ? '' : ` (${error.message})`
      throw new CommandFailed(
        `no PC/SC service answers${reason}: start pcscd, with systemd by \`systemctl start pcscd.socket\``,
      )
    }
    throw error
  }
}

/**
 * The reader that somebody means: its number in the list, its name, or a part of the name that no other
 * has, in large or small letters.
 *
 * @throws {CommandFailed} if it is none or several.
 */
export function chooseReader(names: readonly string[], wanted: string): string {
  const exact = names.find((name) => name === wanted) ?? names[/^\d+$/.test(wanted) ? +wanted : -1]
  if (exact !== undefined) return exact
  const found = names.filter((name) => name.toLowerCase().includes(wanted.toLowerCase()))
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  const what =
    found.length === 0
      ? `there is no reader "${wanted}". There is: ${listOf(names)}`
      : `"${wanted}" may be each of: ${listOf(found)}. Say more of its name, or its number in \`kontant reader list\``
  throw new CommandFailed(what)
}

function listOf(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join('; ')
}
