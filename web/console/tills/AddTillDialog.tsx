import { Autocomplete, TextInput } from '@mantine/core'
import { useCallback, useState } from 'react'
import { useAction } from '../../shared/action.ts'
import type { EnrolmentCode, Merchant, Till } from '../../shared/api.ts'
import { fieldProblem, otherProblem } from '../../shared/field.ts'
import { post } from '../../shared/http.ts'
import { useResource } from '../../shared/resource.ts'
import { FormDialog } from '../FormDialog.tsx'
import { CodeDialog } from './CodeDialog.tsx'

interface Wanted {
  readonly name: string
  readonly merchant: string
}

/** A till for a merchant who is there, or is made on the way; then its code, this once. */
export function AddTillDialog({
  opened,
  onClose,
  onAdded,
}: {
  readonly opened: boolean
  readonly onClose: () => void
  readonly onAdded: () => void
}) {
  const merchants = useResource<{ readonly merchants: readonly Merchant[] }>('api/merchants')
  const [wanted, setWanted] = useState<Wanted>({ name: '', merchant: '' })
  const [code, setCode] = useState<EnrolmentCode>()
  const known = merchants.data?.merchants
  const { busy, problem, run, forget } = useAction(
    useCallback(
      async ({ name, merchant }: Wanted) => {
        const found =
          known?.find((one) => one.name === merchant.trim()) ??
          (await post<Merchant>('api/merchants', { name: merchant }))
        const { enrolment } = await post<{ till: Till; enrolment: EnrolmentCode }>('api/tills', {
          name,
          merchant: found.id,
        })
        setCode(enrolment)
        setWanted({ name: '', merchant: '' })
        onClose()
        onAdded()
      },
      [known, onClose, onAdded],
    ),
  )
  return (
    <>
      <FormDialog
        title="Add a till"
        act="Add"
        opened={opened}
        busy={busy}
        problem={otherProblem(problem, ['name'])}
        onSubmit={() => run(wanted)}
        onClose={() => {
          forget()
          onClose()
        }}
      >
        <TextInput
          label="Name"
          description="How people call it: a place, a counter"
          required
          withAsterisk={false}
          maxLength={100}
          data-autofocus
          value={wanted.name}
          error={fieldProblem(problem, 'name')}
          onChange={(event) => setWanted({ ...wanted, name: event.currentTarget.value })}
        />
        <Autocomplete
          label="Merchant"
          description="Who gets the money; a new name makes a new merchant"
          required
          withAsterisk={false}
          maxLength={100}
          data={[...new Set(known?.map(({ name }) => name))]}
          value={wanted.merchant}
          onChange={(merchant) => setWanted({ ...wanted, merchant })}
        />
      </FormDialog>
      <CodeDialog code={code} onClose={() => setCode(undefined)} />
    </>
  )
}
