import { Money } from '../../shared/Money.tsx'
import classes from './coins.module.css'
import { coinsText } from './words.ts'

/** What so many coins come to. */
export function CoinSum({
  of: { amount, count },
  currency,
}: {
  readonly of: { readonly amount: string; readonly count: number }
  readonly currency: string
}) {
  if (count === 0) return 'none'
  return (
    <>
      <Money amount={amount} currency={currency} />,{' '}
      <span className={classes.together}>{coinsText(count)}</span>
    </>
  )
}
