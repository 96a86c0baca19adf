import { Tooltip } from '@mantine/core'
import { useEffect, useState } from 'react'
import classes from './Time.module.css'

const thisYear = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
})
const otherYear = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
})

/** Only instants of other years say theirs. */
const YEAR = new Date().getFullYear()

/** An instant in the reader's zone; the exact one in UTC, and whose clock said it, on demand. */
export function Time({ at, clock }: { readonly at: number; readonly clock?: string }) {
  const date = new Date(at)
  const format = date.getFullYear() === YEAR ? thisYear : otherYear
  const utc = date.toISOString().replace('T', ' ').replace('Z', ' UTC')
  return (
    <Tooltip label={clock === undefined ? utc : `${utc}, by the clock of ${clock}`}>
      <time className={classes.time} dateTime={date.toISOString()} tabIndex={0}>
        {format.format(date)}
      </time>
    </Tooltip>
  )
}

/** How long ago, kept up to date; `never` where there was none. */
export function Age({ at }: { readonly at: number | null | undefined }) {
  const now = useNow(at === null || at === undefined ? undefined : 1000)
  if (at === null || at === undefined) return <span className={classes.time}>never</span>
  const utc = new Date(at).toISOString().replace('T', ' ').replace('Z', ' UTC')
  return (
    <Tooltip label={utc}>
      <time className={classes.time} dateTime={new Date(at).toISOString()} tabIndex={0}>
        {age(now - at)}
      </time>
    </Tooltip>
  )
}

export function age(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  if (seconds < 5) return 'just now'
  if (seconds < 60) return `${seconds} s ago`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ago`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return `${hours} h ago`
  return `${Math.floor(hours / 24)} days ago`
}

function useNow(everyMs: number | undefined): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    if (everyMs === undefined) return undefined
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}
