import { Button } from '@mantine/core'
import { useCallback, useState } from 'react'
import { useAction } from '../../shared/action.ts'
import { Money } from '../../shared/Money.tsx'
import { ProblemNotice } from '../../shared/Notice.tsx'
import { useResource } from '../../shared/resource.ts'
import { Stock } from '../../shared/Stock.tsx'
import { type CashUp, cashUp, type Float } from '../api.ts'
import { useCurrency, useHeard } from '../state.tsx'
import classes from './Network.module.css'

/** What the module in the till's slot counts: a purse module the day, a vendor element its coins. */
export function Day() {
  const { module } = useHeard().state
  const { data: float, problem } = useResource<Float>(module === true ? 'api/float' : undefined)
  const [answer, setAnswer] = useState<CashUp>()
  const close = useAction(useCallback(async () => setAnswer(await cashUp()), []))
  // Which of the two it is, the module says: no button before that.
  if (module === null || (module && !float && !problem)) return null
  const coins = module && float?.result === 'float' ? float : undefined
  return (
    <section className={classes.network} aria-labelledby="day-title">
      <div className={classes.head}>
        <h2 id="day-title" className={classes.title}>
          {coins ? 'Coins for change' : 'Day'}
        </h2>
        {coins && <FloatTotal total={coins.total} />}
      </div>
      {!module && (
        <p className={classes.warning}>
          The till’s module is not in its slot: purse cards and cards of coins cannot pay.
        </p>
      )}
      {coins && <FloatStock float={coins} />}
      {answer?.result === 'refused' && <p className={classes.warning}>{answer.explanation}</p>}
      {answer?.result === 'closed' && <Closed day={answer} />}
      <ProblemNotice problem={close.problem} />
      <Button
        variant="default"
        fullWidth
        disabled={!module || coins?.coins.length === 0}
        loading={close.busy}
        onClick={() => close.run()}
      >
        {coins ? 'Hand in all coins' : 'Close the day'}
      </Button>
      {coins && coins.coins.length > 0 && (
        <p className={classes.hint}>
          The bank pays them when this till has uploaded that. Until it has a new float, customers
          need the exact amount.
        </p>
      )}
    </section>
  )
}

type Coins = Extract<Float, { result: 'float' }>

function FloatTotal({ total }: Pick<Coins, 'total'>) {
  return <Money amount={total} currency={useCurrency()} />
}

function FloatStock({ float: { coins, warning } }: { readonly float: Coins }) {
  const currency = useCurrency()
  return (
    <>
      {coins.length > 0 && <Stock label="Coins for change" currency={currency} coins={coins} />}
      {warning !== null && <p className={classes.warning}>{warning}</p>}
    </>
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
  const { scheme, batch, count, paid } = day
  if (scheme === 'coin') {
    return (
      <div role="status">
        <dl className={classes.facts}>
          <div>
            <dt>Handed in</dt>
            <dd>
              {count} {count === 1 ? 'coin' : 'coins'}, <Money amount={paid} currency={currency} />
            </dd>
          </div>
        </dl>
      </div>
    )
  }
  return (
    <dl className={classes.facts}>
      <div>
        <dt>Day {batch} closed</dt>
        <dd>
          {count} {count === 1 ? 'transaction' : 'transactions'}
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
