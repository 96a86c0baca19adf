import { Select, TextInput } from '@mantine/core'
import { useCallback, useState } from 'react'
import { CURRENCY_CODES, type CurrencyCode, isCurrencyCode } from '../../../src/kernel/money.ts'
import { useAction } from '../../shared/action.ts'
import type { Merchant, Product, Till } from '../../shared/api.ts'
import { amountField, fieldProblem, otherProblem } from '../../shared/field.ts'
import { post } from '../../shared/http.ts'
import { FormDialog } from '../FormDialog.tsx'

interface Draft {
  readonly merchant: string | null
  readonly name: string
  readonly price: string
  /** Null: as the merchant's tills sell. */
  readonly currency: CurrencyCode | null
}

const EMPTY: Draft = { merchant: null, name: '', price: '', currency: null }

export function AddProductDialog({
  merchants,
  tills,
  opened,
  onClose,
  onAdded,
}: {
  readonly merchants: readonly Merchant[]
  readonly tills: readonly Till[]
  readonly opened: boolean
  readonly onClose: () => void
  readonly onAdded: () => void
}) {
  const [draft, setDraft] = useState(EMPTY)
  const till = tills.find(({ merchant }) => merchant.id === draft.merchant)
  const currency = draft.currency ?? till?.currency ?? tills[0]?.currency ?? 'EUR'
  const { busy, problem, run, forget } = useAction(
    useCallback(
      async ({ merchant, name, price }: Draft, code: CurrencyCode) => {
        const amount = amountField(price, code, 'price')
        await post<Product>('api/products', { merchant, name, price: amount, currency: code })
        setDraft(EMPTY)
        onClose()
        onAdded()
      },
      [onClose, onAdded],
    ),
  )
  return (
    <FormDialog
      title="Add a product"
      act="Add"
      opened={opened}
      busy={busy}
      problem={otherProblem(problem, ['name', 'price'])}
      disabled={draft.merchant === null}
      onSubmit={() => run(draft, currency)}
      onClose={() => {
        forget()
        onClose()
      }}
    >
      <Select
        label="Merchant"
        required
        withAsterisk={false}
        data={merchants.map(({ id, name }) => ({ value: id, label: name }))}
        value={draft.merchant}
        onChange={(merchant) => setDraft({ ...draft, merchant })}
        nothingFoundMessage="Add a till first: its merchant comes with it"
      />
      <TextInput
        label="Name"
        required
        withAsterisk={false}
        maxLength={100}
        value={draft.name}
        error={fieldProblem(problem, 'name')}
        onChange={(event) => setDraft({ ...draft, name: event.currentTarget.value })}
      />
      <TextInput
        label="Price"
        inputMode="decimal"
        required
        withAsterisk={false}
        value={draft.price}
        error={fieldProblem(problem, 'price')}
        onChange={(event) => setDraft({ ...draft, price: event.currentTarget.value })}
      />
      <Select
        label="Currency"
        searchable
        allowDeselect={false}
        data={[...CURRENCY_CODES]}
        value={currency}
        onChange={(code) =>
          setDraft({ ...draft, currency: code !== null && isCurrencyCode(code) ? code : null })
        }
      />
    </FormDialog>
  )
}
