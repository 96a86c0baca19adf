import { useState } from 'react'
import type { Problem } from '../../shared/http.ts'
import type { OrderRequest } from '../api.ts'
import { PasscodePad } from './PasscodePad.tsx'
import classes from './NewPasscode.module.css'

/** The passcode that holds, the new one, and the new one again: nobody can read a slip of a finger. */
export function NewPasscode({
  busy,
  problem,
  onReady,
  onBack,
}: {
  readonly busy: boolean
  readonly problem: Problem | undefined
  readonly onReady: (order: OrderRequest) => void
  readonly onBack: () => void
}) {
  const [old, setOld] = useState<string>()
  const [chosen, setChosen] = useState<string>()
  const [differed, setDiffered] = useState(false)
  if (old === undefined) {
    return (
      <PasscodePad
        key="old"
        title="Change passcode"
        prompt="Customer: enter your passcode of now"
        onDone={setOld}
        onBack={onBack}
      />
    )
  }
  if (chosen === undefined) {
    return (
      <PasscodePad
        key="new"
        title="Change passcode"
        prompt="Choose a new passcode"
        note={
          differed ? (
            <p className={classes.wrong} role="alert">
              The two did not agree. Choose again.
            </p>
          ) : (
            <p className={classes.hint}>4 to 8 digits</p>
          )
        }
        onDone={setChosen}
        onBack={() => setOld(undefined)}
      />
    )
  }
  return (
    <PasscodePad
      key="again"
      title="Change passcode"
      prompt="Enter the new passcode again"
      act="Change passcode"
      busy={busy}
      problem={problem}
      onDone={(again) => {
        if (again === chosen) {
          onReady({ kind: 'passcode', passcode: old, newPasscode: chosen })
          return
        }
        setDiffered(true)
        setChosen(undefined)
      }}
      onBack={() => setChosen(undefined)}
    />
  )
}
