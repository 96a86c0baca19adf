import { NumberInput, Select } from '@mantine/core'
import { useCallback, useState } from 'react'
import { useAction } from '../../shared/action.ts'
import type { Product, Till } from '../../shared/api.ts'
import { post } from '../../shared/http.ts'
import { FormDialog } from '../FormDialog.tsx'

/** As many as one document carries. */
const COUNT_MAX = 10_000

export function GiveUnitsDialog({
  product,
  tills,
  onClose,
}: {
  readonly product: Product | undefined
  readonly tills: readonly Till[]
  readonly onClose: () => void
}) {
  const [till, setTill] = useState<string | null>(null)
  const [count, setCount] = useState<string | number>(20)
  const { busy, problem, run, forget } = useAction(
    useCallback(
      async (id: number, number: number, units: number) => {
        await post(`api/products/${id}/tokens`, { till: number, count: units })
        setTill(null)
        onClose()
      },
      [onClose],
    ),
  )
  const sellers = tills.filter(
    ({ merchant, stoppedAt }) => merchant.id === product?.merchant && stoppedAt === null,
  )
  return (
    <FormDialog
      title={`Give units of ${product?.name ?? ''}`}
      act="Give"
      opened={product !== undefined}
      busy={busy}
      problem={problem}
      disabled={till === null || count === ''}
      onSubmit={() => {
        if (product) run(product.id, Number(till), Number(count))
      }}
      onClose={() => {
        forget()
        onClose()
      }}
    >
      <p>They reach the till with its next synchronisation.</p>
      <Select
        label="Till"
        required
        withAsterisk={false}
        data={sellers.map(({ number, name }) => ({ value: String(number), label: name }))}
        value={till}
        onChange={setTill}
        nothingFoundMessage="This merchant has no till"
      />
      <NumberInput
        label="Units"
        min={1}
        max={COUNT_MAX}
        allowDecimal={false}
        value={count}
        onChange={setCount}
      />
    </FormDialog>
  )
}
