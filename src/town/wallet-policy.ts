import type { Currency } from '../kernel/money.ts'
import type { WalletPolicy } from '../schemes/wallet/message.ts'
import type { WalletPolicyWords } from './scenario/wallet-words.ts'

/** A policy with what the words say; amounts in minor units. */
export function policyWith(
  before: WalletPolicy,
  words: WalletPolicyWords,
  { currency }: { readonly currency: Currency },
): WalletPolicy {
  const { balanceMax, paymentMax, amountMax, pinFreeMax, ...counts } = words
  const amounts = { balanceMax, paymentMax, amountMax, pinFreeMax }
  const given = Object.entries({ ...counts, ...amounts }).flatMap(([word, value]) =>
    value === undefined
      ? []
      : [[word, typeof value === 'object' ? value.in(currency) : value] as const],
  )
  return { ...before, ...Object.fromEntries(given) }
}
