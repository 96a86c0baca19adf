#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import { OperatorError } from '../kernel/errors.ts'
import { parseCommand, type Command } from './command-line.ts'
import { EXIT, InputError, type ExitStatus, type Io } from './io.ts'
import { UsageError } from './options.ts'

/** Runs one command line. @returns what the process ends with. */
export async function main(argv: readonly string[], io: Io): Promise<ExitStatus> {
  try {
    return await run(parseCommand(argv, io.environment), io)
  } catch (error) {
    return explain(error, io)
  }
}

/** Each command is loaded when it is asked for: all of them take most of a second. */
async function run(command: Command, io: Io): Promise<ExitStatus> {
  switch (command.name) {
    case 'help': {
      const { HELP, TOPIC_HELP } = await import('./help.ts')
      io.out(command.topic === undefined ? HELP : TOPIC_HELP[command.topic])
      return EXIT.OK
    }
    case 'version':
      io.out((await import('./version.ts')).VERSION)
      return EXIT.OK
    case 'up':
      await (await import('./up.ts')).up(command, io)
      return EXIT.OK
    case 'office':
      await (await import('./serve-office.ts')).runOffice(command, io)
      return EXIT.OK
    case 'membership':
      await (await import('./membership.ts')).runMembership(command, io)
      return EXIT.OK
    case 'notary':
      await (await import('./notary.ts')).runNotary(command, io)
      return EXIT.OK
    case 'certificate':
      await (await import('./certificate.ts')).runCertificate(command, io)
      return EXIT.OK
    case 'till':
      await (await import('./serve-till.ts')).runOneTill(command, io)
      return EXIT.OK
    case 'card':
      await (await import('./card.ts')).runCard(command, io)
      return EXIT.OK
    case 'phone':
      await (await import('./phone.ts')).runPhone(command, io)
      return EXIT.OK
    case 'coins':
      await (await import('./coins.ts')).runCoins(command, io)
      return EXIT.OK
    case 'liquidity':
      await (await import('./liquidity.ts')).runLiquidity(command, io)
      return EXIT.OK
    case 'reader':
      await (await import('./reader.ts')).runReader(command, io)
      return EXIT.OK
    case 'play': {
      const { play } = await import('./play.ts')
      return (await play(command, io)) ? EXIT.OK : EXIT.FAILED
    }
    case 'case':
      await (await import('./case.ts')).runCase(command, io)
      return EXIT.OK
    case 'verify-case':
      return (await import('./verify-case.ts')).verifyCase(command, io)
  }
}

/** Says what went wrong, and gives back the status for it. What is our own fault shows its stack. */
function explain(error: unknown, io: Io): ExitStatus {
  if (error instanceof UsageError) {
    const help = error.topic === undefined ? 'kontant --help' : `kontant ${error.topic} --help`
    io.err(`${error.message}\nSee: ${help}`)
    return EXIT.USAGE
  }
  if (error instanceof InputError) {
    io.err(error.message)
    return EXIT.INPUT
  }
  if (error instanceof OperatorError) {
    io.err(error.message)
    return EXIT.FAILED
  }
  io.err(error instanceof Error ? (error.stack ?? error.message) : String(error))
  return EXIT.FAILED
}

/** npm and the terminal each pass one Ctrl-C on: what comes together is one. */
const SAME_SIGNAL_MS = 1000

/** Ctrl-C and `kill` ask to stop in order; a second time, they end the process at once. */
function stopSignal(): AbortSignal {
  const stopping = new AbortController()
  let askedAt = 0
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      const isAgain = stopping.signal.aborted && performance.now() - askedAt > SAME_SIGNAL_MS
      if (isAgain) process.exit(EXIT.FAILED)
      if (stopping.signal.aborted) return
      askedAt = performance.now()
      stopping.abort()
    })
  }
  return stopping.signal
}

/** A pipe that closed early, `kontant play … | head`, is no error of ours. */
function ignoreClosedPipe(stream: NodeJS.WriteStream): void {
  stream.on('error', (error) => {
    if (!('code' in error) || error.code !== 'EPIPE') throw error
  })
}

/** What was compiled once is not compiled again: a third of the time in which an office starts. */
const COMPILED = fileURLToPath(new URL('../../node_modules/.cache/kontant', import.meta.url))

if (import.meta.main) {
  enableCompileCache(COMPILED)
  ignoreClosedPipe(process.stdout)
  process.exitCode = await main(process.argv.slice(2), {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    environment: process.env,
    stop: stopSignal(),
  })
}
