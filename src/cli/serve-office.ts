import type { OfficeCommand } from './command-line.ts'
import { untilStopped, withProgress, type Io } from './io.ts'
import { startOfficeServer } from './office-server.ts'

/** `kontant office`: runs until it is told to stop. */
export async function runOffice(command: OfficeCommand, io: Io): Promise<void> {
  const office = await withProgress(io, 'Starting the office and its database', () =>
    startOfficeServer(command),
  )
  try {
    io.out(`The office listens on ${office.url}. Ctrl-C stops it.`)
    if (office.newLogin) {
      const { name, password } = office.newLogin
      io.out(`Sign in as ${name} with ${password}; it is in ${office.loginFile}, too.`)
    }
    await untilStopped(io, [office.broken])
  } finally {
    if (io.stop.aborted) io.err('Stopping …')
    await office.stop()
  }
}
