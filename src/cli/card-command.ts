import type { CardId, TillNumber } from '../kernel/ids.ts'
import type { CurrencyCode } from '../kernel/money.ts'
import { didYouMean } from '../town/nearest.ts'
import { SCHEME_NAMES, type SchemeName } from '../town/scheme-names.ts'
import { ENDINGS } from './card-endings.ts'
import {
  actOf,
  atOffice,
  cardNumberOf,
  currencyOf,
  DEFAULT_DATA,
  digitsOf,
  portOf,
  read,
  reasonOf,
  UsageError,
  type Environment,
} from './options.ts'

export type CardCommand =
  | (CardPlace & {
      readonly act: 'issue'
      readonly image: string
      readonly scheme: SchemeName
      /** As written, `25.00`. */
      readonly balance: string
      readonly currency: CurrencyCode
      readonly passcode: string | undefined
      /** Number of the person who holds it. */
      readonly holder: string | undefined
      readonly office: string
      readonly login: string
    })
  | (CardPlace & {
      readonly act: 'renew'
      readonly image: string
      /** Of the card whose place it takes. */
      readonly id: CardId
      readonly lost: boolean
      readonly reason: string
      readonly passcode: string | undefined
      readonly office: string
      readonly login: string
    })
  | (CardPlace & {
      readonly act: 'module'
      readonly image: string
      readonly scheme: ModuleScheme
      readonly till: TillNumber
      readonly office: string
      readonly login: string
    })
  | (CardPlace & {
      readonly act: 'unblock'
      readonly image: string
      readonly code: string
      /** The new one. */
      readonly passcode: string
    })
  | (CardPlace & { readonly act: 'show'; readonly image: string })
  | (CardPlace & { readonly act: 'list' })
  | (CardPlace & { readonly act: 'clone'; readonly image: string; readonly copy: string })
  | (CardPlace & {
      readonly act: 'serve'
      readonly image: string
      /** Of a virtual reader on this machine; undefined for the first, if there is no `reader` either. */
      readonly port: number | undefined
      readonly reader: string | undefined
    })

/** Whose tills have a card of their own. */
export const MODULE_SCHEMES = ['purse', 'coin'] as const satisfies readonly SchemeName[]
export type ModuleScheme = (typeof MODULE_SCHEMES)[number]

interface CardPlace {
  readonly name: 'card'
  readonly cards: string
  readonly json: boolean
}

export const CARD_ACTS = [
  'issue',
  'renew',
  'module',
  'show',
  'list',
  'clone',
  'unblock',
  'serve',
] as const

/** @throws {UsageError} */
export function parseCard(argv: readonly string[], environment: Environment): CardCommand {
  const [word, ...rest] = argv
  return CARD_PARSERS[actOf('card', word, CARD_ACTS)](rest, environment)
}

type CardParser = (argv: readonly string[], environment: Environment) => CardCommand

const CARD_WORDS = { cards: 'value', json: 'flag' } as const
/** Of what an office makes. */
const OFFICE_WORDS = { ...CARD_WORDS, office: 'value', login: 'value' } as const

const CARD_PARSERS: Readonly<Record<(typeof CARD_ACTS)[number], CardParser>> = {
  issue: (argv, environment) => parseIssue(argv, environment),
  renew: (argv, environment) => parseRenew(argv, environment),
  module: (argv, environment) => parseModule(argv, environment),
  unblock: (argv) => parseUnblock(argv),
  show: (argv) => {
    const { options, positionals } = read('card', argv, CARD_WORDS, ['CARD'])
    return { ...cardPlace(options), act: 'show', image: imageName(positionals[0]) }
  },
  list: (argv) => ({ ...cardPlace(read('card', argv, CARD_WORDS, []).options), act: 'list' }),
  clone: (argv) => {
    const { options, positionals } = read('card', argv, CARD_WORDS, ['CARD', 'COPY'])
    const [image, copy] = positionals
    return { ...cardPlace(options), act: 'clone', image: imageName(image), copy: imageName(copy) }
  },
  serve: (argv) => parseServe(argv),
}

function parseServe(argv: readonly string[]): CardCommand {
  const words = { cards: 'value', port: 'value', reader: 'value' } as const
  const { options, positionals } = read('card', argv, words, ['CARD'])
  const { port, reader } = options
  if (port !== undefined && reader !== undefined) {
    throw new UsageError('give --port or --reader, not both', 'card')
  }
  return {
    ...cardPlace(options),
    act: 'serve',
    image: imageName(positionals[0]),
    port: port === undefined ? undefined : portOf('card', port),
    reader,
  }
}

