import { IconCreditCard } from '@tabler/icons-react'
import { Money } from '../../shared/Money.tsx'
import { Time } from '../../shared/Time.tsx'
import type { Answer } from '../api.ts'
import { PaymentsLeft } from './PaymentsLeft.tsx'
import { Stage } from './Stage.tsx'
import classes from './Stage.module.css'

export function Shown({
  answer: { view, given },
  onDone,
}: {
  readonly answer: Extract<Answer, { result: 'shown' }>
  readonly onDone: () => void
}) {
  return (
    <Stage
      tone="plain"
      icon={<IconCreditCard size={60} stroke={1.6} aria-hidden="true" />}
      headline="On this card"
      acts={
        <button type="button" className={classes.act} data-main onClick={onDone}>
          Next
        </button>
      }
    >
      <Money amount={view.balance} currency={view.currency} className={classes.amount} />
      <p className={classes.left}>
        <span className={classes.leftLabel}>
          Transaction {view.sequence}
          {view.lastAt !== null && (
            <>
              , <Time at={view.lastAt} />
            </>
          )}
        </span>
        Card …{view.card.slice(-4)}
        <PaymentsLeft view={view} />
      </p>
      {given !== null && (
        <p className={classes.why}>
          <Money amount={given} currency={view.currency} /> of it was owed, and is on the card now
        </p>
      )}
      {view.unfinished && (
        <p className={classes.why}>
          A transaction was begun on it and not finished. The next payment mends that; of coins, the
          next one at the till where it was.
        </p>
      )}
    </Stage>
  )
}
