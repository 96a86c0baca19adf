import { IconCircleX } from '@tabler/icons-react'
import { useState } from 'react'
import { useAction } from '../../shared/action.ts'
import { ProblemNotice } from '../../shared/Notice.tsx'
import { type Answer, beginOrder, giveUp, type OrderRequest } from '../api.ts'
import { PasscodePad, PurseHint } from '../compose/PasscodePad.tsx'
import { useTillState } from '../state.tsx'
import { OtherAmounts } from './OtherAmounts.tsx'
import { Stage } from './Stage.tsx'
import classes from './Stage.module.css'

/** What the customer is asked for after that. */
const ASK_AGAIN: ReadonlyMap<string, string> = new Map([
  ['wrong_passcode', 'Enter again'],
  ['passcode_needed', 'Enter passcode'],
  ['change_gone', 'Start again'],
  ['order_given_up', 'Start again'],
])
/** After these there is no doing without one. */
const WANTS_PASSCODE: ReadonlySet<string> = new Set(['wrong_passcode', 'passcode_needed'])

/** Nothing was taken: why, and what to do. The order stands until it is given up. */
export function RefusedOutcome({
  answer: { status, explanation, otherAmounts },
  onDone,
}: {
  readonly answer: Extract<Answer, { result: 'refused' }>
  readonly onDone: () => void
}) {
  const { order, module } = useTillState()
  /** The amount that the customer is asked the passcode for. */
  const [asking, setAsking] = useState<string>()
  const again = useAction(async (request: OrderRequest) => {
    await beginOrder(request)
    onDone()
  })
  const cancel = useAction(async () => {
    await giveUp()
    onDone()
  })
  /** Of an order that has a passcode. */
  const kind = order?.kind === 'pay' || order?.kind === 'load' ? order.kind : undefined
  if (order && kind && asking !== undefined) {
    const { products } = order
    const begin = (passcode: string) => {
      const same = { amount: asking, passcode }
      again.run(kind === 'pay' ? { kind, ...same, products } : { kind: 'load', ...same })
    }
    return (
      <PasscodePad
        title={kind === 'pay' ? 'Payment' : 'Add money'}
        amount={asking}
        busy={again.busy}
        problem={again.problem}
        onBack={() => setAsking(undefined)}
        onDone={begin}
        {...(module === true &&
          !WANTS_PASSCODE.has(status) && {
            note: <PurseHint kind={kind} />,
            onWithout: () => begin(''),
          })}
      />
    )
  }
  const ask = kind ? ASK_AGAIN.get(status) : undefined
  const amount = order?.amount ?? '0'
  // What products cost is not up to the cashier.
  const isFree = order?.kind === 'pay' && order.products.length === 0
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
              onClick={ask === undefined ? onDone : () => setAsking(amount)}
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
      {isFree && otherAmounts.length > 0 && (
        <OtherAmounts wanted={amount} amounts={otherAmounts} onCharge={setAsking} />
      )}
      <ProblemNotice problem={cancel.problem} />
    </Stage>
  )
}
