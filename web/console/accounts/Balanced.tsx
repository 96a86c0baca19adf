import { IconScale, IconScaleOutline } from '@tabler/icons-react'
import type { Progress } from '../../shared/api.ts'
import { Money } from '../../shared/Money.tsx'
import classes from './Balanced.module.css'

/** What all accounts of a currency add up to: anything but zero is a fault of the office itself. */
export function Balanced({ sums }: Pick<Progress, 'sums'>) {
  const isEven = sums.every(({ sum }) => sum === '0')
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
            : sums.map(({ currency, sum }) => (
                <Money key={currency} amount={sum} currency={currency} />
              ))}
        </span>
      </span>
    </div>
  )
}