function parseModule(argv: readonly string[], environment: Environment): CardCommand {
  const words = { ...OFFICE_WORDS, scheme: 'value', till: 'value' } as const
  const { options, positionals } = read('card', argv, words, ['CARD'])
  const till = Number(options.till)
  if (options.till === undefined || !Number.isInteger(till) || till < 1) {
    throw new UsageError('a module is for one till: --till N, its number in the console', 'card')
  }
  return {
    ...cardPlace(options),
    ...atOffice('card', options, environment),
    act: 'module',
    image: imageName(positionals[0]),
    scheme: moduleSchemeOf(options.scheme),
    till,
  }
}

function parseUnblock(argv: readonly string[]): CardCommand {
  const words = { ...CARD_WORDS, code: 'value', passcode: 'value' } as const
  const { options, positionals } = read('card', argv, words, ['CARD'])
  return {
    ...cardPlace(options),
    act: 'unblock',
    image: imageName(positionals[0]),
    code: digitsOf('card', 'code', options.code ?? ''),
    passcode: digitsOf('card', 'passcode', options.passcode ?? ''),
  }
}

function parseIssue(argv: readonly string[], environment: Environment): CardCommand {
  const words = {
    ...OFFICE_WORDS,
    scheme: 'value',
    balance: 'value',
    currency: 'value',
    passcode: 'value',
    holder: 'value',
  } as const
  const { options, positionals } = read('card', argv, words, ['CARD'])
  const scheme = schemeOf(options.scheme)
  if (scheme === 'coin') checkCoins(options)
  return {
    ...cardPlace(options),
    ...atOffice('card', options, environment),
    act: 'issue',
    image: imageName(positionals[0]),
    scheme,
    balance: options.balance ?? '0',
    currency: currencyOf('card', options.currency),
    passcode: digitsOf('card', 'passcode', options.passcode),
    holder: options.holder === undefined ? undefined : personNumber(options.holder),
  }
}

function parseRenew(argv: readonly string[], environment: Environment): CardCommand {
  const why = { id: 'value', reason: 'value', lost: 'flag', passcode: 'value' } as const
  const { options, positionals } = read('card', argv, { ...OFFICE_WORDS, ...why }, ['CARD'])
  const { id, passcode } = options
  if (id === undefined) {
    throw new UsageError('in the place of which? --id CARD, its number in the console', 'card')
  }
  const reason = reasonOf('card', options.reason)
  return {
    ...cardPlace(options),
    ...atOffice('card', options, environment),
    act: 'renew',
    image: imageName(positionals[0]),
    id: cardNumberOf('card', id),
    lost: options.lost ?? false,
    reason,
    passcode: digitsOf('card', 'passcode', passcode),
  }
}

function personNumber(text: string): string {
  if (/^[1-9]\d{0,17}$/.test(text)) return text
  throw new UsageError(
    `--holder: "${text}" is no number of a person, as the console has it`,
    'card',
  )
}

/** Somebody has to buy its coins, and they come on no other way. */
function checkCoins({ holder, balance }: { readonly holder?: string; readonly balance?: string }) {
  if (holder === undefined) {
    throw new UsageError(
      'whose? --holder N, the number of a cardholder in the console: their online wallet pays for its coins',
      'card',
    )
  }
  if (balance !== undefined) {
    throw new UsageError('it is issued empty: `kontant coins buy` puts coins on it', 'card')
  }
}

function cardPlace(options: { readonly cards?: string; readonly json?: boolean }): CardPlace {
  return {
    name: 'card',
    cards: options.cards ?? `${DEFAULT_DATA}/cards`,
    json: options.json ?? false,
  }
}

/** The name of a file without its ending: no way out of the directory. */
function imageName(name = ''): string {
  if (/^[\w-][\w.-]*$/.test(name)) {
    const ending = ENDINGS.find((candidate) => name.endsWith(candidate)) ?? ''
    return name.slice(0, name.length - ending.length)
  }
  throw new UsageError(
    `"${name}" cannot be the name of a card: use letters, digits, - and _`,
    'card',
  )
}

function schemeOf(text = 'block'): SchemeName {
  return oneOf(SCHEME_NAMES, text)
}

function moduleSchemeOf(text = 'purse'): ModuleScheme {
  return oneOf(MODULE_SCHEMES, text)
}

function oneOf<S extends SchemeName>(known: readonly S[], text: string): S {
  const scheme = known.find((candidate) => candidate === text)
  if (scheme !== undefined) return scheme
  const hint = didYouMean(text, known)
  const list = known.join(', ')
  throw new UsageError(`--scheme: there is no "${text}".${hint} There is: ${list}`, 'card')
}
