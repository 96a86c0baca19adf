import { IconAlertTriangle } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import type { Problem } from './http.ts'
import classes from './Notice.module.css'

/** What went wrong, where it went wrong. */
export function ProblemNotice({
  problem,
  retry,
}: {
  readonly problem: Problem | undefined
  readonly retry?: () => void
}) {
  if (!problem) return null
  return (
    <div className={classes.problem} role="alert">
      <IconAlertTriangle size={18} aria-hidden="true" className={classes.icon} />
      <span>{problem.message}</span>
      {retry && (
        <button type="button" className={classes.retry} onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}

/** Nothing here yet, and what to do about it. */
export function Empty({
  title,
  children,
  icon,
}: {
  readonly title: string
  readonly children?: ReactNode
  readonly icon?: ReactNode
}) {
  return (
    <div className={classes.empty}>
      {icon}
      <p className={classes.title}>{title}</p>
      {children !== undefined && <div className={classes.advice}>{children}</div>}
    </div>
  )
}
