import { Button, Group, Modal } from '@mantine/core'
import type { FormEvent, ReactNode } from 'react'
import type { Problem } from '../shared/http.ts'
import { ProblemNotice } from '../shared/Notice.tsx'
import classes from './FormDialog.module.css'

/** A form in a dialog; what goes wrong is said in it. */
export function FormDialog({
  title,
  act,
  opened,
  busy,
  problem,
  dangerous = false,
  disabled = false,
  onSubmit,
  onClose,
  children,
}: {
  readonly title: string
  readonly act: string
  readonly opened: boolean
  readonly busy: boolean
  /** What belongs to no field of the form. */
  readonly problem: Problem | undefined
  readonly dangerous?: boolean
  readonly disabled?: boolean
  readonly onSubmit: () => void
  readonly onClose: () => void
  readonly children: ReactNode
}) {
  const submit = (event: FormEvent) => {
    event.preventDefault()
    onSubmit()
  }
  return (
    <Modal opened={opened} onClose={onClose} title={title}>
      <form onSubmit={submit} className={classes.form}>
        {children}
        <ProblemNotice problem={problem} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button
            type="submit"
            loading={busy}
            disabled={disabled}
            {...(dangerous ? { color: 'brick' } : {})}
          >
            {act}
          </Button>
        </Group>
      </form>
    </Modal>
  )
}
