import { Textarea } from '@mantine/core'
import { type ReactNode, useCallback, useState } from 'react'
import { useAction } from '../shared/action.ts'
import { FormDialog } from './FormDialog.tsx'

/** As the office checks it. */
const REASON_MIN = 3

/** Asks why before something is done that the audit log keeps. */
export function ReasonDialog({
  title,
  act,
  dangerous = false,
  opened,
  onClose,
  submit,
  children,
}: {
  readonly title: string
  readonly act: string
  readonly dangerous?: boolean
  readonly opened: boolean
  readonly onClose: () => void
  readonly submit: (reason: string) => Promise<void>
  readonly children: ReactNode
}) {
  const [reason, setReason] = useState('')
  const { busy, problem, run, forget } = useAction(
    useCallback(
      async (given: string) => {
        await submit(given)
        setReason('')
        onClose()
      },
      [submit, onClose],
    ),
  )
  return (
    <FormDialog
      title={title}
      act={act}
      dangerous={dangerous}
      opened={opened}
      busy={busy}
      problem={problem}
      disabled={reason.trim().length < REASON_MIN}
      onSubmit={() => run(reason.trim())}
      onClose={() => {
        forget()
        onClose()
      }}
    >
      <p>{children}</p>
      <Textarea
        label="Reason"
        required
        withAsterisk={false}
        rows={3}
        maxLength={500}
        data-autofocus
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
    </FormDialog>
  )
}
