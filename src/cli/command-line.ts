import { fromHex, type Bytes } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'
import type { CurrencyCode } from '../kernel/money.ts'
import { didYouMean } from '../town/nearest.ts'
import { parseCard, type CardCommand } from './card-command.ts'
import { parseCertificate, type CertificateCommand } from './certificate-command.ts'
import { parseCoins, type CoinsCommand } from './coins-command.ts'
import { parseLiquidity, type LiquidityCommand } from './liquidity-command.ts'
import { parseMembership, type MembershipCommand } from './membership-command.ts'
import { parseNotary, type NotaryCommand } from './notary-command.ts'
import { parsePhone, type PhoneCommand } from './phone-command.ts'
import {
  actOf,
  atOffice,
  currencyOf,
  DEFAULT_DATA,
  DEFAULT_PORT,
  mebibytesOf,
  portOf,
  read,
  TOPICS,
  urlOf,
  UsageError,
  type Environment,
  type Topic,
} from './options.ts'

/** A whole command line, checked: nothing after this looks at argv again. */
export type Command =
  | { readonly name: 'help'; readonly topic: Topic | undefined }
  | { readonly name: 'version' }
  | UpCommand
  | OfficeCommand
  | MembershipCommand
  | NotaryCommand
  | CertificateCommand
  | TillCommand
  | CardCommand
  | PhoneCommand
  | CoinsCommand
  | LiquidityCommand
  | ReaderCommand
  | PlayCommand
  | CaseCommand
  | VerifyCaseCommand

export interface UpCommand {
  readonly name: 'up'
  /** Directory of everything that lasts. */
  readonly data: string
  /** Of the office; the tills have the ports after it. */
  readonly port: number
  readonly currency: CurrencyCode
}

export interface OfficeCommand {
  readonly name: 'office'
  readonly data: string
  readonly host: string
  readonly port: number
  /** PostgreSQL; undefined for the embedded one. */
  readonly database: string | undefined
  readonly currency: CurrencyCode
  /** What one card may have stored a day, in bytes; undefined: as an office has it. */
  readonly handInMax: number | undefined
}

export interface TillCommand {
  readonly name: 'till'
  readonly data: string
  readonly office: string
  /** To enrol with, the first time. */
  readonly code: string | undefined
  readonly port: number
  /** Directory of card images that can be tapped on its page. */
  readonly cards: string
  /** PC/SC reader in which it serves cards as well: as people say it. */
  readonly reader: string | undefined
  /** PC/SC reader of its security module. */
  readonly moduleReader: string | undefined
  /** Image of it instead: a card of `cards`, or the path of a file. */
  readonly module: string | undefined
  /** What its page and receipts call it and its shop. */
  readonly title: string
  readonly merchant: string
}

export type ReaderCommand = { readonly name: 'reader'; readonly json: boolean } & (
  | { readonly act: 'list' | 'watch' }
  | {
      readonly act: 'apdu'
      /** Undefined: the only one with a card in it. */
      readonly reader: string | undefined
      readonly apdus: readonly Bytes[]
    }
)

export interface PlayCommand {
  readonly name: 'play'
  readonly file: string
  readonly json: boolean
  readonly trace: boolean
  readonly database: string | undefined
}

export type CaseCommand = {
  readonly name: 'case'
  readonly office: string
  /** File to write. */
  readonly out: string
} & (
  { readonly act: 'export'; readonly id: string; readonly login: string } | { readonly act: 'key' }
)

export interface VerifyCaseCommand {
  readonly name: 'verify-case'
  readonly file: string
  /** File of the office's public key. */
  readonly root: string
  readonly json: boolean
}

/** The office's and three tills'. */
const PORTS_UP = 4

/** @throws {UsageError} if `argv` is not a command that the help shows. */
export function parseCommand(argv: readonly string[], environment: Environment): Command {
  const [word, ...rest] = argv
  if (word === undefined || word === '--help' || word === '-h') return help(undefined)
  if (word === '--version' || word === '-V') return { name: 'version' }
  if (word === 'help') return help(rest[0])
  const topic = topicOf(word)
  if (rest.some((argument) => argument === '--help' || argument === '-h')) {
    return { name: 'help', topic }
  }
  return PARSERS[topic](rest, environment)
}

function help(word: string | undefined): Command {
  return { name: 'help', topic: word === undefined ? undefined : topicOf(word) }
}

function topicOf(word: string): Topic {
  const topic = TOPICS.find((candidate) => candidate === word)
  if (topic) return topic
  throw new UsageError(
    `there is no command "${word}".${didYouMean(word, TOPICS)} There is: ${TOPICS.join(', ')}`,
  )
}

type Parser = (argv: readonly string[], environment: Environment) => Command

