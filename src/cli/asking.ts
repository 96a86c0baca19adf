import type { Bytes } from '../kernel/bytes.ts'
import { OfficeRefused, refusalOf } from '../town/office-client.ts'
import { CommandFailed } from './io.ts'

/** Does what asks an office. @throws {CommandFailed} if it refuses, or nobody is there. */
export async function asked<T>(office: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof OfficeRefused) {
      throw new CommandFailed(`the office refused: ${error.message}`)
    }
    // What `fetch` says if nobody is there.
    if (error instanceof TypeError) {
      throw new CommandFailed(
        `no office answers at ${office}: start one with \`kontant up\`, or name it by --office`,
      )
    }
    throw error
  }
}

/** An answer that is bytes. @throws {OfficeRefused} with the office's own words. */
export async function fetchBytes(
  office: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Bytes> {
  const answer = await fetch(new URL(path, office), { headers })
  if (!answer.ok) throw refusalOf(answer.status, await answer.text())
  return new Uint8Array(await answer.arrayBuffer())
}
