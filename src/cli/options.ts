import { parseArgs, type ParseArgsOptionsConfig } from 'node:util'
import { unlessMalformed } from '../kernel/errors.ts'
import { parseCardId, type CardId } from '../kernel/ids.ts'
import { CURRENCY_CODES, isCurrencyCode, type CurrencyCode } from '../kernel/money.ts'
import { PASSCODE_FORM } from '../kernel/pin.ts'
import { didYouMean } from '../town/nearest.ts'

/** What all commands read alike: which there are, and options with their values. */
export const TOPICS = [
  'up',
  'office',
  'notary',
  'certificate',
  'till',
  'card',
  'phone',
  'coins',
  'liquidity',
  'reader',
  'play',
  'case',
  'verify-case',
] as const
export type Topic = (typeof TOPICS)[number]

/** A command line that is none. The message is for the person who typed it. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly topic: Topic | undefined

  constructor(message: string, topic?: Topic) {
    super(message)
    this.topic = topic
  }
}

export const DEFAULT_DATA = './.kontant'
export const DEFAULT_PORT = 7001
/** What is read besides argv: where variables stand in for options. */
export type Environment = Readonly<Record<string, string | undefined>>

export function actOf<A extends string>(
  topic: Topic,
  word: string | undefined,
  acts: readonly A[],
): A {
  const act = acts.find((candidate) => candidate === word)
  if (act !== undefined) return act
  const hint = word === undefined ? '' : didYouMean(word, acts)
  throw new UsageError(`expected one of ${acts.join(', ')} after "${topic}".${hint}`, topic)
}

/** Why something is done. @throws {UsageError} */
export function reasonOf(topic: Topic, text: string | undefined): string {
  if (text !== undefined) return text
  throw new UsageError('why? --reason TEXT stays in the audit log', topic)
}

/** A passcode, or what unblocks it; undefined if there is none. @throws {UsageError} */
export function digitsOf<T extends string | undefined>(topic: Topic, option: string, text: T): T {
  if (text === undefined || PASSCODE_FORM.test(text)) return text
  throw new UsageError(`--${option}: expected 4 to 8 digits`, topic)
}

/** @throws {UsageError} */
export function cardNumberOf(topic: Topic, text: string): CardId {
  const id = unlessMalformed(() => parseCardId(text.toLowerCase()))
  if (id !== undefined) return id
  throw new UsageError(
    `"${text}" is no number of a card: expected 16 hexadecimal digits, as the console has it`,
    topic,
  )
}

/** @param count how many ports follow it that are needed as well, itself included. */
export function portOf(
  topic: Topic,
  text: string | undefined,
  otherwise = DEFAULT_PORT,
  count = 1,
): number {
  if (text === undefined) return otherwise
  const port = Number(text)
  const last = 65_536 - count
  if (Number.isInteger(port) && port >= 1 && port <= last) return port
  throw new UsageError(`--port: expected 1 to ${last}, got "${text}"`, topic)
}

/** @returns bytes. */
export function mebibytesOf(
  topic: Topic,
  option: string,
  text: string | undefined,
): number | undefined {
  if (text === undefined) return undefined
  const count = Number(text)
  if (/^\d+$/.test(text) && count >= 2 && count <= 1024) return count * 1024 * 1024
  throw new UsageError(`--${option}: expected 2 to 1024 MiB, got "${text}"`, topic)
}

export function currencyOf(topic: Topic, text = 'EUR'): CurrencyCode {
  if (isCurrencyCode(text)) return text
  const hint = didYouMean(text, CURRENCY_CODES)
  const known = CURRENCY_CODES.join(', ')
  throw new UsageError(`--currency: there is no "${text}".${hint} There is: ${known}`, topic)
}

/** @param option that names it. */
export function urlOf(
  topic: Topic,
  text = `http://127.0.0.1:${DEFAULT_PORT}`,
  option = 'office',
): string {
  const url = URL.parse(text)
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return url.origin
  throw new UsageError(
    `--${option}: expected an address such as http://127.0.0.1:7001, got "${text}"`,
    topic,
  )
}

/** An office, and a file with name and password of somebody who works there or has cards of it. */
export interface AtOffice {
  readonly office: string
  readonly login: string
}

export function atOffice(
  topic: Topic,
  { office, login }: { readonly office?: string; readonly login?: string },
  environment: Environment,
): AtOffice {
  return {
    office: urlOf(topic, office),
    login: login ?? environment['KONTANT_LOGIN'] ?? `${DEFAULT_DATA}/login`,
  }
}

export type Words = Readonly<Record<string, 'value' | 'flag'>>
export type Read<W extends Words> = {
  readonly [K in keyof W]?: W[K] extends 'flag' ? boolean : string
}

/**
 * Options and positionals, each option once and exactly the positionals that are asked for; of one whose
 * name ends in `…`, one or more.
 */
export function read<W extends Words>(
  topic: Topic,
  argv: readonly string[],
  words: W,
  positionals: readonly string[],
): { readonly options: Read<W>; readonly positionals: readonly string[] } {
  const options: ParseArgsOptionsConfig = Object.fromEntries(
    Object.entries(words).map(([word, kind]) => [
      word,
      { type: kind === 'flag' ? 'boolean' : 'string' } as const,
    ]),
  )
  // `strict` would take the last of a repeated option in silence: the tokens are checked here.
  const parsed = parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const known = Object.keys(words)
  const seen = new Set<string>()
  for (const token of parsed.tokens) {
    if (token.kind !== 'option') continue
    const { name, rawName, value, inlineValue } = token
    if (!known.includes(name)) {
      const list = known.map((word) => `--${word}`).join(', ')
      const hint = didYouMean(
        rawName,
        known.map((word) => `--${word}`),
      )
      throw new UsageError(`there is no option ${rawName} here.${hint} There is: ${list}`, topic)
    }
    if (seen.has(name)) throw new UsageError(`${rawName} is given twice`, topic)
    seen.add(name)
    const isFlag = words[name] === 'flag'
    if (isFlag && value !== undefined) throw new UsageError(`${rawName} takes no value`, topic)
    // Without `=` the next word is taken, whatever it is: an option is no value.
    const isOption = inlineValue === false && value?.startsWith('--')
    if (!isFlag && (value === undefined || value === '' || isOption)) {
      throw new UsageError(`${rawName} needs a value`, topic)
    }
  }
  const isMore = positionals.at(-1)?.endsWith('…') && parsed.positionals.length > positionals.length
  if (parsed.positionals.length !== positionals.length && !isMore) {
    const wanted = positionals.length === 0 ? 'nothing' : positionals.join(' ')
    const got = parsed.positionals.length === 0 ? 'nothing' : parsed.positionals.join(' ')
    throw new UsageError(`expected ${wanted} here, got ${got}`, topic)
  }
  return { options: parsed.values as Read<W>, positionals: parsed.positionals }
}
