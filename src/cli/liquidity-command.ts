import { FormatError } from '../kernel/errors.ts'
import { currency, parseAmount, type Amount, type CurrencyCode } from '../kernel/money.ts'
import type { LiquidityPolicy } from '../office/ledger/liquidity.ts'
import { didYouMean } from '../town/nearest.ts'
import {
  actOf,
  atOffice,
  currencyOf,
  read,
  reasonOf,
  UsageError,
  type AtOffice,
  type Environment,
} from './options.ts'

export const LIQUIDITY_ACTS = ['show', 'set'] as const

/** `kontant liquidity …`: what becomes of payments whose payer’s money is not there yet. */
export type LiquidityCommand = AtOffice & {
  readonly name: 'liquidity'
  readonly json: boolean
  /** In which amounts are written: the pool has one limit, in minor units of each currency. */
  readonly currency: CurrencyCode
} & (
    | { readonly act: 'show' }
    | {
        readonly act: 'set'
        readonly policy: LiquidityPolicy
        /** Undefined: as it is. */
        readonly poolMax: Amount | undefined
        readonly reason: string
      }
  )

const TOPIC = 'liquidity' as const
/** Loading the office’s own list would load the office. */
const POLICIES = ['hold', 'pool', 'provenance'] as const satisfies readonly LiquidityPolicy[]
const WORDS = { office: 'value', login: 'value', currency: 'value', json: 'flag' } as const

/** @throws {UsageError} */
export function parseLiquidity(
  argv: readonly string[],
  environment: Environment,
): LiquidityCommand {
  const [word, ...rest] = argv
  const act = actOf(TOPIC, word, LIQUIDITY_ACTS)
  const common = (options: {
    readonly office?: string
    readonly login?: string
    readonly currency?: string
    readonly json?: boolean
  }) => ({
    name: TOPIC,
    ...atOffice(TOPIC, options, environment),
    currency: currencyOf(TOPIC, options.currency),
    json: options.json ?? false,
  })
  if (act === 'show') {
    const { options } = read(TOPIC, rest, WORDS, [])
    return { ...common(options), act }
  }
  const words = { ...WORDS, 'pool-max': 'value', reason: 'value' } as const
  const { options, positionals } = read(TOPIC, rest, words, ['POLICY'])
  const policy = policyOf(positionals[0] ?? '')
  const { 'pool-max': most } = options
  const reason = reasonOf(TOPIC, options.reason)
  if (policy === 'pool' && most === undefined) {
    throw new UsageError('how much may the pool advance in all? --pool-max AMOUNT', TOPIC)
  }
  const shared = common(options)
  const poolMax = most === undefined ? undefined : amountOf(most, shared.currency)
  return { ...shared, act, policy, poolMax, reason }
}

function policyOf(text: string): LiquidityPolicy {
  const policy = POLICIES.find((candidate) => candidate === text)
  if (policy !== undefined) return policy
  const hint = didYouMean(text, POLICIES)
  throw new UsageError(
    `there is no policy "${text}".${hint} There is: ${POLICIES.join(', ')}`,
    TOPIC,
  )
}

function amountOf(text: string, code: CurrencyCode): Amount {
  try {
    const amount = parseAmount(text, currency(code), '--pool-max')
    if (amount >= 0n) return amount
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
  }
  throw new UsageError(
    `--pool-max: expected an amount such as 50000.00 ${code}, got "${text}"`,
    TOPIC,
  )
}
