import { Button } from '@mantine/core'
import { useCallback, useState } from 'react'
import { useAction } from '../../shared/action.ts'
import { Money } from '../../shared/Money.tsx'
import { ProblemNotice } from '../../shared/Notice.tsx'
import { type CashUp, cashUp } from '../api.ts'
import { useCurrency, useHeard } from '../state.tsx'
import classes from './Network.module.css'

/** The security module’s day, of a till that has a slot for one. */
export function Day() {
  const { state } = useHeard()
  const [answer, setAnswer] = useState<CashUp>()
  const close = useAction(useCallback(async () => setAnswer(await cashUp()), []))
  if (state.module === null) return null
  return (
    <section className={classes.network} aria-labelledby="day-title">
      <div className={classes.head}>
        <h2 id="day-title" className={classes.title}>
          Day
        </h2>
      </div>
      {!state.module && (
        <p className={classes.warning}>
          The security module is not in its slot: purse cards cannot pay.
        </p>
      )}
      {answer?.result === 'refused' && <p className={classes.warning}>{answer.explanation}</p>}
      {answer?.result === 'closed' && <Closed day={answer} />}
      <ProblemNotice problem={close.problem} />
      <Button
        variant="default"
        fullWidth
        disabled={!state.module}
        loading={close.busy}
        onClick={() => close.run()}
      >
        Close the day
      </Button>
    </section>
  )
}

const LINES = [
  ['paid', 'Paid'],
  ['paidBack', 'Taken back'],
  ['loaded', 'Money added'],
  ['loadedBack', 'Taken off again'],
] as const

function Closed({ day }: { readonly day: Extract<CashUp, { result: 'closed' }> }) {
  const currency = useCurrency()
  return (
    <dl className={classes.facts}>
      <div>
        <dt>Day {day.batch} closed</dt>
        <dd>
          {day.count} {day.count === 1 ? 'transaction' : 'transactions'}
        </dd>
      </div>
      {LINES.filter(([field]) => day[field] !== '0').map(([field, label]) => (
        <div key={field}>
          <dt>{label}</dt>
          <dd>
            <Money amount={day[field]} currency={currency} />
          </dd>
        </div>
      ))}
    </dl>
  )
}
