import type { OrderRequest } from '../api.ts'
import { AmountForm } from './AmountForm.tsx'

export function LoadForm({
  onReady,
}: {
  readonly onReady: (
    load: Omit<Extract<OrderRequest, { kind: 'load' }>, 'passcode'>,
    amount: string,
  ) => void
}) {
  return (
    <AmountForm
      label="Cash received"
      act="Add"
      onReady={(amount) => onReady({ kind: 'load', amount }, amount)}
    />
  )
}
