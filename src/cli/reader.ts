import { toHex } from '../kernel/bytes.ts'
import {
  ignorePcscError,
  PcscError,
  type PcscProblem,
  type ReaderState,
} from '../reader/pcsc/binding.ts'
import { profileOf } from '../reader/pcsc/profiles.ts'
import type { PcscReaders, ReaderEvent } from '../reader/pcsc/readers.ts'
import type { ReaderCommand } from './command-line.ts'
import { CommandFailed, untilStopped, type Io } from './io.ts'
import { chooseReader, openReaders } from './pcsc.ts'

/** `kontant reader …` */
export async function runReader(command: ReaderCommand, io: Io): Promise<void> {
  const readers = await openReaders()
  try {
    switch (command.act) {
      case 'list':
        return await list(readers, command.json, io)
      case 'watch':
        return await watch(readers, command.json, io)
      case 'apdu':
        return await sendApdus(readers, command, io)
    }
  } finally {
    await readers.close()
  }
}

/** What is seen of one reader. */
interface SeenReader {
  readonly reader: string
  readonly state: ReaderState
  /** Answer to reset, in hexadecimal; null without a card that can be had. */
  readonly atr: string | null
}

async function look(readers: PcscReaders, reader: string, state: ReaderState): Promise<SeenReader> {
  if (state !== 'card') return { reader, state, atr: null }
  try {
    const card = await readers.connect(reader)
    await card.disconnect()
    return { reader, state, atr: toHex(card.atr) }
  } catch (error) {
    if (error instanceof PcscError) return { reader, state, atr: null }
    throw error
  }
}

async function list(readers: PcscReaders, json: boolean, io: Io): Promise<void> {
  const seen = await Promise.all(
    [...readers.states].map(([reader, state]) => look(readers, reader, state)),
  )
  const listed = seen.map((one, number) => ({ number, ...one, kind: profileOf(one.reader).name }))
  if (json) {
    io.out(JSON.stringify(listed, undefined, 2))
    return
  }
  if (listed.length === 0) io.out('There are no readers. Plug one in, or start a virtual one.')
  for (const { number, kind, ...one } of listed) {
    io.out(`${number}  ${stateLine(one)}  (MIFARE commands: ${kind})`)
  }
  if (listed.length >= readers.readersMax) {
    io.err(`More than ${readers.readersMax} readers are not seen: unplug those that are not used.`)
  }
}

function stateLine({ reader, state, atr }: SeenReader): string {
  return `${reader}: ${STATE_WORDS[state]}${atr === null ? '' : ` ${atr}`}`
}

const STATE_WORDS: Readonly<Record<ReaderState, string>> = {
  empty: 'empty',
  card: 'card',
  exclusive: 'a card that another program keeps to itself',
  mute: 'a card that does not answer',
}

async function watch(readers: PcscReaders, json: boolean, io: Io): Promise<void> {
  const say = async (event: ReaderEvent) => {
    const said =
      event.kind === 'state' ? await look(readers, event.reader, event.state) : { ...event }
    const at = new Date()
    if (json) io.out(JSON.stringify({ at: at.toISOString(), ...said }))
    else io.out(`${at.toLocaleTimeString('en-GB')}  ${lineOf(said)}`)
  }
  let last = Promise.resolve()
  const then = (event: ReaderEvent) => (last = last.then(() => say(event)))
  for (const [reader, state] of readers.states) void then({ kind: 'state', reader, state })
  const broken = Promise.withResolvers<never>()
  readers.watch((event) => {
    then(event).catch(broken.reject)
  })
  if (!json) io.err('Watching. Ctrl-C ends it.')
  await untilStopped(io, [broken.promise])
}

function lineOf(said: SeenReader | Exclude<ReaderEvent, { kind: 'state' }>): string {
  if (!('kind' in said)) return stateLine(said)
  switch (said.kind) {
    case 'unplugged':
      return `${said.reader}: unplugged`
    case 'service_gone':
      return 'the PC/SC service ended: waiting for it'
    case 'service_back':
      return 'the PC/SC service is back'
  }
}

interface Exchange {
  readonly command: string
  /** Data and status word, or what got through of them. */
  readonly answer: string
}

async function sendApdus(
  readers: PcscReaders,
  { reader: wanted, apdus, json }: Extract<ReaderCommand, { act: 'apdu' }>,
  io: Io,
): Promise<void> {
  const reader =
    wanted === undefined
      ? onlyOneWithCard(readers)
      : chooseReader([...readers.states.keys()], wanted)
  const exchanges: Exchange[] = []
  try {
    const card = await readers.connect(reader)
    const end = await card.begin?.()
    try {
      for (const apdu of apdus) {
        const exchange = { command: toHex(apdu), answer: toHex(await card.transmit(apdu)) }
        exchanges.push(exchange)
        if (!json) print(exchange, io)
        checkWhole(exchange)
      }
    } finally {
      await end?.().catch(ignorePcscError)
      await card.disconnect().catch(ignorePcscError)
    }
  } catch (error) {
    if (!(error instanceof PcscError)) throw error
    const reason = error.problem === 'other' ? `: ${error.message}` : ''
    throw new CommandFailed(`${reader}: ${PROBLEM_WORDS[error.problem]}${reason}`)
  } finally {
    if (json) io.out(JSON.stringify(exchanges, undefined, 2))
  }
}

function print({ command, answer }: Exchange, io: Io): void {
  io.out(`> ${command}`)
  io.out(`< ${answer.slice(0, -4)}${answer.length > 4 ? ' ' : ''}${answer.slice(-4)}`)
}

function checkWhole({ command, answer }: Exchange): void {
  if (answer.length >= 4) return
  throw new CommandFailed(
    `the card went away in ${command}: whether it has carried that out is unknown`,
  )
}

function onlyOneWithCard(readers: PcscReaders): string {
  const [first, ...more] = [...readers.states].filter(([, state]) => state === 'card')
  if (!first) throw new CommandFailed('there is no card in any reader: put one in')
  if (more.length > 0) {
    throw new CommandFailed('there are cards in several readers: say which by --reader')
  }
  return first[0]
}

const PROBLEM_WORDS: Readonly<Record<PcscProblem, string>> = {
  no_service: 'the PC/SC service ended',
  no_reader: 'the reader was unplugged',
  no_card: 'there is no card in it: put one in',
  removed: 'the card was taken out, and whether it carried out its last command is unknown',
  reset: 'another program reset the card: try again',
  mute: 'the card does not answer: turn it over, or clean it',
  sharing: 'another program keeps the card to itself: end that first',
  not_transacted: 'the card was taken out, and whether it carried out its last command is unknown',
  other: 'PC/SC failed',
}
