import { Button } from '@mantine/core'
import { type ReactNode, useCallback, useState } from 'react'
import type { Problem } from '../../shared/http.ts'
import { ProblemNotice } from '../../shared/Notice.tsx'
import { AmountLine } from './AmountLine.tsx'
import { useKeys } from './amount-entry.ts'
import form from './form.module.css'
import { Keypad } from './Keypad.tsx'
import { MainButton } from './MainButton.tsx'
import classes from './PasscodePad.module.css'

const LENGTH_MIN = 4
const LENGTH_MAX = 8

/** For the customer: nothing on it shows which digits were pressed. */
export function PasscodePad({
  title,
  amount,
  prompt = 'Customer: enter your passcode',
  act = 'Continue',
  note,
  busy = false,
  problem,
  onDone,
  onWithout,
  onBack,
}: {
  readonly title: string
  readonly amount?: string
  readonly prompt?: string
  readonly act?: string
  readonly note?: ReactNode
  readonly busy?: boolean
  readonly problem?: Problem | undefined
  readonly onDone: (passcode: string) => void
  /** Where a card may be happy without one. */
  readonly onWithout?: () => void
  readonly onBack: () => void
}) {
  const [passcode, setPasscode] = useState('')
  const isReady = passcode.length >= LENGTH_MIN && !busy
  const press = useCallback(
    (digit: string) => setPasscode((last) => (last + digit).slice(0, LENGTH_MAX)),
    [],
  )
  const erase = useCallback(() => setPasscode((last) => last.slice(0, -1)), [])
  useKeys(
    useCallback(
      (key) => {
        if (/^\d$/.test(key)) press(key)
        else if (key === 'Backspace') erase()
        else if (key === 'Escape') onBack()
        else if (key === 'Enter' && isReady) onDone(passcode)
        else return false
        return true
      },
      [press, erase, onBack, onDone, isReady, passcode],
    ),
  )
  return (
    <div className={form.form}>
      {amount === undefined ? (
        <p className={classes.title}>{title}</p>
      ) : (
        <AmountLine label={title} amount={amount} />
      )}
      <div className={classes.entry}>
        <h1 className={classes.prompt}>{prompt}</h1>
        <p className={classes.dots} role="status">
          <span className="visually-hidden">{passcode.length} digits entered</span>
          {[...Array(Math.max(LENGTH_MIN, passcode.length)).keys()].map((place) => (
            <span
              key={place}
              className={classes.dot}
              data-full={place < passcode.length}
              aria-hidden="true"
            />
          ))}
        </p>
        {note}
      </div>
      <Keypad onPress={press} onErase={erase} />
      <ProblemNotice problem={problem} />
      <MainButton disabled={!isReady} loading={busy} onClick={() => onDone(passcode)}>
        {act}
      </MainButton>
      <div className={classes.others}>
        <Button variant="subtle" color="gray" size="md" onClick={onBack}>
          Back
        </Button>
        {onWithout && (
          <Button
            variant="subtle"
            color="gray"
            size="md"
            disabled={busy || passcode !== ''}
            onClick={onWithout}
          >
            Without passcode
          </Button>
        )}
      </div>
    </div>
  )
}

/** Which cards want none. */
export function PurseHint({ kind }: { readonly kind: 'pay' | 'load' }) {
  return (
    <p className={classes.hint}>
      {kind === 'pay'
        ? 'Purses, wallets and cards of coins need it for large amounts only'
        : 'A purse card needs none'}
    </p>
  )
}
