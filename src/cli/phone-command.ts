import { cardChoiceOf, type CardChoice } from './card-choice.ts'
import {
  actOf,
  atOffice,
  DEFAULT_DATA,
  digitsOf,
  read,
  UsageError,
  type AtOffice,
  type Environment,
  type Words,
} from './options.ts'

export const PHONE_ACTS = [
  'show',
  'records',
  'sync',
  'load',
  'unload',
  'ask',
  'pay',
  'receive',
  'refuse',
  'refund',
  'pin',
  'unblock',
] as const
export type PhoneAct = (typeof PHONE_ACTS)[number]

/** `kontant phone …`: what a holder does with a wallet and a phone. */
export interface PhoneCommand extends CardChoice, AtOffice {
  readonly name: 'phone'
  readonly act: PhoneAct
  /** As written, `25.00`; only of acts that take one. */
  readonly amount: string | undefined
  /** A message from the other phone; only of acts that take one. */
  readonly message: string | undefined
  /** Where a message for the other phone goes. */
  readonly out: string | undefined
  readonly pin: string | undefined
  readonly newPin: string | undefined
  /** That unblocks the PIN. */
  readonly code: string | undefined
  /** File of what the phone remembers. */
  readonly memory: string
  readonly json: boolean
}

interface Form {
  /** What follows the act, before the card. */
  readonly argument?: 'AMOUNT' | 'FILE'
  readonly pin?: 'needed' | 'taken'
  readonly out?: string
  readonly words?: readonly ('new' | 'code')[]
}

const FORMS: Readonly<Record<PhoneAct, Form>> = {
  show: {},
  records: { pin: 'needed' },
  sync: { pin: 'taken' },
  load: { argument: 'AMOUNT', pin: 'needed' },
  unload: { argument: 'AMOUNT', pin: 'needed' },
  ask: { argument: 'AMOUNT', out: 'kontant.ask' },
  pay: { argument: 'FILE', pin: 'needed', out: 'kontant.paid' },
  receive: { argument: 'FILE' },
  refuse: { argument: 'FILE', out: 'kontant.refused' },
  refund: { argument: 'FILE' },
  pin: { pin: 'needed', words: ['new'] },
  unblock: { words: ['code', 'new'] },
}

const WORDS = {
  card: 'value',
  reader: 'value',
  cards: 'value',
  office: 'value',
  login: 'value',
  memory: 'value',
  out: 'value',
  pin: 'value',
  new: 'value',
  code: 'value',
  json: 'flag',
} as const satisfies Words

/** @throws {UsageError} */
export function parsePhone(argv: readonly string[], environment: Environment): PhoneCommand {
  const [word, ...rest] = argv
  const act = actOf('phone', word, PHONE_ACTS)
  const { argument, pin, out, words = [] } = FORMS[act]
  const { options, positionals } = read('phone', rest, WORDS, argument ? [argument] : [])
  const choice = cardChoiceOf('phone', options)
  const [given] = positionals
  const typed = options.pin ?? (pin ? environment['KONTANT_PIN'] : undefined)
  if (pin === 'needed' && typed === undefined) {
    throw new UsageError(
      'the card asks for its PIN: --pin PIN, or the variable KONTANT_PIN',
      'phone',
    )
  }
  for (const needed of words) {
    if (options[needed] === undefined) {
      throw new UsageError(`${act} needs --${needed}`, 'phone')
    }
  }
  return {
    name: 'phone',
    act,
    ...choice,
    ...atOffice('phone', options, environment),
    amount: argument === 'AMOUNT' ? given : undefined,
    message: argument === 'FILE' ? given : undefined,
    out: options.out ?? out,
    pin: digitsOf('phone', 'pin', typed),
    newPin: digitsOf('phone', 'new', options.new),
    code: digitsOf('phone', 'code', options.code),
    memory: options.memory ?? `${DEFAULT_DATA}/phone`,
    json: options.json ?? false,
  }
}
