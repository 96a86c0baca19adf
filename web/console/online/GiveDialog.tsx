import { Select, TextInput } from '@mantine/core'
import { useCallback, useState } from 'react'
import { type CurrencyCode, isCurrencyCode } from '../../../src/kernel/money.ts'
import { useAction, useOnce } from '../../shared/action.ts'
import { amountField, fieldProblem, otherProblem } from '../../shared/field.ts'
import { FormDialog } from '../FormDialog.tsx'

/** From one’s own online wallet to another holder’s. */
export function GiveDialog({
  currencies,
  onClose,
  onMoved,
}: {
  readonly currencies: readonly CurrencyCode[]
  readonly onClose: () => void
  readonly onMoved: () => void
}) {
  const [to, setTo] = useState('')
  const [amount, setAmount] = useState('')
  const [chosen, setChosen] = useState<CurrencyCode>()
  const postOnce = useOnce()
  const currency = chosen ?? currencies[0]
  const { busy, problem, run } = useAction(
    useCallback(
      async (whom: string, typed: string, code: CurrencyCode) => {
        const minor = amountField(typed, code, 'amount')
        const body = { to: whom, amount: minor, currency: code }
        await postOnce('api/online/me/transfers', body)
        onClose()
        onMoved()
      },
      [postOnce, onClose, onMoved],
    ),
  )
  return (
    <FormDialog
      title="Give money to somebody"
      act="Give"
      opened
      busy={busy}
      problem={otherProblem(problem, ['to', 'amount'])}
      disabled={currency === undefined || to.trim() === ''}
      onSubmit={() => {
        if (currency !== undefined) run(to.trim(), amount, currency)
      }}
      onClose={onClose}
    >
      <p>It is theirs at once, and only they can give it back.</p>
      <TextInput
        label="To"
        description="The name that they sign in with"
        autoCapitalize="none"
        required
        withAsterisk={false}
        data-autofocus
        value={to}
        error={fieldProblem(problem, 'to')}
        onChange={(event) => setTo(event.currentTarget.value)}
      />
      <TextInput
        label="Amount"
        inputMode="decimal"
        required
        withAsterisk={false}
        rightSection={currencies.length === 1 ? currency : undefined}
        rightSectionWidth={52}
        value={amount}
        error={fieldProblem(problem, 'amount')}
        onChange={(event) => setAmount(event.currentTarget.value)}
      />
      {currencies.length > 1 && currency !== undefined && (
        <Select
          label="Currency"
          allowDeselect={false}
          data={[...currencies]}
          value={currency}
          onChange={(code) => {
            if (code !== null && isCurrencyCode(code)) setChosen(code)
          }}
        />
      )}
    </FormDialog>
  )
}
