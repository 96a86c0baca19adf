import { useState } from 'react'
import type { Answer } from './api.ts'
import { Compose } from './compose/Compose.tsx'
import { Outcome } from './outcome/Outcome.tsx'
import { useTillState } from './state.tsx'
import { TapStep } from './tap/TapStep.tsx'
import classes from './Counter.module.css'

/**
 * What the cashier has before them: making an order, holding a card, or what came of it. The till
 * itself knows which, so a reloaded page goes on where it was.
 */
export function Counter() {
  const { order, answer } = useTillState()
  // What was there before this page came up has been seen.
  const [seen, setSeen] = useState(order ? undefined : answer?.at)
  const [shown, setShown] = useState<Answer>()
  const fresh = shown ?? (answer && answer.at !== seen ? answer : undefined)
  const dismiss = () => {
    setShown(undefined)
    setSeen(answer?.at)
  }
  return (
    <main className={classes.counter}>
      {fresh ? (
        <Outcome key={fresh.at} answer={fresh} onDone={dismiss} />
      ) : order ? (
        <TapStep order={order} />
      ) : (
        <Compose onShown={setShown} />
      )}
    </main>
  )
}
