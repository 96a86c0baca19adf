import { type ReactNode, useCallback, useState } from 'react'
import { useAction } from '../shared/action.ts'
import { FormDialog } from './FormDialog.tsx'
import { isReason, ReasonField } from './ReasonField.tsx'

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
      disabled={!isReason(reason)}
      onSubmit={() => run(reason.trim())}
      onClose={() => {
        forget()
        onClose()
      }}
    >
      <p>{children}</p>
      <ReasonField reason={reason} rows={3} data-autofocus onChange={setReason} />
    </FormDialog>
  )
}
