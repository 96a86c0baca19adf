import type { CaseDetail } from '../../shared/api.ts'
import { Money } from '../../shared/Money.tsx'

/** What it is about: of records what differs, of coins those that lie in suspense. */
export function AtStake({ of: { amount, currency, coins } }: { readonly of: CaseDetail }) {
  if (amount !== null && currency !== null) return <Money amount={amount} currency={currency} />
  if (!coins) return 'cannot be told yet'
  const contested = coins.coins.filter(({ state }) => state === 'contested')
  const [first] = contested
  if (!first) return 'nothing in suspense'
  const sum = contested.reduce((so, { value }) => so + BigInt(value), 0n)
  return (
    <>
      <Money amount={String(sum)} currency={first.currency} /> in suspense
    </>
  )
}
