import { Button, Group, Modal, Textarea } from '@mantine/core'
import { type FormEvent, type ReactNode, useCallback, useState } from 'react'
import { useAction } from '../shared/action.ts'
import { ProblemNotice } from '../shared/Notice.tsx'
import classes from './ReasonDialog.module.css'

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
  const close = () => {
    forget()
    onClose()
  }
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    run(reason.trim())
  }
  return (
    <Modal opened={opened} onClose={close} title={title}>
      <form onSubmit={onSubmit} className={classes.form}>
        <p>{children}</p>
        <Textarea
          label="Reason"
          required
          withAsterisk={false}
          minRows={3}
          rows={3}
          maxLength={500}
          data-autofocus
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <ProblemNotice problem={problem} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button
            type="submit"
            loading={busy}
            disabled={reason.trim().length < REASON_MIN}
            {...(dangerous ? { color: 'brick' } : {})}
          >
            {act}
          </Button>
        </Group>
      </form>
    </Modal>
  )
}
