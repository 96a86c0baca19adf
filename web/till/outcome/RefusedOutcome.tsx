import { IconCircleX } from '@tabler/icons-react'
import { useState } from 'react'
import { useAction } from '../../shared/action.ts'
import { ProblemNotice } from '../../shared/Notice.tsx'
import { type Answer, beginOrder, giveUp, type OrderRequest } from '../api.ts'
import { PasscodePad } from '../compose/PasscodePad.tsx'
import { useTillState } from '../state.tsx'
import { Stage } from './Stage.tsx'
import classes from './Stage.module.css'

/** What the customer is asked for after that. */
const ASK_AGAIN: ReadonlyMap<string, string> = new Map([
  ['wrong_passcode', 'Enter again'],
  ['passcode_needed', 'Enter passcode'],
])

/** Nothing was taken: why, and what to do. The order stands until it is given up. */
export function RefusedOutcome({
  answer: { status, explanation },
  onDone,
}: {
  readonly answer: Extract<Answer, { result: 'refused' }>
  readonly onDone: () => void
}) {
  const { order } = useTillState()
  const [asking, setAsking] = useState(false)
  const again = useAction(async (request: OrderRequest) => {
    await beginOrder(request)
    onDone()
  })
  const cancel = useAction(async () => {
    await giveUp()
    onDone()
  })
  const hasPasscode = order !== null && (order.kind === 'pay' || order.kind === 'load')
  if (asking && hasPasscode) {
    const { kind, amount, products } = order
    return (
      <PasscodePad
        title={kind === 'pay' ? 'Payment' : 'Add money'}
        amount={amount ?? '0'}
        busy={again.busy}
        problem={again.problem}
        onBack={() => setAsking(false)}
        onDone={(passcode) => {
          const same = { amount: amount ?? '0', passcode }
          again.run(kind === 'pay' ? { kind, ...same, products } : { kind: 'load', ...same })
        }}
      />
    )
  }
  const ask = hasPasscode ? ASK_AGAIN.get(status) : undefined
  return (
    <Stage
      tone="bad"
      icon={<IconCircleX size={72} stroke={1.6} aria-hidden="true" />}
      headline="Refused"
      acts={
        order ? (
          <>
            <button
              type="button"
              className={classes.act}
              disabled={cancel.busy}
              onClick={() => cancel.run()}
            >
              Give up
            </button>
            <button
              type="button"
              className={classes.act}
              data-main
              onClick={ask === undefined ? onDone : () => setAsking(true)}
            >
              {ask ?? 'Tap again'}
            </button>
          </>
        ) : (
          <button type="button" className={classes.act} data-main onClick={onDone}>
            Next
          </button>
        )
      }
    >
      <p className={classes.why}>{explanation}</p>
      <p>Nothing was taken from the card.</p>
      <ProblemNotice problem={cancel.problem} />
    </Stage>
  )
}
