import { Skeleton } from '@mantine/core'
import type { Problem } from '../shared/http.ts'
import { ProblemNotice } from '../shared/Notice.tsx'
import classes from './Loading.module.css'

const BLOCKS = [0, 1, 2]

/** Instead of a page until all of it is there: parts that come one by one push each other about. */
export function Loading({
  problem,
  retry,
}: {
  readonly problem: Problem | undefined
  readonly retry: () => void
}) {
  if (problem) return <ProblemNotice problem={problem} retry={retry} />
  return (
    <div className={classes.blocks} aria-busy="true" aria-label="Loading">
      {BLOCKS.map((block) => (
        <Skeleton key={block} height={150} />
      ))}
    </div>
  )
}
