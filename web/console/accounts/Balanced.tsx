import { IconScale, IconScaleOutline } from '@tabler/icons-react'
import type { Account } from '../../shared/api.ts'
import { Money } from '../../shared/Money.tsx'
import classes from './Balanced.module.css'

/** What all accounts of each currency add up to: anything but zero is a fault of the office itself. */
export function sumsOf(accounts: readonly Account[]): readonly (readonly [string, bigint])[] {
  const byCurrency = Map.groupBy(accounts, ({ currency }) => currency)
  return [...byCurrency].map(([currency, group]) => [
    currency,
    group.reduce((sum, { balance }) => sum + BigInt(balance), 0n),
  ])
}

export function Balanced({ accounts }: { readonly accounts: readonly Account[] }) {
  const sums = sumsOf(accounts)
  const isEven = sums.every(([, sum]) => sum === 0n)
  const Icon = isEven ? IconScale : IconScaleOutline
  return (
    <div className={classes.balanced} data-even={isEven} role="status">
      <Icon size={22} aria-hidden="true" />
      <span>
        <strong>{isEven ? 'Books balance' : 'Books do not balance'}</strong>
        <span className={classes.sums}>
          Σ accounts ={' '}
          {sums.length === 0
            ? '0'
            : sums.map(([currency, sum]) => (
                <Money key={currency} amount={String(sum)} currency={currency} />
              ))}
        </span>
      </span>
    </div>
  )
}
