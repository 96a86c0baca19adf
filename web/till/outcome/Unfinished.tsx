import { IconRefresh } from '@tabler/icons-react'
import { useAction } from '../../shared/action.ts'
import { ProblemNotice } from '../../shared/Notice.tsx'
import { type Answer, giveUp } from '../api.ts'
import { Stage } from './Stage.tsx'
import classes from './Stage.module.css'

export function Unfinished({
  answer: { record },
  onDone,
}: {
  readonly answer: Extract<Answer, { result: 'unfinished' }>
  readonly onDone: () => void
}) {
  const isRefund = record?.kind === 'refund'
  const cancel = useAction(async () => {
    await giveUp()
    onDone()
  })
  return (
    <Stage
      tone="wait"
      icon={<IconRefresh size={72} stroke={1.6} aria-hidden="true" />}
      headline="Hold the same card again"
      acts={
        <>
          <button
            type="button"
            className={classes.act}
            disabled={cancel.busy}
            onClick={() => cancel.run()}
          >
            {isRefund ? 'Go on' : 'Give up'}
          </button>
          <button type="button" className={classes.act} data-main onClick={onDone}>
            Hold it again
          </button>
        </>
      }
    >
      <p className={classes.why}>
        {isRefund
          ? 'The card left too early. The payment counts as paid back all the same: the card takes the money when it is held here again, or when its holder synchronises it.'
          : record
            ? 'The card left too early, so the till cannot tell whether it paid. Holding it again finishes this and charges only once.'
            : 'The card left too early. Nothing was taken from it yet.'}
      </p>
      <ProblemNotice problem={cancel.problem} />
    </Stage>
  )
}
