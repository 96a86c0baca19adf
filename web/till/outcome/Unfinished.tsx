import { IconRefresh } from '@tabler/icons-react'
import { useAction } from '../../shared/action.ts'
import { ProblemNotice } from '../../shared/Notice.tsx'
import { type Answer, giveUp } from '../api.ts'
import { useTillState } from '../state.tsx'
import { Stage } from './Stage.tsx'
import classes from './Stage.module.css'

/** `over`: this order has come to nothing, and its card has yet to get its money back. */
type Situation = 'untouched' | 'unknown' | 'paid' | 'returning' | 'over' | 'refunding'

interface Words {
  readonly headline: string
  readonly why: string
  /** Goes on to something else. */
  readonly leave: string
}

const HOLD_AGAIN = 'Hold the same card again'

const WORDS: Readonly<Record<Situation, Words>> = {
  untouched: {
    headline: HOLD_AGAIN,
    why: 'The card left too early. Nothing was taken from it yet.',
    leave: 'Give up',
  },
  unknown: {
    headline: HOLD_AGAIN,
    why: 'The card left too early, so the till cannot tell whether it paid. Holding it again finishes this and charges only once.',
    leave: 'Give up',
  },
  paid: {
    headline: HOLD_AGAIN,
    why: 'It has paid, but left before it had its receipt and its change. Holding it again charges nothing. Without it the sale stands, and the card gets them when it next pays here.',
    leave: 'Go on',
  },
  returning: {
    headline: HOLD_AGAIN,
    why: 'The card left before it had the money of an earlier payment back. Holding it again gives it back and goes on.',
    leave: 'Give up',
  },
  over: {
    headline: 'Not paid',
    why: 'The card gets its money back, but left before it had it: it gets it when it next pays here. Start the payment again.',
    leave: 'Next',
  },
  refunding: {
    headline: HOLD_AGAIN,
    why: 'The card left too early. The payment counts as paid back all the same: the card takes the money when it is held here again, or when its holder synchronises it.',
    leave: 'Go on',
  },
}

export function Unfinished({
  answer: { record },
  onDone,
}: {
  readonly answer: Extract<Answer, { result: 'unfinished' }>
  readonly onDone: () => void
}) {
  const { order } = useTillState()
  const situation = situationOf(record, order?.state === 'given_up')
  const { headline, why, leave } = WORDS[situation]
  const cancel = useAction(async () => {
    await giveUp()
    onDone()
  })
  const isOver = situation === 'over'
  return (
    <Stage
      tone="wait"
      icon={<IconRefresh size={72} stroke={1.6} aria-hidden="true" />}
      headline={headline}
      acts={
        <>
          <button
            type="button"
            className={classes.act}
            data-main={isOver || undefined}
            disabled={cancel.busy}
            onClick={() => cancel.run()}
          >
            {leave}
          </button>
          {!isOver && (
            <button type="button" className={classes.act} data-main onClick={onDone}>
              Hold it again
            </button>
          )}
        </>
      }
    >
      <p className={classes.why}>{why}</p>
      <ProblemNotice problem={cancel.problem} />
    </Stage>
  )
}

function situationOf(
  record: Extract<Answer, { result: 'unfinished' }>['record'],
  isGivenUp: boolean,
): Situation {
  if (!record) return 'untouched'
  if (record.kind === 'refund') return 'refunding'
  if (record.kind === 'reversal') return isGivenUp ? 'over' : 'returning'
  return record.state === 'confirmed' ? 'paid' : 'unknown'
}
