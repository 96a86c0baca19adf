import type { TillCommand } from './command-line.ts'
import { untilStopped, type Io } from './io.ts'
import { servesBlock } from './till-reader.ts'
import { startTillServer } from './till-server.ts'

/** `kontant till`: runs until it is told to stop. */
export async function runOneTill(command: TillCommand, io: Io): Promise<void> {
  const till = await startTillServer(command)
  try {
    const { identity } = till.till.status
    io.out(`${command.title} has its page on ${till.url}. Ctrl-C stops it.`)
    if (identity) io.out(`It is till ${identity.till} of ${command.office}.`)
    else io.out('It is not enrolled: enter a code from the console on its page, or give --code.')
    if (till.reader) {
      const { slot, profile } = till.reader
      io.out(`It serves cards in reader ${slot.name}.`)
      if (!servesBlock(profile)) {
        io.err('No value operations are known of this reader: it cannot serve block cards.')
      }
    }
    await untilStopped(io, [till.running])
  } finally {
    if (io.stop.aborted) io.err('Stopping …')
    await till.stop()
  }
}
