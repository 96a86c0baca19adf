import { useCallback } from 'react'
import { figures } from '../../shared/Money.tsx'
import { useCurrency } from '../state.tsx'
import { AmountLine } from './AmountLine.tsx'
import { useAmountEntry, useKeys } from './amount-entry.ts'
import classes from './form.module.css'
import { Keypad } from './Keypad.tsx'
import { MainButton } from './MainButton.tsx'

export function AmountForm({
  label,
  act,
  onReady,
}: {
  readonly label: string
  readonly act: string
  readonly onReady: (amount: string) => void
}) {
  const currency = useCurrency()
  const { amount, press, erase, clear } = useAmountEntry()
  const isReady = amount !== '0'
  useKeys(
    useCallback(
      (key) => {
        if (/^\d$/.test(key)) press(key)
        else if (key === 'Backspace') erase()
        else if (key === 'Escape') clear()
        else if (key === 'Enter' && isReady) onReady(amount)
        else return false
        return true
      },
      [press, erase, clear, isReady, onReady, amount],
    ),
  )
  return (
    <div className={classes.form}>
      <AmountLine label={label} amount={amount} />
      <Keypad doubleZero onPress={press} onErase={erase} />
      <MainButton disabled={!isReady} onClick={() => onReady(amount)}>
        {isReady ? `${act} ${figures(amount, currency)} ${currency}` : 'Enter an amount'}
      </MainButton>
    </div>
  )
}
