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
