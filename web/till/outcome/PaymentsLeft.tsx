import type { CardView } from '../api.ts'
import classes from './Stage.module.css'

/** How often a card can pay before its holder has to synchronise it, where there is such a limit. */
export function PaymentsLeft({ view: { paymentsLeft } }: { readonly view: CardView }) {
  if (paymentsLeft === null) return null
  const count = paymentsLeft === 1 ? '1 payment' : `${paymentsLeft} payments`
  return (
    <span className={classes.leftLabel}>
      {paymentsLeft === 0
        ? 'To be synchronised before it pays again'
        : `${count} until synchronised`}
    </span>
  )
}
