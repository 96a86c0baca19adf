import { useCallback, useEffect, useState } from 'react'

/** 999 999 999.99 in most currencies: what fits the line, and no purse holds more. */
const DIGITS_MAX = 11

export interface AmountEntry {
  /** Minor units, as typed from the right like on a cash register. */
  readonly amount: string
  readonly press: (digits: string) => void
  readonly erase: () => void
  readonly clear: () => void
}

export function useAmountEntry(): AmountEntry {
  const [amount, setAmount] = useState('0')
  const press = useCallback((digits: string) => {
    setAmount((last) => {
      const next = (last + digits).replace(/^0+(?=\d)/, '')
      return next.length > DIGITS_MAX ? last : next
    })
  }, [])
  const erase = useCallback(() => setAmount((last) => last.slice(0, -1) || '0'), [])
  const clear = useCallback(() => setAmount('0'), [])
  return { amount, press, erase, clear }
}

/** Lets a keyboard do what the keys on the screen do. */
export function useKeys(handle: (key: string) => boolean): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { target } = event
      // Keys pressed in a dialog are the dialog's.
      if (target instanceof Element && target.closest('[role="dialog"]')) return
      const isField = target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement
      if (isField || event.ctrlKey || event.metaKey || event.altKey) return
      // A button that has the focus takes Enter for itself.
      if (event.key === 'Enter' && target instanceof HTMLButtonElement) return
      if (handle(event.key)) event.preventDefault()
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [handle])
}
