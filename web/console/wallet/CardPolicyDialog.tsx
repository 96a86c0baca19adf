import { NumberInput, Select, TextInput } from '@mantine/core'
import { useCallback, useState } from 'react'
import {
  currency as currencyOf,
  type CurrencyCode,
  formatAmount,
} from '../../../src/kernel/money.ts'
import { useAction } from '../../shared/action.ts'
import type { CardPolicy } from '../../shared/api.ts'
import { fieldProblem, otherProblem } from '../../shared/field.ts'
import { post } from '../../shared/http.ts'
import { FormDialog } from '../FormDialog.tsx'
import { isReason, ReasonField } from '../ReasonField.tsx'
import {
  ALL_CARDS,
  AMOUNT_RULES,
  type AmountRule,
  amountRule,
  COUNT_RULES,
  countRule,
  type CountRule,
  RECEIVED_MONEY,
  receivedMoney,
  typedRule,
} from './rules.ts'

/** As typed. */
interface Draft {
  readonly amounts: Readonly<Record<AmountRule, string>>
  readonly counts: Readonly<Record<CountRule, number>>
  readonly receivedMoney: string
  readonly reason: string
}

export function CardPolicyDialog({
  title,
  policy,
  path,
  currency,
  onClose,
  onChanged,
}: {
  readonly title: string
  readonly policy: CardPolicy
  /** Of the call that sets it. */
  readonly path: string
  readonly currency: CurrencyCode
  readonly onClose: () => void
  readonly onChanged: () => void
}) {
  const [draft, setDraft] = useState(() => draftOf(policy, currency))
  const { busy, problem, run } = useAction(
    useCallback(
      async ({ amounts, counts, receivedMoney: received, reason }: Draft) => {
        const typed = AMOUNT_RULES.map(([rule]) => [rule, typedRule(amounts[rule], currency, rule)])
        const wanted = { ...Object.fromEntries(typed), ...counts, receivedMoney: received }
        const scheme = path === ALL_CARDS ? { scheme: policy.scheme } : {}
        await post(path, { ...scheme, policy: wanted, reason: reason.trim() })
        onClose()
        onChanged()
      },
      [policy, path, currency, onClose, onChanged],
    ),
  )
  return (
    <FormDialog
      title={title}
      act="Change"
      opened
      busy={busy}
      problem={otherProblem(
        problem,
        AMOUNT_RULES.map(([rule]) => rule),
      )}
      disabled={!isReason(draft.reason)}
      onSubmit={() => run(draft)}
      onClose={onClose}
    >
      <p>A card hears of it with its next synchronisation. Nothing entered is no limit.</p>
      {AMOUNT_RULES.map(([rule, label]) => (
        <TextInput
          key={rule}
          label={label}
          inputMode="decimal"
          rightSection={currency}
          rightSectionWidth={52}
          value={draft.amounts[rule]}
          error={fieldProblem(problem, rule)}
          onChange={(event) =>
            setDraft({
              ...draft,
              amounts: { ...draft.amounts, [rule]: event.currentTarget.value },
            })
          }
        />
      ))}
      {COUNT_RULES.map(([rule, label, max]) => (
        <NumberInput
          key={rule}
          label={label}
          description={rule === 'daysMax' ? '0 is no limit' : undefined}
          min={0}
          max={max}
          allowDecimal={false}
          value={draft.counts[rule]}
          onChange={(value) =>
            setDraft({ ...draft, counts: { ...draft.counts, [rule]: Number(value) } })
          }
        />
      ))}
      <Select
        label="What it received can be spent"
        allowDeselect={false}
        data={[...RECEIVED_MONEY]}
        value={draft.receivedMoney}
        onChange={(value) => {
          if (value !== null) setDraft({ ...draft, receivedMoney: value })
        }}
      />
      <ReasonField reason={draft.reason} onChange={(reason) => setDraft({ ...draft, reason })} />
    </FormDialog>
  )
}

function draftOf(policy: CardPolicy, code: CurrencyCode): Draft {
  const text = (rule: AmountRule) => {
    const amount = amountRule(policy, rule)
    return amount === undefined ? '' : formatAmount(BigInt(amount), currencyOf(code))
  }
  return {
    amounts: {
      balanceMax: text('balanceMax'),
      paymentMax: text('paymentMax'),
      pinFreeMax: text('pinFreeMax'),
      amountMax: text('amountMax'),
    },
    counts: {
      paymentsMax: countRule(policy, 'paymentsMax'),
      daysMax: countRule(policy, 'daysMax'),
      hops: countRule(policy, 'hops'),
    },
    receivedMoney: receivedMoney(policy),
    reason: '',
  }
}
