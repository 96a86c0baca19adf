import { once } from 'node:events'
import { createServer } from 'node:net'
import { CommandFailed } from './io.ts'
import { codeOf } from './system.ts'

/** Anything that listens. */
interface Listening {
  listen(options: { readonly host: string; readonly port: number }): Promise<string>
}

/** @throws {CommandFailed} if the port cannot be had. */
export async function listen(app: Listening, host: string, port: number): Promise<string> {
  try {
    return await app.listen({ host, port })
  } catch (error) {
    if (codeOf(error) === 'EADDRINUSE') {
      throw new CommandFailed(
        `port ${port} is taken: stop what uses it, or choose another by --port`,
      )
    }
    if (codeOf(error) === 'EACCES') {
      throw new CommandFailed(`port ${port} is not for everybody: choose one above 1023 by --port`)
    }
    throw error
  }
}

/**
 * For whoever has much to do before it listens.
 *
 * @throws {CommandFailed} if the port cannot be had now.
 */
export async function checkPort(host: string, port: number): Promise<void> {
  const server = createServer()
  const trying: Listening = {
    async listen(options) {
      await once(server.listen(options), 'listening')
      return ''
    },
  }
  await listen(trying, host, port)
  await once(server.close(), 'close')
}
