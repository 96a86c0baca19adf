import { currency, parseAmount, type CurrencyCode } from '../kernel/money.ts'
import { FormatError } from '../kernel/errors.ts'
import type { OfficeNumber } from '../kernel/party.ts'
import type { OperatorAct } from '../notary/operator.ts'
import {
  actOf,
  currencyOf,
  DEFAULT_DATA,
  portOf,
  read,
  UsageError,
  type Environment,
} from './options.ts'

/** Of the notary on this machine. */
export const NOTARY_PORT = 7100

interface NotaryPlace {
  readonly name: 'notary'
  readonly data: string
  /** PostgreSQL; undefined for the embedded one. */
  readonly database: string | undefined
}

export type NotaryCommand = NotaryPlace &
  (
    | { readonly act: 'run'; readonly host: string; readonly port: number }
    | { readonly act: 'request'; readonly out: string; readonly next: boolean }
    | { readonly act: 'certify'; readonly certificate: string; readonly root: string }
    | { readonly act: 'revoke'; readonly file: string }
    | {
        readonly act: OperatorAct
        readonly office: OfficeNumber
        readonly amount: bigint
        readonly currency: CurrencyCode
        readonly reason: string
        /** Undefined: every call is another one. */
        readonly reference: string | undefined
      }
    | { readonly act: 'report' | 'cases'; readonly json: boolean }
  )

export const NOTARY_ACTS = [
  'run',
  'request',
  'certify',
  'revoke',
  'deposit',
  'withdraw',
  'release',
  'cover',
  'report',
  'cases',
] as const

const PLACE = { data: 'value', database: 'value' } as const

/** `kontant notary` alone runs it. */
export function parseNotary(argv: readonly string[], { DATABASE_URL }: Environment): NotaryCommand {
  const [word, ...rest] = argv
  const isRun = word === undefined || word.startsWith('-')
  const act = isRun ? 'run' : actOf('notary', word, NOTARY_ACTS)
  const words = isRun ? argv : rest
  const place = (options: { readonly data?: string; readonly database?: string }): NotaryPlace => ({
    name: 'notary',
    data: options.data ?? `${DEFAULT_DATA}-notary`,
    database: options.database ?? DATABASE_URL,
  })
  switch (act) {
    case 'run': {
      const { options } = read('notary', words, { ...PLACE, host: 'value', port: 'value' }, [])
      const host = options.host ?? '127.0.0.1'
      return { ...place(options), act, host, port: portOf('notary', options.port, NOTARY_PORT) }
    }
    case 'request': {
      const { options, positionals } = read('notary', words, { ...PLACE, next: 'flag' }, ['FILE'])
      const [out = ''] = positionals
      return { ...place(options), act, out, next: options.next ?? false }
    }
    case 'certify': {
      const { options, positionals } = read('notary', words, { ...PLACE, root: 'value' }, ['FILE'])
      const [certificate = ''] = positionals
      const { root } = options
      if (root === undefined) throw new UsageError('whose? --root FILE, its certificate', 'notary')
      return { ...place(options), act, certificate, root }
    }
    case 'revoke': {
      const { options, positionals } = read('notary', words, PLACE, ['FILE'])
      const [file = ''] = positionals
      return { ...place(options), act, file }
    }
    case 'report':
    case 'cases': {
      const { options } = read('notary', words, { ...PLACE, json: 'flag' }, [])
      return { ...place(options), act, json: options.json ?? false }
    }
    case 'deposit':
    case 'withdraw':
    case 'release':
    case 'cover': {
      const more = { currency: 'value', reason: 'value', reference: 'value' } as const
      const { options, positionals } = read('notary', words, { ...PLACE, ...more }, [
        'OFFICE',
        'AMOUNT',
      ])
      const [office = '', amount = ''] = positionals
      const code = currencyOf('notary', options.currency)
      if (options.reason === undefined) {
        throw new UsageError('why? --reason TEXT stays in the books', 'notary')
      }
      return {
        ...place(options),
        act,
        office: officeNumberOf('notary', office),
        amount: amountOf(amount, code),
        currency: code,
        reason: options.reason,
        reference: options.reference,
      }
    }
  }
}

export function officeNumberOf(topic: 'notary' | 'office', text: string): OfficeNumber {
  const number = Number(text)
  if (/^\d{1,5}$/.test(text) && number >= 1 && number <= 0xffff) return number
  throw new UsageError(`expected the number of an office, 1 to 65535, got "${text}"`, topic)
}

function amountOf(text: string, code: CurrencyCode): bigint {
  try {
    const amount = parseAmount(text, currency(code))
    if (amount > 0n) return amount
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
  }
  throw new UsageError(`expected an amount such as 12.50 ${code}, got "${text}"`, 'notary')
}
