import { IconBackspace } from '@tabler/icons-react'
import classes from './Keypad.module.css'

const DIGITS = ['1', '2', '3', '4', '5', '6', '7', '8', '9'] as const

export function Keypad({
  doubleZero = false,
  onPress,
  onErase,
}: {
  readonly doubleZero?: boolean
  readonly onPress: (digits: string) => void
  readonly onErase: () => void
}) {
  return (
    <div className={classes.pad} role="group" aria-label="Keypad">
      {DIGITS.map((digit) => (
        <button key={digit} type="button" className={classes.key} onClick={() => onPress(digit)}>
          {digit}
        </button>
      ))}
      {doubleZero ? (
        <button type="button" className={classes.key} onClick={() => onPress('00')}>
          00
        </button>
      ) : (
        <span />
      )}
      <button type="button" className={classes.key} onClick={() => onPress('0')}>
        0
      </button>
      <button type="button" className={classes.key} data-quiet aria-label="Erase" onClick={onErase}>
        <IconBackspace size={30} aria-hidden="true" />
      </button>
    </div>
  )
}
