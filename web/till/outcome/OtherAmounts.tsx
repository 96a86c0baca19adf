import { figures } from '../../shared/Money.tsx'
import { useCurrency } from '../state.tsx'
import classes from './OtherAmounts.module.css'

/** What the card could pay instead, each by how much it misses: pressing one charges that. */
export function OtherAmounts({
  wanted,
  amounts,
  onCharge,
}: {
  readonly wanted: string
  readonly amounts: readonly string[]
  readonly onCharge: (amount: string) => void
}) {
  const currency = useCurrency()
  return (
    <ul className={classes.amounts} aria-label="Amounts that would go">
      {amounts.map((amount) => {
        const off = BigInt(amount) - BigInt(wanted)
        return (
          <li key={amount}>
            <button type="button" className={classes.amount} onClick={() => onCharge(amount)}>
              <strong>
                Charge {figures(amount, currency)} {currency}
              </strong>
              <span>
                {figures(String(off < 0n ? -off : off), currency)} {off < 0n ? 'less' : 'more'}
              </span>
            </button>
          </li>
        )
      })}
    </ul>
  )
}
