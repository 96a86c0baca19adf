import { Money } from './Money.tsx'
import classes from './Stock.module.css'

/** So many of each value. */
export function Stock({
  label,
  currency,
  coins,
}: {
  readonly label: string
  readonly currency: string
  readonly coins: readonly { readonly value: string; readonly count: number }[]
}) {
  if (coins.length === 0) return <p className={classes.nothing}>None</p>
  return (
    <ul className={classes.stock} aria-label={label}>
      {coins.map(({ value, count }) => (
        <li key={value}>
          <span className={classes.count}>{count}</span>
          <span>
            × <Money amount={value} currency={currency} />
          </span>
        </li>
      ))}
    </ul>
  )
}