const PARSERS: Readonly<Record<Topic, Parser>> = {
  up: (argv) => {
    const words = { data: 'value', port: 'value', currency: 'value' } as const
    const { options } = read('up', argv, words, [])
    return {
      name: 'up',
      data: options.data ?? DEFAULT_DATA,
      port: portOf('up', options.port, DEFAULT_PORT, PORTS_UP),
      currency: currencyOf('up', options.currency),
    }
  },
  office: (argv, environment) => {
    // Words are for who makes it one of several; options alone run it.
    if (argv[0] !== undefined && !argv[0].startsWith('-')) return parseMembership(argv, environment)
    const { DATABASE_URL } = environment
    const words = {
      data: 'value',
      host: 'value',
      port: 'value',
      database: 'value',
      currency: 'value',
      'hand-in-max': 'value',
    } as const
    const { options } = read('office', argv, words, [])
    return {
      name: 'office',
      data: options.data ?? DEFAULT_DATA,
      host: options.host ?? '127.0.0.1',
      port: portOf('office', options.port),
      database: options.database ?? DATABASE_URL,
      currency: currencyOf('office', options.currency),
      handInMax: mebibytesOf('office', 'hand-in-max', options['hand-in-max']),
    }
  },
  till: (argv) => {
    const words = {
      data: 'value',
      office: 'value',
      code: 'value',
      port: 'value',
      cards: 'value',
      reader: 'value',
      'module-reader': 'value',
      module: 'value',
      title: 'value',
      merchant: 'value',
    } as const
    const { options } = read('till', argv, words, [])
    const { data } = options
    if (options.module !== undefined && options['module-reader'] !== undefined) {
      throw new UsageError('give --module or --module-reader, not both', 'till')
    }
    if (data === undefined) {
      throw new UsageError('a till needs a directory of its own: --data DIR', 'till')
    }
    return {
      name: 'till',
      data,
      office: urlOf('till', options.office),
      code: options.code,
      port: portOf('till', options.port, DEFAULT_PORT + 1),
      cards: options.cards ?? `${DEFAULT_DATA}/cards`,
      reader: options.reader,
      moduleReader: options['module-reader'],
      module: options.module,
      title: options.title ?? 'Till',
      merchant: options.merchant ?? 'Kontant',
    }
  },
  notary: (argv, environment) => parseNotary(argv, environment),
  certificate: (argv, environment) => parseCertificate(argv, environment),
  card: (argv, environment) => parseCard(argv, environment),
  phone: (argv, environment) => parsePhone(argv, environment),
  coins: (argv, environment) => parseCoins(argv, environment),
  liquidity: (argv, environment) => parseLiquidity(argv, environment),
  reader: (argv) => parseReader(argv),
  play: (argv, { DATABASE_URL }) => {
    const words = { json: 'flag', trace: 'flag', database: 'value' } as const
    const { options, positionals } = read('play', argv, words, ['FILE'])
    const [file = ''] = positionals
    return {
      name: 'play',
      file,
      json: options.json ?? false,
      trace: options.trace ?? false,
      database: options.database ?? DATABASE_URL,
    }
  },
  case: (argv, environment) => parseCase(argv, environment),
  'verify-case': (argv) => {
    const words = { root: 'value', json: 'flag' } as const
    const { options, positionals } = read('verify-case', argv, words, ['FILE'])
    const [file = ''] = positionals
    const { root, json = false } = options
    if (root === undefined) {
      throw new UsageError(
        'whose case it is shows only with the office’s key: --root KEYFILE',
        'verify-case',
      )
    }
    return { name: 'verify-case', file, root, json }
  },
}

export const CASE_ACTS = ['export', 'key'] as const

function parseCase(argv: readonly string[], environment: Environment): CaseCommand {
  const [word, ...rest] = argv
  const act = actOf('case', word, CASE_ACTS)
  if (act === 'key') {
    const { options } = read('case', rest, { out: 'value', office: 'value' }, [])
    const office = urlOf('case', options.office)
    return { name: 'case', act, office, out: options.out ?? 'office.pem' }
  }
  const words = { out: 'value', office: 'value', login: 'value' } as const
  const { options, positionals } = read('case', rest, words, ['ID'])
  const [id = ''] = positionals
  if (!/^[1-9]\d{0,17}$/.test(id)) {
    throw new UsageError(`"${id}" is no case: expected its number in the console`, 'case')
  }
  const place = atOffice('case', options, environment)
  return { name: 'case', act, id, ...place, out: options.out ?? `case-${id}.cose` }
}

export const READER_ACTS = ['list', 'watch', 'apdu'] as const

function parseReader(argv: readonly string[]): ReaderCommand {
  const [word, ...rest] = argv
  const act = actOf('reader', word, READER_ACTS)
  if (act !== 'apdu') {
    const { options } = read('reader', rest, { json: 'flag' }, [])
    return { name: 'reader', act, json: options.json ?? false }
  }
  const words = { json: 'flag', reader: 'value' } as const
  const { options, positionals } = read('reader', rest, words, ['HEX…'])
  return {
    name: 'reader',
    act,
    json: options.json ?? false,
    reader: options.reader,
    apdus: positionals.map(apduOf),
  }
}

/** At least CLA, INS, P1 and P2: a single byte would be taken for a control code by virtual readers. */
function apduOf(text: string): Bytes {
  try {
    const bytes = fromHex(text.replaceAll(/[\s:]/g, ''))
    if (bytes.length >= 4) return bytes
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
  }
  throw new UsageError(
    `"${text}" is no command APDU: expected at least 4 bytes in hexadecimal, such as 00a4000c023f00`,
    'reader',
  )
}
