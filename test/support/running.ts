import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** A command of ours in a process of its own, so that signals and exit statuses are real. */
export class Running {
  readonly process: ChildProcess
  output = ''
  #isOver = false
  readonly #waiting = new Set<() => void>()

  constructor(process: ChildProcess) {
    this.process = process
    const wake = () => {
      for (const one of this.#waiting) one()
    }
    for (const stream of [process.stdout, process.stderr]) {
      stream?.on('data', (text) => {
        this.output += String(text)
        wake()
      })
    }
    // After the last of what it printed.
    process.once('close', () => {
      this.#isOver = true
      wake()
    })
  }

  /** With a database of its own. */
  static start(...argv: readonly string[]): Running {
    const { DATABASE_URL: _database, ...env } = process.env
    return new Running(
      spawn(process.execPath, [MAIN, ...argv], { env, stdio: ['ignore', 'pipe', 'pipe'] }),
    )
  }

  /** Until it has printed that. Fails if it ends without. */
  async says(text: string): Promise<void> {
    while (!this.output.includes(text)) {
      if (this.#isOver) throw new Error(this.output)
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.add(resolve)
      await promise
      this.#waiting.delete(resolve)
    }
  }

  /** As Ctrl-C does, unless it has ended. Its exit status. */
  async stop(): Promise<number | null> {
    if (!this.#isOver) {
      const ended = once(this.process, 'close')
      this.process.kill('SIGINT')
      await ended
    }
    return this.process.exitCode
  }
}
