import { Button } from '@mantine/core'
import type { CurrencyCode } from '../../../src/kernel/money.ts'
import type { CoinsSold } from '../../shared/api.ts'
import { Money } from '../../shared/Money.tsx'
import { Time } from '../../shared/Time.tsx'
import classes from './coins.module.css'
import { coinsText } from './words.ts'

/** What was bought just now, and how it gets onto its chip. */
export function Bought({
  sold: { amount, expires, coins },
  currency,
  chip,
  onClose,
}: {
  readonly sold: CoinsSold
  readonly currency: CurrencyCode
  /** What they are for. */
  readonly chip: string
  readonly onClose: () => void
}) {
  return (
    <div className={classes.bought} role="status">
      <p>
        {coinsText(coins.length)} bought, <Money amount={amount} currency={currency} />, good until{' '}
        <Time at={expires} />. Now bring them to {chip}: <code>kontant coins load</code> does that.
        Nothing but that chip opens them, so it does not matter who carries them or how often.
      </p>
      <div className={classes.buttons}>
        <Button variant="default" onClick={onClose}>
          Close
        </Button>
      </div>
    </div>
  )
}
