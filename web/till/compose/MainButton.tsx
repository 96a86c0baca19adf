import { Button } from '@mantine/core'
import type { ReactNode } from 'react'
import classes from './MainButton.module.css'

/** The one thing to do next, where a thumb is. */
export function MainButton({
  disabled = false,
  loading = false,
  onClick,
  children,
}: {
  readonly disabled?: boolean
  readonly loading?: boolean
  readonly onClick: () => void
  readonly children: ReactNode
}) {
  return (
    <Button
      className={classes.button ?? ''}
      fullWidth
      disabled={disabled}
      loading={loading}
      onClick={onClick}
    >
      {children}
    </Button>
  )
}
