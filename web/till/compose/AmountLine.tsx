import { figures } from '../../shared/Money.tsx'
import { useCurrency } from '../state.tsx'
import classes from './AmountLine.module.css'

export function AmountLine({ label, amount }: { readonly label: string; readonly amount: string }) {
  const currency = useCurrency()
  return (
    <p className={classes.line} aria-live="polite" aria-atomic="true">
      <span className={classes.label}>{label}</span>
      <span className={classes.amount} data-zero={amount === '0'}>
        {figures(amount, currency)} <span className={classes.currency}>{currency}</span>
      </span>
    </p>
  )
}
