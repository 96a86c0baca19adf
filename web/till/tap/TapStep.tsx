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

interface Words {
  readonly prompt: string
  readonly note?: string
  readonly cancel: string
}

const AGAIN = 'Hold the same card again'
const WORDS: Readonly<Record<Order['state'], Words>> = {
  new: { prompt: 'Hold the card to the reader', cancel: 'Cancel' },
  unfinished: {
    prompt: AGAIN,
    note: 'It left too early. Holding it again charges only once.',
    cancel: 'Give this order up',
  },
  done: {
    prompt: AGAIN,
    note: 'It has paid, and left before it had its receipt and its change. Holding it again charges nothing.',
    cancel: 'Go on without the card',
  },
  given_up: {
    prompt: 'This order is over',
    note: 'Its card gets its money back when it next pays here. Start a new one.',
    cancel: 'Go on',
  },
}
/** One that was begun stands: the counter only turns to something else. */
const REFUND_BEGUN: Words = {
  prompt: AGAIN,
  note: 'It left too early. Its holder gets the money now, or when he synchronises it.',
  cancel: 'Go on without the card',
}

/** The order stands; the next card that is held to the reader carries it out. */
export function TapStep({ order }: { readonly order: Order }) {
  const tap = useAction(tapCard)
  const cancel = useAction(giveUp)
  const isRefundBegun = order.kind === 'refund' && order.state === 'unfinished'
  const { prompt, note, cancel: leave } = isRefundBegun ? REFUND_BEGUN : WORDS[order.state]
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
          {prompt}
        </h1>
        {note !== undefined && <p className={classes.note}>{note}</p>}
        <ProblemNotice problem={tap.problem ?? cancel.problem} />
        {order.state !== 'given_up' && <LooseCards busy={tap.busy} onTap={tap.run} />}
      </div>
      <div className={classes.foot}>
        <Button
          variant="default"
          size="lg"
          loading={cancel.busy}
          onClick={() => cancel.run()}
          className={classes.cancel ?? ''}
        >
          {leave}
        </Button>
      </div>
    </div>
  )
}
