import { Checkbox, NumberInput, TextInput } from '@mantine/core'
import { useCallback, useState } from 'react'
import {
  currency as currencyOf,
  type CurrencyCode,
  formatAmount,
} from '../../../src/kernel/money.ts'
import type { PolicyJson } from '../../../src/office/registry/policies.ts'
import { useAction } from '../../shared/action.ts'
import { amountField, fieldProblem, limitField, otherProblem } from '../../shared/field.ts'
import { put } from '../../shared/http.ts'
import { FormDialog } from '../FormDialog.tsx'

/** As typed: empty is no limit. */
interface Draft {
  readonly mayLoad: boolean
  readonly freeAmounts: boolean
  readonly foreignCards: boolean
  readonly paymentMax: string
  readonly balanceMax: string
  readonly offlinePaymentsMax: string
  readonly offlineAmountMax: string
}

const AMOUNTS = [
  ['paymentMax', 'One payment'],
  ['balanceMax', 'Most that a card may hold'],
  ['offlineAmountMax', 'Amount without the office'],
] as const

export function PolicyDialog({
  till,
  policy,
  opened,
  onClose,
  onChanged,
}: {
  readonly till: number
  readonly policy: PolicyJson
  readonly opened: boolean
  readonly onClose: () => void
  readonly onChanged: () => void
}) {
  const { currency } = policy
  const [draft, setDraft] = useState(() => draftOf(policy))
  const { busy, problem, run } = useAction(
    useCallback(
      async (given: Draft) => {
        await put(`api/tills/${till}/policy`, { ...policy, ...limitsOf(given, currency) })
        onClose()
        onChanged()
      },
      [till, policy, currency, onClose, onChanged],
    ),
  )
  return (
    <FormDialog
      title="What this till may do"
      act="Change"
      opened={opened}
      busy={busy}
      problem={otherProblem(
        problem,
        AMOUNTS.map(([field]) => field),
      )}
      onSubmit={() => run(draft)}
      onClose={onClose}
    >
      <p>It holds at the till from its next synchronisation. Nothing entered is no limit.</p>
      <Checkbox
        label="Add money to cards"
        checked={draft.mayLoad}
        onChange={(event) => setDraft({ ...draft, mayLoad: event.currentTarget.checked })}
      />
      <Checkbox
        label="Take amounts without products"
        checked={draft.freeAmounts}
        onChange={(event) => setDraft({ ...draft, freeAmounts: event.currentTarget.checked })}
      />
      <Checkbox
        label="Take cards of other offices"
        checked={draft.foreignCards}
        onChange={(event) => setDraft({ ...draft, foreignCards: event.currentTarget.checked })}
      />
      {AMOUNTS.map(([field, label]) => (
        <TextInput
          key={field}
          label={label}
          inputMode="decimal"
          rightSection={currency}
          rightSectionWidth={52}
          value={draft[field]}
          error={fieldProblem(problem, field)}
          onChange={(event) => setDraft({ ...draft, [field]: event.currentTarget.value })}
        />
      ))}
      <NumberInput
        label="Payments without the office"
        min={0}
        allowDecimal={false}
        value={draft.offlinePaymentsMax}
        onChange={(value) => setDraft({ ...draft, offlinePaymentsMax: String(value) })}
      />
    </FormDialog>
  )
}

function draftOf(policy: PolicyJson): Draft {
  const currency = currencyOf(policy.currency)
  const text = (amount: string | null) =>
    amount === null ? '' : formatAmount(BigInt(amount), currency)
  return {
    mayLoad: policy.mayLoad,
    freeAmounts: policy.freeAmounts,
    foreignCards: policy.foreignCards !== false,
    paymentMax: text(policy.paymentMax),
    balanceMax: text(policy.balanceMax),
    offlinePaymentsMax: policy.offlinePaymentsMax === null ? '' : String(policy.offlinePaymentsMax),
    offlineAmountMax: text(policy.offlineAmountMax),
  }
}

function limitsOf(draft: Draft, currency: CurrencyCode): Partial<PolicyJson> {
  const { mayLoad, freeAmounts, foreignCards, offlinePaymentsMax } = draft
  return {
    mayLoad,
    freeAmounts,
    foreignCards,
    paymentMax: limitField(draft.paymentMax, currency, 'paymentMax'),
    balanceMax: amountField(draft.balanceMax, currency, 'balanceMax'),
    offlinePaymentsMax: offlinePaymentsMax === '' ? null : Number(offlinePaymentsMax),
    offlineAmountMax: limitField(draft.offlineAmountMax, currency, 'offlineAmountMax'),
  }
}
