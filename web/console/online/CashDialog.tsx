import { Select, TextInput } from '@mantine/core'
import { useCallback, useState } from 'react'
import { CURRENCY_CODES, type CurrencyCode, isCurrencyCode } from '../../../src/kernel/money.ts'
import { useAction, useOnce } from '../../shared/action.ts'
import { amountField, fieldProblem, otherProblem } from '../../shared/field.ts'
import { FormDialog } from '../FormDialog.tsx'
import { isReason, ReasonField } from '../ReasonField.tsx'

/** What a desk does with the money of an online wallet. */
export const CASH_ACTS = {
  deposits: { title: 'Pay money in', act: 'Pay in', words: 'Cash or bank money has come in.' },
  withdrawals: { title: 'Pay money out', act: 'Pay out', words: 'It is handed to the holder.' },
} as const
export type CashAct = keyof typeof CASH_ACTS

export function CashDialog({
  person,
  act,
  currency: usual,
  onClose,
  onMoved,
}: {
  readonly person: string
  readonly act: CashAct
  readonly currency: CurrencyCode
  readonly onClose: () => void
  readonly onMoved: () => void
}) {
  const [amount, setAmount] = useState('')
  const [currency, setCurrency] = useState<CurrencyCode>(usual)
  const [reason, setReason] = useState('')
  const postOnce = useOnce()
  const { busy, problem, run } = useAction(
    useCallback(
      async (typed: string, code: CurrencyCode, why: string) => {
        const minor = amountField(typed, code, 'amount')
        const body = { amount: minor, currency: code, reason: why }
        await postOnce(`api/online/${person}/${act}`, body)
        onClose()
        onMoved()
      },
      [person, act, postOnce, onClose, onMoved],
    ),
  )
  const { title, act: verb, words } = CASH_ACTS[act]
  return (
    <FormDialog
      title={title}
      act={verb}
      opened
      busy={busy}
      problem={otherProblem(problem, ['amount'])}
      disabled={!isReason(reason)}
      onSubmit={() => run(amount, currency, reason.trim())}
      onClose={onClose}
    >
      <p>{words}</p>
      <TextInput
        label="Amount"
        inputMode="decimal"
        required
        withAsterisk={false}
        data-autofocus
        value={amount}
        error={fieldProblem(problem, 'amount')}
        onChange={(event) => setAmount(event.currentTarget.value)}
      />
      <Select
        label="Currency"
        searchable
        allowDeselect={false}
        data={[...CURRENCY_CODES]}
        value={currency}
        onChange={(code) => {
          if (code !== null && isCurrencyCode(code)) setCurrency(code)
        }}
      />
      <ReasonField reason={reason} onChange={setReason} />
    </FormDialog>
  )
}
