import type { CardId, TillNumber } from '../kernel/ids.ts'
import { cardChoiceOf, type CardChoice, type Choosing } from './card-choice.ts'
import {
  actOf,
  atOffice,
  cardNumberOf,
  DEFAULT_DATA,
  DEFAULT_PORT,
  read,
  reasonOf,
  urlOf,
  UsageError,
  type AtOffice,
  type Environment,
  type Words,
} from './options.ts'

export const COINS_ACTS = ['buy', 'load', 'list', 'takings', 'refund', 'cash-up'] as const

/** `kontant coins …`: coins for cards and for tills. */
export type CoinsCommand = { readonly name: 'coins'; readonly json: boolean } & (
  | (AtOffice &
      CardChoice & {
        readonly act: 'buy'
        /** As written: `25.00`, or the coins as `20+5`. */
        readonly amount: string
        readonly bound: 'bound' | 'free'
        /** Directory of what was begun and nobody knows how it ended. */
        readonly memory: string
      })
  | (AtOffice & CardChoice & { readonly act: 'load' })
  | (AtOffice & { readonly act: 'list'; readonly of: CardChoice | Absent; readonly held: boolean })
  | (AtOffice & { readonly act: 'takings'; readonly till: TillNumber })
  | (AtOffice & { readonly act: 'refund'; readonly id: CardId; readonly reason: string })
  | { readonly act: 'cash-up'; readonly page: string }
)

/** What is not here: a card or a till, by its number in the console. */
export type Absent = { readonly id: CardId } | { readonly till: TillNumber }

const OFFICE_WORDS = { office: 'value', login: 'value', json: 'flag' } as const satisfies Words
const CARD_WORDS = { card: 'value', reader: 'value', cards: 'value' } as const satisfies Words

/** @throws {UsageError} */
export function parseCoins(argv: readonly string[], environment: Environment): CoinsCommand {
  const [word, ...rest] = argv
  const act = actOf('coins', word, COINS_ACTS)
  const name = 'coins'
  switch (act) {
    case 'buy': {
      const words = { ...OFFICE_WORDS, ...CARD_WORDS, memory: 'value', bound: 'flag' } as const
      const { options, positionals } = read(name, rest, words, ['AMOUNT'])
      const [amount = ''] = positionals
      const { json = false, bound, memory = `${DEFAULT_DATA}/phone` } = options
      const place = {
        ...atOffice('coins', options, environment),
        ...cardChoiceOf('coins', options),
      }
      return { name, act, json, ...place, amount, bound: bound ? 'bound' : 'free', memory }
    }
    case 'load': {
      const { options } = read(name, rest, { ...OFFICE_WORDS, ...CARD_WORDS }, [])
      const place = {
        ...atOffice('coins', options, environment),
        ...cardChoiceOf('coins', options),
      }
      return { name, act, json: options.json ?? false, ...place }
    }
    case 'list': {
      const words = {
        ...OFFICE_WORDS,
        ...CARD_WORDS,
        id: 'value',
        till: 'value',
        held: 'flag',
      } as const
      const { options } = read(name, rest, words, [])
      const { json = false, held = false } = options
      return {
        name,
        act,
        json,
        ...atOffice('coins', options, environment),
        of: ofWhom(options),
        held,
      }
    }
    case 'takings': {
      const { options, positionals } = read(name, rest, OFFICE_WORDS, ['TILL'])
      const [till = ''] = positionals
      return {
        name,
        act,
        json: options.json ?? false,
        ...atOffice('coins', options, environment),
        till: tillNumber(till),
      }
    }
    case 'refund': {
      const { options, positionals } = read(name, rest, { ...OFFICE_WORDS, reason: 'value' }, [
        'ID',
      ])
      const [id = ''] = positionals
      const { json = false } = options
      const reason = reasonOf(name, options.reason)
      return {
        name,
        act,
        json,
        ...atOffice('coins', options, environment),
        id: cardNumberOf('coins', id),
        reason,
      }
    }
    case 'cash-up': {
      const { options } = read(name, rest, { page: 'value', json: 'flag' }, [])
      const page = urlOf(name, options.page ?? `http://127.0.0.1:${DEFAULT_PORT + 1}`, 'page')
      return { name, act, json: options.json ?? false, page }
    }
  }
}

function ofWhom(
  options: Choosing & { readonly id?: string; readonly till?: string },
): CardChoice | Absent {
  const { card, reader, id, till } = options
  const given = [card, reader, id, till].filter((choice) => choice !== undefined)
  if (given.length !== 1) {
    throw new UsageError('of whom? --card NAME, --reader NAME, --id CARD or --till N', 'coins')
  }
  if (id !== undefined) return { id: cardNumberOf('coins', id) }
  return till === undefined ? cardChoiceOf('coins', options) : { till: tillNumber(till) }
}

function tillNumber(text: string): TillNumber {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new UsageError(`"${text}" is no number of a till, as the console has it`, 'coins')
}
