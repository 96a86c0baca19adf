#!/usr/bin/env node
import { DatabaseError } from '../office/database.ts'
import { WrongDataKey } from '../office/registry/office-secrets.ts'
import { runCard } from './card.ts'
import { runCertificate } from './certificate.ts'
import { runCase } from './case.ts'
import { parseCommand, type Command } from './command-line.ts'
import { runMembership } from './membership.ts'
import { runNotary } from './notary.ts'
import { runPhone } from './phone.ts'
import { UsageError } from './options.ts'
import { HELP, TOPIC_HELP } from './help.ts'
import { CommandFailed, EXIT, InputError, type ExitStatus, type Io } from './io.ts'
import { play } from './play.ts'
import { runReader } from './reader.ts'
import { runOffice, runOneTill } from './serve.ts'
import { up } from './up.ts'
import { verifyCase } from './verify-case.ts'
import { VERSION } from './version.ts'

/** Runs one command line. @returns what the process ends with. */
export async function main(argv: readonly string[], io: Io): Promise<ExitStatus> {
  try {
    return await run(parseCommand(argv, io.environment), io)
  } catch (error) {
    return explain(error, io)
  }
}

async function run(command: Command, io: Io): Promise<ExitStatus> {
  switch (command.name) {
    case 'help':
      io.out(command.topic === undefined ? HELP : TOPIC_HELP[command.topic])
      return EXIT.OK
    case 'version':
      io.out(VERSION)
      return EXIT.OK
    case 'up':
      await up(command, io)
      return EXIT.OK
    case 'office':
      await runOffice(command, io)
      return EXIT.OK
    case 'membership':
      await runMembership(command, io)
      return EXIT.OK
    case 'notary':
      await runNotary(command, io)
      return EXIT.OK
    case 'certificate':
      await runCertificate(command, io)
      return EXIT.OK
    case 'till':
      await runOneTill(command, io)
      return EXIT.OK
    case 'card':
      await runCard(command, io)
      return EXIT.OK
    case 'phone':
      await runPhone(command, io)
      return EXIT.OK
    case 'reader':
      await runReader(command, io)
      return EXIT.OK
    case 'play':
      return (await play(command, io)) ? EXIT.OK : EXIT.FAILED
    case 'case':
      await runCase(command, io)
      return EXIT.OK
    case 'verify-case':
      return verifyCase(command, io)
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
  if (
    error instanceof CommandFailed ||
    error instanceof DatabaseError ||
    error instanceof WrongDataKey
  ) {
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

if (import.meta.main) {
  ignoreClosedPipe(process.stdout)
  process.exitCode = await main(process.argv.slice(2), {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    environment: process.env,
    stop: stopSignal(),
  })
}
