import { Button } from '@mantine/core'
import { useAction } from '../../shared/action.ts'
import { ProblemNotice } from '../../shared/Notice.tsx'
import { giveUp, tapCard, type TillState } from '../api.ts'
import { AmountLine } from '../compose/AmountLine.tsx'
import { LooseCards } from './LooseCards.tsx'
import classes from './TapStep.module.css'
import { Waves } from './Waves.tsx'

type Order = NonNullable<TillState['order']>

const TITLES: Readonly<Record<Order['kind'], string>> = {
  pay: 'Payment',
  load: 'Add money',
  passcode: 'Change passcode',
  refund: 'Pay back',
}

/** A refund that was begun stands: the counter only turns to something else. */
const CANCEL = { new: 'Cancel', unfinished: 'Give this order up', begun: 'Go on without the card' }

/** The order stands; the next card that is held to the reader carries it out. */
export function TapStep({ order }: { readonly order: Order }) {
  const tap = useAction(tapCard)
  const cancel = useAction(giveUp)
  const isUnfinished = order.state === 'unfinished'
  return (
    <div className={classes.frame}>
      <div className={classes.step}>
        {order.amount === null ? (
          <p className={classes.title}>{TITLES[order.kind]}</p>
        ) : (
          <AmountLine label={TITLES[order.kind]} amount={order.amount} />
        )}
        <Waves />
        <h1 className={classes.prompt} role="status">
          {isUnfinished ? 'Hold the same card again' : 'Hold the card to the reader'}
        </h1>
        {isUnfinished && (
          <p className={classes.note}>
            {order.kind === 'refund'
              ? 'It left too early. Its holder gets the money now, or when he synchronises it.'
              : 'It left too early. Holding it again charges only once.'}
          </p>
        )}
        <ProblemNotice problem={tap.problem ?? cancel.problem} />
        <LooseCards busy={tap.busy} onTap={tap.run} />
      </div>
      <div className={classes.foot}>
        <Button
          variant="default"
          size="lg"
          loading={cancel.busy}
          onClick={() => cancel.run()}
          className={classes.cancel ?? ''}
        >
          {CANCEL[isUnfinished ? (order.kind === 'refund' ? 'begun' : 'unfinished') : 'new']}
        </Button>
      </div>
    </div>
  )
}
